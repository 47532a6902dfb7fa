"""`togetherctl agent uninstall`: take the agent's service away again."""

from __future__ import annotations

import shlex

import click

from togetherctl.agent.client import runs
from togetherctl.agent.stopped import stop_for_good
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.paths import tilde
from togetherctl.usecases.agent_units import commands_work, installed_files, plan, remove, run_commands


@click.command(
    "uninstall", cls=Command, examples=["togetherctl agent uninstall", "togetherctl agent uninstall --dry-run"]
)
@click.option("--dry-run", is_flag=True, help="Show what it would delete, and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_app
def command(app: App, /, dry_run: bool, yes: bool) -> None:
    """Stop the agent's service, and delete the files that agent install wrote.

    A file that you wrote by hand stays. Sessions, the agent's log and remembered answers stay too.
    """
    installation = plan(app.environ)
    files = list(installed_files(app.environ))
    for file in installation.files:
        if file.found is not None and not file.is_ours:
            app.console.say(f"Left {tilde(file.path, app.environ)}: togetherctl agent install did not write it.")
    if not files:
        app.console.say("The agent's service is not installed.")
        _say_who_runs(app)
        return
    said = [f"{tilde(path, app.environ)} is deleted." for path in files]
    if dry_run:
        for line in said:
            app.console.say(line.replace(" is deleted", " would be deleted"))
        return
    app.confirm("Stop the agent's service and delete this?", yes=yes, said=said)
    if commands_work(installation):
        stop_for_good(app.world.paths.agent)
        run_commands(installation.end)
    else:
        app.console.say("The service manager of this user does not answer here. An agent that runs goes on until:")
        app.console.show_command(shlex.join(installation.stop))
    for path in remove(files):
        app.console.say(f"Deleted {tilde(path, app.environ)}.")
    _say_who_runs(app)


def _say_who_runs(app: App) -> None:
    """An agent that was started by hand, or by togetherctl ssh, is none of the service manager's."""
    if runs(app.world.paths.agent):
        app.console.say("An agent that was started without the service goes on. To stop it:")
        app.console.show_command("togetherctl agent stop")
