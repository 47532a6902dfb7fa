"""This machine's clock against an issuer's, by the time that an answer of it states."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from togetherctl.auth.claims import LEEWAY
from togetherctl.finding import Finding
from togetherctl.humanize import time_left

_SAME_CLOCK = 10.0
_SET = "set this machine's clock by the network (NTP)"
# A clock that is off by more than this is told in larger units.
_MANY_SECONDS = 7200


def compare_clocks(headers: Mapping[str, str], asked_at: float, came_at: float) -> float | None:
    """This machine's clock against an answer's Date (RFC 9110, 6.6.1), in seconds; None where it has none."""
    try:
        stated = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return None
    age = headers.get("age", "")
    stated += int(age) if age.isdecimal() and len(age) < 6 else 0
    return ahead_of(stated, asked_at, came_at)


def ahead_of(stated: float, asked_at: float, came_at: float) -> float:
    """This machine's clock against the time that was `stated` between two moments of it, in seconds."""
    return asked_at - stated if stated < asked_at else min(came_at - stated, 0.0)


def describe_clock(ahead: float) -> Finding:
    """What it means that this machine's clock is so many seconds ahead of the issuer's."""
    if abs(ahead) <= _SAME_CLOCK:
        return Finding("ok", "this machine's clock agrees with the issuer's", None, "clock")
    long = f"{abs(ahead):.0f} s" if abs(ahead) < _MANY_SECONDS else time_left(abs(ahead))
    text = f"this machine's clock is {long} {'ahead of' if ahead > 0 else 'behind'} the issuer's"
    if ahead < -LEEWAY:
        text += ": a token that has just begun (nbf) is refused here, and one that has expired goes to the cluster"
    return Finding("warning", text, _SET, "clock")
