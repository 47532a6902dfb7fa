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


def _in(module: str, name: str) -> Callable[[TogetherApp, Selection], None]:
    """What an act does is loaded when it is first done: the table is to be seen soon."""

    def run(app: TogetherApp, selection: Selection) -> None:
        from importlib import import_module

        getattr(import_module(f"togetherctl.tui.doing.{module}"), name)(app, selection)

    return run


def _any(selection: Selection) -> bool:
    return bool(selection.profiles)


def _always(_selection: Selection) -> bool:
    return True


def _one(selection: Selection) -> bool:
    return len(selection.profiles) == 1


def _act(
    key: str, title: str, about: str, place: str, fits: Callable[[Selection], bool], *, shown: bool = False
) -> Act:
    """An act that is a function of `doing`; it is called as that is."""
    module, _, name = place.partition(".")
    return Act("import" if module == "importing" else name, title, about, _in(module, name), key, fits, shown)


ACTS: tuple[Act, ...] = (
    _act("l", "Log in", "with the profile's grant", "sessions.log_in", _any, shown=True),
    _act("L", "Log in by …", "anew, by a grant you choose", "sessions.log_in_by", _any),
    _act("r", "Refresh now", "new tokens, without a login", "sessions.refresh", _any, shown=True),
    _act("o", "Log out", "revoke the tokens and delete them", "sessions.log_out", _any, shown=True),
    _act("t", "Test cluster", "ask clusters who you are there", "clusters.test", _any, shown=True),
    _act("w", "Write kubeconfig", "show what would change, and write it", "clusters.write", _any, shown=True),
    _act("u", "Use cluster", "make its context the current one", "clusters.use", _any),
    _act("a", "Add profile", "by hand; the issuer is asked first", "managing.add", _always, shown=True),
    _act("i", "Import clusters", "from a kubeconfig, a bundle or Together AI", "importing.import_clusters", _always),
    _act("e", "Edit profile", "every key; of a cluster, its own", "managing.edit", _one, shown=True),
    _act("E", "Edit issuer", "the one of this profile, for all that have it", "managing.edit_issuer", _one),
    _act("m", "Rename profile", "or a cluster; kubeconfigs follow", "managing.rename", _one),
    _act("d", "Remove profile", "or a cluster, and what goes with it", "managing.remove", _one),
    _act("v", "Show TOML", "as the store has it, without secrets", "managing.show_toml", _any),
)
