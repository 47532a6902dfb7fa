#!/usr/bin/env bash
# Textual 8.2.8: a key with a priority binding overtakes keys that were typed before it.
#
# Keys without priority wait in the queue of the widget that has the focus; a priority binding is run by the app as soon
# as the key arrives. If several keys arrive together, as they do over a slow connection or from a paste, an Enter with
# priority acts on the line that was highlighted before the arrow keys. With a pause between the keys, or without
# priority, it acts on the line that they lead to.
#
# Needs Python 3.11 or newer, and downloads packages. Seen in November 2026, with Down, Down, Enter on a list whose first
# line is highlighted:
#
#   priority, keys together: acts on line 0
#   priority, with pauses: acts on line 2
#   no priority, keys together: acts on line 2
#
# Exits with 1 if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check textual==8.2.8

cat >try.py <<'END'
import asyncio

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.widgets import OptionList


async def look(*, priority, together):
    acted = []

    class Listed(App):
        BINDINGS = [Binding("enter", "take", priority=True)] if priority else []

        def compose(self):
            yield OptionList("a", "b", "c")

        def action_take(self):
            acted.append(self.query_one(OptionList).highlighted)

        def on_option_list_option_selected(self, event):
            acted.append(event.option_index)

    app = Listed()
    async with app.run_test() as pilot:
        app.query_one(OptionList).highlighted = 0
        await pilot.pause()
        for key in ("down", "down", "enter"):
            app.post_message(events.Key(key, "\r" if key == "enter" else None))
            if not together:
                await pilot.pause()
        for _ in range(100):
            if acted:
                break
            await pilot.pause(0.02)
    return acted[0]


for title, how in (
    ("priority, keys together", {"priority": True, "together": True}),
    ("priority, with pauses", {"priority": True, "together": False}),
    ("no priority, keys together", {"priority": False, "together": True}),
):
    print(f"{title}: acts on line {asyncio.run(look(**how))}")
END

venv/bin/python try.py | tee seen

diff seen - <<'END' || { echo "this has changed" >&2; exit 1; }
priority, keys together: acts on line 0
priority, with pauses: acts on line 2
no priority, keys together: acts on line 2
END
