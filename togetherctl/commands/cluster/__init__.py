"""`togetherctl cluster`."""

from __future__ import annotations

from togetherctl.cli.lazy import Lazy, LazyGroup

_ENTRIES = "togetherctl.commands.entries"

VERBS = {
    "list": Lazy(f"{_ENTRIES}.list", "List the clusters of the store.", "cluster"),
    "show": Lazy(f"{_ENTRIES}.show", "Show one cluster with every key.", "cluster"),
    "add": Lazy("togetherctl.commands.cluster.add", "Add a cluster."),
    "set": Lazy(f"{_ENTRIES}.set", "Change keys of one cluster.", "cluster"),
    "unset": Lazy(f"{_ENTRIES}.unset", "Give keys of one cluster their default again.", "cluster"),
    "rename": Lazy(f"{_ENTRIES}.rename", "Give one cluster another name.", "cluster"),
    "remove": Lazy(f"{_ENTRIES}.remove", "Remove one cluster from the store.", "cluster"),
    "validate": Lazy(f"{_ENTRIES}.validate", "Check the whole store.", "cluster"),
}

command = LazyGroup("cluster", lazy=VERBS, help="Manage clusters: API servers and the profile that opens each.")
