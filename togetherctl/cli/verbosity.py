"""Read `-v`, `-vv`, `-v1`, `--v=1` anywhere on the command line, as kubectl and kubelogin do."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SPELLING = re.compile(r"-(?P<letters>v+)|-v=?(?P<short>\d+)|--v(?:=(?P<long>\d+))?|--verbose")


def take_verbosity(arguments: Sequence[str], *, apart: bool = False) -> tuple[int, list[str]]:
    """The level asked for, and the arguments without it; what follows `--` is left alone.

    With `apart`, the number may be the next argument, as in `-v 1`.
    """
    level, kept = 0, list[str]()
    for index, argument in enumerate(arguments):
        if argument == "--":
            return level, [*kept, *arguments[index:]]
        if apart and index and arguments[index - 1] in ("-v", "--v") and argument.isdecimal():
            level += int(argument) - 1
            continue
        match = _SPELLING.fullmatch(argument)
        if match is None:
            kept.append(argument)
        elif match["letters"]:
            level += len(match["letters"])
        else:
            level = max(level, int(match["short"] or match["long"] or 1))
    return level, kept
