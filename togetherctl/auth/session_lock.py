"""The lock of a session: one process works on it, the others wait and say once what for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from togetherctl.auth import time_limits
from togetherctl.errors import StorageError
from togetherctl.lock import Held, LockTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.auth.cache.base import Sessions
    from togetherctl.auth.prompter import Prompter
    from togetherctl.config.profile import Profile


class SessionLocks:
    """Holds the locks of sessions, whatever the storage.

    `say_login` tells shims that wait for this process, by the name of a ready file, that it is about a login.
    """

    def __init__(
        self,
        sessions: Callable[[Profile], Sessions],
        conversation: Prompter,
        clock: Callable[[], float],
        say_login: Callable[[str], None],
    ) -> None:
        self._sessions = sessions
        self._conversation = conversation
        self._clock = clock
        self._say_login = say_login

    @contextmanager
    def hold(self, profile: Profile, *, for_logins: bool = True) -> Iterator[bool]:
        """Hold the session's lock; the block gets whether another process had to be waited for.

        Waits as long as a refresh may take. While a login is under way, waits as long as that may take, or not at all
        unless `for_logins`. Raises LockTimeout, and StorageError.
        """
        sessions = self._sessions(profile)
        told = False
        waited = without_login_since = 0.0

        def login_ends_in() -> float:
            login = sessions.login_file(profile.key).read()
            # The owner of this login died, so the holder of the lock does something else.
            if login is None or not login.under_way or login.is_abandoned:
                return 0.0
            left = login.opened_at + profile.login_timeout + time_limits.LOGIN_GRACE_SECONDS - self._clock()
            # A login that began in the future was not written by this clock.
            return left if left <= profile.login_timeout + time_limits.LOGIN_GRACE_SECONDS else 0.0

        def patience() -> float:
            nonlocal without_login_since
            left = login_ends_in()
            if left > 0 and not for_logins:
                return 0.0
            if left > 0:
                without_login_since = waited
                return waited + left
            return without_login_since + time_limits.LOCK_SECONDS

        def waiting(seconds: float) -> None:
            nonlocal told, waited
            waited = seconds
            self._conversation.go_on()
            if seconds >= time_limits.NOTIFY_AFTER_SECONDS and not told:
                told = True
                self._say_what_it_waits_for(profile)

        with sessions.lock(profile.key, seconds=patience, waiting=waiting) as held:
            yield held.waited

    @contextmanager
    def try_hold(self, profile: Profile) -> Iterator[Held | None]:
        """Hold the session's lock if it is free at this moment; else the block gets None."""
        with ExitStack() as stack:
            held = None
            with suppress(LockTimeout, StorageError):
                held = stack.enter_context(self._sessions(profile).lock(profile.key))
            yield held

    def _say_what_it_waits_for(self, profile: Profile) -> None:
        login = self._sessions(profile).login_file(profile.key).read()
        if login is None or not login.under_way or login.is_abandoned:
            self._conversation.say(f"Waiting for another togetherctl that is busy with {profile.called}.")
            return
        self._say_login(profile.ready_as)
        self._conversation.say(
            f"Waiting for the login of {profile.called} that process {login.owner} opened "
            f"{max(self._clock() - login.opened_at, 0):.0f} s ago at:"
        )
        self._conversation.say(f"  {login.address}")
