"""What is said of entries that go from kubeconfigs, and asking before they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.cli.console import put
from togetherctl.paths import tilde

if TYPE_CHECKING:
    from togetherctl.actions.kubeconfig_edit import Leaving
    from togetherctl.cli.app import App

_SHOWN = 20


def say_what_goes(app: App, leaving: Leaving) -> None:
    """Which entries go, what becomes of the current context, and what stays although it is ours."""
    removed = leaving.removed
    going = [
        f"{kind if len(names) == 1 else f'{kind}s'} {_listed(names)}"
        for kind, names in (("context", removed.contexts), ("cluster", removed.clusters), ("user", removed.users))
        if names
    ]
    if going:
        files = ", ".join(tilde(change.path, app.environ) for change in leaving.changed)
        app.console.say(f"From {files} {'goes' if len(going) == 1 else 'go'}: {'; '.join(going)}.")
    if removed.current is not None and removed.instead is None:
        app.console.say(f"{removed.current} is the current context; there will be none.")
    elif removed.current is not None:
        app.console.say(
            f"{removed.current} is the current context, and its name stays behind: without it kubectl would go on with "
            f"{removed.instead}, which another file names. Choose one: kubectl config use-context NAME"
        )
    for kept in removed.kept:
        app.console.say(f"This stays: {kept}.")


def let_go(app: App, leaving: Leaving, *, dry_run: bool, yes: bool) -> None:
    """Show what goes, ask, and take it out; or only show the difference."""
    if not leaving.removed:
        for kept in leaving.removed.kept:
            app.console.say(f"This stays: {kept}.")
        looked = ", ".join(tilde(path, app.environ) for path in leaving.files)
        app.console.say(f"Nothing to remove in {looked}.")
        return
    if dry_run:
        put("".join(change.diff() for change in leaving.changes), end="")
    say_what_goes(app, leaving)
    if dry_run:
        app.console.say("Nothing was written.")
        return
    app.confirm("Remove these entries?", yes=yes)
    done = leaving.carry_out()
    app.console.say(f"Changed {', '.join(tilde(change.path, app.environ) for change in done.changed)}.")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
