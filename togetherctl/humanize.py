"""Words for people that every face shares: how much time is left."""

from __future__ import annotations


def time_left(seconds: float) -> str:
    """A duration in its two largest units: `2d 5h`, `3h 20m`, `4m 05s`, `40s`. Less than nothing is `0s`."""
    minutes, rest = divmod(max(int(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"
