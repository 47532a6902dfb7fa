"""`togetherctl kubeconfig allowlist`: write kubectl's list of allowed credential plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.kube.kubeconfig import hold_locks
from togetherctl.kube.yaml_text import dump
from togetherctl.paths import tilde
from togetherctl.printable import printable
from togetherctl.usecases.kubeconfig_edit import allowing, plugins

if TYPE_CHECKING:
    from togetherctl.kube.kuberc import Key


@click.command(
    "allowlist",
    cls=Command,
    examples=[
        "togetherctl kubeconfig allowlist",
        "togetherctl kubeconfig allowlist --key name --write  # for kubectl 1.35",
    ],
)
@click.option(
    "--kubeconfig", metavar="FILE", help="The kubeconfig to look through; else KUBECONFIG, else ~/.kube/config."
)
@click.option(
    "--key",
    type=click.Choice(["command", "name"]),
    default="command",
    show_default=True,
    help="What the list calls a plugin: kubectl 1.35 says name, newer ones command.",
)
@click.option("--write", is_flag=True, help="Write it into kubectl's kuberc, instead of printing it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_app
def command(app: App, kubeconfig: str | None, key: Key, *, write: bool, yes: bool) -> None:
    """Print the list of plugins that kubectl may run.

    kubectl 1.35 or newer takes from its file kuberc which credential plugins it may run, whatever a kubeconfig says.
    What your kuberc says already stays. Plugins that other users of your kubeconfig call are listed as comments.
    """
    allowed = plugins(app.world, kubeconfig=kubeconfig)
    change = allowing(app.world, allowed, key)
    where = tilde(change.path, app.environ)
    others = [other for other in allowed.others if other not in change.after]
    if write:
        if change.changed:
            if not yes and app.console.can_ask:
                app.confirm_write([f"{where} lets kubectl run these plugins and no others."], change.diff(), yes=yes)
            with hold_locks([change.path]):
                allowing(app.world, allowed, key).write()
        app.console.say(f"Wrote {where}." if change.changed else f"{where} says all of this already.")
        for other in others:
            app.console.say(f"Your kubeconfig calls {printable(other)}, which kubectl runs only if you add it too.")
        return
    put(change.after, end="" if change.after.endswith("\n") else "\n")
    for other in others:
        put(f"# {dump([{key: other}]).rstrip()}")
    todo = "--write puts it there" if change.changed else "it says that already"
    app.console.say(f"This is the text for {where}; {todo}. kubectl before 1.35 ignores that file.")
    if others:
        app.console.say("kubectl runs a commented plugin only after you remove its #.")
