"""Whether a login of the session is under way in another process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.finding import Finding
from togetherctl.humanize import time_left

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    from togetherctl.auth.time_limits import LOGIN_GRACE_SECONDS
    from togetherctl.lock import this_machine

    record, now = facts.login(profile), facts.world.clock()
    if record is None or not record.under_way or record.is_abandoned:
        yield Finding("ok", "no login is under way in another process")
        return
    until = record.opened_at + profile.login_timeout + LOGIN_GRACE_SECONDS
    where = "" if record.machine in ("", this_machine()) else " on another machine or in another container"
    if until <= now:
        # Its process number may be another program's by now. Whoever takes the session's lock goes on.
        yield Finding(
            "ok", f"a login that process {record.owner}{where} began {time_left(now - record.opened_at)} ago is over"
        )
        return
    clock = time.strftime("%H:%M:%S UTC", time.gmtime(until))
    yield Finding(
        "warning",
        f"process {record.owner}{where} began a login {time_left(now - record.opened_at)} ago; kubectl waits for it, "
        f"until {clock} at most",
        "finish it in the browser, or end that process",
    )


CHECK = Check(
    name="login-elsewhere",
    area="login",
    title="A login in another process",
    each="session",
    examine=_examine,
    signs=("Waiting for the login of profile … that process … opened",),
    means="Another togetherctl has opened a login for the same session. All others wait for it, so that one tab is "
    "open.",
    helps="Finish that login in the browser, or end its process: the others go on then.",
    place=50,
)
