"""One process at a time works on a session; the others wait, and are told once what for."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from togetherctl.errors import StorageError
from togetherctl.lock import LockTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from togetherctl.auth.cache.sessions import Sessions
    from togetherctl.auth.conversation import Conversation
    from togetherctl.lock import Held
    from togetherctl.store.profile import Profile

# Longer than a refresh takes with everything it tries.
REFRESH_SECONDS = 30.0
# Whoever waits for another's login waits a little longer than that login may take.
_GRACE = 5.0
# What is over sooner is not worth a line on everybody's terminal.
_QUIET = 1.0


class Turns:
    """Gives out turns at sessions, each session's lock being one."""

    def __init__(
        self,
        sessions: Callable[[Profile], Sessions],
        conversation: Conversation,
        clock: Callable[[], float],
    ) -> None:
        self._sessions = sessions
        self._conversation = conversation
        self._clock = clock

    @contextmanager
    def taken(self, profile: Profile, *, for_logins: bool = True) -> Iterator[bool]:
        """Work on a session alone; gives whether somebody else had to be waited for.

        Waits for as long as a refresh may take, and where a login is under way for as long as that may, or, if not
        `for_logins`, not at all. Raises LockTimeout, and StorageError.
        """
        sessions = self._sessions(profile)
        told = False
        waited = without_login_since = 0.0

        def login_ends_in() -> float:
            login = sessions.login_file(profile.key).read()
            # A login whose owner died is none, and whoever holds the lock does something else.
            if login is None or not login.under_way or login.is_abandoned:
                return 0.0
            left = login.opened_at + profile.login_timeout + _GRACE - self._clock()
            # A login that began in the future was not written by this clock.
            return left if left <= profile.login_timeout + _GRACE else 0.0

        def patience() -> float:
            nonlocal without_login_since
            left = login_ends_in()
            if left > 0 and not for_logins:
                return 0.0
            if left > 0:
                without_login_since = waited
                return waited + left
            return without_login_since + REFRESH_SECONDS

        def waiting(seconds: float) -> None:
            nonlocal told, waited
            waited = seconds
            self._conversation.go_on()
            if seconds >= _QUIET and not told:
                told = True
                self._say_what_for(profile)

        with sessions.lock(profile.key, seconds=patience, waiting=waiting) as held:
            yield held.waited

    @contextmanager
    def if_free(self, profile: Profile) -> Iterator[Held | None]:
        """Work on a session alone if nobody else does at this moment; else None is given."""
        with ExitStack() as stack:
            held = None
            with suppress(LockTimeout, StorageError):
                held = stack.enter_context(self._sessions(profile).lock(profile.key))
            yield held

    def _say_what_for(self, profile: Profile) -> None:
        login = self._sessions(profile).login_file(profile.key).read()
        if login is None or not login.under_way or login.is_abandoned:
            self._conversation.say(f"Waiting for another togetherctl that is busy with {profile.called}.")
            return
        self._conversation.say(
            f"Waiting for the login of {profile.called} that process {login.owner} opened "
            f"{max(self._clock() - login.opened_at, 0):.0f} s ago at:"
        )
        self._conversation.say(f"  {login.address}")
