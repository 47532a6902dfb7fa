"""Limit how often a host may ask, so that a far machine cannot nag until the person says yes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

# Questions of a host that had no "yes", within so many seconds.
_MOST, _WITHIN = 6, 600.0
# Questions that wait at once: of one host, and of all.
_MOST_OF_HOST, _MOST_OPEN = 4, 16
# Seconds for which the same question is not asked again once it was answered "no", or had no answer. One kubectl calls
# several times, and a far side that is `curl` alone asks for a login in each.
_QUIET_AFTER_NO, _QUIET_AFTER_NOTHING = 15.0, 5.0
# Hosts that are remembered; who can make up names cannot fill the memory, and shares one limit.
_MOST_HOSTS = 64

About = tuple[str, str]


class QuestionLimits:
    """What was asked without a "yes", by host; a "yes" is free, because the person is there and agrees."""

    def __init__(self) -> None:
        self._ended: dict[str | None, list[float]] = {}
        self._quiet: dict[tuple[str | None, About], float] = {}

    def wait(self, host: str | None, about: About, *, open_ones: Collection[Any], now: float) -> float | None:
        """None where `host` may ask now; else the seconds until it may. `open_ones` have a `host` each."""
        self._forget(now)
        quiet = self._quiet.get((host, about), 0.0) - now
        ended = self._ended.get(self._counted_as(host), [])
        of_host = sum(1 for one in open_ones if one.host == host)
        if of_host >= _MOST_OF_HOST or len(open_ones) >= _MOST_OPEN:
            return max(quiet, _QUIET_AFTER_NO)
        if len(ended) + of_host >= _MOST:
            return max(quiet, (ended[0] + _WITHIN - now) if ended else _QUIET_AFTER_NO)
        return quiet if quiet > 0 else None

    def ended(self, host: str | None, about: About, *, now: float, answered: bool) -> None:
        """A question ended without a "yes": by a "no" where it was `answered`, else in time or taken back."""
        self._ended.setdefault(self._counted_as(host), []).append(now)
        if len(self._quiet) < _MOST_HOSTS * _MOST:
            self._quiet[host, about] = now + (_QUIET_AFTER_NO if answered else _QUIET_AFTER_NOTHING)

    def rest(self, host: str | None, about: About, *, now: float) -> None:
        """What it agreed to came to nothing, such as a login: the same is not asked again at once."""
        if len(self._quiet) < _MOST_HOSTS * _MOST:
            self._quiet[host, about] = now + _QUIET_AFTER_NO

    def _counted_as(self, host: str | None) -> str | None:
        return host if host in self._ended or len(self._ended) < _MOST_HOSTS else None

    def _forget(self, now: float) -> None:
        """What was too long ago, and what a clock that was set back has put into the future."""
        kept = {host: [at for at in times if now - _WITHIN < at <= now] for host, times in self._ended.items()}
        self._ended = {host: times for host, times in kept.items() if times}
        self._quiet = {key: until for key, until in self._quiet.items() if now < until <= now + _QUIET_AFTER_NO}
