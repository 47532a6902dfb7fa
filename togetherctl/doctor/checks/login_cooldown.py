"""Whether a login that failed keeps the next one from opening."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode, TogetherctlError
from togetherctl.finding import Finding, Mend
from togetherctl.humanize import time_left

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    from togetherctl.auth.time_limits import LONGEST_COOLDOWN_SECONDS

    now, record = facts.world.clock(), facts.login(profile)
    pause = record.until - now if record is not None and not record.under_way else 0.0
    if record is None or not 0 < pause <= LONGEST_COOLDOWN_SECONDS:
        yield Finding("ok", "no login has failed so that the next one must wait")
        return
    session = facts.session(profile)
    good = session is not None and session.state(profile, now) in _good()
    ago = time_left(now - (record.failed_at or now))
    yield Finding(
        "warning" if good else "failed",
        f"the last login failed {ago} ago ({record.message}), so none opens by itself for {time_left(pause)}",
        profile.ways.login,
        exit_code=ExitCode.LOGIN_REQUIRED,
        mend=Mend(f"end the cooldown after the failed login of {profile.called}", lambda: _clear(facts, profile)),
    )


def _good() -> tuple[object, ...]:
    from togetherctl.auth.session import State

    return State.VALID, State.STALE, State.EXPIRED


def _clear(facts: Facts, profile: Profile) -> None:
    """Forget the failed login; a login that another process has begun meanwhile stays. Raises TogetherctlError."""
    from togetherctl.lock import LockTimeout

    sessions = facts.world.sessions(profile)
    try:
        with sessions.lock(profile.key):
            record = facts.login(profile)
            if record is not None and not record.under_way:
                sessions.login_file(profile.key).clear()
    except LockTimeout:
        raise TogetherctlError("another togetherctl is busy with the session", hint="try again later") from None


CHECK = Check(
    name="login-cooldown",
    area="login",
    title="The cooldown after a failed login",
    each="session",
    examine=_examine,
    signs=("no other login opens by itself for … s",),
    means="After a login that failed, `kubectl` opens no other one for half a minute, and for longer after each "
    "further failure, so that no tab opens for every call. The reason of the failure is named.",
    helps="`togetherctl login NAME` logs in at once, and ends the cooldown; `togetherctl doctor --fix` ends it, too.",
    place=40,
)
