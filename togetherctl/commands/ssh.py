"""`togetherctl ssh`: run your own ssh, and let the remote host ask this machine's agent for credentials."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.errors import UsageError, run
from togetherctl.usecases.agent_process import ask_status, refuse_another, refuse_windows, start_agent
from togetherctl.usecases.foreground_process import CannotRun
from togetherctl.usecases.lent_socket import lent_socket
from togetherctl.usecases.ssh_forward import Opened, Signalled, SshEnded, SshRun, run_plain_ssh
from togetherctl.usecases.ssh_words import read_ssh_words

if TYPE_CHECKING:
    from pathlib import Path

    from togetherctl.usecases.ssh_words import SshWords

_WORDS = "togetherctl.ssh"


class _SshCommand(Command):
    """All words are ssh's own, but `--help` or `-h` at the start: ssh has neither."""

    # For completion.
    runs_another = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] in (["--help"], ["-h"]):
            return super().parse_args(ctx, args)
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, [])


@click.command(
    "ssh",
    cls=_SshCommand,
    options_metavar="",
    add_help_option=True,
    examples=[
        "togetherctl ssh head1",
        "togetherctl ssh -J jump me@head1 kubectl get pods",
    ],
)
@click.argument("words", metavar="[OPTIONS OF SSH] HOST [COMMAND]...", nargs=-1)
@pass_app
def command(app: App, words: tuple[str, ...]) -> None:
    """Run ssh, and let the remote host ask for credentials.

    It runs your own ssh with your own settings, over one connection, and forwards a socket of the agent. kubectl on
    the remote host gets its tokens from the agent, for the profiles whose `forward` allows it. Refresh tokens stay on
    this machine. If no agent runs, it starts one. The exit code is that of ssh.

    All arguments go to ssh, except --help in the first place.
    """
    del words
    raise click.exceptions.Exit(_run(app, click.get_current_context().meta[_WORDS]))


def _run(app: App, words: Sequence[str]) -> int:
    line = read_ssh_words(words)
    try:
        if line is None or line.begins_no_session:
            return run_plain_ssh(words, app.environ)
        if line.has("M"):
            raise UsageError(
                "togetherctl ssh makes a control master of its own, so it does not take -M",
                hint=run("ssh", *words, words="without the agent"),
            )
        return _run_with_agent(app, line)
    except CannotRun as error:
        app.console.error(error)
        return error.shell_code
    except SshEnded as ended:
        return ended.code
    except Signalled as signalled:
        return signalled.code


def _run_with_agent(app: App, line: SshWords) -> int:
    refuse_windows()
    paths = app.world.paths
    status = ask_status(paths)
    if status is not None:
        refuse_another(paths, status)
    if status is None or status.get("stopped"):
        status = start_agent(paths, app.environ)
        app.console.say(f"Started the agent (pid {status['pid']}); togetherctl agent stop ends it.")
    refuse_another(paths, status)
    rules = {one["name"]: one["forward"] for one in status["profiles"]}

    def lend(host: str, link: Path) -> AbstractContextManager[None]:
        return lent_socket(paths, host, link)

    def opened(what: Opened) -> None:
        _say(app, what, rules)

    return SshRun(line, app.environ, paths, lend, opened).run()


def _say(app: App, what: Opened, rules: Mapping[str, str]) -> None:
    over = "ssh opened 1 connection" if what.connections else "over your control master, ssh opened no connection"
    allowed = [f"{name} ({rule})" for name, rule in rules.items() if rule != "never"]
    if allowed:
        app.console.say(f"{what.host} may ask this machine's agent for {', '.join(allowed)}; {over}.")
        return
    why = "forward is never for each profile" if rules else "there is no profile here yet"
    app.console.say(f"{what.host} may ask this machine's agent for nothing, because {why}; {over}.")
    name = next(iter(rules), None)
    command = ["togetherctl", "profile", "set", name, "forward=ask"] if name else ["togetherctl", "init"]
    app.console.show_command(shlex.join(command))
