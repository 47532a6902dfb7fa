"""What was found of one thing, and what helps: the same for `doctor`, `issuer check` and the terminal interface."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Literal

from togetherctl.errors import ExitCode, Remedy, TogetherctlError, remedy_of
from togetherctl.printable import printable

# The verbs that `Mend.what` begins with.
_PAST = {
    "end": "ended",
    "force": "forced",
    "forget": "forgot",
    "let": "let",
    "make": "made",
    "move": "moved",
    "remove": "removed",
    "take": "took",
    "write": "wrote",
}
_COMMAND = re.compile(r"^\w+(?: over or \w+)?")

Status = Literal["ok", "warning", "failed", "skipped"]


class Skip(Exception):  # not a failure
    """Raised by a check that cannot look: `why`, as the words in `skipped (why)`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Mend:
    """What `doctor --fix` may do about a finding: `what` in words, as a command ("remove the lock FILE"), and how.

    `apply` runs once, after a yes; it raises TogetherctlError where it cannot. It never deletes a token that still
    works, and never changes what togetherctl did not write.
    """

    what: str
    apply: Callable[[], None]

    @property
    def done(self) -> str:
        """What was done, as a sentence: "Removed the lock FILE."."""
        said = _COMMAND.sub(lambda words: " ".join(_PAST.get(word, word) for word in words[0].split()), self.what)
        return f"{said[:1].upper()}{said[1:]}."


@dataclass(frozen=True)
class Finding:
    """One thing that was found: in order, worth a warning, failed, or not looked at.

    `message` says what was seen and what it means, in one sentence; `remedy` is what helps. Both are safe to show.
    `about` is a word for programs; `subject` is what it is about, where that is not what the check was given;
    `exit_code` is what the command ends with where this is the first that failed.
    """

    status: Status
    message: str
    hint: InitVar[Remedy | str | None] = None
    about: str = ""
    subject: str = ""
    exit_code: int = ExitCode.FAILED
    mend: Mend | None = field(default=None, compare=False, repr=False)
    remedy: Remedy | None = field(init=False, default=None)

    def __post_init__(self, hint: Remedy | str | None) -> None:
        object.__setattr__(self, "message", printable(self.message, limit=2000))
        object.__setattr__(self, "remedy", remedy_of(hint))


def failure(error: TogetherctlError, *, about: str = "", subject: str = "", mend: Mend | None = None) -> Finding:
    """The error as a finding that failed, with its remedy and its exit code."""
    return Finding("failed", error.message, error.remedy, about, subject, error.exit_code, mend)
