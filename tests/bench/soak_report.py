"""What a soak is judged by, and how it is told."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 20


@dataclass(frozen=True)
class Call:
    """One call of kubectl; times in seconds, `began` since the soak began."""

    began: float
    took: float
    code: int
    stderr: str


@dataclass(frozen=True)
class Soaked:
    """Everything that was seen. The issuer was away from `gone_at` to `back_at`, in seconds since the beginning."""

    calls: Sequence[Call]
    gone_at: float
    back_at: float
    lifetime: int
    pages: int
    refreshes: int
    failed: int
    reused: int
    left: int

    @property
    def failures(self) -> list[Call]:
        return [call for call in self.calls if call.code != 0]

    def when(self, call: Call) -> str:
        """Where a call lies: one that overlaps with the time the issuer was away counts as begun then."""
        if call.began + call.took < self.gone_at:
            return "before"
        if call.began <= self.back_at:
            return "while it was away"
        return "just after" if call.began <= self.back_at + self.lifetime else "long after"

    @property
    def is_good(self) -> bool:
        outside = [call for call in self.failures if self.when(call) in ("before", "long after")]
        return bool(self.calls) and not outside and self.pages == 1 and not self.reused and not self.left


def shown(soaked: Soaked) -> str:
    """The report."""
    times = sorted(call.took for call in soaked.calls)
    failures = soaked.failures
    when = Counter(soaked.when(call) for call in failures)
    lines = [
        f"kubectl calls            {len(soaked.calls)}",
        f"failed                   {len(failures)}",
        f"  before it was away     {when['before']}",
        f"  while it was away      {when['while it was away']}  (from {soaked.gone_at:.0f} to {soaked.back_at:.0f} s)",
        f"  within a token's life  {when['just after']}  (to {soaked.back_at + soaked.lifetime:.0f} s)",
        f"  later                  {when['long after']}",
        *_edges(soaked),
        f"login pages opened       {soaked.pages}",
        f"refreshes asked          {soaked.refreshes}",
        f"  failed on purpose      {soaked.failed}",
        f"  refresh token reused   {soaked.reused}",
        f"background children left {soaked.left}",
        f"one call                 {_spread(times)}",
    ]
    for place in ("before", "just after", "long after", "while it was away"):
        of_it = [call for call in failures if soaked.when(call) == place]
        lines += [
            f"failed {place}: at {call.began:.1f} s for {call.took:.1f} s: {' / '.join(call.stderr.splitlines())}"
            for call in of_it[: _SHOWN if place != "while it was away" else 3]
        ]
    lines.append("good" if soaked.is_good else "NOT GOOD")
    return "\n".join(lines)


def _edges(soaked: Soaked) -> list[str]:
    """How soon calls failed after the issuer went, and for how long after it came back."""
    of_it = [call for call in soaked.failures if soaked.when(call) in ("while it was away", "just after")]
    if not of_it:
        return []
    first = min(call.began + call.took for call in of_it) - soaked.gone_at
    last = max(call.began + call.took for call in of_it) - soaked.back_at
    return [f"  of those, the first ended {first:.1f} s after it went, the last {last:+.1f} s after it came back"]


def _spread(times: Sequence[float]) -> str:
    return f"p50 {_at(times, 50):.2f} s, p95 {_at(times, 95):.2f} s, longest {_at(times, 100):.2f} s"


def _at(times: Sequence[float], percent: int) -> float:
    if not times:
        return 0.0
    if len(times) == 1 or percent == 100:
        return times[-1]
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]
