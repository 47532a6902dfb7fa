"""`togetherctl ssh`: run your own ssh, and let the other side ask this machine's agent for credentials."""

from __future__ import annotations

from collections.abc import Sequence

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.errors import UsageError, run
from togetherctl.usecases.foreground_process import CannotRun
from togetherctl.usecases.ssh_forward import Signalled, SshEnded, SshRun, run_plain_ssh
from togetherctl.usecases.ssh_words import read_ssh_words

_WORDS = "togetherctl.ssh"


class _SshCommand(Command):
    """All words are ssh's own, but a `--help` at the start."""

    # For completion.
    runs_another = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] == ["--help"]:
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
@click.argument("words", metavar="[SSH'S OWN ARGUMENTS] HOST [COMMAND]...", nargs=-1)
@pass_app
def command(app: App, words: tuple[str, ...]) -> None:
    """Run ssh, and let the other side ask this machine's agent for credentials.

    It runs your own ssh with your own settings, over one connection, and forwards a socket of the agent. kubectl over
    there then gets its tokens from here, for the profiles whose `forward` allows it; refresh tokens stay here. The
    agent is started where none runs. The exit code is that of ssh.

    All words are ssh's own; only a --help that comes first is not.
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
        return SshRun(line, app.environ, app.world.paths, _lend, lambda opened: _say(app, opened)).run()
    except CannotRun as error:
        app.console.error(error)
        return error.shell_code
    except SshEnded as ended:
        return ended.code
    except Signalled as signalled:
        return signalled.code
