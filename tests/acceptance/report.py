"""What came of each step, line by line, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from togetherctl.errors import TogetherctlError
from togetherctl.printable import printable


class Cannot(Exception):
    """The provider does not do this, which is its good right."""


class Failed(Exception):
    """The provider, or togetherctl, does this wrongly."""


@dataclass
class Report:
    """Prints through `tell`; `failed` counts what went wrong."""

    tell: Callable[[str], None]
    failed: int = 0

    def step(self, name: str, act: Callable[[list[str]], None]) -> bool:
        """One step, and whether it passed; what `act` adds to its list is said behind the name then."""
        found: list[str] = []
        try:
            act(found)
        except Cannot as reason:
            self._line("cannot", name, [str(reason)])
        except Failed as reason:
            self.failed += 1
            self._line("FAILED", name, [str(reason)])
        except TogetherctlError as error:
            self.failed += 1
            self._line("FAILED", name, [error.message, *([str(error.remedy)] if error.remedy else [])])
        else:
            self._line("passed", name, found)
            return True
        return False

    def _line(self, outcome: str, name: str, details: list[str]) -> None:
        said = f": {printable('; '.join(details), limit=1000)}" if details else ""
        self.tell(f"{outcome}  {name}{said}")
