"""What comes after the writing: logging in, asking each cluster who one is, and a summary."""

from __future__ import annotations

import shlex
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.actions.joining import current_name
from togetherctl.actions.probing import probe
from togetherctl.commands.login import log_in_to_all
from togetherctl.errors import ExitCode, LoginRequired, TogetherctlError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from togetherctl.actions.joining import Wish
    from togetherctl.actions.probing import Probed
    from togetherctl.cli.app import App
    from togetherctl.store.store import Cluster

_AT_ONCE = 8
_SECONDS = 10
_GROUPS = 3
_MOST_HINTS = 3


@dataclass(frozen=True)
class Proof:
    """How it went: the exit code, and the clusters that said who one is."""

    code: int
    opened: list[str]


def prove(app: App, clusters: Sequence[Cluster], profiles: Sequence[str]) -> Proof:
    """Log in once for each session, then ask every cluster who one is, and say so in a line for each.

    Whatever fails is said, and hides nothing of the rest.
    """
    store = app.world.store
    signed_in = log_in_to_all(app, [store.profile(name) for name in profiles])
    failures: dict[str, TogetherctlError] = {}
    for one in signed_in:
        if one.session is None:
            unasked = LoginRequired("nobody has logged in yet", hint=one.profile.ways.login)
            failures[one.profile.key] = one.error or unasked
    keys = {cluster.name: store.profile(cluster.profile).key for cluster in clusters}
    reachable = [cluster for cluster in clusters if keys[cluster.name] not in failures]
    seconds = _SECONDS * (1 + (len(reachable) - 1) // _AT_ONCE)
    said = reachable[0].name if len(reachable) == 1 else f"{len(reachable)} clusters"
    with app.console.waiting(said, seconds) if reachable and sys.stderr.isatty() else nullcontext():
        probed = {one.cluster.name: one for one in probe(app.world, reachable, at_once=_AT_ONCE)}
    lines = {name: _line(failures.get(key) or probed[name].error, probed.get(name)) for name, key in keys.items()}
    errors = [*failures.values(), *(one.error for one in probed.values() if one.error)]
    _summarise(app, lines, errors)
    code = errors[0].exit_code if errors else ExitCode.DONE
    if not all(one.done for one in signed_in):
        code = ExitCode.INTERRUPTED
    return Proof(code, [name for name, one in probed.items() if one.view])


def next_commands(app: App, cluster: Cluster, context: str, wish: Wish) -> None:
    """The command that usually follows."""
    kubeconfig = f"--kubeconfig {shlex.quote(wish.kubeconfig)} " if wish.kubeconfig else ""
    current = current_name(app.world, wish.kubeconfig) == context
    chosen = "" if current else f"--context {shlex.quote(context)} "
    app.console.say("")
    app.console.say(f"  kubectl {kubeconfig}{chosen}get pods")
    if not current:
        app.console.say(f"  togetherctl use {cluster.name}  # makes it the current context")


def _summarise(app: App, lines: Mapping[str, str], errors: Sequence[TogetherctlError]) -> None:
    """A line for each cluster, and below them what can be done about those that failed."""
    if lines:
        app.console.say("")
    width = max((len(name) for name in lines), default=0)
    for name, line in lines.items():
        app.console.say(f"  {name:<{width}}  {line}")
    hints = list(dict.fromkeys(str(error.remedy) for error in errors if error.remedy))
    for hint in hints[:_MOST_HINTS]:
        app.console.say(f"  {hint}")
    if len(hints) > _MOST_HINTS:
        app.console.say("  togetherctl whoami --cluster NAME  # says what can be done about each")


def _line(error: TogetherctlError | None, one: Probed | None) -> str:
    if error is not None:
        return error.message
    if one is None or one.view is None:
        return "not asked"
    groups = [group for group in one.view.groups if group != "system:authenticated"]
    shown = ", ".join(groups[:_GROUPS]) + (", …" if len(groups) > _GROUPS else "")
    return f"you are {one.view.username}" + (f" in {shown}" if shown else "")
