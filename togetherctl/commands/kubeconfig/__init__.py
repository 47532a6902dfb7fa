"""`togetherctl kubeconfig`: its verbs."""

from __future__ import annotations

from togetherctl.cli.lazy import Lazy, LazyGroup

VERBS = {
    "write": Lazy("togetherctl.commands.kubeconfig.write", "Write clusters into a kubeconfig."),
    "show": Lazy(
        "togetherctl.commands.kubeconfig.write:show", "Print what would be written, as a kubeconfig of its own."
    ),
    "remove": Lazy("togetherctl.commands.kubeconfig.remove", "Take clusters out of a kubeconfig.", removes=True),
    "prune": Lazy(
        "togetherctl.commands.kubeconfig.remove:prune",
        "Take out entries of clusters and profiles that are gone.",
        removes=True,
    ),
    "allowlist": Lazy("togetherctl.commands.kubeconfig.allowlist", "Print the list of plugins that kubectl may run."),
    "convert": Lazy("togetherctl.commands.kubeconfig.convert", "Convert a kubeconfig from kubelogin to togetherctl."),
}

command = LazyGroup("kubeconfig", lazy=VERBS, help="Write clusters into your kubeconfig.")
