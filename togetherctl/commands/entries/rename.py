"""`profile rename`, `issuer rename`, `cluster rename`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.actions.renaming import rename
from togetherctl.actions.reports import report_rename
from togetherctl.cli.app import App, pass_app
from togetherctl.commands.entries.remove import kubeconfig_options

if TYPE_CHECKING:
    from togetherctl.store.choices import Kind

_HELP: dict[Kind, str] = {
    "profile": "Its session stays, and so do the clusters that use it. What kubeconfigs call follows, and contexts "
    "that a template named after it. A kubectl or k9s that is running still calls the old name until it reads its "
    "kubeconfig again.",
    "issuer": "The profiles that use it follow, and their sessions stay.",
    "cluster": "Its entries in the kubeconfig follow, and the current context if it is this one.",
}


def command(kind: Kind) -> click.Command:
    @click.command("rename")
    @click.argument("old")
    @click.argument("new")
    @pass_app
    def rename_(app: App, old: str, new: str, *, kubeconfig: str | None = None, keep_kubeconfig: bool = False) -> None:
        renamed = rename(app.world, kind, old, new, kubeconfig=kubeconfig, keep_kubeconfig=keep_kubeconfig)
        app.console.report(report_rename(kind, old, new, renamed, app.environ))

    rename_.help = f"Give one {kind} another name.\n\n{_HELP[kind]}\n\nCut off half-way, the same command goes on."
    return rename_ if kind == "issuer" else kubeconfig_options(rename_)
