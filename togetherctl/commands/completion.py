"""`togetherctl completion`: print the script that lets a shell complete."""

from __future__ import annotations

import click

from togetherctl.cli.completion_scripts import SHELLS
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.shell_completion import script


@click.command(
    "completion",
    cls=Command,
    examples=[
        'eval "$(togetherctl completion bash)"  # in ~/.bashrc',
        'eval "$(togetherctl completion zsh)"  # in ~/.zshrc, after compinit',
        "togetherctl completion fish | source  # in ~/.config/fish/config.fish",
    ],
)
@click.argument("shell", type=click.Choice(SHELLS), metavar="bash|zsh|fish")
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that lets your shell complete.

    Profiles, clusters and issuers are read from the configuration each time, without checking it.
    """
    root = context.find_root().command
    if isinstance(root, click.Group):
        put(script(shell, root), end="")
