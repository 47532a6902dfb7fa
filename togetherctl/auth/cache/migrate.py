"""Edit the configuration as a transaction, and move sessions to where their profiles keep them from now on.

The order loses nothing, wherever it is cut off: seal first, then write the configuration; write the configuration
first, then unseal or delete. So a file is sealed in between and says so, tokens lie open only under a configuration
that wants them so, and the same
`profile set` again finishes what was cut off. One that becomes a matter of memory is deleted last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.auth.cache.base import Unopenable
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.cache.ready_file import ReadyFiles
from togetherctl.auth.cache.record import Plain
from togetherctl.auth.cache.sealed import Sealed
from togetherctl.config.config import Config
from togetherctl.config.editing import edit_config
from togetherctl.config.validation import validate
from togetherctl.errors import StorageError, TogetherctlError, about
from togetherctl.lock import LockTimeout

if TYPE_CHECKING:
    from togetherctl.auth.cache.sealing_key import SealingKey
    from togetherctl.auth.prompter import Prompter
    from togetherctl.auth.session import Session
    from togetherctl.auth.session_lifecycle import Ended
    from togetherctl.config.profile import Profile
    from togetherctl.config.toml_text import TomlText
    from togetherctl.paths import Paths

# Others wait for the configuration meanwhile; a login takes longer, and then this is tried again.
_LOCK_SECONDS = 5.0


class Move:
    """One session; `profile` is what the configuration will say of it.

    The form its file has now is looked at, not assumed.
    """

    def __init__(self, folder: Path, key: SealingKey, profile: Profile, conversation: Prompter) -> None:
        self._profile = profile
        self._plain = FileSessions(folder, Plain(profile.ways))
        self._sealed = FileSessions(folder, Sealed(key, profile.ways))
        self._conversation = conversation
        self._opened: Session | None = None
        self._closed: Session | None = None

    def begin(self, held: ExitStack) -> None:
        """Before the configuration is written; the session's lock is held as long as `held`. Raises StorageError."""
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
        """After the configuration is written; what fails now is said, and can be done again."""
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
        """After the configuration was not written; what cannot be undone is said when it is read."""
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
                # A person who leaves a keyring because it does not work must be able to.
                self._conversation.warn(
                    f"the session of profile {self._profile.name} stays sealed, because it could not be opened "
                    f"({error.message}); log in again: togetherctl login {self._profile.name}"
                )


@dataclass(frozen=True)
class ConfigTransaction:
    """A change of the configuration with all that follows from it.

    `forget_known` drops what was remembered of profiles and gives their names, `keep_known` remembers those of a
    configuration; `log_out` deletes the session of a profile, telling no issuer.
    """

    paths: Paths
    environ: Mapping[str, str]
    sealing_key: SealingKey
    conversation: Prompter
    forget_known: Callable[[], list[str]]
    keep_known: Callable[[Config, list[str]], None]
    log_out: Callable[[Profile], Ended]

    @contextmanager
    def run(self, settle: str | None = None, *, seen: str | None = None) -> Iterator[TomlText]:
        """Edit the configuration, move sessions to where it says from now on, and forget those that no profile reaches.

        Ready files go with what they were made of. The session of the profile called `settle` is moved even if the
        configuration said the same before: an earlier move may have been cut off. `seen` is as in
        `config.files.editing`. Raises ConfigError, and StorageError where a session cannot be moved; then nothing was
        changed.
        """
        before = read_if_sound(self.paths, self.environ)
        moves: list[Move] = []
        ready = ReadyFiles(self.paths, None)
        with ExitStack() as held:
            try:
                with edit_config(self.paths, seen=seen) as text:
                    yield text
                    for profile in self._find_moved(before, text, settle):
                        moves.append(Move(self.paths.sessions, self.sealing_key, profile, self.conversation))
                        moves[-1].begin(held)
                        ready.drop(profile.key)
            except TogetherctlError:
                for move in moves:
                    move.undo()
                raise
            ready.drop(None)  # all of them
            known = self.forget_known()
            for move in moves:
                move.finish()
        after = read_if_sound(self.paths, self.environ)
        if after is not None:
            self.keep_known(after, known)
        if before is None or after is None:
            return
        kept = set(after.keys().values())
        for name in {key: name for name, key in before.keys().items() if key not in kept}.values():
            self._forget(before.profile(name))

    def _find_moved(self, before: Config | None, text: TomlText, settle: str | None) -> Iterator[Profile]:
        """A profile of each session that the configuration will want elsewhere once `text` is written."""
        table, _ = validate(text.data)
        if table is None:
            return
        after = Config(self.paths.config, table, self.environ)
        keys = after.keys()
        meant = keys.get(settle) if settle else None
        earlier = before.storages() if before else {}
        for key, name in {key: name for name, key in keys.items()}.items():
            storage = table.profiles[name].storage
            if key == meant or earlier.get(key, storage) != storage:
                yield after.profile(name)

    def _forget(self, profile: Profile) -> None:
        # A refresh token that nothing can reach any more must not stay behind.
        try:
            ended = self.log_out(profile)
        except TogetherctlError as error:
            self.conversation.warn(f"the session profile {profile.name} had could not be deleted: {error.message}")
            return
        if ended.session is not None or ended.unread:
            who = f" ({ended.session.identity})" if ended.session else ""
            self.conversation.say(f"The session profile {profile.name} had{who} was deleted; the issuer was not told.")
        if ended.unsafe is not None:
            self.conversation.warn(ended.unsafe.message)


def read_if_sound(paths: Paths, environ: Mapping[str, str]) -> Config | None:
    """The configuration as it is on disk at this moment, None where it is wrong."""
    try:
        return Config.load(paths.config, environ)
    except TogetherctlError:
        return None
