"""`togetherctl use`: make a cluster's context, or another one, the current context of kubectl."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import output_option, show_record
from togetherctl.errors import UsageError, run
from togetherctl.usecases.reports import report_use
from togetherctl.usecases.use_context import choices, use_cluster

if TYPE_CHECKING:
    from togetherctl.usecases.use_context import ContextChoice

# So many names are told where a person cannot choose from a list.
_NAMES = 20


@click.command(
    "use",
    cls=Command,
    examples=[
        "togetherctl use gpu",
        "togetherctl use -  # back to the context before",
    ],
)
@click.argument("cluster", metavar="[CLUSTER]", required=False)
@click.option("--kubeconfig", metavar="FILE", help="The file to change; else KUBECONFIG, else ~/.kube/config.")
@output_option
@pass_app
def command(app: App, cluster: str | None, kubeconfig: str | None) -> None:
    """Make a cluster's context the current one.

    Its entries are written first where they are missing, or differ from the configuration; a namespace that you chose
    for the context stays. Without a name you choose from a list. Any other context of the kubeconfig can be named too.

    With - it goes back to the context before: the one that was current before the last togetherctl use. If the current
    context was changed by another program since then, it goes to the one that togetherctl use chose.
    """
    used = use_cluster(app.world, cluster or _choose(app, kubeconfig), kubeconfig=kubeconfig)
    if app.output != "table":
        record = {
            "context": used.context,
            "before": used.before or None,
            "cluster": used.cluster,
            "profile": used.profile,
            "kubeconfig": str(used.path),
            "written": bool(used.written or used.updated),
            "drift": [key for keys in used.left.values() for key in keys],
        }
        show_record(app, record, name="context")
    app.console.report(report_use(used, app.environ))


def _choose(app: App, kubeconfig: str | None) -> str:
    """What the person chooses. Raises UsageError where they cannot be asked, or there is nothing to choose."""
    there = choices(app.world, kubeconfig=kubeconfig)
    if not there:
        raise UsageError(f"there is no cluster in {app.world.config.path} yet", hint=run("togetherctl", "init"))
    if not app.console.can_ask:
        names = [one.name for one in there]
        more = " …" if len(names) > _NAMES else ""
        raise UsageError(f"which cluster? There are {', '.join(names[:_NAMES])}{more}", hint="togetherctl use CLUSTER")
    from togetherctl.cli.prompts import PromptChoice, Prompts

    current = next((one.name for one in there if one.is_current), None)
    width = max(len(one.name) for one in there)
    answers = [PromptChoice(_describe(one, width), one.name) for one in there]
    return Prompts(app.environ).one("Which cluster?", answers, default=current)


def _describe(one: ContextChoice, width: int) -> str:
    parts = [one.profile or "not of togetherctl", *(["current"] if one.is_current else [])]
    parts += [f"context {one.context}"] if one.context != one.name else []
    return f"{one.name:<{width}}  {', '.join(parts)}"
