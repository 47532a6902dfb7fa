"""The answers a person can give, in the words of every face: once, or for a while."""

from __future__ import annotations

import time

from togetherctl.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_MINUTE, _HOUR = 60.0, 3600.0
_UNITS = {"s": 1.0, "m": _MINUTE, "h": _HOUR}
# A whole working day.
DAY = 8 * _HOUR


class Choice(NamedTuple):
    """One answer: what a person types for it, how it is called, and for how many seconds it counts (0: once)."""

    word: str
    label: str
    yes: bool
    seconds: float


_ONCE = Choice("y", "yes, this once", yes=True, seconds=0.0)
_NO = Choice("n", "no", yes=False, seconds=0.0)
_NEVER_MIND = Choice("never", "no, for one hour", yes=False, seconds=_HOUR)
_CREDENTIAL = (
    _ONCE,
    Choice("15m", "yes, for 15 minutes", yes=True, seconds=15 * _MINUTE),
    Choice("1h", "yes, for one hour", yes=True, seconds=_HOUR),
    Choice("8h", "yes, for 8 hours", yes=True, seconds=DAY),
    _NO,
    _NEVER_MIND,
)
# A login opens a browser: each is asked for.
_LOGIN = (_ONCE, _NO, _NEVER_MIND)
_RUNNING = (Choice("n", "cancel this login", yes=False, seconds=0.0),)


def choices(kind: str, *, runs: bool) -> Sequence[Choice]:
    """The answers to a question of this kind; to a login that `runs` there is only one."""
    if runs:
        return _RUNNING
    return _LOGIN if kind == "login" else _CREDENTIAL


def seconds_of(text: str) -> float:
    """`90s`, `15m`, `8h` in seconds. Raises ValueError."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdecimal()) or len(number) > 6:
        raise ValueError(text)
    return int(number) * _UNITS[unit]


def sentence(kind: str, profile: str, host: str, *, runs: bool) -> str:
    """What is asked, or what runs; `host` in words."""
    if runs:
        return f"A login to profile {profile} for {host} is open in your browser."
    if kind == "login":
        return f"May {host} have you log in to profile {profile}? Your browser opens here; {host} gets the credential."
    return f"May {host} have the credential of profile {profile}?"


def login_failed(host: str, message: str) -> str:
    """What the person is told at this machine; `message` names the profile."""
    return f"The login that {host} asked for failed: {message}"


def meaning(host: str | None) -> str:
    """What a person has to know before a "yes"."""
    if host is None:
        return "It came over agent.sock: a program here, or any host that this socket is forwarded to."
    return "It can act as you at the clusters of this profile until the token expires."


def clock_time(moment: float) -> str:
    """The time of day of this place, for a moment in seconds since 1970."""
    return time.strftime("%H:%M", time.localtime(moment))
