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


def _lazily(module: str, name: str) -> Callable[[TogetherApp, Selection], None]:
    """What an act does is loaded when it is first done: the table is to be seen soon."""

    def run(app: TogetherApp, selection: Selection) -> None:
        from importlib import import_module

        getattr(import_module(f"togetherctl.tui.doing.{module}"), name)(app, selection)

    return run


def _any(selection: Selection) -> bool:
    return bool(selection.profiles)


def _one(selection: Selection) -> bool:
    return len(selection.profiles) == 1


ACTS: tuple[Act, ...] = (
    Act("log_in", "Log in", "With the profile's grant", _lazily("sessions", "log_in"), "l", _any),
    Act(
        "log_in_by",
        "Log in by …",
        "Anew, by a grant you choose",
        _lazily("sessions", "choose_grant"),
        "L",
        _any,
        shown=False,
    ),
    Act("refresh", "Refresh now", "New tokens, without a login", _lazily("sessions", "refresh"), "r", _any),
    Act("write", "Write kubeconfig", "Show what would change, and write it", _lazily("clusters", "write"), "w", _any),
    Act("edit", "Edit profile", "Every key, or those of a cluster", _lazily("managing", "edit"), "e", _one),
    Act("log_out", "Log out", "Revoke the tokens and delete them", _lazily("sessions", "log_out"), "o", _any),
)
