"""One job on a thread: its steps as they go, how each ended, and its result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

from togetherctl.auth.prompter import Cancelled
from togetherctl.errors import Remedy, TogetherctlError, bug_sentence, from_os_error, run
from togetherctl.printable import printable
from togetherctl.tui.job_prompter import JobPrompter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from togetherctl.config.profile import Profile
    from togetherctl.usecases.reports import Line
    from togetherctl.wiring import World

_Result = TypeVar("_Result")


class Status(Enum):
    """How far a step, or the whole job, is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Step:
    """What a job does for one profile or cluster; `more` lines follow. `command` is what to run next, if it is known.

    `read`: a person should read it, though nothing failed.
    """

    name: str
    text: str
    status: Status = Status.RUNNING
    more: tuple[str, ...] = ()
    command: str | None = None
    read: bool = False


class Job(Generic[_Result]):
    """`title` is what the person asked for, `keys` are the sessions it works on; `do` gets a world and this job.

    `at_once`: it is shown from the start, because a person takes part in it. Once it is done well, `then` gets what
    `do` returned, on the app's thread.
    """

    def __init__(
        self,
        title: str,
        do: Callable[[World, Job[_Result]], _Result],
        *,
        keys: frozenset[str] = frozenset(),
        at_once: bool = False,
        repeatable: bool = True,
        then: Callable[[_Result], object] | None = None,
    ) -> None:
        self.title = title
        self.keys = keys
        self.at_once = at_once
        self.repeatable = repeatable
        self.steps: tuple[Step, ...] = ()
        self.status = Status.RUNNING
        self.profile: Profile | None = None
        self.prompter = JobPrompter(lambda _seconds: None)
        self._name = ""
        self._do = do
        self._then = then
        self._results: list[_Result] = []

    def again(self) -> Job[_Result]:
        """The same job, from the start."""
        return Job(self.title, self._do, keys=self.keys, at_once=True, then=self._then)

    # What the job reports, on its thread

    def begin(self, name: str, text: str, profile: Profile | None = None) -> None:
        """Begin a step; the reports that follow are about it. Pages that open are for `profile`."""
        self._name = name
        self.profile = profile
        self.prompter.go_on()
        self.prompter.forget()
        self.steps = (*self.steps, Step(printable(name, limit=100), printable(text)))

    def end(self, text: str, *more: str, read: bool = False) -> None:
        """The step is done."""
        self._end_step(done(self._name, text, *more, read=read))

    def report(self, lines: Sequence[Line]) -> None:
        """The step is done, and `lines` say what came of it."""
        (first, *more), remedies = lines, [remedy for line in lines if (remedy := _in_keys(line.remedy))]
        texts = [line.text for line in more] + [remedy.text for remedy in remedies if remedy.text]
        step = done("", first.text, *texts, read=any(line.kind in ("note", "warning") for line in lines))
        command = next((remedy.hint_command for remedy in remedies if remedy.command), None)
        self._end_step(replace(step, command=command))

    def fail(self, error: TogetherctlError, *more: str) -> None:
        """The step failed; the job goes on with the next."""
        self._end_step(failed(self._name, error, *more))

    def add(self, step: Step) -> None:
        """Report something that ended beside the present step."""
        self.steps = (*self.steps[:-1], step, *self.steps[-1:])

    def drop_step(self) -> None:
        """Forget the present step; the steps that were added say everything."""
        self.steps = self.steps[:-1]

    @property
    def failed(self) -> bool:
        return any(step.status is Status.FAILED for step in self.steps)

    @property
    def worth_reading(self) -> bool:
        """Whether a person should read more than a notification."""
        return self.status is Status.FAILED or any(step.read for step in self.steps)

    @property
    def summary(self) -> str:
        """All of it in one or a few lines."""
        said = [" ".join((step.text, *step.more)) for step in self.steps if step.status is Status.DONE]
        return "\n".join([*said, *(line.text for line in self.prompter.lines)])

    # The thread

    def run(self, world: World) -> None:
        """Do all of it; only what ends the process escapes."""
        try:
            self._results = [self._do(world.reread(self.prompter, sleep=self.prompter.sleep), self)]
        except Cancelled:
            self._end_step(Step(self._name, "Cancelled.", Status.CANCELLED))
            self.status = Status.CANCELLED
        except TogetherctlError as error:
            self.fail(error)
        except OSError as error:
            self.fail(from_os_error(error))
        except Exception as error:  # noqa: BLE001 # a bug in one job must not end the app and its other jobs
            self.fail(
                TogetherctlError(
                    bug_sentence(error), hint=run("togetherctl", "support", words="please report it, with what you did")
                )
            )
        self.prompter.forget()
        if self.status is Status.RUNNING:
            self.status = Status.FAILED if self.failed else Status.DONE

    def finish(self) -> None:
        """Go on with the result of a job that went well, on the app's thread."""
        if self.status is Status.DONE and self._then is not None:
            self._then(self._results[0])

    def _end_step(self, step: Step) -> None:
        open_step = bool(self.steps) and self.steps[-1].status is Status.RUNNING
        self.steps = (*(self.steps[:-1] if open_step else self.steps), step)


def done(name: str, text: str, *more: str, read: bool = False) -> Step:
    """A step that ended well."""
    lines = tuple(printable(line, limit=4000) for line in more)
    return Step(printable(name, limit=100), printable(text, limit=4000), Status.DONE, lines, read=read)


# The words of a command, with the flags that they may have, and what does the same here.
_KEYS: Mapping[tuple[str, ...], str] = {
    ("login",): "L in the table logs in again",
    ("logout",): "o in the table logs out",
    ("refresh",): "r in the table refreshes",
    ("kubeconfig", "write"): "w in the table writes it",
}


def _in_keys(remedy: Remedy | None) -> Remedy | None:
    """A remedy in words that name a key, where the table has a key for its command."""
    if remedy is None or remedy.command is None:
        return remedy
    words = [word for word in remedy.command[1:] if word != "--force"]
    by = ""
    if words[:1] == ["login"] and "--grant" in words[:-1]:
        at = words.index("--grant")
        by = f" by {words[at + 1]}"
        del words[at : at + 2]
    key = next((key for verb, key in _KEYS.items() if tuple(words[: len(verb)]) == verb), None)
    if key is None or any(word.startswith("-") for word in words):
        return remedy
    return Remedy("; ".join(filter(None, (remedy.text, f"{key}{by}"))))


def failed(name: str, error: TogetherctlError, *more: str) -> Step:
    """A step that failed, and what to do next."""
    said = tuple(printable(line, limit=4000) for line in (*getattr(error, "problems", ()), *more))
    advice = _in_keys(error.advice)
    if advice and advice.text:
        said = (*said, advice.hint)
    command = advice.hint_command if advice else None
    return Step(printable(name, limit=100), error.message, Status.FAILED, said, command)
