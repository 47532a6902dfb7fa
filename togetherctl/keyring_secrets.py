"""The operating system's keyring: read, write and delete one small secret."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, Queue
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from togetherctl.errors import StorageError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "togetherctl"
# An answer that takes longer than this comes from a person, not from a machine.
_WONDER_SECONDS = 2.0
_LOOK_SECONDS = 0.1

# Backends that speak with the Secret Service of the desktop, and those that ask a person when they see fit.
_SECRET_SERVICE = ("keyring.backends.SecretService.", "keyring.backends.libsecret.")
_MAY_ASK = ("keyring.backends.macOS.", "keyring.backends.kwallet.", "keyrings.cryptfile.")

# Gives a secret at once; wants to be unlocked first; may ask a person, and cannot be looked at without; keeps nothing.
Access = Literal["open", "locked", "may-ask", "forgets"]
_T = TypeVar("_T")


class NoKeyring(StorageError):
    """There is no keyring here at all."""


class Patience(NamedTuple):
    """How many seconds the keyring may take, and what to call when it takes long: it may be asking to be unlocked.

    `go_on` is called while it does, and raises where the caller waits for the answer no more.
    """

    seconds: float
    waiting: Callable[[], None] | None = None
    go_on: Callable[[], None] | None = None


_PATIENCE = Patience(60.0)


def read(name: str, patience: Patience = _PATIENCE) -> str | None:
    """The secret kept under `name`, or None. Raises StorageError."""
    return _ask("read from", lambda keyring: keyring.get_password(SERVICE, name), patience)


def write(name: str, secret: str, patience: Patience = _PATIENCE) -> None:
    """Keep `secret` under `name`. Raises StorageError."""
    _ask("write to", lambda keyring: keyring.set_password(SERVICE, name, secret), patience)


def delete(name: str, patience: Patience = _PATIENCE) -> bool:
    """Forget `name`; False where there was nothing. Raises StorageError."""

    def forget(keyring: KeyringBackend) -> bool:
        if keyring.get_password(SERVICE, name) is None:
            return False
        keyring.delete_password(SERVICE, name)
        return True

    return _ask("delete from", forget, patience)


def try_out(patience: Patience = _PATIENCE) -> None:
    """Write, read and delete a word that is no secret. Raises StorageError where the keyring does not keep it."""
    from secrets import token_hex

    name, word = f"try-{token_hex(8)}", token_hex(8)

    def there_and_back(keyring: KeyringBackend) -> bool:
        keyring.set_password(SERVICE, name, word)
        try:
            return keyring.get_password(SERVICE, name) == word
        finally:
            keyring.delete_password(SERVICE, name)

    if not _ask("write to", there_and_back, patience):
        raise StorageError("cannot use the keyring: it does not give back what was written to it")


def look(patience: Patience = _PATIENCE) -> Access:
    """Whether the keyring gives a secret without asking a person; asks no person itself.

    Raises StorageError where it cannot be used at all.
    """
    return _ask("look at", _look_at, patience)


def _look_at(backend: KeyringBackend) -> Access:
    from keyring.errors import NoKeyringError

    name = f"{type(backend).__module__}.{type(backend).__name__}"
    if name.startswith("keyring.backends.fail."):
        raise NoKeyringError
    if name.startswith("keyring.backends.null."):
        return "forgets"
    if name.startswith("keyring.backends.chainer."):
        # Asked one after the other, until one has the secret.
        each = [_look_at(inner) for inner in getattr(backend, "backends", ())]
        return next((found for found in each if found != "open"), "open")
    if name.startswith(_SECRET_SERVICE):
        return _look_at_secret_service(getattr(backend, "preferred_collection", None))
    return "may-ask" if name.startswith(_MAY_ASK) or "Encrypted" in name else "open"


def _look_at_secret_service(collection: str | None) -> Access:
    """What the Secret Service says of its collection, which it tells of a locked one, too.

    https://specifications.freedesktop.org/secret-service-spec/latest/ (org.freedesktop.Secret.Collection, Locked)
    """
    from contextlib import closing

    from secretstorage import Collection, dbus_init
    from secretstorage.exceptions import ItemNotFoundException

    with closing(dbus_init()) as bus:
        try:
            found = Collection(bus, collection) if collection else Collection(bus)
            return "locked" if found.is_locked() else "open"
        except ItemNotFoundException:
            # The first use makes one, and asks for its password.
            return "may-ask"


class _BadChoice(Exception):
    """The keyring that is configured cannot be loaded."""


def _choose() -> KeyringBackend:
    import keyring

    try:
        return keyring.get_keyring()
    except Exception as error:  # noqa: BLE001 # PYTHON_KEYRING_BACKEND and keyringrc.cfg may name anything
        raise _BadChoice(type(error).__name__) from None


def _ask(doing: str, question: Callable[[KeyringBackend], _T], patience: Patience) -> _T:
    """Ask in a thread, since a keyring that waits for a person waits for ever. A thread without an answer is left."""
    # No SimpleQueue: with Python 3.11, a signal that is handled past its deadline makes it wait for ever.
    answers: Queue[tuple[_T | None, BaseException | None]] = Queue()

    def ask() -> None:
        try:
            answers.put((question(_choose()), None))
        except BaseException as error:  # noqa: BLE001 # backends let errors of their own escape (D-Bus, Win32)
            answers.put((None, error))

    Thread(target=ask, name="keyring", daemon=True).start()
    answer, error = _wait(doing, answers, patience)
    if error is not None:
        raise _explain(doing, error) from None
    return answer  # type: ignore[return-value] # without an error it is the question's answer


def _wait(
    doing: str, answers: Queue[tuple[_T | None, BaseException | None]], patience: Patience
) -> tuple[_T | None, BaseException | None]:
    soon = min(_WONDER_SECONDS, patience.seconds)
    try:
        return answers.get(timeout=soon)
    except Empty:
        if patience.waiting:
            patience.waiting()
    ends = monotonic() + patience.seconds - soon
    while (left := ends - monotonic()) > 0:
        try:
            return answers.get(timeout=min(left, _LOOK_SECONDS))
        except Empty:
            if patience.go_on:
                patience.go_on()
    raise StorageError(
        f"cannot {doing} the keyring: it has not answered within {patience.seconds:.0f} s",
        hint="it may be waiting to be unlocked; unlock it and try again",
    )


def _explain(doing: str, error: BaseException) -> StorageError:
    from keyring.errors import InitError, KeyringLocked, NoKeyringError, PasswordSetError

    cannot = f"cannot {doing} the keyring"
    match error:
        case NoKeyringError():
            return NoKeyring(
                f"{cannot}: this machine has none that works here",
                hint="use a secret from env, file or command instead",
            )
        case KeyringLocked():
            return StorageError(f"{cannot}: it is locked", hint="unlock the keyring and try again")
        case InitError():
            return StorageError(f"{cannot}: it cannot be opened", hint="unlock the keyring and try again")
        case PasswordSetError():
            return StorageError(f"{cannot}: it refuses")
        case _BadChoice():
            return StorageError(
                f"{cannot}: the one that is configured cannot be loaded ({error})",
                hint="look at PYTHON_KEYRING_BACKEND, and at the file keyringrc.cfg that `keyring diagnose` names",
            )
    # What a backend says of its own trouble may hold anything, a secret too.
    return StorageError(f"{cannot}: {type(error).__name__}")
