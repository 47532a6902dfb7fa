"""`togetherctl help`: show how a command is used, as its `--help` does."""

from __future__ import annotations

import click

from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.errors import Remedy, UsageError


@click.command("help", cls=Command, examples=["togetherctl help login", "togetherctl help profile add"])
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of a command.

    Without COMMAND it lists all commands.
    """
    within = context.find_root()
    for word in words:
        group = within.command
        if not isinstance(group, click.Group) or word.startswith("-"):
            raise UsageError(
                f"{within.command_path} has no commands of its own",
                hint=Remedy(command=(*within.command_path.split(), "--help")),
            )
        name, verb, _ = group.resolve_command(within, [word])
        if verb is not None:
            within = click.Context(verb, info_name=name, parent=within, **verb.context_settings)
    put(within.get_help())
