"""`togetherctl status --watch`: the table again as it changes; plain lines where stdout is no terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from togetherctl.cli.console import put
from togetherctl.cli.output import Item, rfc3339, show_list
from togetherctl.commands.status_table import Sessions, columns, item, look, sentences, show
from togetherctl.errors import ConfigError
from togetherctl.printable import printable
from togetherctl.usecases.session_snapshot import URGENCY

if TYPE_CHECKING:
    from togetherctl.cli.app import App

# Seconds between two looks.
_EVERY = 1.0
_LEAVE, _ENTER, _FROM_THE_TOP = "\x1b[?1049l", "\x1b[?1049h", "\x1b[H\x1b[J"
# Lines of the screen that are not rows: the titles, how to end it, and the cursor's own.
_OTHER_LINES = 3


def watch_sessions(app: App, names: Sequence[str]) -> None:
    """Show the sessions of these profiles until Ctrl-C. Raises UsageError and ConfigError."""
    found = look(app.world, names)
    drawn = sys.stdout.isatty() and app.environ.get("TERM") != "dumb"
    try:
        if drawn:
            put(_ENTER, end="")
            _draw_for_ever(app, names, found)
        else:
            _tell_for_ever(app, names, found)
    except KeyboardInterrupt:
        # That is how a watch ends.
        return
    finally:
        if drawn:
            put(_LEAVE, end="")


def _draw_for_ever(app: App, names: Sequence[str], found: Sessions) -> None:
    while True:
        put(_FROM_THE_TOP, end="")
        _draw(app, found)
        app.world.sleep(_EVERY)
        found = _look_again(app, names)


def _draw(app: App, found: Sessions) -> None:
    """The table, cut to the screen with the most urgent sessions first, and the sentences there is room for."""
    now, size = app.world.clock(), shutil.get_terminal_size()
    rows = size.lines - _OTHER_LINES
    sessions = list(found.sessions)
    if len(sessions) > rows:
        sessions = sorted(sessions, key=lambda one: URGENCY[one.state_name(now)])[: rows - 1]
    show_list(app, [item(one, found, now) for one in sessions], columns(found, now), name="profile")
    room = rows - len(sessions)
    if len(sessions) < len(found.sessions):
        put(f"… and {len(found.sessions) - len(sessions)} more")
        room -= 1
    for line in sentences(found, now):
        said = printable(line.text + (f" {line.remedy}" if line.remedy else ""), limit=1000)
        room -= -(-len(said) // size.columns)
        if room < 0:
            break
        put(said)
    put("Ctrl-C ends this.", end="")


def _tell_for_ever(app: App, names: Sequence[str], found: Sessions) -> None:
    """The table once, then a line for each change."""
    show(app, found)
    before = _by_profile(app, found)
    while True:
        app.world.sleep(_EVERY)
        found = _look_again(app, names)
        after = _by_profile(app, found)
        for name, row in after.items():
            if row != before.get(name):
                put(printable(_in_a_line(app, row), limit=1000))
        for name in before.keys() - after.keys():
            put(printable(f"{rfc3339(app.world.clock())}  {name}  removed", limit=1000))
        before = after


def _look_again(app: App, names: Sequence[str]) -> Sessions:
    """The sessions as they are now. A configuration that is wrong for a moment, as while it is edited, is not taken."""
    config = app.world.config
    with suppress(OSError, ConfigError):
        if config.path.stat().st_mtime_ns != config.mtime_ns:
            again = app.world.reread()
            # Read before it replaces the one in use.
            _ = again.config
            app.world = again
    still_there = [name for name in names if name in app.world.config.table.profiles]
    return look(app.world, still_there) if still_there or not names else Sessions([])


def _by_profile(app: App, found: Sessions) -> dict[str, Item]:
    now = app.world.clock()
    return {one.name: item(one, found, now) for one in found.sessions}


def _in_a_line(app: App, row: Item) -> str:
    trouble = row["last_error"]
    parts = [
        str(rfc3339(app.world.clock())),
        row["profile"],
        row["state"],
        row["identity"] or "-",
        f"until {row['expires_at']}" if row["expires_at"] else "-",
        *(["current"] if row["current"] else []),
        *([f"logging in at {row['login']['address']}"] if row["login"] else []),
        *([f"differs in the kubeconfig: {', '.join(row['drift'])}"] if row["drift"] else []),
        *([trouble["message"]] if trouble else []),
    ]
    return "  ".join(parts)
