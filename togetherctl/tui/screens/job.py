"""Show how a job goes: where to log in, its questions, its steps, what failed and what to do."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Paste
from textual.widgets import Input, Static

from togetherctl.qr import draw
from togetherctl.tui.context import AppContext
from togetherctl.tui.job import Job, Status, Step
from togetherctl.tui.job_prompter import LineQuestion, Page, Said
from togetherctl.tui.screens.dialog import Box, Scroll

_LOOK_EVERY = 0.1
_MARKS = {
    Status.RUNNING: ("… ", "$text-muted"),
    Status.DONE: ("√ ", "$text-success"),
    Status.FAILED: ("× ", "$text-error"),
    Status.CANCELLED: ("- ", "$text-muted"),
}
# How many cells and lines the text beside and below a QR code needs.
_COLUMNS_BESIDE, _LINES_BELOW = 34, 6


class JobScreen(Box[None]):
    """Shows `job` while it runs, and closes by itself if all goes well."""

    DEFAULT_CSS = """
    JobScreen {
        #page { height: auto; margin: 1 0 0 0; display: none; }
        #qr { width: auto; height: auto; margin: 0 2 0 0; display: none; }
        #where { width: 1fr; height: auto; }
        #lines { margin: 1 0 0 0; display: none; }
        #asked { margin: 1 0 0 0; display: none; }
        #answer { display: none; }
        #wait { margin: 1 0 0 0; color: $text-muted; display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("escape,enter,q", "close", "Close"),
        Binding("c,ctrl+y", "copy", "Copy"),
        Binding("o,ctrl+o", "open", "Open browser"),
        Binding("r", "again", "Try again"),
        Binding("p", "paste_address", "Paste address"),
        Binding("b", "leave", "To the background"),
    ]

    app: AppContext

    def __init__(self, job: Job[Any]) -> None:
        super().__init__(job.title)
        self.job = job
        self._asked: LineQuestion | None = None
        self._pasting = False
        self._seen: object = None
        self._page: Page | None = None
        self._lines = 0
        self._told = ""

    def inside(self) -> ComposeResult:
        with Scroll():
            yield Static(id="steps", markup=False)
            with Horizontal(id="page"):
                yield Static(id="qr", markup=False)
                yield Static(id="where", markup=False)
            yield Static(id="lines", markup=False)

    def below(self) -> ComposeResult:
        yield Static(id="asked", markup=False)
        yield Input(id="answer", compact=True)
        yield Static(id="wait", markup=False)

    def on_mount(self) -> None:
        self._look()
        self.set_interval(_LOOK_EVERY, self._look)

    def on_resize(self) -> None:
        self._seen = None

    # What there is to see

    def _look(self) -> None:
        job, prompter = self.job, self.job.prompter
        over = job.status is not Status.RUNNING
        # Below another screen this one is current too: dismiss there would take the other one away.
        if over and not job.worth_reading and self.app.screen is self:
            self.dismiss()
            return
        self._show_wait()
        question = prompter.question or (prompter.paste_here if self._pasting else None)
        self._pasting = self._pasting and question is prompter.paste_here is not None
        seen = (
            job.steps,
            prompter.lines,
            prompter.shown,
            question,
            prompter.paste_here,
            job.status,
            prompter.cancelled,
        )
        if seen == self._seen:
            return
        self._seen = seen
        self._put("#steps", Content("\n").join(_step(step) for step in job.steps))
        self._put("#lines", Content("\n").join(_line(line) for line in prompter.lines))
        self._show_page(prompter.shown)
        self._ask(question)
        self._show_news()
        self.refresh_bindings()

    def _show_news(self) -> None:
        """What is said long after the page was shown is brought into view; until then the page counts more."""
        page, lines = self.job.prompter.shown, len(self.job.prompter.lines)
        if lines > self._lines and page is not None and page is self._page:
            # Again when the new lines have their place: the scrollbar that they need makes them longer.
            scroll = self.query_one(Scroll)
            scroll.scroll_end(animate=False)
            self.set_timer(_LOOK_EVERY, lambda: scroll.scroll_end(animate=False))
        self._page, self._lines = page, lines

    def _put(self, place: str, content: Content) -> None:
        widget = self.query_one(place, Static)
        widget.update(content)
        widget.display = bool(content.plain)

    def _show_wait(self) -> None:
        prompter, text = self.job.prompter, ""
        wait = prompter.wait
        if self.job.status is Status.RUNNING and prompter.cancelled:
            text = "Cancelling, as soon as the network request has ended …"
        elif wait is not None:
            text = f"Waiting for {wait.what}: {wait.left // 60}:{wait.left % 60:02} left"
        if text != self._told:
            self._told = text
            self._put("#wait", Content(text))

    def _show_page(self, page: Page | None) -> None:
        self.query_one("#page").display = page is not None
        if page is None:
            return
        picture = self._picture(page)
        drawing = Content.styled("\n".join(picture), "#ffffff on #000000") if picture else Content("")
        self._put("#qr", drawing)
        self.query_one("#where", Static).update(_where(page, drawn=bool(picture)))

    def _picture(self, page: Page) -> list[str] | None:
        """A QR code for a page to open on another device, if there is room for it."""
        if page.device is None:
            return None
        picture = draw(page.url)
        size = self.app.size
        if picture is None or len(picture[0]) + _COLUMNS_BESIDE > min(size.width, 100):
            return None
        return picture if len(picture) + _LINES_BELOW <= size.height else None

    def _ask(self, question: LineQuestion | None) -> None:
        if question is self._asked:
            return
        self._asked = question
        answer = self.query_one("#answer", Input)
        answer.value = ""
        answer.display = question is not None
        self._put("#asked", Content(question.text.strip() if question else ""))
        if question is None:
            self.query_one(Scroll).focus()
            return
        answer.password = question.hidden
        answer.placeholder = "stays hidden; Enter sends it" if question.hidden else "Enter sends it"
        if self.job.prompter.shown is not None:
            answer.placeholder += "; ctrl+y copies the link"
        answer.focus()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        page, over = self.job.prompter.shown, self.job.status is not Status.RUNNING
        possible = {
            "copy": page is not None or bool(self._commands()),
            "open": page is not None,
            "again": over and self.job.failed and self.job.repeatable,
            "close": over,
            "cancel": not over,
            "leave": not over and self.job.prompter.question is None,
            "paste_address": self._paste_here is not None and not self._pasting,
        }
        return possible.get(action, True)

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        submitted.stop()
        if self._asked is not None:
            self._asked.answer(submitted.value)
            submitted.input.value = ""
            self._pasting = False

    @property
    def _paste_here(self) -> LineQuestion | None:
        """Where a pasted address goes while a browser is waited for and nothing is asked."""
        return self.job.prompter.paste_here if self.job.prompter.question is None else None

    def on_paste(self, event: Paste) -> None:
        """The terminal's own way to paste needs no field."""
        place = self._paste_here
        if place is not None and event.text.strip():
            event.stop()
            place.answer(event.text)

    def action_paste_address(self) -> None:
        """Open a field for the address of the browser's last page."""
        self._pasting = True
        self._look()

    def action_cancel(self) -> None:
        """Close the field for an address, else cancel the job; a second Esc closes the box while the job ends."""
        if self._pasting:
            self._pasting = False
            self._look()
            return
        if self.job.prompter.cancelled:
            self.dismiss()
            return
        self.job.prompter.cancel()
        self._look()

    def action_leave(self) -> None:
        self.dismiss()

    def action_again(self) -> None:
        self.dismiss()
        self.app.jobs.start(self.job.again())

    def action_copy(self) -> None:
        page = self.job.prompter.shown
        commands = self._commands()
        if page is None and not commands:
            return
        self.app.copy_to_clipboard(page.url if page else "\n".join(commands))
        self.app.notify("Copied, if your terminal takes it (OSC 52).", markup=False)

    def action_open(self) -> None:
        page = self.job.prompter.shown
        if page is not None:
            self.app.jobs.open_browser(page.url, self.job)

    def _commands(self) -> list[str]:
        return [step.command for step in self.job.steps if step.command]


