"""Questions that wait for the person at this machine: each is asked once for all who wait, and has an end."""

from __future__ import annotations

import os
import time
from functools import partial

from togetherctl.agent.answers import Remembered
from togetherctl.agent.protocol import QUESTION_SECONDS, failure
from togetherctl.agent.question_limits import QuestionLimits
from togetherctl.errors import ExitCode, Remedy
from togetherctl.humanize import time_left
from togetherctl.kube.exec_credential import timestamp
from togetherctl.printable import printable
from togetherctl.records import Protocol, dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal

    from togetherctl.agent.answers import Answers
    from togetherctl.agent.protocol import Cancel, Document, Failure, Kind, Loop

    # None: yes. Else why not, for those who asked.
    Answered = Callable[[Failure | None], object]
    End = Literal["yes", "no", "late", "withdrawn"]

# Seconds in which what a login was for, or what was agreed to and not handed out, needs no second question.
_PASS_SECONDS = 60.0
# Logins that failed within that time; the person sees each as well where the agent asks.
_MOST_FAILED = 8


@dataclass
class Question:
    """One question, the same for all who wait for it; times in seconds since 1970.

    A login that was agreed to is one too, for as long as it `runs`: "no" then ends it.
    """

    number: str
    kind: Kind
    profile: str
    key: str
    host: str | None
    asked_at: float
    ends_at: float
    runs: bool = False
    # Why a login that ran came to nothing, where the person did not end it.
    problem: str = ""
    waiting: dict[object, Answered] = field(default_factory=dict, repr=False)
    stop: Cancel = field(default=lambda: None, repr=False)

    @property
    def about(self) -> tuple[Kind, str, str, str | None]:
        """Equal questions are one."""
        return self.kind, self.profile, self.key, self.host

    @property
    def document(self) -> Document:
        """As control.sock tells it."""
        times = {"asked_at": timestamp(self.asked_at), "ends_at": timestamp(self.ends_at)}
        of = {"id": self.number, "kind": self.kind, "profile": self.profile, "host": self.host}
        return {**of, **times, "runs": self.runs}


class Asker(Protocol):
    """One way to reach the person, such as a terminal or a notification."""

    def show(self, question: Question) -> object:
        """A question came up, or a login began to run."""

    def hide(self, question: Question, end: End) -> object:
        """It is over, here or elsewhere."""


class Over(Protocol):
    """Says how a login ended: it is done ("yes"), failed, or who wanted it is gone. A second call does nothing.

    `problem` is a sentence for the person, who looks at this machine and not at the far one.
    """

    def __call__(self, end: End, problem: str = "") -> None: ...


