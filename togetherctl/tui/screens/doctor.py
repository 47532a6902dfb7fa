"""Doctor: what is wrong, as checks find it, with what fixes it to copy or to run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Collapsible, Static
from textual.widgets._collapsible import CollapsibleTitle

from togetherctl.auth.prompter import Cancelled
from togetherctl.printable import printable
from togetherctl.tui.context import AppContext
from togetherctl.tui.screens.dialog import Box, Question

if TYPE_CHECKING:
    from togetherctl.doctor.examine import Result
    from togetherctl.errors import TogetherctlError
    from togetherctl.finding import Mend, Status

_MARKS: dict[Status, tuple[str, str]] = {
    "failed": ("× ", "$text-error"),
    "warning": ("! ", "$text-warning"),
    "ok": ("√ ", "$text-success"),
    "skipped": ("- ", "$text-muted"),
}
_FINE = "In order"
_SKIPPED = "Not looked at"
_PROGRAMS = ("togetherctl ", "kubectl ")
# So many running checks are named.
_NAMED = 2


class Found(Collapsible):
    """One thing that is wrong: open from the start, so that a person sees what it is."""

    def __init__(self, result: Result) -> None:
        super().__init__(
            Static(_explain(result), markup=False), collapsed=False, collapsed_symbol="▸", expanded_symbol="▾"
        )
        self.result = result
        # As content, because a title that is text would be read as markup.
        self.query_title.label = _title(result)

    @property
    def query_title(self) -> CollapsibleTitle:
        return self._title

    @property
    def command(self) -> str | None:
        remedy = self.result.finding.remedy
        return remedy.hint_command if remedy else None

    @property
    def mend(self) -> Mend | None:
        return self.result.finding.mend


class Group(Collapsible):
    """Results that need no person, a line each, folded away."""

    def __init__(self, title: str) -> None:
        super().__init__(Static(markup=False), collapsed_symbol="▸", expanded_symbol="▾")
        self.titled = title
        self.results: list[Result] = []
        self.display = False

    def add(self, result: Result) -> None:
        self.results.append(result)
        self.display = True
        self._title.label = Content(f"{self.titled}: {len(self.results)}")
        self.query_one("Contents > Static", Static).update(
            Content("\n").join(Content.assemble(_title(one), f": {_message(one)}") for one in self.results)
        )

    def clear(self) -> None:
        self.results.clear()
        self.display = False


class Results(VerticalScroll, inherit_bindings=False, can_focus=False):
    """Scrolls with the cursor and by the page; the other keys move the cursor."""


class DoctorScreen(Box[None]):
    """Runs the checks on a thread for `profiles` (all, where none is named) or `clusters`, and shows what they find."""

    DEFAULT_CSS = """
    DoctorScreen {
        & > #box { height: 100%; }
        #found { height: 1fr; background: $surface; scrollbar-size-vertical: 1; }
        #failed, #warning { height: auto; }
        #nothing { display: none; margin: 1 1; }
        #doing { color: $text-muted; margin: 1 0 0 0; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        Collapsible, Collapsible:ansi { border-top: none; padding: 0; background: $surface; }
        Collapsible:focus-within { background-tint: $foreground 0%; }
        /* What is told stands above the keys. */
        ToastRack { margin-bottom: 4; }
        Contents { padding: 0 0 0 4; }
        CollapsibleTitle { width: 1fr; color: $text; }
        CollapsibleTitle:focus { background: $primary 22%; color: $text; text-style: bold; }
        CollapsibleTitle:nocolor:focus { text-style: reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close"),
        Binding("ctrl+c", "close", show=False, priority=True),
        Binding("c", "copy", "Copy command"),
        Binding("f", "mend", "Fix"),
        Binding("F", "mend_all", "Fix all"),
        Binding("r", "again", "Look again"),
        Binding("j,down", "move(1)", show=False),
        Binding("k,up", "move(-1)", show=False),
        Binding("g,home", "end(0)", show=False),
        Binding("G,end", "end(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
    ]

    app: AppContext

    def __init__(self, title: str, profiles: Sequence[str], clusters: Sequence[str]) -> None:
        super().__init__(title)
        self._profiles = profiles
        self._clusters = clusters
        self._over = threading.Event()
        self._looking = False
        self._mending = False
        # Whether a person has moved the cursor among these results.
        self._moved = False

    def inside(self) -> ComposeResult:
        with Results(id="found"):
            yield Static("Nothing is wrong.", id="nothing", markup=False)
            yield Vertical(id="failed")
            yield Vertical(id="warning")
            yield Group(_FINE)
            yield Group(_SKIPPED)

    def below(self) -> ComposeResult:
        yield Static(id="doing", markup=False)

    def on_mount(self) -> None:
        self._look()

    def on_unmount(self) -> None:
        self._over.set()

    # Looking

    def _look(self) -> None:
        """Run all checks on a thread; what is shown of earlier ones goes."""
        self._looking, self._moved = True, False
        self.query_one("#nothing").display = False
        for place in ("#failed", "#warning"):
            self.query_one(place).remove_children()
        for group in self.query(Group):
            group.clear()
        self._say("Looking …")
        self.refresh_bindings()
        self.app.run_worker(self._examine, thread=True, group="doctor", name=self.titled)

    def _examine(self) -> None:
        from togetherctl.doctor.examine import examine
        from togetherctl.doctor.facts import Facts
        from togetherctl.doctor.quiet import quiet

        told: list[str] = []

        def progress(running: Sequence[str]) -> None:
            names = list(dict.fromkeys(running))
            if names and names != told:
                told[:] = names
                more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
                self._tell(self._say, f"Looking: {'; '.join(names[:_NAMED])}{more} …")

        def go_on() -> None:
            if self._over.is_set():
                raise Cancelled

        facts = Facts(quiet(self.app.world, lambda _line: None), self._profiles, self._clusters)
        with suppress(Cancelled):
            examine(facts, each=lambda result: self._tell(self._show, result), progress=progress, go_on=go_on)
            self._tell(self._end)

    def _tell(self, do: Callable[..., object], *given: object) -> None:
        """Have the app's thread do it, unless the screen has gone meanwhile."""

        def there() -> None:
            if self.is_attached and not self._over.is_set():
                do(*given)

        if not self._over.is_set():
            # The app may end at this very moment.
            with suppress(RuntimeError):
                self.app.call_from_thread(there)

    def _show(self, result: Result) -> None:
        status = result.finding.status
        if status in ("failed", "warning"):
            found = Found(result)
            self.query_one(f"#{status}").mount(found)
            self.call_after_refresh(self._begin_at_first)
        else:
            self._group(_FINE if status == "ok" else _SKIPPED).add(result)

    def _begin_at_first(self) -> None:
        """Have the cursor on what is worst, until a person moves it."""
        titles = self._titles()
        if titles and not self._moved:
            titles[0].focus(scroll_visible=False)

    def _end(self) -> None:
        self._looking = False
        self.call_after_refresh(self._begin_at_first)
        failed, warnings = (len(self.query_one(place).children) for place in ("#failed", "#warning"))
        self.query_one("#nothing").display = not failed and not warnings
        counted = [f"{failed} failed"] if failed else []
        counted += [f"{warnings} warning{'' if warnings == 1 else 's'}"] if warnings else []
        said = ", ".join(counted) or "All that was looked at is in order"
        mends = len(self._mends())
        self._say(f"{said}; togetherctl may fix {mends} of them." if mends else f"{said}.")
        self.refresh_bindings()

    def _say(self, text: str) -> None:
        self.query_one("#doing", Static).update(Content(printable(text, limit=400)))

    def _group(self, title: str) -> Group:
        return next(group for group in self.query(Group) if group.titled == title)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        found, idle = self._chosen, not self._looking and not self._mending
        possible = {
            "copy": found is not None and found.command is not None,
            "mend": idle and found is not None and found.mend is not None,
            "mend_all": idle and bool(self._mends()),
            "again": idle,
        }
        return possible.get(action, True)

    def on_descendant_focus(self) -> None:
        self.refresh_bindings()

    @property
    def _chosen(self) -> Found | None:
        """The finding under the cursor."""
        focused = self.focused
        return next((one for one in focused.ancestors if isinstance(one, Found)), None) if focused else None

    def _titles(self) -> list[CollapsibleTitle]:
        return [title for title in self.query(CollapsibleTitle) if title.parent is not None and title.parent.display]

    def action_move(self, by: int) -> None:
        titles = self._titles()
        if titles:
            at = titles.index(self.focused) if isinstance(self.focused, CollapsibleTitle) else -1
            self._stand_on(titles[min(max(at + by, 0), len(titles) - 1)])

    def action_end(self, place: int) -> None:
        if titles := self._titles():
            self._stand_on(titles[place])

    def action_page(self, by: int) -> None:
        results = self.query_one(Results)
        results.scroll_relative(y=by * max(results.size.height - 1, 1), animate=False)

    def _stand_on(self, title: CollapsibleTitle) -> None:
        self._moved = True
        title.focus(scroll_visible=False)
        # All of it, not its title alone.
        if title.parent is not None:
            self.query_one(Results).scroll_to_widget(title.parent, animate=False)  # type: ignore[arg-type] # a widget

    def action_copy(self) -> None:
        if self._chosen is not None and self._chosen.command is not None:
            self.app.copy_to_clipboard(self._chosen.command)
            self.app.notify("Copied, if your terminal takes it (OSC 52).", markup=False)

    def action_again(self) -> None:
        self._look()

    def action_mend(self) -> None:
        if self._chosen is not None and self._chosen.mend is not None:
            self._ask([self._chosen.mend])

    def action_mend_all(self) -> None:
        self._ask(self._mends())

    def _mends(self) -> list[Mend]:
        from togetherctl.doctor.mending import mends_of

        return mends_of([found.result for found in self.query(Found)])

    # Mending

    def _ask(self, mends: Sequence[Mend]) -> None:
        """Ask, then mend as `doctor --fix` does, and look again. Nothing is done that was not agreed to."""
        lines = [as_sentence(mend.what) for mend in mends]
        Question(self.titled, "Fix this?", lines).ask(self.app, lambda: self._start_mending(mends))

    def _start_mending(self, mends: Sequence[Mend]) -> None:
        self._mending = True
        self._say("Fixing …")
        self.refresh_bindings()
        self.app.run_worker(lambda: self._mend(mends), thread=True, group="doctor", name=self.titled)

    def _mend(self, mends: Sequence[Mend]) -> None:
        from togetherctl.doctor.mending import carry_out

        def failed(error: TogetherctlError) -> None:
            self._notify(error.sentence(), failed=True)

        carry_out(mends, done=lambda mend: self._notify(mend.done), failed=failed)
        with suppress(RuntimeError):
            self.app.call_from_thread(self.app.watcher.look_now)
        self._tell(self._after_mending)

    def _notify(self, text: str, *, failed: bool = False) -> None:
        # What was done is said though the screen may have gone.
        with suppress(RuntimeError):
            self.app.call_from_thread(
                self.app.notify, printable(text, limit=400), severity="error" if failed else "information", markup=False
            )

    def _after_mending(self) -> None:
        self._mending = False
        self._look()


def _title(result: Result) -> Content:
    mark, style = _MARKS[result.finding.status]
    subject = f": {printable(result.subject, limit=200)}" if result.subject else ""
    return Content.assemble((mark, style), f"{result.check.title}{subject}")


def _message(result: Result) -> str:
    return printable(result.finding.message, limit=2000)


def _explain(result: Result) -> Content:
    finding = result.finding
    parts: list[str | tuple[str, str]] = [as_sentence(_message(result))]
    if finding.remedy is not None and finding.remedy.text:
        hint = printable(finding.remedy.hint, limit=2000)
        # What is to be typed with a value of one's own stays as it is.
        parts.append(f"\n{hint if hint.startswith(_PROGRAMS) else as_sentence(hint)}")
    if finding.remedy is not None and finding.remedy.command:
        parts += [("\nRun: ", "$text-muted"), (printable(finding.remedy.hint_command, limit=2000), "bold")]
    if finding.mend is not None:
        parts += ["\n", ("f", "bold"), (" fixes it: ", "$text-muted"), printable(finding.mend.what, limit=2000)]
    return Content.assemble(*parts)


def as_sentence(text: str) -> str:
    """With its first word as a sentence begins, where that is a word: no key, host, file or program's name."""
    first = text.partition(" ")[0].rstrip(",:;").removesuffix("'s")
    begins = text[:1].upper() if first.isalpha() and not text.startswith(_PROGRAMS) else text[:1]
    return f"{begins}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"
