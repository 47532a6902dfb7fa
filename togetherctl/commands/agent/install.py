"""`togetherctl agent install`: have the service manager of this user run the agent."""

from __future__ import annotations

import difflib
import shlex

import click

from togetherctl.agent.client import runs
from togetherctl.agent.stopped import let_go_on
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.paths import tilde
from togetherctl.usecases.agent_process import stop_agent
from togetherctl.usecases.agent_units import Installation, UnitFile, commands_work, plan, run_commands


@click.command(
    "install",
    cls=Command,
    examples=[
        "togetherctl agent install",
        "togetherctl agent install --dry-run  # only show the files",
    ],
)
@click.option("--dry-run", is_flag=True, help="Print the files and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask, and start the agent at once.")
@pass_app
def command(app: App, /, dry_run: bool, yes: bool) -> None:
    """Start the agent at every login: a systemd user unit, or on macOS a launchd agent.

    systemd opens the agent's sockets itself, so that no request is lost while the agent starts. The files name this
    installation of togetherctl and the folders that it uses now. If you move one of them, run this command again.
    """
    installation = plan(app.environ)
    changed = [file for file in installation.files if file.found != file.text]
    if dry_run:
        for file in installation.files:
            put(f"# {file.path}\n{file.text}")
        _show_commands(app, installation, "Nothing was written. These commands start it:")
        return
    if changed:
        said = [f"The agent's service goes into {tilde(file.path, app.environ)}." for file in changed]
        app.confirm_write(said, _diff(changed), yes=yes)
    for path in installation.write():
        app.console.say(f"Wrote {tilde(path, app.environ)}.")
    if not changed:
        app.console.say("The agent's service is installed as it should be.")
    for name in installation.left_out:
        app.console.warn(f"{name} holds a password, so it is not written into a file: the agent does without it")
    _begin(app, installation, yes=yes)


def _begin(app: App, installation: Installation, *, yes: bool) -> None:
    if not commands_work(installation):
        _show_commands(app, installation, "The service manager of this user does not answer here. In your login, run:")
    elif yes or (
        app.console.can_ask and app.agrees_to_write([], yes=False, question="Start it now, and at every login?")
    ):
        # One that was started by hand has the sockets that the service needs; one that is the service starts again.
        if runs(app.world.paths.agent):
            stop_agent(app.world.paths, restart=True)
        let_go_on(app.world.paths.agent)
        run_commands(installation.begin)
        app.console.say("The agent runs, and starts at every login.")
    else:
        _show_commands(app, installation, "It starts at every login after:")


def _show_commands(app: App, installation: Installation, sentence: str) -> None:
    app.console.say(sentence)
    for words in installation.begin:
        app.console.show_command(shlex.join(words))


def _diff(changed: list[UnitFile]) -> str:
    lines: list[str] = []
    for file in changed:
        before = (file.found or "").splitlines(keepends=True)
        lines += difflib.unified_diff(before, file.text.splitlines(keepends=True), str(file.path), str(file.path))
    return "".join(lines)
