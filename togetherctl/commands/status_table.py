"""What `togetherctl status` shows: a row for each session, and below them what needs a sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from togetherctl.auth.session import State
from togetherctl.cli.output import Item, rfc3339, show_list
from togetherctl.humanize import time_left
from togetherctl.printable import can_spell
from togetherctl.usecases.kubeconfig_state import KubeconfigState, read_kubeconfig_state
from togetherctl.usecases.named_files import FileProblem, files_gone
from togetherctl.usecases.reports import Line, report_drift
from togetherctl.usecases.session_snapshot import STATES, SessionSnapshot, read_snapshot

if TYPE_CHECKING:
    from togetherctl.cli.app import App
    from togetherctl.wiring import World


@dataclass(frozen=True)
class Sessions:
    """The sessions of some profiles, what kubectl's kubeconfig says of their clusters, and files that are `gone`."""

    sessions: Sequence[SessionSnapshot]
    kubeconfig: KubeconfigState = field(default_factory=KubeconfigState)
    gone: Sequence[FileProblem] = ()

    def drift_of(self, one: SessionSnapshot) -> list[str]:
        """The clusters of its profile whose kubeconfig entries differ from the configuration."""
        return [cluster.name for cluster in one.clusters if cluster.name in self.kubeconfig.drift]

    def gone_of(self, one: SessionSnapshot) -> list[FileProblem]:
        """The files that its profile, its issuer and its clusters name, and that cannot be read."""
        named = {("profile", one.name), ("issuer", one.profile.issuer.name)}
        named |= {("cluster", cluster.name) for cluster in one.clusters}
        return [file for file in self.gone if (file.kind, file.name) in named]

    def is_current(self, one: SessionSnapshot) -> bool:
        """Whether kubectl's current context is one of its profile."""
        return one.name == self.kubeconfig.current_profile


def look(world: World, names: Sequence[str], *, whole: bool = True) -> Sessions:
    """Read the sessions of these profiles, without names of all; if `whole`, also what belongs to them. No network.

    Raises UsageError and ConfigError.
    """
    config = world.config
    clusters = {cluster.name: cluster for cluster in config.clusters()}
    sessions = [
        read_snapshot(world, profile, tuple(clusters[name] for name in config.clusters_of(profile.name)))
        for profile in config.profiles(names, everyone=not names)
    ]
    return Sessions(sessions, read_kubeconfig_state(world), files_gone(world)) if whole else Sessions(sessions)


def show(app: App, found: Sessions) -> None:
    """Print them in the form that was asked for; of a table, what needs a sentence goes to stderr."""
    now = app.world.clock()
    show_list(app, [item(one, found, now) for one in found.sessions], columns(found, now), name="profile")
    if app.output != "table":
        return
    app.console.report(list(sentences(found, now)))
    if not found.sessions:
        app.say_it_is_empty()


def item(one: SessionSnapshot, found: Sessions, now: float) -> Item:
    """What scripts get of one session."""
    session, token, trouble, login = one.session, one.token, one.trouble, one.login
    state = one.state(now)
    return {
        "profile": one.name,
        "issuer": one.profile.issuer.url,
        "client_id": one.profile.client_id,
        "state": state.value if isinstance(state, State) else state,
        "subject": session.subject if session else None,
        "identity": session.identity if session else None,
        "expires_at": rfc3339(token.expires_at if token else None),
        "refreshable": bool(session and session.refreshable),
        "storage": one.profile.storage,
        "last_error": {"at": rfc3339(trouble.at), "code": trouble.code, "message": trouble.message}
        if trouble
        else None,
        "login": {"since": rfc3339(login.opened_at), "address": login.address} if login else None,
        "session": one.profile.key,
        "clusters": [cluster.name for cluster in one.clusters],
        "current": found.is_current(one),
        "drift": found.drift_of(one),
        "files_gone": [str(file.path) for file in found.gone_of(one)],
    }


def columns(found: Sessions, now: float) -> dict[str, Callable[[Item], str]]:
    """The columns of the table, by their titles."""
    by_name = {one.name: one for one in found.sessions}
    drawn = sys.stdout.isatty()

    def state(row: Item) -> str:
        # A pipe may lead to a script, which knows the words of JSON.
        label = STATES[by_name[row["profile"]].state_name(now)].label
        return label if drawn and can_spell(sys.stdout, label) else row["state"]

    def left(row: Item) -> str:
        if row["expires_at"] is None:
            return "-"
        moment = datetime.fromisoformat(row["expires_at"]).timestamp()
        if moment <= now:
            return f"{time_left(now - moment)} ago"
        renewed = row["refreshable"] or by_name[row["profile"]].profile.called_there
        return f"in {time_left(moment - now)}" + ("" if renewed else ", then login")

    def clusters(row: Item) -> str:
        current = found.kubeconfig.current_cluster if row["current"] else None
        first, *others = sorted(row["clusters"], key=lambda name: name != current) or ["-"]
        mark = "*" if row["current"] else ""
        return f"{mark}{first} +{len(others)}" if others else f"{mark}{first}"

    return {
        "PROFILE": lambda row: row["profile"],
        "IDENTITY": lambda row: row["identity"] or "-",
        "STATE": state,
        "EXPIRES": left,
        "CLUSTERS": clusters,
    }


def sentences(found: Sessions, now: float) -> Iterator[Line]:
    """What has no room in a table: logins under way, what went wrong, and clusters that kubectl knows otherwise."""
    for one in found.sessions:
        if one.login is not None:
            lasts = time_left(now - one.login.opened_at)
            yield Line(f"{one.name}: logging in for {lasts} at {one.login.address}")
    forwarded = [one.name for one in found.sessions if one.profile.called_there]
    if forwarded:
        yield Line(f"{', '.join(forwarded)}: a forwarded agent gives the credential, which is not verified here.")
    for one in found.sessions:
        trouble = one.trouble
        if trouble is not None:
            # What cannot be read has no time: it is so now.
            ago = f" ({time_left(now - trouble.at)} ago)" if one.session else ""
            yield Line(f"{one.name}: {trouble.message}{ago}{_way(one, now)}")
    for file in dict.fromkeys(file for one in found.sessions for file in found.gone_of(one)):
        value = "'client_secret={ file = \"FILE\" }'" if file.key == "client_secret" else f"{file.key}=FILE"
        setting = f"togetherctl {file.kind} set {file.name} {value}"
        yield Line(f"{file.sentence}. Put it back, or name another: {setting}", "warning")
    shown = {cluster.name for one in found.sessions for cluster in one.clusters}
    yield from report_drift({name: keys for name, keys in found.kubeconfig.drift.items() if name in shown})
    if found.kubeconfig.trouble:
        yield Line(found.kubeconfig.trouble, "warning")


def _way(one: SessionSnapshot, now: float) -> str:
    way = one.profile.ways.login if one.state(now) is State.LOGIN_REQUIRED else one.remedy
    return f"; {way}" if way else ""
