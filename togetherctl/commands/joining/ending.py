"""What comes after the writing: logging in, asking each cluster who one is, and a summary."""

from __future__ import annotations

import shlex
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

from togetherctl.actions.joining import current_name
from togetherctl.actions.probing import probe
from togetherctl.commands.login import log_in_to_all
from togetherctl.errors import ExitCode, LoginRequired, TogetherctlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from togetherctl.actions.joining import Wish
    from togetherctl.actions.kubeconfig import Written
    from togetherctl.actions.probing import Probed
    from togetherctl.commands.app import App
    from togetherctl.store.store import Cluster

_AT_ONCE = 8
_SECONDS = 10
_GROUPS = 3


def prove(app: App, clusters: Sequence[Cluster], profiles: Sequence[str]) -> int:
    """Log in once for each session, then ask every cluster who one is; the exit code, and a line for each.

    Whatever fails is said, and hides nothing of the rest.
    """
    store = app.world.store
    signed_in = log_in_to_all(app, store.profiles(profiles))
    failures: dict[str, TogetherctlError] = {}
    for one in signed_in:
        if one.session is None:
            hint = f"togetherctl login {one.profile.name}"
            failures[one.profile.key] = one.error or LoginRequired("nobody has logged in yet", hint=hint)
    reachable = [cluster for cluster in clusters if store.profile(cluster.profile).key not in failures]
    seconds = _SECONDS * (1 + (len(reachable) - 1) // _AT_ONCE)
    said = reachable[0].name if len(reachable) == 1 else f"{len(reachable)} clusters"
    with app.console.waiting(said, seconds) if reachable and sys.stderr.isatty() else nullcontext():
        probed = {one.cluster.name: one for one in probe(app.world, reachable, at_once=_AT_ONCE)}
    _summarise(app, clusters, probed, failures)
    if not all(one.done for one in signed_in):
        return ExitCode.INTERRUPTED
    errors = [*failures.values(), *(one.error for one in probed.values() if one.error)]
    return errors[0].exit_code if errors else ExitCode.DONE


def next_commands(app: App, written: Written, clusters: Sequence[Cluster], wish: Wish) -> None:
    """The command that usually follows."""
    kubeconfig = f"--kubeconfig {shlex.quote(wish.kubeconfig)} " if wish.kubeconfig else ""
    current = current_name(app.world, wish.kubeconfig) == written.contexts[0]
    context = "" if current else f"--context {shlex.quote(written.contexts[0])} "
    app.console.say("")
    app.console.say(f"  kubectl {kubeconfig}{context}get pods")
    if not current:
        app.console.say(f"  togetherctl use {clusters[0].name}  # makes it the current context")


def _summarise(
    app: App, clusters: Sequence[Cluster], probed: dict[str, Probed], failures: dict[str, TogetherctlError]
) -> None:
    if not clusters:
        return
    app.console.say("")
    width = max(len(cluster.name) for cluster in clusters)
    for cluster in clusters:
        key = app.world.store.profile(cluster.profile).key
        one = probed.get(cluster.name)
        error = failures.get(key) or (one.error if one else None)
        app.console.say(f"  {cluster.name:<{width}}  {_failed(error) if error else _who(one)}")


def _failed(error: TogetherctlError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _who(one: Probed | None) -> str:
    if one is None or one.view is None:
        return "not asked"
    groups = [group for group in one.view.groups if group != "system:authenticated"]
    shown = ", ".join(groups[:_GROUPS]) + (", …" if len(groups) > _GROUPS else "")
    return f"you are {one.view.username}" + (f" in {shown}" if shown else "")
