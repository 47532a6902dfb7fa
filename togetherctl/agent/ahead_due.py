"""Decide when a session that is kept ahead needs a child: no clock, no file and no process here."""

from __future__ import annotations

from togetherctl.records import NamedTuple

# How long the first failure is waited out, and the longest wait after many, in seconds.
FIRST_PAUSE = 15.0
LONGEST_PAUSE = 300.0
# A session that another process has just written gets its ready file from that process.
_SETTLE = 5.0
# Outcomes after which only a login, another configuration or an unlocked keyring helps; the rest may pass by itself.
_LASTING = frozenset({"login_required", "usage", "config", "storage"})


class Facts(NamedTuple):
    """What is on disk of one profile's session; times in seconds since 1970.

    `session` is the mtime of its file in nanoseconds, None where there is none; `stale_at` is None where nothing says
    it without opening the session.
    """

    session: int | None
    used_at: float
    stale_at: float | None


class Trouble(NamedTuple):
    """A child that did not keep a session ahead; `again_at` on the clock that counts sleep.

    `lasting`: it is left alone until its `session`, or the configuration, is another one.
    """

    session: int | None
    failures: int
    again_at: float
    lasting: bool
    outcome: str
    message: str = ""


def due_in(facts: Facts, trouble: Trouble | None, *, idle: float, now: float, boot: float) -> float | None:
    """The seconds until a child is needed, 0 for at once; None while nothing but a change makes it necessary.

    `now` in seconds since 1970, `boot` on the clock that counts sleep, `idle` in seconds.
    """
    if facts.session is None or now - facts.used_at > idle:
        return None
    if facts.stale_at is None:
        wait = facts.session / 1e9 + _SETTLE - now
        # Further in the future it was written before the clock was set back.
        wait = wait if 0 < wait <= _SETTLE else 0.0
    else:
        wait = max(0.0, facts.stale_at - now)
    if trouble is None or is_over(facts, trouble, now=now):
        return wait
    if trouble.lasting:
        return None if trouble.session == facts.session else wait
    return max(wait, trouble.again_at - boot)


def is_over(facts: Facts, trouble: Trouble, *, now: float) -> bool:
    """Whether another process has renewed the session since then."""
    fresh = facts.stale_at is not None and facts.stale_at > now + LONGEST_PAUSE / 10
    return fresh and trouble.session != facts.session


def trouble_after(
    before: Trouble | None, session: int | None, *, outcome: str, message: str, boot: float
) -> Trouble | None:
    """What a child's outcome means for the next one: None after `kept`, else when to try again."""
    if outcome == "kept":
        return None
    failures = before.failures + 1 if before else 1
    return Trouble(session, failures, boot + pause_after(failures), outcome in _LASTING, outcome, message)


def pause_after(failures: int) -> float:
    """Twice as long each time, in seconds."""
    return float(min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE))
