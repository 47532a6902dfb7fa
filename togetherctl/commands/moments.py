"""Moments for people and for scripts."""

from __future__ import annotations

from togetherctl.kube.exec_credential import timestamp


def until(moment: float, now: float) -> str:
    """How long until `moment`, in the two largest units that matter: `2h 5m`, `40s`."""
    left = max(int(moment - now), 0)
    days, hours, minutes = left // 86400, left % 86400 // 3600, left % 3600 // 60
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m" if minutes else f"{left}s"


def rfc3339(moment: float | None) -> str | None:
    """UTC, as JSON output has it; None stays None."""
    return timestamp(moment) if moment else None
