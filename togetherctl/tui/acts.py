"""Everything that can be done, once: keys, footer, command palette and help are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.tui.app import TogetherApp
    from togetherctl.tui.selection import Selection


@dataclass(frozen=True)
class Act:
    """One thing to do. `title` is its name everywhere; `run` starts it on the app's thread and comes back at once.

    `fits` says whether it can be done to a selection; `shown` whether the footer names its key.
    """

    id: str
    title: str
    help: str
    run: Callable[[TogetherApp, Selection], None]
    key: str | None = None
    fits: Callable[[Selection], bool] = lambda _selection: True
    shown: bool = True


ACTS: tuple[Act, ...] = ()
