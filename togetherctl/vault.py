"""The operating system's keyring: read, write and delete one small secret, and say in words why it cannot."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from togetherctl.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = "togetherctl"


def read(name: str) -> str | None:
    """The secret kept under `name`, or None. Raises StorageError."""
    with _in_words("read from") as keyring:
        return keyring.get_password(SERVICE, name)


def write(name: str, secret: str) -> None:
    """Keep `secret` under `name`. Raises StorageError."""
    with _in_words("write to") as keyring:
        keyring.set_password(SERVICE, name, secret)


def delete(name: str) -> bool:
    """Forget `name`; False where there was nothing. Raises StorageError."""
    with _in_words("delete from") as keyring:
        if keyring.get_password(SERVICE, name) is None:
            return False
        keyring.delete_password(SERVICE, name)
        return True


if TYPE_CHECKING:
    from keyring.backend import KeyringBackend


@contextmanager
def _in_words(doing: str) -> Iterator[KeyringBackend]:
    import keyring
    from keyring.errors import InitError, KeyringLocked, NoKeyringError

    try:
        yield keyring.get_keyring()
    except NoKeyringError:
        raise StorageError(
            f"cannot {doing} the keyring: this machine has none that works here",
            hint="use a secret from env, file or command instead",
        ) from None
    except (KeyringLocked, InitError):
        raise StorageError(
            f"cannot {doing} the keyring: it is locked", hint="unlock the keyring and try again"
        ) from None
    except Exception as error:  # noqa: BLE001 # backends let errors of their own escape (D-Bus, Win32)
        raise StorageError(f"cannot {doing} the keyring: {type(error).__name__}") from None
