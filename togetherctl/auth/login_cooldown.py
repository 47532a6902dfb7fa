"""The cooldown after a failed login, and the one login of a session that may be under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from togetherctl.auth.cache.login_record import LoginRecord
from togetherctl.auth.time_limits import FIRST_COOLDOWN_SECONDS, LONGEST_COOLDOWN_SECONDS
from togetherctl.errors import LoginRequired, TogetherctlError, Unreachable, had_no_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.auth.cache.base import LoginRecords
    from togetherctl.config.profile_hints import ProfileHints


class LoginCooldown:
    """Runs the logins of one session, one after the other. Call all of it under the session's lock."""

    def __init__(self, file: LoginRecords, ways: ProfileHints, *, clock: Callable[[], float], process: int) -> None:
        self._file = file
        self._ways = ways
        self._clock = clock
        self._process = process

    def refuse_too_soon(self, *, waited_since: float | None) -> None:
        """Raises LoginRequired during the cooldown after a login that failed.

        A process that waited for another one's login since `waited_since` ends as that login did: with LoginRequired,
        or with Unreachable where no tab was opened. A login that had no answer at all is tried once more.
        """
        last = self._file.read()
        if last is None:
            return
        now = self._clock()
        if last.under_way:
            # This process holds the lock, so the login's owner died. One more login may follow, not one a process.
            pause = last.opened_at + FIRST_COOLDOWN_SECONDS - now
            if last.second_chance and 0 < pause <= FIRST_COOLDOWN_SECONDS:
                raise self._refuse_login("the last two logins ended before a person could answer", pause)
            return
        failed_at = last.failed_at or 0.0
        if waited_since is not None and waited_since <= failed_at <= now and last.code == Unreachable.code:
            if last.timed_out:
                return
            raise Unreachable(last.message)
        pause = last.until - now
        if 0 < pause <= LONGEST_COOLDOWN_SECONDS:
            raise self._refuse_login(f"the last one failed {now - failed_at:.0f} s ago ({last.message})", pause)

    @contextmanager
    def under_way(self, *, asked_for: bool) -> Iterator[Callable[[str], None]]:
        """Run a login. The block gets a function, and calls it with the address of the login's page when that opens.

        A login that a person `asked_for` counts as the first. Success and Ctrl-C leave no record.
        """
        before = None if asked_for else self._file.read()
        failures = before.failures if before else 0
        second_chance = before is not None and before.under_way
        opened: LoginRecord | None = None

        def open_at(address: str) -> None:
            nonlocal opened
            if opened is not None:
                return
            opened = LoginRecord(self._process, self._clock(), address, second_chance=second_chance, failures=failures)
            self._file.write(opened)

        try:
            yield open_at
        except KeyboardInterrupt:
            self._file.clear()
            raise
        except BaseException as error:
            self._file.write(self._record_failure(error, opened, before, failures))
            raise
        self._file.clear()

    def _record_failure(
        self, error: BaseException, opened: LoginRecord | None, before: LoginRecord | None, failures: int
    ) -> LoginRecord:
        now = self._clock()
        code, message = (error.code, error.message) if isinstance(error, TogetherctlError) else ("", "it was stopped")
        if opened is None:
            # No tab opened, so the next login need not wait.
            again = (
                before is not None
                and before.timed_out
                and 0 <= now - (before.failed_at or 0.0) < FIRST_COOLDOWN_SECONDS
            )
            timed_out = had_no_answer(error) and not again
            return LoginRecord(
                self._process, now, failures=failures, failed_at=now, code=code, message=message, timed_out=timed_out
            )
        pause = min(FIRST_COOLDOWN_SECONDS * 2**failures, LONGEST_COOLDOWN_SECONDS)
        return LoginRecord(
            self._process,
            opened.opened_at,
            failures=min(failures + 1, 16),
            failed_at=now,
            until=now + pause,
            # Whatever failed, the processes that waited for this tab need a login.
            code=LoginRequired.code,
            message=message,
        )

    def _refuse_login(self, reason: str, pause: float) -> LoginRequired:
        return LoginRequired(
            f"login required: {reason}; no other login opens by itself for {pause:.0f} s",
            hint=self._ways.login,
        )
