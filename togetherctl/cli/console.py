"""Tell a person what happens, on stderr; `put` writes the payload to stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import monotonic

from togetherctl.errors import Remedy, TogetherctlError, remedy_of
from togetherctl.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import RenderableType
    from rich.progress import Task

    from togetherctl.auth.prompter import DeviceCode
    from togetherctl.usecases.reports import Line

PROGRAM = "togetherctl"
_LINES_BELOW = 4
_NARROWEST = 20


def tell(text: str) -> None:
    """Write a line to stderr. Where that is full or gone, the work goes on and ends as it would have."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        drop(sys.stderr)


def put(text: str, *, end: str = "\n") -> None:
    """Write a part of the payload to stdout."""
    # Not click's echo, which takes ASCII for a mistake and writes UTF-8 to a terminal that has said otherwise.
    sys.stdout.write(f"{text}{end}")
    sys.stdout.flush()


def drop(stream: TextIO) -> None:
    """Send what `stream` still holds, and all that follows, nowhere: it would only fail again at the very end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _fit(line: str) -> str:
    """`line` in pieces as wide as the terminal on stderr; a pipe has no width. Addresses and paths stay whole."""
    if len(line) < _NARROWEST or not sys.stderr.isatty():
        return line
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return line
    if width < _NARROWEST or len(line) <= width:
        return line
    import textwrap

    indent = " " * (len(line) - len(line.lstrip(" ")))
    # White space may be what lies between two columns.
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, replace_whitespace=False
    )


class Console:
    """Tells a person what happens. Whatever text it is given is made printable first.

    `for_a_client`: a Kubernetes client is the caller.
    """

    def __init__(self, environ: Mapping[str, str], *, for_a_client: bool = False) -> None:
        self._environ = environ
        # Whether a program has called us that may show stderr to no person.
        self.for_a_client = for_a_client
        # Before each line of waiting: which of several logins it is.
        self.progress = ""
        self._said: list[Remedy | None] = []
        # Whether a login that waits for a browser may read what is pasted at the terminal meanwhile.
        self.reads_pasted = False
        self._advised = False

    def say(self, sentence: str) -> None:
        """A sentence, broken between words where the terminal ends."""
        tell(_fit(printable(sentence, limit=4000)))

    def show_command(self, command: str) -> None:
        """A command to copy, on one line of its own however long it is."""
        tell(f"  {printable(command, limit=4000)}")

    def next_steps(self, sentence: str, *commands: str) -> None:
        """What was done, and the commands that usually follow."""
        self.say(f"{sentence} Next:")
        for command in commands:
            self.show_command(command)

    def warn(self, sentence: str) -> None:
        self._labelled("warning:", "yellow", printable(sentence, limit=4000))

    def note(self, sentence: str, hint: Remedy | str | None = None) -> None:
        """Something to know, and what can be done about it."""
        self._labelled("note:", "bold", printable(sentence, limit=4000))
        self._remedy(remedy_of(hint))

    def report(self, lines: Sequence[Line]) -> None:
        """What came of a command, in the words of `usecases/reports.py`."""
        for line in lines:
            if line.kind == "said":
                self.say(line.text)
            elif line.kind == "warning":
                self.warn(line.text)
            else:
                self.note(line.text, line.remedy)

    def advise(self, sentence: str, remedy: Remedy | None = None) -> None:
        if self.for_a_client and (self._advised or not sys.stderr.isatty()):
            return
        self._advised = True
        self.note(sentence, remedy)

    def log(self, line: str) -> None:
        """A line of detail for `-v`."""
        tell(f"{PROGRAM}: {printable(line, limit=4000)}")

    def error(self, error: TogetherctlError) -> None:
        """What failed, where, and what to do next."""
        self._labelled(f"{PROGRAM}:", "red", error.sentence())
        for problem in getattr(error, "problems", ()):
            tell(_fit(f"  {problem}"))
        # What is usual with such a failure is said once, of however many.
        if error.remedy or error.advice not in self._said:
            self._remedy(error.advice)
            self._said.append(error.advice)

    def _remedy(self, remedy: Remedy | None) -> None:
        if remedy and remedy.text:
            tell(_fit(f"  {remedy.hint}"))
        if remedy and remedy.command:
            tell(f"  {self._style('run:', 'bold')} {remedy.hint_command}")

    def _labelled(self, label: str, style: str, text: str) -> None:
        tell(f"{self._style(label, style)}{_fit(f'{label} {text}').removeprefix(label)}")

    def page(self, url: str, *, opened: bool) -> None:
        said = "Your browser has been opened at" if opened else "Open this address in your browser"
        text = f"{said}:\n\n  {printable(url, limit=8000)}\n"
        tell(text)
        if not opened:
            self._tell_on_terminal(text)

    @property
    def is_seen(self) -> bool:
        if not self.for_a_client or sys.stderr.isatty():
            return True
        from togetherctl.cli.caller_terminal import has_terminal

        return has_terminal()

    def _tell_on_terminal(self, text: str) -> None:
        """Repeat on the terminal what a client may not show of stderr."""
        if self.for_a_client and not sys.stderr.isatty():
            from togetherctl.cli.caller_terminal import say_on_terminal

            say_on_terminal(text)

    def device_code(self, device: DeviceCode, *, opened: bool) -> None:
        uri, code = printable(device.uri, limit=8000), printable(device.code)
        if opened:
            self.page(device.complete or device.uri, opened=True)
            tell(f"Check that it shows this code, or enter it there:\n\n  {self._style(code, 'bold')}\n")
            return
        picture = self._picture(device.complete or device.uri)
        if picture:
            # Address and code come last, where they stay in sight.
            tell("\n".join(picture))
            tell(f"Scan this, or open the address on any device, and enter the code:\n  {uri}")
            tell(f"  {self._style(code, 'bold')}")
            return
        text = f"Open this address on any device with a browser:\n\n  {uri}\n\nand enter this code:\n\n  "
        tell(f"{text}{self._style(code, 'bold')}\n")
        self._tell_on_terminal(f"{text}{code}\n")

    @property
    def can_ask(self) -> bool:
        from togetherctl.cli.typed_lines import can_ask

        return can_ask(self._environ)

    def ask_line(self, question: str, seconds: float) -> str:
        from togetherctl.cli.typed_lines import read_line

        return read_line(printable(question), seconds=seconds, hidden=False)

    def ask_secret(self, question: str, seconds: float) -> str:
        from togetherctl.cli.typed_lines import read_line

        return read_line(printable(question), seconds=seconds, hidden=True)

    @property
    def takes_pasted(self) -> bool:
        return self.reads_pasted and not self.for_a_client and sys.platform != "win32" and self.can_ask

    @contextmanager
    def pasted(self) -> Iterator[Callable[[], str | None]]:
        if not self.takes_pasted:
            yield lambda: None
            return
        from togetherctl.cli.hidden_lines import lines_pasted

        with lines_pasted() as read:
            yield read

    def go_on(self) -> None:
        """Do nothing: at a terminal, Ctrl-C ends it."""

    @contextmanager
    def waiting(self, what: str, seconds: float) -> Iterator[None]:
        if not sys.stderr.isatty() or self._environ.get("TERM") == "dumb":
            self.say(f"{self.progress}Waiting up to {seconds:.0f} s for {what}.")
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
            progress.add_task(f"{printable(self.progress)}Waiting for {what}", total=None)
            yield

    def _picture(self, address: str) -> list[str] | None:
        """A QR code, where the terminal has the room for it and for what is said below it."""
        encoding = (sys.stderr.encoding or "").lower().replace("-", "")
        if not sys.stderr.isatty() or self._environ.get("TERM") == "dumb" or encoding != "utf8":
            return None
        import shutil

        from togetherctl.qr import draw

        size = shutil.get_terminal_size()
        picture = draw(address)
        if picture is None or len(picture[0]) > size.columns or len(picture) + _LINES_BELOW > size.lines:
            return None
        if self._environ.get("NO_COLOR"):
            return picture
        # White on black whatever the terminal's own colours are.
        return [f"\x1b[97;40m{line}\x1b[0m" for line in picture]

    def _style(self, text: str, style: str) -> str:
        if not sys.stderr.isatty() or self._environ.get("NO_COLOR"):
            return text
        import click

        return click.style(text, bold=True) if style == "bold" else click.style(text, fg=style, bold=True)
