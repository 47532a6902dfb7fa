"""Moving a session to where its profile will keep it from now on, around the moment the store is written.

The order loses nothing, wherever it is cut off: seal first, then write the store; write the store first, then unseal or
delete. So a file is sealed in between and says so, tokens lie open only under a store that wants them so, and the same
`profile set` again finishes what was cut off. One that becomes a matter of memory is deleted last.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from togetherctl.auth.cache.file import FileSessions
from togetherctl.auth.cache.record import Plain
from togetherctl.auth.cache.sealed import Sealed
from togetherctl.auth.cache.sessions import Unopenable
from togetherctl.errors import StorageError, TogetherctlError, about
from togetherctl.lock import LockTimeout

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from togetherctl.auth.cache.sealing_key import SealingKey
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.session import Session
    from togetherctl.store.profile import Profile

# Others wait for the store meanwhile; a login takes longer, and then this is tried again.
_LOCK_SECONDS = 5.0


class Move:
    """One session; `profile` is what the store will say of it. The form its file has now is looked at, not assumed."""

    def __init__(self, folder: Path, key: SealingKey, profile: Profile, conversation: Conversation) -> None:
        self._profile = profile
        self._plain = FileSessions(folder, Plain(profile.ways))
        self._sealed = FileSessions(folder, Sealed(key, profile.ways))
        self._conversation = conversation
        self._opened: Session | None = None
        self._closed: Session | None = None

    def begin(self, held: ExitStack) -> None:
        """Before the store is written; the session's lock is held as long as `held`. Raises StorageError."""
        key = self._profile.key
        if not self._plain.anything(key):
            return
        with about(self._profile.name, None):
            try:
                held.enter_context(self._plain.lock(key, seconds=_LOCK_SECONDS))
            except LockTimeout:
                raise TogetherctlError(
                    "another togetherctl is busy with the session; nothing was changed", hint="end it, or try again"
                ) from None
            if self._profile.storage == "keyring":
                self._seal()
            elif self._profile.storage == "file":
                self._open()

    def finish(self) -> None:
        """After the store is written; what fails now is said, and can be done again."""
        try:
            if self._opened is not None:
                self._plain.save(self._profile.key, self._opened)
            if self._profile.storage == "memory" and self._plain.delete(self._profile.key):
                self._plain.login_file(self._profile.key).clear()
                self._conversation.say(
                    f"The session of profile {self._profile.name} was deleted from the disk; the issuer was not told."
                )
        except (OSError, StorageError) as error:
            reason = error.message if isinstance(error, StorageError) else error.strerror
            self._conversation.warn(f"the session of profile {self._profile.name} could not be moved: {reason}")

    def undo(self) -> None:
        """After the store was not written; what cannot be undone is said when it is read."""
        if self._closed is not None:
            with suppress(OSError, StorageError):
                self._plain.save(self._profile.key, self._closed)

    def _seal(self) -> None:
        try:
            session = self._plain.load(self._profile.key)
        except Unopenable:
            return  # it is sealed already
        if session is None:
            return
        try:
            self._sealed.save(self._profile.key, session)
            self._closed = session
            self._plain.sweep(self._profile.key)
        except OSError as error:
            raise StorageError(f"the session could not be sealed: {error.strerror}; nothing was changed") from None

    def _open(self) -> None:
        try:
            self._plain.load(self._profile.key)
        except Unopenable:
            try:
                self._opened = self._sealed.load(self._profile.key)
            except StorageError as error:
                # Whoever leaves a keyring because it does not work must get away from it.
                self._conversation.warn(
                    f"the session of profile {self._profile.name} stays sealed, because it could not be opened "
                    f"({error.message}); log in again: togetherctl login {self._profile.name}"
                )
