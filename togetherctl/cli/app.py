"""What every command gets: the world, the console, and how to ask before it acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import click

from togetherctl.cli.console import Console
from togetherctl.errors import ExitCode, UsageError
from togetherctl.paths import tilde
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

    def confirm_write(
        self, said: Sequence[str] = (), diff: str = "", *, yes: bool, question: str = "Write this?"
    ) -> None:
        """Say in `said` what is written where, and go on only if the person agrees; Enter alone agrees.

        A `diff` that is short follows at once, `d` shows a long one. With `yes`, and where it cannot ask, it goes on.
        Raises click's Exit at "no".
        """
        self._say(said)
        if not yes and self.console.can_ask:
            self._ask(question, diff, default=True)

    def agrees_to_write(self, said: Sequence[str], diff: str = "", *, yes: bool, question: str = "Write this?") -> bool:
        """As `confirm_write`, for what comes after the work: a "no" leaves out this step alone."""
        if yes or not self.console.can_ask:
            return True
        from togetherctl.cli.prompts import Prompts

        self._say(said)
        return Prompts(self.environ).agrees(question, diff, default=True)

    def confirm(
        self, question: str, *, yes: bool, said: Sequence[str] = (), diff: str = "", unasked: bool = False
    ) -> None:
        """The same for what deletes, replaces or moves something: Enter alone is a "no".

        Where it cannot ask, it goes on only if `unasked`, else raises UsageError.
        """
        self._say(said)
        if yes:
            return
        if self.console.can_ask:
            self._ask(question, diff, default=False)
        elif not unasked:
            raise UsageError("this command asks before it acts, and it cannot ask here", hint="say --yes")

    def say_it_is_empty(self, kind: str = "profile") -> None:
        """Say that the configuration has no entry of this kind, and the command that brings the first."""
        config = self.world.config
        self.console.say(f"There is no {kind} in {tilde(config.path, self.environ)} yet.")
        self.console.show_command("togetherctl init")

    def _say(self, said: Sequence[str]) -> None:
        for line in said:
            self.console.say(line)

    def _ask(self, question: str, diff: str, *, default: bool) -> None:
        from togetherctl.cli.prompts import Prompts

        if not Prompts(self.environ).agrees(question, diff, default=default):
            self.console.say("Nothing was changed.")
            raise click.exceptions.Exit(ExitCode.FAILED)


pass_app = click.make_pass_decorator(App)
