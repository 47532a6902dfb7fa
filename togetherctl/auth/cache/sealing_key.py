"""The key that encrypts sessions: 32 random bytes in the keyring, read once in a process."""

from __future__ import annotations

import os
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from togetherctl import keyring_secrets
from togetherctl.disk import make_private_folder
from togetherctl.errors import StorageError, run
from togetherctl.lock import LockTimeout, hold_lock

NAME = "session-key"
_FORM = "1:"
_BYTES = 32
# The keyring is not asked again this soon after it failed: every question may open a prompt.
_SULK_SECONDS = 30.0
# A process that waits for another one to make the key waits a little longer than that may take.
_GRACE = 5.0

_T = TypeVar("_T")


@dataclass
class _Kept:
    """What was learned of the key in this process. The repr does not show it."""

    key: bytes | None = field(default=None, repr=False)
    failed: tuple[float, StorageError] | None = None


class SealingKey:
    """Asks the keyring at most `seconds` at a time; `waiting` is called when it takes long enough to wonder why.

    `go_on` is called meanwhile, and raises where the caller waits no more.

    `lock` is the file that is held while the key is made. The repr does not show the key.
    """

    def __init__(
        self,
        lock: Path,
        *,
        seconds: float,
        waiting: Callable[[], None] | None = None,
        go_on: Callable[[], None] | None = None,
        random: Callable[[int], bytes] = os.urandom,
        monotonic: Callable[[], float] = time.monotonic,
        kept: _Kept | None = None,
    ) -> None:
        self._lock = lock
        self._patience = keyring_secrets.Patience(seconds, waiting, go_on)
        self._random = random
        self._monotonic = monotonic
        self._kept = kept or _Kept()

    def heard_by(self, *, waiting: Callable[[], None], go_on: Callable[[], None]) -> SealingKey:
        """The same key, asked for on behalf of another caller."""
        return SealingKey(
            self._lock,
            seconds=self._patience.seconds,
            waiting=waiting,
            go_on=go_on,
            random=self._random,
            monotonic=self._monotonic,
            kept=self._kept,
        )

    def read(self) -> bytes | None:
        """The key, None where there is none yet. Raises StorageError."""
        if self._kept.key is None:
            text = self._ask(lambda: keyring_secrets.read(NAME, self._patience))
            self._kept.key = None if text is None else _parse(text)
        return self._kept.key

    def make(self) -> bytes:
        """The key, made where there is none yet, by one process alone. Raises StorageError."""
        key = self.read()
        if key is not None:
            return key
        try:
            make_private_folder(self._lock.parent)
            with hold_lock(self._lock, seconds=self._patience.seconds + _GRACE):
                return self.read() or self._make_alone()
        except LockTimeout:
            raise StorageError("another togetherctl has been busy with the keyring for too long") from None
        except OSError as error:
            raise StorageError(f"{self._lock} cannot be made: {error.strerror}") from None

    def forget(self) -> bool:
        """Remove the key from the keyring; False where there was none. What it sealed can never be opened again.

        Raises StorageError.
        """
        self._kept.key = None
        return self._ask(lambda: keyring_secrets.delete(NAME, self._patience))

    def _make_alone(self) -> bytes:
        text = _FORM + urlsafe_b64encode(self._random(_BYTES)).decode("ascii")
        self._ask(lambda: keyring_secrets.write(NAME, text, self._patience))
        # What the keyring gives back counts, not what it was told: some keep nothing.
        key = self.read()
        if key is None:
            raise StorageError("the keyring forgets what it is told, so it cannot keep the key that seals sessions")
        return key

    def _ask(self, question: Callable[[], _T]) -> _T:
        if self._kept.failed is not None and self._monotonic() - self._kept.failed[0] < _SULK_SECONDS:
            before = self._kept.failed[1]
            raise type(before)(before.message, hint=before.remedy)
        try:
            return question()
        except StorageError as error:
            self._kept.failed = (self._monotonic(), error)
            raise


def _parse(text: str) -> bytes:
    try:
        key = urlsafe_b64decode(text.removeprefix(_FORM)) if text.startswith(_FORM) else b""
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise StorageError(
            f"what the keyring holds for {keyring_secrets.SERVICE} under {NAME} is not the key that seals sessions",
            hint=run(
                "keyring",
                "del",
                keyring_secrets.SERVICE,
                NAME,
                words="remove that entry from the keyring, then log in again",
            ),
        )
    return key
