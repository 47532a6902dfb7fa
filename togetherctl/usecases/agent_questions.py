"""The agent's questions, for every face: what waits, the answer to it, and answers that still count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from togetherctl.agent.answers import LONGEST, Answers, Remembered
from togetherctl.agent.choices import Choice, choices, login_failed, meaning, seconds_of, sentence
from togetherctl.agent.client import AgentClient
from togetherctl.agent.protocol import QUESTIONS
from togetherctl.agent.questions import host_in_words
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.lock import LockTimeout
from togetherctl.printable import printable

if TYPE_CHECKING:
    from togetherctl.paths import Paths

# The person waits, and the agent answers at once or not at all.
_SECONDS = 3.0


@dataclass(frozen=True)
class WaitingQuestion:
    """A question at the agent, or a login that it `runs`; times in seconds since 1970."""

    number: str
    kind: Literal["credential", "login"]
    profile: str
    host: str | None
    asked_at: float
    ends_at: float
    runs: bool

    @property
    def sentence(self) -> str:
        """What is asked."""
        return sentence(self.kind, printable(self.profile, limit=80), host_in_words(self.host), runs=self.runs)

    @property
    def meaning(self) -> str:
        """What a "yes" means; empty for a login that runs."""
        return "" if self.runs else meaning(self.host)

    @property
    def choices(self) -> Sequence[Choice]:
        """What may be answered."""
        return choices(self.kind, runs=self.runs)


def list_questions(paths: Paths) -> list[WaitingQuestion]:
    """What waits for the person. Raises NoAgent, Unreachable and TogetherctlError."""
    with AgentClient(paths.agent_control, seconds=_SECONDS) as agent:
        return [read_question(one) for one in agent.ask("GET", QUESTIONS)["questions"]]


def list_failed_logins(paths: Paths, *, since: float) -> dict[str, str]:
    """What to tell of each login that failed after `since` (seconds since 1970), a minute ago at most, by its number.

    Raises NoAgent, Unreachable and TogetherctlError.
    """
    with AgentClient(paths.agent_control, seconds=_SECONDS) as agent:
        # An agent of a version before tells none.
        failed = agent.ask("GET", QUESTIONS).get("failed", [])
    return {
        one["id"]: login_failed(host_in_words(one["host"]), printable(one["message"], limit=1000))
        for one in failed
        # Its time has whole seconds.
        if datetime.fromisoformat(one["at"]).timestamp() >= int(since)
    }


def answer_question(paths: Paths, number: str, *, yes: bool, seconds: float = 0.0) -> None:
    """Answer the question `number` for `seconds`, 0 for once; "no" to a login that runs ends it.

    Raises NoAgent, Unreachable, and TogetherctlError where it does not wait any more.
    """
    from urllib.parse import quote

    with AgentClient(paths.agent_control, seconds=_SECONDS) as agent:
        answer = {"answer": "yes" if yes else "no", "seconds": seconds}
        agent.ask("POST", f"{QUESTIONS}/{quote(number, safe='')}", answer)


def read_question(document: dict[str, Any]) -> WaitingQuestion:
    """A question as the agent tells it."""
    return WaitingQuestion(
        document["id"],
        document["kind"],
        document["profile"],
        document["host"],
        datetime.fromisoformat(document["asked_at"]).timestamp(),
        datetime.fromisoformat(document["ends_at"]).timestamp(),
        bool(document.get("runs")),
    )


def read_duration(text: str) -> float:
    """`90s`, `15m`, `8h` in seconds, a day at most. Raises UsageError."""
    try:
        seconds = seconds_of(text.strip())
    except ValueError:
        raise UsageError(f"{printable(text, limit=40)} is no duration", hint="for example 90s, 15m or 8h") from None
    if seconds > LONGEST:
        hint = "for longer: togetherctl profile set NAME forward=always"
        raise UsageError("an answer counts for a day at most", hint=hint)
    return seconds


def remembered_answers(paths: Paths, *, now: float) -> Sequence[Remembered]:
    """The answers that still count at `now` (seconds since 1970)."""
    return Answers(paths.agent_answers, lambda _problem: None).list(now=now)


def forget_answers(paths: Paths, *profiles: str, now: float) -> int:
    """Forget all answers, or those about `profiles`, also while an agent runs; how many there were.

    Raises TogetherctlError.
    """
    answers = Answers(paths.agent_answers, lambda _problem: None)
    try:
        return answers.keep(lambda one: bool(profiles) and one.profile not in profiles, now=now)
    except (OSError, LockTimeout) as error:
        reason = getattr(error, "strerror", None) or "another process holds its lock"
        raise TogetherctlError(f"the answers cannot be forgotten: {paths.agent_answers}: {reason}") from None
