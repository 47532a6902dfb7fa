"""What each row of the table is held against, and how much of that it may take at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.timing import Row

PYTHON = "`python -I -c pass`"
TEXTUAL = "`import textual.app`"
PYTHONS = "50 at once: `python -I -c pass`"


@dataclass(frozen=True)
class Beside:
    """The rows whose medians, added up, a row is divided by; `called` is what the page says for them.

    Of several words for one row the first that was measured counts, as where a program has two names. `target` is the
    most that the quotient is to be, None where only the quotient is told.
    """

    rows: Sequence[tuple[str, ...]]
    called: str
    target: float | None = None

    def ratio(self, row: Row, medians: Mapping[str, float]) -> float | None:
        """How many times as long as these the row takes; None where one of them was not measured."""
        found = [next((medians[name] for name in names if name in medians), None) for names in self.rows]
        known = [median for median in found if median is not None]
        return row.median / sum(known) if known and len(known) == len(found) else None


def beside(name: str) -> Beside | None:
    """What the row called `name` is held against."""
    return next((against for start, against in TARGETS.items() if name.startswith(start)), None)


def _kubelogins(row: str, target: float | None = None) -> Beside:
    """The same by kubelogin, whatever it goes by here."""
    return Beside([(f"{row}: kubelogin", f"{row}: kubectl-oidc_login")], "kubelogin", target)


def _python(target: float) -> Beside:
    return Beside([(PYTHON,)], PYTHON, target)


def _textual(target: float | None = None) -> Beside:
    return Beside([(TEXTUAL,)], TEXTUAL, target)


# By the beginning of the row's name; the first that fits counts.
TARGETS: Mapping[str, Beside] = {
    "ready file: shim": _kubelogins("the same from its cache", 0.5),
    "ready file: Python": _kubelogins("the same from its cache"),
    "over the agent's socket": _kubelogins("the same from its cache", 1.5),
    "flags, ready file: script": _kubelogins("the same from its cache", 0.6),
    "flags, ready file: Python": _kubelogins("the same from its cache"),
    "flags, session file": _python(2.5),
    "session file": _python(2.5),
    "first call after `profile set`": _python(3.0),
    "first call after an edit by hand": _python(3.0),
    "`togetherctl --help`": _python(3.0),
    "refresh over 0 ms: shim": _kubelogins("refresh over 0 ms", 4.5),
    "refresh over 50 ms: shim": _kubelogins("refresh over 50 ms", 0.85),
    "refresh over 150 ms: shim": _kubelogins("refresh over 150 ms", 0.7),
    "50 at once, token ready: shim": _kubelogins("50 at once, token ready"),
    "50 at once, refresh over 50 ms: shim": _kubelogins("50 at once, refresh over 50 ms", 1.2),
    "50 at once, no session: shim": Beside(
        [("one alone, no session: shim",), (PYTHONS,)], "one alone and 50 Pythons", 1.0
    ),
    "`togetherctl status`, 500 sessions": _textual(2.5),
    "terminal interface, 500 profiles": _textual(2.5),
}
