"""The agent's screen: whether it runs, what waits, which answers still count, and what it handed out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from togetherctl.agent.choices import clock_time
from togetherctl.agent.questions import host_in_words
from togetherctl.errors import TogetherctlError
from togetherctl.humanize import time_left
from togetherctl.printable import printable
from togetherctl.tui.context import AppContext
from togetherctl.tui.screens.dialog import Box, Question, Scroll

if TYPE_CHECKING:
    from togetherctl.usecases.agent_view import AgentView, Stamp

_EVERY = 1.0
_STYLES = {"given": "$text-success", "forbidden": "$text-error"}


class AgentScreen(Box[None]):
    """Looks at the agent on a thread, again whenever something changed."""

    DEFAULT_CSS = """
    AgentScreen {
        & > #box { height: 100%; }
        #all { height: 1fr; }
        Static.heading { text-style: bold; margin: 1 0 0 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close"),
        Binding("a", "answer", "Answer"),
        Binding("x", "cancel", "Cancel login"),
        Binding("f", "forget", "Forget answers"),
    ]

    app: AppContext

    def __init__(self) -> None:
        super().__init__("Agent")
        self.view: AgentView | None = None
        self._stamp: Stamp | None = None

    def inside(self) -> ComposeResult:
        with Scroll(id="all"):
            yield Static("Looking …", id="text", markup=False)

    def on_mount(self) -> None:
        self.query_one("#all").focus()
        self.set_interval(_EVERY, self._tick)
        self._tick()

    def _tick(self) -> None:
        self.run_worker(self._look, thread=True, group="look at the agent", exclusive=True)

    def _look(self) -> None:
        from togetherctl.usecases.agent_view import look_at_agent, stamp_of_agent

        paths, now = self.app.world.paths, self.app.now()
        stamp = stamp_of_agent(paths)
        view = self.view
        if stamp != self._stamp or view is None:
            self._stamp = stamp
            view = look_at_agent(paths, now=now)
        self.app.call_from_thread(self.show, view)

    def show(self, view: AgentView) -> None:
        """Show what was found; times that are left run on."""
        self.view = view
        if self.query("#text"):
            self.query_one("#text", Static).update(Content("\n").join(_lines(view, self.app.now())))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # Textual's
        view = self.view
        if action == "answer":
            return view is not None and any(not one.runs for one in view.questions)
        if action == "cancel":
            return view is not None and any(one.runs for one in view.questions)
        if action == "forget":
            return view is not None and bool(view.remembered)
        return True

    def action_answer(self) -> None:
        if self.view is not None:
            self.app.agent.ask(next(one for one in self.view.questions if not one.runs))

    def action_cancel(self) -> None:
        if self.view is not None:
            self.app.agent.cancel(next(one for one in self.view.questions if one.runs))

    def action_forget(self) -> None:
        Question(
            "Forget answers",
            "Forget what you answered? The agent asks you again.",
            [text.plain for text in _remembered(self.view, self.app.now())] if self.view else (),
        ).ask(self.app, self._forget)

    def _forget(self) -> None:
        from togetherctl.usecases.agent_questions import forget_answers

        try:
            forget_answers(self.app.world.paths, now=self.app.now())
        except TogetherctlError as error:
            self.app.notify(error.sentence(), severity="error", markup=False)
        self._tick()


def _lines(view: AgentView, now: float) -> Iterator[Content]:
    yield from _state(view, now)
    if view.questions:
        yield from _heading("Waiting for you")
        for one in view.questions:
            yield Content.assemble((one.sentence, "bold"), (f" {time_left(one.ends_at - now)} left", "$text-muted"))
    if view.remembered:
        yield from _heading("Answers that still count")
        yield from _remembered(view, now)
    yield from _heading("Handed out, the newest first")
    if not view.entries:
        yield Content.styled("Nothing yet.", "$text-muted")
    for entry in view.entries:
        answer = printable(entry.get("answer"), limit=40)
        host = entry.get("host")
        yield Content.assemble(
            (f"{_when(entry.get('time'), now)}  ", "$text-muted"),
            f"{printable(entry.get('what'), limit=12):<10}  {printable(entry.get('profile'), limit=80)}  ",
            f"{printable(host, limit=100) if isinstance(host, str) else '(host not known)'}  ",
            (answer, _STYLES.get(answer, "$text-warning")),
        )


def _state(view: AgentView, now: float) -> Iterator[Content]:
    if view.problem is not None:
        yield Content.styled(view.problem.sentence(), "$text-error")
    elif view.status is None:
        yield Content("No agent runs. Nothing needs it: kubectl gets its credentials as before.")
        yield Content.styled("It starts with: togetherctl agent start", "$text-muted")
    else:
        status = view.status
        pid, socket = (printable(status.get(name), limit=200) for name in ("pid", "socket"))
        since = _when(status.get("since"), now)
        yield Content.assemble(("The agent runs", "$text-success"), f", process {pid}, since {since}.")
        yield Content.styled(f"It answers at {socket}", "$text-muted")
        problem = status.get("problem")
        if isinstance(problem, dict):
            said = printable(problem.get("message"), limit=1000)
            yield Content.styled(f"Nothing is handed out: {said}", "$text-error")
        hosts = status.get("hosts")
        if hosts:
            yield Content(f"Forwarded to {', '.join(printable(host, limit=100) for host in hosts)}.")
        yield from _profiles(status.get("profiles") or ())


def _profiles(profiles: object) -> Iterator[Content]:
    out = [
        f"{printable(one.get('name'), limit=80)} ({printable(one.get('forward'), limit=10)})"
        for one in (profiles if isinstance(profiles, list) else ())
        if isinstance(one, dict) and one.get("forward") in ("ask", "always")
    ]
    if out:
        yield Content(f"It may hand out {', '.join(out)}.")
    else:
        yield Content("No profile may be handed out; e edits a profile, and Forwarding says it.")


def _remembered(view: AgentView, now: float) -> Iterator[Content]:
    for one in view.remembered:
        said = "yes" if one.yes else "no"
        what = "a login" if one.kind == "login" else "the credential"
        yield Content(
            f"{said:<3}  {what} of {printable(one.profile, limit=80)} for {host_in_words(one.host)}, "
            f"until {clock_time(one.until)} ({time_left(one.until - now)})"
        )


def _when(time: object, now: float) -> str:
    """The time here, with the day where that is another one; as it stands where it is no time."""
    try:
        moment = datetime.fromisoformat(str(time)).astimezone()
    except ValueError:
        return printable(time, limit=40)
    is_today = moment.date() == datetime.fromtimestamp(now).astimezone().date()
    return moment.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")


def _heading(text: str) -> Iterator[Content]:
    yield Content("")
    yield Content.styled(text, "bold")
