"""Confirm and remove entries from kubeconfigs, for `kubeconfig remove` and `kubeconfig prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.actions.reports import list_files, report_kubeconfig_removal
from togetherctl.cli.console import put
from togetherctl.paths import tilde

if TYPE_CHECKING:
    from togetherctl.actions.kubeconfig_edit import Leaving
    from togetherctl.cli.app import App


def confirm_and_remove(app: App, leaving: Leaving, *, dry_run: bool, yes: bool) -> None:
    """Show what goes, ask, and take it out; or only show the difference."""
    if dry_run and leaving.removed:
        put("".join(change.diff() for change in leaving.changes), end="")
    app.console.report(report_kubeconfig_removal(leaving, app.environ))
    if not leaving.removed:
        app.console.say(f"Nothing to remove in {', '.join(tilde(path, app.environ) for path in leaving.files)}.")
    elif dry_run:
        app.console.say("Nothing was written.")
    else:
        app.confirm("Remove these entries?", yes=yes)
        app.console.say(f"Changed {list_files(leaving.carry_out().changed, app.environ)}.")
