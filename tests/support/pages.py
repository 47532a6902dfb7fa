"""What the pages show to be typed, line by line, and the commands of ours that it calls."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import click

from tests.conftest import ROOT
from togetherctl.cli.lazy import LazyGroup
from togetherctl.commands.root import root

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^ *```(?P<kind>\w*)\n(?P<text>.*?)^ *```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Typed:
    """One line that a page tells people to type, without its comment."""

    page: str
    line: str


def typed_on(page: Path) -> list[Typed]:
    """Every line of the `sh` blocks, and those of the `console` blocks that stand behind a prompt."""
    lines = list[str]()
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        text = block["text"].replace("\\\n", " ")
        if block["kind"] == "sh":
            lines += [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        elif block["kind"] == "console":
            lines += [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
    return [Typed(page.name, re.sub(r"\s+# .*", "", line).strip()) for line in lines]


def find_command(line: str) -> tuple[click.Command, list[str]]:
    """The command of `togetherctl` that the line calls, and the words after it."""
    words = shlex.split(line)[1:]
    command: click.Command = root
    while isinstance(command, LazyGroup) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, line
        command = found
    return command, words
