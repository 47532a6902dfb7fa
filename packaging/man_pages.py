"""Write the man pages of every command, and the completions of every shell, as a package installs them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from click_man.core import write_man_pages

from togetherctl.commands.kubectl_plugin import plugin
from togetherctl.commands.root import root
from togetherctl.kubelogin import PLUGIN

_COMPLETIONS = {
    "bash": "bash-completion/completions/togetherctl",
    "zsh": "zsh/site-functions/_togetherctl",
    "fish": "fish/vendor_completions.d/togetherctl.fish",
}


def _load(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Each command below this one with the name of its page.

    A group of ours knows its verbs by name; click-man looks only at those that are loaded.
    """
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for verb in command.list_commands(context):
            found = command.get_command(context, verb)
            if found is not None and not found.hidden:
                command.commands[verb] = found
                yield from _load(found, f"{name}-{verb}")


def _examples(lines: Sequence[str]) -> str:
    """A section of a page; troff takes every character of it as it stands."""
    text = "\n".join(lines).replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f".SH EXAMPLES\n.EX\n{text}\n.EE\n"


def write(folder: Path, version: str, date: str) -> None:
    """Write them below `folder`, as below a prefix's share/."""
    pages = folder / "man/man1"
    pages.mkdir(parents=True)
    for program, commands in (("togetherctl", root), (PLUGIN, plugin)):
        loaded = list(_load(commands, program))
        write_man_pages(program, commands, version=version, date=date, target_dir=str(pages))
        for name, command in loaded:
            lines: Sequence[str] = getattr(command, "examples", ())
            # click-man puts a hyphen where the name of a command has a space.
            page = pages / f"{name.replace(' ', '-')}.1"
            if lines:
                with page.open("a") as file:
                    file.write(_examples(lines))
            # The page is found by the name of the program's file.
            page.rename(pages / page.name.replace("kubectl-together-login", "kubectl-together_login"))
    for shell, place in _COMPLETIONS.items():
        done = subprocess.run(
            [sys.executable, "-m", "togetherctl", "completion", shell], check=True, capture_output=True
        )
        path = folder / place
        path.parent.mkdir(parents=True)
        path.write_bytes(done.stdout)
