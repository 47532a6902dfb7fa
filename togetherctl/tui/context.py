"""What screens and handlers use of the app: what is known of every profile, and starting jobs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from textual.app import App
from textual.message import Message

from togetherctl.auth.prompter import Prompter
from togetherctl.config.config import Config
from togetherctl.errors import TogetherctlError
from togetherctl.paths import tilde
from togetherctl.printable import printable
from togetherctl.tui import profile_facts
from togetherctl.tui.job import Job
from togetherctl.tui.job_prompter import NullPrompter
from togetherctl.tui.typeahead import TypeAhead
from togetherctl.tui.watcher import Finding, Watcher
from togetherctl.usecases.session_snapshot import SessionSnapshot
from togetherctl.wiring import World

if TYPE_CHECKING:
    from togetherctl.usecases.agent_questions import WaitingQuestion
    from togetherctl.usecases.kubeconfig_state import KubeconfigState

# How many events the app remembers, and how many of them one profile's details show.
_EVENTS = 1000
_EVENTS_SHOWN = 10


class WatcherFound(Message):
    """The watcher found something."""

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding


class AgentAsks(Message):
    """These questions wait at the agent."""

    def __init__(self, questions: Sequence[WaitingQuestion]) -> None:
        super().__init__()
        self.questions = questions


class Jobs(Protocol):
    """Starts jobs and shows how they go."""

    def start(self, job: Job[Any]) -> None:
        """Start `job`, unless another job works on one of its sessions."""

    @property
    def unseen(self) -> Job[Any] | None:
        """A job that runs and is not shown."""

    def open_browser(self, url: str, job: Job[Any]) -> None:
        """Start a browser at a page that `job` shows."""


class AgentQuestions(Protocol):
    """Brings the agent's questions to the person."""

    def ask(self, question: WaitingQuestion) -> None:
        """Ask this one now."""

    def cancel(self, login: WaitingQuestion) -> None:
        """End a login that runs."""


class AppContext(App[None]):
    """The state of the app, without its screens and keys. `make_world` gives a world that asks through a prompter."""

    jobs: Jobs
    agent: AgentQuestions

    def __init__(self, make_world: Callable[[Prompter], World]) -> None:
        self.world = make_world(NullPrompter())
        # Without colour means none, rather than grey.
        super().__init__(ansi_color=True if self.world.environ.get("NO_COLOR") else None)
        self.config: Config | None = None
        self.broken: TogetherctlError | None = None
        self.rows: dict[str, SessionSnapshot] = {}
        # None until it was read.
        self.kubeconfig: KubeconfigState | None = None
        self.typeahead = TypeAhead()
        self.events: deque[profile_facts.Event] = deque(maxlen=_EVENTS)
        self.watcher = Watcher(lambda: self.world, lambda finding: self.post_message(WatcherFound(finding)))

    def note(self, profile: str, text: str) -> None:
        """Keep for the details what happened to a profile."""
        self.events.append(profile_facts.Event(self.now(), profile, text))

    def now(self) -> float:
        """Seconds since 1970."""
        return self.world.clock()

    def sharing(self, row: SessionSnapshot) -> list[str]:
        """The other profiles that share this profile's session."""
        key = row.profile.key
        return [name for name, other in self.rows.items() if other.profile.key == key and name != row.name]

    def facts(self, row: SessionSnapshot) -> list[profile_facts.Section]:
        """Everything worth knowing of a profile."""
        kept_in = tilde(self.world.paths.sessions / f"{row.profile.key}.json", self.world.environ)
        events = [event for event in reversed(self.events) if event.profile == row.name]
        return list(
            profile_facts.sections(
                row,
                self.now(),
                sharing=self.sharing(row),
                kept_in="memory, until this ends" if row.profile.storage == "memory" else kept_in,
                events=events[:_EVENTS_SHOWN],
                kubeconfig=self.kubeconfig,
            )
        )

    def stand_on(self, profile: str) -> None:
        """Put the cursor on a profile's row, now or as soon as it is there."""

    def refuse(self, title: str, marked: int) -> None:
        """Say why what is called `title` cannot be done, with so many profiles marked."""

    def copy_claims(self, row: SessionSnapshot | None) -> None:
        """Send the decoded claims of a profile to the clipboard; never a token."""
        text = profile_facts.claims_json(row) if row else None
        if row is None or text is None:
            self.notify("There are no claims to copy: this profile has no session.", markup=False, severity="warning")
            return
        self.copy_to_clipboard(text)
        name = printable(row.name)
        self.notify(f"The claims of {name} were sent to the clipboard as JSON, without a token.", markup=False)
