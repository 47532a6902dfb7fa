"""The terminal side of the engine's conversation: everything here goes to stderr."""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import click

from togetherctl.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType
    from rich.progress import Task

    from togetherctl.auth.conversation import DeviceCode
    from togetherctl.errors import TogetherctlError

PROGRAM = "togetherctl"
_COMMANDS = ("togetherctl ", "kubectl ", "chmod ", "chown ", "pip ")
_LINES_BELOW = 4


class Console:
    """Tells a person what happens. Whatever text it is given is made printable first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def say(self, sentence: str) -> None:
        click.echo(printable(sentence, limit=4000), err=True)

    def next_steps(self, sentence: str, *commands: str) -> None:
        """What was done, and the commands that usually follow."""
        self.say(f"{sentence} Next:")
        for command in commands:
            click.echo(f"  {printable(command, limit=1000)}", err=True)

    def warn(self, sentence: str) -> None:
        click.echo(f"{self._styled('warning:', 'yellow')} {printable(sentence, limit=4000)}", err=True)

    def log(self, line: str) -> None:
        """A line of detail for `-v`."""
        click.echo(f"{PROGRAM}: {printable(line, limit=4000)}", err=True)

    def error(self, error: TogetherctlError) -> None:
        """What failed, where, and what to do next."""
        click.echo(f"{self._styled(f'{PROGRAM}:', 'red')} {error.sentence()}", err=True)
        for problem in getattr(error, "problems", ()):
            click.echo(f"  {problem}", err=True)
        if error.hint:
            # A hint that is a command can be copied as it stands.
            label = f"{self._styled('run:', 'bold')} " if error.hint.startswith(_COMMANDS) else ""
            click.echo(f"  {label}{error.hint}", err=True)

    def page(self, url: str, *, opened: bool) -> None:
        said = "Your browser has been opened at" if opened else "Open this address in your browser"
        click.echo(f"{said}:\n\n  {printable(url, limit=8000)}\n", err=True)

    def device_code(self, device: DeviceCode, *, opened: bool) -> None:
        uri, code = printable(device.uri, limit=8000), printable(device.code)
        if opened:
            self.page(device.complete or device.uri, opened=True)
            click.echo(
                f"Check that it shows this code, or enter it there:\n\n  {self._styled(code, 'bold')}\n", err=True
            )
            return
        picture = self._picture(device.complete or device.uri)
        if picture:
            # Address and code come last, where they stay in sight.
            click.echo("\n".join(picture), err=True)
            click.echo(f"Scan this, or open the address on any device, and enter the code:\n  {uri}", err=True)
            click.echo(f"  {self._styled(code, 'bold')}", err=True)
            return
        click.echo(f"Open this address on any device with a browser:\n\n  {uri}\n", err=True)
        click.echo(f"and enter this code:\n\n  {self._styled(code, 'bold')}\n", err=True)

    @property
    def can_ask(self) -> bool:
        from togetherctl.commands.prompt import can_ask

        return can_ask(self._environ)

    def ask_line(self, question: str, seconds: float) -> str:
        from togetherctl.commands.prompt import read_line

        return read_line(printable(question), seconds=seconds, hidden=False)

    def ask_secret(self, question: str, seconds: float) -> str:
        from togetherctl.commands.prompt import read_line

        return read_line(printable(question), seconds=seconds, hidden=True)

    @contextmanager
    def waiting(self, what: str, seconds: float) -> Iterator[None]:
        if not sys.stderr.isatty() or self._environ.get("TERM") == "dumb":
            self.say(f"Waiting up to {seconds:.0f} s for {what}.")
            yield
            return
        from rich.console import Console as Terminal
        from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn
        from rich.text import Text

        ends = monotonic() + seconds

        class Left(ProgressColumn):
            def render(self, task: Task) -> RenderableType:
                left = max(int(ends - monotonic()), 0)
                return Text(f"{left // 60}:{left % 60:02} left, Ctrl-C cancels", style="dim")

        terminal = Terminal(stderr=True, no_color=bool(self._environ.get("NO_COLOR")), highlight=False)
        columns = (SpinnerColumn("line", style="none"), TextColumn("{task.description}", markup=False), Left())
        with Progress(*columns, console=terminal, transient=True) as progress:
            progress.add_task(f"Waiting for {what}", total=None)
            yield

    def _picture(self, address: str) -> list[str] | None:
        """A QR code, where the terminal has the room for it and for what is said below it."""
        encoding = (sys.stderr.encoding or "").lower().replace("-", "")
        if not sys.stderr.isatty() or self._environ.get("TERM") == "dumb" or encoding != "utf8":
            return None
        from togetherctl.commands.qr import draw

        size = shutil.get_terminal_size()
        picture = draw(address)
        if picture is None or len(picture[0]) > size.columns or len(picture) + _LINES_BELOW > size.lines:
            return None
        if self._environ.get("NO_COLOR"):
            return picture
        # White on black whatever the terminal's own colours are.
        return [f"\x1b[97;40m{line}\x1b[0m" for line in picture]

    def _styled(self, text: str, style: str) -> str:
        if not sys.stderr.isatty() or self._environ.get("NO_COLOR"):
            return text
        return click.style(text, bold=True) if style == "bold" else click.style(text, fg=style, bold=True)
