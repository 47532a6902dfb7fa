"""One piece of work on a thread: its steps as they go, how each ended, and what is worth reading when all is over."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from togetherctl.auth.conversation import Cancelled
from togetherctl.errors import TogetherctlError, Unreachable
from togetherctl.printable import printable
from togetherctl.tui.conversation import Talk

if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.store.profile import Profile
    from togetherctl.wiring import World

_MAY_HELP = "Trying again may help; is the network there, and the VPN if this needs one?"


class Ended(Enum):
    """How a step, or the whole, ended."""

    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Step:
    """Work on one profile or cluster, in words; `more` lines follow. `command` is what to run next, if it is known.

    `read`: worth being read in peace, though nothing failed.
    """

    name: str
    text: str
    ended: Ended = Ended.WORKING
    more: tuple[str, ...] = ()
    command: str | None = None
    read: bool = False


class Work:
    """`title` is what the person asked for, `keys` whose sessions it works on; `do` gets a world and this.

    `at_once`: it is shown from the start, because a person has a part in it.
    """

    def __init__(
        self,
        title: str,
        do: Callable[[World, Work], None],
        *,
        keys: frozenset[str] = frozenset(),
        at_once: bool = False,
        done: Callable[[], object] | None = None,
    ) -> None:
        self.title = title
        self.keys = keys
        self.at_once = at_once
        self.done = done
        self.do = do
        self.steps: tuple[Step, ...] = ()
        self.ended = Ended.WORKING
        self.repeatable = True
        self.profile: Profile | None = None
        self.talk = Talk(lambda _seconds: None)

    def again(self) -> Work:
        """The same, from the start."""
        return Work(self.title, self.do, keys=self.keys, at_once=True, done=self.done)

    # What the work reports, on its thread

    def begin(self, name: str, text: str, profile: Profile | None = None) -> None:
        """A step begins, which is the one that is reported on until the next; pages that open are for `profile`."""
        self.profile = profile
        self.talk.go_on()
        self.talk.begin_anew()
        self.steps = (*self.steps, Step(printable(name, limit=100), printable(text)))

    def end(self, text: str, *more: str, read: bool = False) -> None:
        """The step is done."""
        self._ended(done(self._name, text, *more, read=read))

    def fail(self, error: TogetherctlError, *more: str) -> None:
        """The step failed; what follows it goes on."""
        self._ended(failed(self._name, error, *more))

    def add(self, step: Step) -> None:
        """Something ended beside the step that is under way."""
        self.steps = (*self.steps[:-1], step, *self.steps[-1:])

    def over(self) -> None:
        """The step that was under way said only that it was; what it added says the rest."""
        self.steps = self.steps[:-1]

    def cancel(self) -> None:
        self.talk.cancel()

    @property
    def failed(self) -> bool:
        return any(step.ended is Ended.FAILED for step in self.steps)

    @property
    def worth_reading(self) -> bool:
        """Whether somebody has to be told more than a line that goes by itself."""
        return self.ended is Ended.FAILED or any(step.read for step in self.steps)

    @property
    def summary(self) -> str:
        """All of it in one or a few lines."""
        said = [" ".join((step.text, *step.more)) for step in self.steps if step.ended is Ended.DONE]
        return "\n".join([*said, *(line.text for line in self.talk.lines)])

    # The thread

    def run(self, world: World) -> None:
        """All of it; nothing escapes but what ends the process."""
        try:
            self.do(world.anew(self.talk, sleep=self.talk.sleep), self)
        except Cancelled:
            self._ended(Step(self._name, "Cancelled.", Ended.CANCELLED))
            self.ended = Ended.CANCELLED
        except TogetherctlError as error:
            self.fail(error)
        except OSError as error:
            place = f"{error.filename}: " if isinstance(error.filename, str) else ""
            self.fail(TogetherctlError(f"{place}{error.strerror or 'the system refused'}"))
        except Exception as error:  # noqa: BLE001 # a bug in one action must not end the app and what else it does
            self.fail(_bug(error))
        self.talk.begin_anew()
        if self.ended is Ended.WORKING:
            self.ended = Ended.FAILED if self.failed else Ended.DONE

    @property
    def _name(self) -> str:
        return self.steps[-1].name if self.steps else ""

    def _ended(self, step: Step) -> None:
        open_step = bool(self.steps) and self.steps[-1].ended is Ended.WORKING
        self.steps = (*(self.steps[:-1] if open_step else self.steps), step)


def done(name: str, text: str, *more: str, read: bool = False) -> Step:
    """A step that ended well."""
    lines = tuple(printable(line, limit=4000) for line in more)
    return Step(printable(name, limit=100), printable(text, limit=4000), Ended.DONE, lines, read=read)


def failed(name: str, error: TogetherctlError, *more: str) -> Step:
    """A step that did not, and what to do next."""
    said = tuple(printable(line, limit=4000) for line in (*getattr(error, "problems", ()), *more))
    if isinstance(error, Unreachable) and not error.remedy:
        said = (*said, _MAY_HELP)
    if error.remedy and error.remedy.text:
        said = (*said, error.remedy.hint)
    return Step(printable(name, limit=100), error.message, Ended.FAILED, said, error.hint_command)


def _bug(error: Exception) -> TogetherctlError:
    """Where it broke; the message of an unforeseen error may hold anything, so it is not shown."""
    import traceback
    from pathlib import Path

    last = traceback.extract_tb(error.__traceback__)[-1]
    return TogetherctlError(
        f"this is a bug in togetherctl ({type(error).__name__} at {Path(last.filename).name}:{last.lineno})",
        hint="please report it, with what you did",
    )
