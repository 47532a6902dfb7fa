"""Turn results into sentences for people, once for every face: login, logout, refresh, removal, kubeconfigs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from togetherctl.auth.engine import Outcome
from togetherctl.errors import Remedy, run
from togetherctl.humanize import time_left
from togetherctl.paths import tilde

if TYPE_CHECKING:
    from togetherctl.auth.session import Session
    from togetherctl.auth.session_lifecycle import Ended
    from togetherctl.config.profile import Profile
    from togetherctl.config.types import Kind
    from togetherctl.kube.kubeconfig import KubeconfigChange
    from togetherctl.usecases.kubeconfig_edit import KubeconfigRemoval
    from togetherctl.usecases.kubeconfig_update import EntriesUpdate
    from togetherctl.usecases.kubeconfig_write import WriteResult
    from togetherctl.usecases.log_in_and_out import LoginResult
    from togetherctl.usecases.remove_entry import GoingSession, Removal, RemovalResult
    from togetherctl.usecases.rename_entry import RenameResult
    from togetherctl.usecases.use_context import UseResult
    from togetherctl.wiring import World

# A list of names is cut after so many.
_NAMES = 20
# Clusters that differ are told one by one up to so many.
_EACH = 3
# What a key of `KubeconfigState.drift` is called where it is no key of the configuration.
_DRIFT = {"exec": "the words of the command", "entry": "an entry that is gone"}
_OUTCOMES = {
    Outcome.STILL_VALID: "Already logged in",
    Outcome.REFRESHED: "Session refreshed; logged in",
    Outcome.LOGGED_IN: "Logged in",
}


@dataclass(frozen=True)
class Line:
    """A sentence for people. `note`: they should read it; `doubt`: it may matter; `warning`: something went wrong.

    `remedy` is what helps.
    """

    text: str
    kind: Literal["said", "doubt", "note", "warning"] = "said"
    remedy: Remedy | None = None


def report_login(world: World, result: LoginResult) -> list[Line]:
    """Who is logged in and for how long, and what a cluster or a later refresh may refuse. Empty for a failed login."""
    from togetherctl.auth.grants.registry import is_non_interactive

    profile, session, outcome = result.profile, result.session, result.outcome
    if session is None or outcome is None:
        return []
    if profile.called_there:
        until = _valid_for(world, profile, session)
        return [
            Line(f"The agent gives profile {profile.name} a token of {session.identity}, not verified here{until}.")
        ]
    others = _sharing(world, profile)
    in_memory, renews = profile.storage == "memory", session.refreshable or is_non_interactive(profile, profile.grant)
    lines = [
        Line(
            f"{_OUTCOMES[outcome]} as {session.identity} with profile {profile.name}"
            + (f" (shared by {', '.join(others)})" if others else "")
            + _valid_for(world, profile, session)
            + (", then refreshed by itself." if renews and not in_memory else ".")
        )
    ]
    if outcome is not Outcome.LOGGED_IN and others:
        lines.append(Line(f"Another account needs a profile of its own: {_another_account(profile)}"))
    if in_memory:
        lines.append(Line("The session is kept in memory only: it ends when this togetherctl ends."))
    elif not renews:
        why = "The issuer refused to refresh it" if session.refused else "The issuer gave no refresh token"
        remedy = Remedy("see offline_access and auth_params of the profile")
        if outcome is not Outcome.LOGGED_IN:
            remedy = profile.ways.forced_login
        lines.append(Line(f"{why}, so you will have to log in again then.", "note", remedy))
    lines += [Line(note, "note") for note in result.notes.certain]
    return lines + [Line(note, "doubt") for note in result.notes.doubtful]


def report_refresh(world: World, profile: Profile, session: Session) -> list[Line]:
    """Whose session has new tokens, and for how long."""
    return [Line(f"Refreshed {session.identity} with profile {profile.name}{_valid_for(world, profile, session)}.")]


def report_logout(world: World, profile: Profile, ended: Ended) -> list[Line]:
    """Who is logged out, what the issuer revoked, and how long a token that is out there stays valid."""
    session = ended.session
    if profile.called_there:
        return [
            Line(f"Profile {profile.name} has no session here: that of the agent stays, what it gave is forgotten.")
        ]
    if ended.unread:
        return [Line(f"The session of profile {profile.name} could not be read; it was deleted here.", "note")]
    if session is None:
        return [Line(f"Profile {profile.name} had no session.")]
    others = _sharing(world, profile)
    shared = f" and of {', '.join(others)}, which shared the session" if others else ""
    revoked = "; the issuer revoked the tokens" if ended.revoked else ""
    lines = [Line(f"Logged {session.identity} out of profile {profile.name}{shared}{revoked}.")]
    if ended.revoked is not None and not ended.revoked:
        lines.append(Line(ended.revoked.sentence, "note"))
    token, now = session.token(profile.token), world.clock()
    if token is not None and token.expires_at > now:
        left = time_left(token.expires_at - now)
        lines.append(Line(f"A token that was already handed out stays valid at the cluster for another {left}."))
    return lines


def report_wide_logout(world: World, profile: Profile, words: Iterable[str]) -> Line | None:
    """What ends with the session of a profile that was named by `words`, its clusters or contexts; None if no more."""
    profiles = world.config.sharing(profile)
    clusters = [name for one in profiles for name in world.config.clusters_of(one)]
    named = {*words}
    others = [name for name in clusters if not named & {name, world.config.table.clusters[name].context}]
    # A context that was renamed in the kubeconfig is of the only cluster.
    if len(profiles) == 1 and (not others or len(clusters) == 1):
        return None
    sharing = [name for name in profiles if name != profile.name]
    opens = f"The session of profile {profile.name} also opens {_list(others)}." if others else ""
    shared = f"Its session is shared by {_list(sharing)}." if sharing else ""
    return Line(" ".join(filter(None, (opens, shared))), "note")


def report_removal(going: Removal, environ: Mapping[str, str], *, log_out: str = "") -> list[Line]:
    """What else goes with an entry, before it is removed; `log_out` as in `report_lost_sessions`."""
    lines = [Line(f"{kind} {name} goes too.") for kind, name in going.entries[1:]]
    lines += report_lost_sessions(going.sessions, log_out=log_out)
    lines += [Line(f"The client secret of profile {profile} in the keyring goes too.") for profile in going.secrets]
    return lines + (report_kubeconfig_removal(going.kubeconfig, environ) if going.kubeconfig else [])


def report_lost_sessions(sessions: Iterable[GoingSession], *, log_out: str = "") -> list[Line]:
    """The sessions that go with a change of the configuration; `log_out` is what tells the issuer, else the command."""
    return [
        Line(
            f"The session{f' of {session.identity}' if session.identity else ''} goes too, and the issuer is not told; "
            f"{log_out or f'togetherctl logout {session.profile}'} would."
        )
        for session in sessions
    ]


def report_removed(going: Removal, removed: RemovalResult, environ: Mapping[str, str]) -> list[Line]:
    """What was removed, and what could not be done."""
    (kind, name), *_ = going.entries
    changed_files = list_files(removed.kubeconfig.changed, environ) if removed.kubeconfig else ""
    changed = [Line(f"Changed {changed_files}.")] if changed_files else []
    warnings = [Line(warning, "warning") for warning in removed.warnings]
    unused = [
        Line(f"No profile uses issuer {issuer} any more.", "note", run("togetherctl", "issuer", "remove", issuer))
        for issuer in going.unused
    ]
    files = [
        Line(
            f"The client secret of profile {profile} stays in {tilde(path, environ)}, and no other profile reads it.",
            "note",
            run("rm", path),
        )
        for profile, path in going.secret_files.items()
    ]
    return [Line(f"Removed {kind} {name}."), *changed, *warnings, *unused, *files]


def report_kubeconfig_removal(leaving: KubeconfigRemoval, environ: Mapping[str, str]) -> list[Line]:
    """Which kubeconfig entries go, what becomes of the current context, and which of our entries stay."""
    removed, lines = leaving.removed, []
    going = [
        f"{kind if len(names) == 1 else f'{kind}s'} {_list(names)}"
        for kind, names in (("context", removed.contexts), ("cluster", removed.clusters), ("user", removed.users))
        if names
    ]
    if going:
        files = list_files(leaving.changed, environ)
        lines.append(Line(f"From {files} {'goes' if len(going) == 1 else 'go'}: {'; '.join(going)}."))
    if removed.by_hand:
        one = len(removed.by_hand) == 1
        lines.append(
            Line(
                f"Among them {'is a context' if one else 'are contexts'} that you made yourself with a user of "
                f"togetherctl: {', '.join(removed.by_hand)}.",
                "note",
            )
        )
    if removed.current is not None and removed.instead is None:
        lines.append(Line(f"{removed.current} is the current context; there will be none."))
    elif removed.current is not None:
        lines.append(
            Line(
                f"{removed.current} is the current context, and its name stays behind: without it kubectl would go on "
                f"with {removed.instead}, which another file names. Choose one: kubectl config use-context NAME"
            )
        )
    return lines + [Line(f"This stays: {kept}.") for kept in removed.kept]


def report_shared_storage(others: Sequence[str]) -> list[Line]:
    """Which other profiles changed their storage with one that shares their session."""
    share = "share" if len(others) > 1 else "shares"
    return [Line(f"The storage of {', '.join(others)} changed too, which {share} the session.")] if others else []


def report_rename(
    kind: Kind, old: str, new: str, renamed: RenameResult, environ: Mapping[str, str], *, planned: bool = False
) -> list[Line]:
    """What has another name now, or would have one."""
    done = f"{kind.capitalize()} {old} becomes {new}" if planned else f"Renamed {kind} {old} to {new}"
    if renamed.went_on:
        done = "The configuration has the new name already"
    follows = f", also in {list_files(renamed.changed, environ)}" if renamed.changed else ""
    verb = "becomes {}" if planned else "is called {} now"
    contexts = [Line(f"The context {before} {verb.format(after)}.") for before, after in renamed.contexts]
    return [Line(f"{done}{follows}."), *contexts, *(Line(note, "warning") for note in renamed.notes)]


def report_written(written: WriteResult, environ: Mapping[str, str], *, dry_run: bool = False) -> list[Line]:
    """Which contexts were written to which kubeconfigs, or would change."""
    files = list_files(written.changed, environ)
    if not files:
        said = "Nothing to write: the kubeconfig says all of this already."
    elif dry_run:
        said = f"Nothing was written; {files} would change as shown."
    elif written.updated:
        said = f"Wrote {_list(written.updated)} to {files}."
    else:
        said = f"Changed {files}."
    warnings = [Line(warning, "warning") for warning in written.warnings]
    return [Line(said), *warnings, *(Line(note) for note in written.notes)]


def describe_write(planned: WriteResult, environ: Mapping[str, str]) -> list[str]:
    """What becomes of kubeconfigs, before they are written."""
    names, files = planned.updated, list_files(planned.changed, environ)
    lines = [f"{files} gets {'context' if len(names) == 1 else 'contexts'} {_list(names)}."] if names else []
    if planned.current:
        lines.append(f"{planned.current} becomes the current context.")
    return lines or [f"{files} changes."]


def drift_words(keys: Iterable[str]) -> str:
    """What of a cluster the kubeconfig says otherwise, short enough for a table."""
    return ", ".join(_DRIFT.get(key, key) for key in keys)


def report_drift(drift: Mapping[str, Sequence[str]], *, kubeconfig: str | None = None) -> list[Line]:
    """The clusters whose kubeconfig entries differ from the configuration, and the command that writes them."""

    def write(*names: str) -> Remedy:
        to = ("--kubeconfig", kubeconfig) if kubeconfig else ()
        return run("togetherctl", "kubeconfig", "write", *names, *to)

    if len(drift) <= _EACH:
        return [
            Line(
                f"Cluster {name} differs in the kubeconfig: {drift_words(keys)}. kubectl goes by the kubeconfig.",
                "note",
                write(name),
            )
            for name, keys in drift.items()
        ]
    names = list(drift)
    said = f"{len(names)} clusters differ in the kubeconfig: {_list(names)}. kubectl goes by the kubeconfig."
    return [Line(said, "note", write(*names if len(names) <= _NAMES else ()))]


def describe_update(update: EntriesUpdate, environ: Mapping[str, str]) -> list[str]:
    """What becomes of the kubeconfig's entries, before they are written."""
    files = list_files(update.changed, environ)
    lines = [
        f"In {files}, {drift_words(keys)} of context {update.updated.contexts[name]} {_change(len(keys))}."
        for name, keys in list(update.updated.keys.items())[:_EACH]
    ]
    more = len(update.updated.keys) - _EACH
    return lines + ([f"{more} more {'context' if more == 1 else 'contexts'} {_change(more)} too."] if more > 0 else [])