class QuestionDesk:
    """What `protocol.Questions` says. `clock` gives seconds since 1970.

    `key_of` tells the key of a profile as `snapshot.KnownProfile` has it now: an answer counts for that alone.
    """

    def __init__(
        self,
        loop: Loop,
        answers: Answers,
        key_of: Callable[[str], str],
        *,
        clock: Callable[[], float] = time.time,
        seconds: float = QUESTION_SECONDS,
        limits: QuestionLimits | None = None,
    ) -> None:
        self._loop = loop
        self._answers = answers
        self._key_of = key_of
        self._clock = clock
        self._seconds = seconds
        self._limits = limits or QuestionLimits()
        self._open: dict[tuple[Kind, str, str, str | None], Question] = {}
        self._running: list[Question] = []
        # Logins that failed, with the seconds since 1970 of that.
        self._failed: list[tuple[Question, float]] = []
        # By profile, key and host: the seconds since 1970 until which a credential needs no question, and until which
        # one that was agreed to once, and then was not handed out, may be among these.
        self._passes: dict[tuple[str, str, str | None], float] = {}
        self._agreed: dict[tuple[str, str, str | None], float] = {}
        self.askers: list[Asker] = []

    def ask(self, kind: Kind, profile: str, host: str | None, answered: Answered) -> Cancel:
        """See `protocol.Questions`."""
        now, key = self._clock(), self._key_of(profile)
        at_once = self._known(kind, profile, key, host, now)
        if at_once is not None:
            answered(at_once[0])
            return _nothing
        question = self._open.get((kind, profile, key, host))
        if question is None:
            wait = self._limits.wait(host, (kind, profile), open_ones=self._open.values(), now=now)
            if wait is not None:
                answered(_too_often(host, wait))
                return _nothing
            question = Question(os.urandom(3).hex(), kind, profile, key, host, now, now + self._seconds)
            self._open[question.about] = question
            question.stop = self._loop.after(self._seconds, partial(self._end, question, "late", 0.0))
            self._show(question)
        waiter = object()
        question.waiting[waiter] = answered
        return partial(self._withdraw, question, waiter)

    def would_ask(self, profile: str, host: str | None) -> bool:
        """See `protocol.Questions`."""
        now, key = self._clock(), self._key_of(profile)
        known = self._answers.find(("credential", profile, key, host), now=now)
        return known is None and (profile, key, host) not in _in_time(self._passes, now)

    def pending(self) -> Sequence[Document]:
        """See `protocol.Questions`; logins that run come last."""
        return [question.document for question in (*self._open.values(), *self._running)]

    def failed(self) -> Sequence[Document]:
        """See `protocol.Questions`."""
        now = self._clock()
        self._failed = [(one, at) for one, at in self._failed if at <= now < at + _PASS_SECONDS]
        return [
            {"id": one.number, "profile": one.profile, "host": one.host, "at": timestamp(at), "message": one.problem}
            for one, at in self._failed
        ]

    def answer(self, number: str, *, yes: bool, seconds: float) -> bool:
        """See `protocol.Questions`. "No" to a login that runs ends it."""
        for question in self._open.values():
            if question.number == number and self._clock() >= question.ends_at:
                # The loop's clock stands still while the machine sleeps.
                self._end(question, "late", 0.0)
                return False
            if question.number == number:
                self._end(question, "yes" if yes else "no", max(seconds, 0.0))
                return True
        for question in self._running:
            if question.number == number and not yes:
                question.stop()
                return True
        return False

    def drop(self, profile: str, refusal: Failure) -> None:
        """End all that waits about `profile`, which is not any more what the person is asked about."""
        for question in [one for one in self._open.values() if one.profile == profile]:
            self._end(question, "withdrawn", 0.0, refusal)
        for question in [one for one in self._running if one.profile == profile]:
            question.stop()
        for known in (self._passes, self._agreed):
            for about in [about for about in known if about[0] == profile]:
                del known[about]

    def forget(self, counts: Callable[[Remembered], bool]) -> None:
        """Keep the remembered answers that count."""
        self._answers.keep(counts, now=self._clock())

    def not_handed_out(self, profile: str, host: str | None) -> None:
        """See `protocol.Questions`."""
        about = (profile, self._key_of(profile), host)
        until = self._agreed.pop(about, 0.0)
        if until:
            self._passes[about] = until

    def show_login(self, profile: str, host: str | None, seconds: float, stop: Cancel) -> Over:
        """Show that a login for `host` runs, until what is returned is called.

        Where it is done, what it was for is handed out once without a question. `stop` lets the person end it.
        """
        now, key = self._clock(), self._key_of(profile)
        ends_at = now + seconds
        running = Question(os.urandom(3).hex(), "login", profile, key, host, now, ends_at, runs=True, stop=stop)
        self._running.append(running)
        self._show(running)

        def over(end: End, problem: str = "") -> None:
            if running in self._running:
                self._running.remove(running)
                running.problem = problem
                if problem:
                    self._failed = [*self._failed[1 - _MOST_FAILED :], (running, self._clock())]
                if end == "yes":
                    self._passes[profile, key, host] = self._clock() + _PASS_SECONDS
                elif end == "no":
                    self._limits.rest(host, ("login", profile), now=self._clock())
                self._hide(running, end)

        return over

    def _known(self, kind: Kind, profile: str, key: str, host: str | None, now: float) -> tuple[Failure | None] | None:
        """What was answered before, in a tuple; None where nothing was."""
        known = self._answers.find((kind, profile, key, host), now=now)
        if known is not None and not known.yes:
            return (_refused(kind, profile, host, known.until - now),)
        self._passes, self._agreed = _in_time(self._passes, now), _in_time(self._agreed, now)
        if kind == "credential" and (known is not None or self._passes.pop((profile, key, host), None) is not None):
            return (None,)
        return None

    def _end(self, question: Question, end: End, seconds: float, refusal: Failure | None = None) -> None:
        if self._open.get(question.about) is not question:
            return
        del self._open[question.about]
        question.stop()
        now = self._clock()
        # A browser that opens by itself is what a login is asked for: its "yes" is for this once.
        if seconds and end in ("yes", "no") and not (end == "yes" and question.kind == "login"):
            answer = Remembered(*question.about, yes=end == "yes", until=now + seconds)
            self._answers.remember(answer, now=now)
        if end == "yes" and question.kind == "credential":
            self._agreed[question.about[1:]] = now + _PASS_SECONDS
        elif end != "yes" and refusal is None:
            # What was dropped is no fault of the host that asked.
            self._limits.ended(question.host, (question.kind, question.profile), now=now, answered=end == "no")
        if end == "no":
            refusal = _refused(question.kind, question.profile, question.host, seconds)
        elif end == "late":
            refusal = _late(question.profile, question.ends_at - question.asked_at)
        self._hide(question, end)
        for answered in list(question.waiting.values()):
            answered(refusal)

    def _withdraw(self, question: Question, waiter: object) -> None:
        if question.waiting.pop(waiter, None) is not None and not question.waiting:
            self._end(question, "withdrawn", 0.0)

    def _show(self, question: Question) -> None:
        for asker in self.askers:
            asker.show(question)

    def _hide(self, question: Question, end: End) -> None:
        for asker in self.askers:
            asker.hide(question, end)


def _in_time(
    known: Mapping[tuple[str, str, str | None], float], now: float
) -> dict[tuple[str, str, str | None], float]:
    return {about: until for about, until in known.items() if now < until <= now + _PASS_SECONDS}


def host_in_words(host: str | None) -> str:
    """What a sentence calls the host that asks."""
    return printable(host, limit=100) if host else "a host that is not known"


def _nothing() -> None:
    """There is no question to take back."""


def _refused(kind: Kind, profile: str, host: str | None, seconds: float) -> Failure:
    wanted = f"a login to profile {profile}" if kind == "login" else f"the credential of profile {profile}"
    until = f"; the answer counts for {time_left(seconds)}" if seconds else ""
    return failure(
        "forbidden",
        f"the person at the agent's machine said no to {wanted} for {host_in_words(host)}{until}",
        ExitCode.REFUSED,
        Remedy("at the agent's machine, togetherctl agent answer --forget takes answers back") if seconds else None,
    )


def _late(profile: str, seconds: float) -> Failure:
    return failure(
        "forbidden",
        f"the question about profile {profile} at the agent's machine had no answer within {time_left(seconds)}",
        ExitCode.REFUSED,
        Remedy(
            "answer it there when you try again: in the notification, in togetherctl, or by togetherctl agent answer"
        ),
    )


def _too_often(host: str | None, wait: float) -> Failure:
    return failure(
        "forbidden",
        f"{host_in_words(host)} asked before and got no yes; the person at the agent's machine is not asked again for "
        f"{time_left(max(wait, 1.0))}",
        ExitCode.REFUSED,
    )
