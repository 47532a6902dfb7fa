"""`togetherctl config`."""

from __future__ import annotations

from togetherctl.cli.lazy import Lazy, LazyGroup

_HERE = "togetherctl.commands.config"

VERBS = {
    "path": Lazy(f"{_HERE}.path", "Print where the store is."),
    "show": Lazy(f"{_HERE}.show", "Print the store, without its secrets."),
    "schema": Lazy(f"{_HERE}.schema", "Print the JSON Schema of the store."),
    "set": Lazy(f"{_HERE}.set", "Set a key of the store itself, such as default_profile."),
}

command = LazyGroup("config", lazy=VERBS, help="Show the store itself: its path, its text, its schema.")