def report_update(update: EntriesUpdate, environ: Mapping[str, str]) -> list[Line]:
    """Which contexts of the kubeconfig say again what the configuration says."""
    names = list(update.updated.contexts.values())
    renamed = [Line(f"The context {old} is called {new} now.") for old, new in update.updated.renamed]
    return [Line(f"Wrote {_list(names)} to {list_files(update.changed, environ)}."), *renamed] if names else []


def report_use(used: UseResult, environ: Mapping[str, str]) -> list[Line]:
    """The current context now and before, what was written first, and what differs still."""
    before = f"it was {used.before}" if used.before else "there was none"
    said = f"The current context is {used.context}; {before}."
    if used.before == used.context:
        said = f"{used.context} is the current context already."
    written = report_written(used.written, environ) if used.written else []
    updated = report_update(used.updated, environ) if used.updated else []
    if used.renewed:
        updated.append(Line(f"It differed from the configuration: {', '.join(used.renewed)}."))
    return [*written, *updated, Line(said), *report_drift(used.left)]


def list_files(changes: Iterable[KubeconfigChange], environ: Mapping[str, str]) -> str:
    """The paths of changed files, as people write them."""
    return ", ".join(tilde(change.path, environ) for change in changes)


def _another_account(profile: Profile) -> str:
    return f"togetherctl profile add NAME --like {profile.name} --account ACCOUNT"


def _sharing(world: World, profile: Profile) -> list[str]:
    return [name for name in world.config.sharing(profile) if name != profile.name]


def _valid_for(world: World, profile: Profile, session: Session) -> str:
    token = session.token(profile.token)
    return f"; the token is valid for {time_left(token.expires_at - world.clock())}" if token else ""


def _change(count: int) -> str:
    return "changes" if count == 1 else "change"


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"
