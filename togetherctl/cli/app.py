"""What every command gets: the world, the console, and how to ask before it acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import click

from togetherctl.cli.console import Console
from togetherctl.errors import ExitCode, UsageError
from togetherctl.wiring import World


@dataclass
class App:
    """One run of the command line. `output` is the form of the payload: table, json, yaml or name."""

    environ: Mapping[str, str]
    verbosity: int = 0
    output: str = "table"
    make_world: Callable[..., World] = World
    console: Console = field(init=False)
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.console = Console(self.environ)
        log = self.console.log if self.verbosity else (lambda _line: None)
        self.world = self.make_world(self.environ, self.console, log=log)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Go on only if the person agrees. Raises UsageError where it cannot ask, and click's Exit at "no"."""
        if yes:
            return
        if not self.console.can_ask:
            raise UsageError("this command asks before it acts, and it cannot ask here", hint="say --yes")
        from togetherctl.cli.prompts import Prompts

        if not Prompts(self.environ).yes(question, default=False):
            self.console.say("Nothing was changed.")
            raise click.exceptions.Exit(ExitCode.FAILED)


pass_app = click.make_pass_decorator(App)