def _step(step: Step) -> Content:
    mark, style = _MARKS[step.status]
    name = f"{step.name}: " if step.name else ""
    parts: list[str | tuple[str, str]] = [(mark, style), (name, "bold"), step.text]
    parts += [f"\n  {line}" for line in step.more]
    if step.command:
        parts += [("\n  Run: ", "$text-muted"), (step.command, "bold")]
    return Content.assemble(*parts)


def _line(line: Said) -> Content:
    if line.warning:
        return Content.assemble(("! ", "$text-warning"), line.text)
    if line.command is None:
        return Content(f"  {line.text}")
    return Content.assemble(f"  {line.text}\n", ("  Run: ", "$text-muted"), (line.command, "bold"))


def _where(page: Page, *, drawn: bool) -> Content:
    """Where to go, and the code to enter there."""
    if page.device is None:
        said = "Your browser has been opened at:" if page.opened else "Open this address in your browser:"
        return Content.assemble(said, "\n\n", (page.url, "bold"))
    if page.opened:
        return Content.assemble(
            "Your browser has been opened at:\n\n",
            (page.url, "bold"),
            "\n\nCheck that it shows this code, or enter it there:\n\n",
            (page.device.code, "bold reverse"),
        )
    said = "Scan this, or open on any device:" if drawn else "Open on any device with a browser:"
    return Content.assemble(
        said,
        "\n\n",
        (page.device.uri, "bold"),
        "\n\nand enter this code:\n\n",
        (f" {page.device.code} ", "bold reverse"),
    )
