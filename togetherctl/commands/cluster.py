"""`togetherctl cluster`: its verbs."""

from __future__ import annotations

from togetherctl.cli.lazy import Lazy, LazyGroup

_ENTRIES = "togetherctl.commands.entries"

VERBS = {
    "list": Lazy(f"{_ENTRIES}.show:list_of", "List the clusters of the configuration.", "cluster"),
    "show": Lazy(f"{_ENTRIES}.show:show_of", "Show one cluster with every key.", "cluster"),
    "add": Lazy(f"{_ENTRIES}.add:cluster", "Add a cluster, and write it into the kubeconfig if you agree."),
    "set": Lazy(f"{_ENTRIES}.edit:set_of", "Change keys of one cluster.", "cluster"),
    "unset": Lazy(
        f"{_ENTRIES}.edit:unset_of", "Set keys of one cluster back to their defaults.", "cluster", removes=True
    ),
    "rename": Lazy(f"{_ENTRIES}.edit:rename_of", "Give one cluster another name.", "cluster"),
    "remove": Lazy(f"{_ENTRIES}.remove", "Remove one cluster from the configuration.", "cluster", removes=True),
    "validate": Lazy(f"{_ENTRIES}.show:validate_of", "Check the whole configuration.", "cluster"),
}

command = LazyGroup("cluster", lazy=VERBS, help="Manage clusters: API servers and the profile that opens each.")
