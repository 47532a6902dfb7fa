"""The table of actions: keys, footer, command palette and help are made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from togetherctl.tui.context import AppContext

# Handlers import what they need when they run, so that the app starts quickly.
from togetherctl.tui.handlers import agent, clusters, doctor, entries, importing, sessions
from togetherctl.tui.selection import Selection


@dataclass(frozen=True)
class Action:
    """Something a person can do. `title` is its name everywhere; `run` starts it on the app's thread and returns.

    `fits` says whether it can be done to a selection; the footer has its key under the name `brief`, if it has one.
    """

    id: str
    key: str
    title: str
    help: str
    run: Callable[[AppContext, Selection], None]
    fits: Callable[[Selection], bool]
    brief: str = ""


def _any(selection: Selection) -> bool:
    return bool(selection.profiles)


def _always(_selection: Selection) -> bool:
    return True


def _one(selection: Selection) -> bool:
    return len(selection.profiles) == 1


ACTIONS: tuple[Action, ...] = (
    Action("log_in", "l", "Log in", "with the profile's grant", sessions.log_in, _any, "Log in"),
    Action("log_in_by", "L", "Log in by …", "log in again, by a grant you choose", sessions.log_in_by, _any),
    Action("refresh", "r", "Refresh now", "get new tokens, without a login", sessions.refresh, _any, "Refresh"),
    Action("log_out", "o", "Log out", "revoke the tokens and delete them", sessions.log_out, _any, "Log out"),
    Action("write", "w", "Write kubeconfig", "show the changes, then write them", clusters.write, _any, "Write"),
    Action("use", "u", "Use cluster", "make its context the current one", clusters.use, _any, "Use"),
    Action("test", "t", "Test cluster", "ask clusters who you are there", clusters.test, _any, "Test"),
    Action("doctor", "D", "Doctor", "find out what is wrong, and fix it", doctor.examine, _always),
    Action("agent", "A", "Agent", "what it hands out to whom, and what waits for you", agent.show, _always),
    Action("add", "a", "Add profile", "by hand; it asks the issuer first", entries.add, _always, "Add"),
    Action(
        "import",
        "i",
        "Import clusters",
        "from a kubeconfig, a bundle or Together AI",
        importing.import_clusters,
        _always,
    ),
    Action("edit", "e", "Edit profile", "every key; on a cluster's row, the cluster", entries.edit, _one, "Edit"),
    Action("edit_issuer", "E", "Edit issuer", "for all profiles that use it", entries.edit_issuer, _one),
    Action("rename", "m", "Rename profile", "or a cluster; kubeconfigs follow", entries.rename, _one),
    Action("remove", "d", "Remove profile", "or a cluster, and what depends on it", entries.remove, _one),
    Action("show_toml", "v", "Show TOML", "as the configuration has it, without secrets", entries.show_toml, _any),
)
