"""`togetherctl completion`: print the script that lets a shell complete."""

from __future__ import annotations

import click

from togetherctl.cli.console import put
from togetherctl.cli.shell_completion import SHELLS, script


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS), metavar="bash|zsh|fish")
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that lets your shell complete.

    \b
    bash   eval "$(togetherctl completion bash)"              in ~/.bashrc
    zsh    eval "$(togetherctl completion zsh)"               in ~/.zshrc, after compinit
    fish   togetherctl completion fish | source               in ~/.config/fish/config.fish

    Profiles, clusters and issuers are read from the store each time, without checking it.
    """  # noqa: D301 # \b keeps click from joining these lines
    root = context.find_root().command
    if isinstance(root, click.Group):
        put(script(shell, root), end="")
