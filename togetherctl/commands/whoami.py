"""`togetherctl whoami`: show who the issuer and each cluster say you are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from togetherctl.auth.claims import Claims, read_claims
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import Item, as_json, failure_record, output_option, show_list, show_record
from togetherctl.cli.profile_args import choose_profile, choose_profiles, name_profile
from togetherctl.config.profile import once_per_session
from togetherctl.errors import KubeconfigError, LoginRequired, Refused, TogetherctlError, Untrusted, UsageError, run
from togetherctl.usecases.ask_clusters import ClusterAnswer, ask_clusters
from togetherctl.usecases.log_in_and_out import log_in_one_by_one
from togetherctl.usecases.reports import report_login

if TYPE_CHECKING:
    from togetherctl.auth.session import Session
    from togetherctl.config.config import Cluster
    from togetherctl.config.profile import Profile

_SECONDS = 10


@click.command(
    "whoami",
    cls=Command,
    examples=[
        "togetherctl whoami",
        "togetherctl whoami --all --login  # every cluster of every profile",
        "togetherctl whoami acme --claims",
    ],
)
@click.argument("name", metavar="[PROFILE]", required=False)
@click.option("--all", "everyone", is_flag=True, help="Every profile, and every cluster of each.")
@click.option("--cluster", "only", metavar="CLUSTER", multiple=True, help="Ask this cluster alone; may be given again.")
@click.option("--claims", "with_claims", is_flag=True, help="Show every claim of the token.")
@click.option(
    "--login/--no-login", "login", default=None, help="Log in where that is needed, without a question; or do not."
)
@output_option
@pass_app
def command(
    app: App, name: str | None, everyone: bool, only: tuple[str, ...], with_claims: bool, login: bool | None
) -> None:
    """Show who the issuer and each cluster say you are.

    Asks every cluster of the profile, as kubectl auth whoami does. It sends the token that kubectl would get, and
    refreshes it when it is due. If a login is needed, it asks you first at a terminal. Without a terminal it opens a
    login only if get-token would open one, and never with --all. A cluster that does not answer is named, and the
    others are shown.
    """
    chosen = _choose(app, name, only, everyone=everyone)
    several = everyone or len(chosen) > 1
    sessions = once_per_session([profile for profile, _ in chosen])
    failed = _make_sure_of_tokens(app, sessions, login=login, several=several)
    if failed and not several:
        raise next(iter(failed.values()))
    clusters = [cluster for profile, of_it in chosen if profile.key not in failed for cluster in of_it]
    waiting = sys.stderr.isatty() and clusters
    with app.console.waiting("the clusters", _SECONDS) if waiting else nullcontext():
        answers = ask_clusters(app.world, clusters, policy=replace(app.world.policy, ask=False))
    answered = {one.cluster.name: one for one in answers}
    views = [_view(app, profile, of_it, failed.get(profile.key), answered) for profile, of_it in chosen]
    (_show_all if several else _show)(app, views, with_claims=with_claims)
    for view in views:
        # A cluster that took the token, or was told to have refused it for a reason, says more than these.
        if not view.error and not any(one.view or isinstance(one.error, Refused) for one in view.answers):
            for note in app.world.notes_on(view.profile, view.session):
                app.console.note(note)
    _say_forbidden(app)
    errors = [*failed.values(), *(one.error for one in answers if one.error)]
    for error in errors:
        app.console.error(error)
    if errors:
        raise click.exceptions.Exit(errors[0].exit_code)


@dataclass(frozen=True)
class _View:
    """What is known of one profile: its session and claims or the error, and what each of its clusters answered."""

    profile: Profile
    session: Session | None
    claims: Claims
    answers: Sequence[ClusterAnswer]
    error: TogetherctlError | None

    def item(self, *, with_claims: bool) -> Item:
        """The record that scripts get."""
        session = self.session
        found: Item = {
            "profile": self.profile.name,
            "issuer": self.profile.issuer.url,
            "subject": (session.subject if session else "") or None,
            "identity": session.identity if session else None,
            "groups": _find_groups(self.claims, [one.cluster for one in self.answers]),
            "clusters": [
                {
                    "cluster": one.cluster.name,
                    "username": one.view.username if one.view else None,
                    "groups": list(one.view.groups) if one.view else [],
                    "error": _failure(one.error),
                }
                for one in self.answers
            ],
            "error": _failure(self.error),
        }
        return {**found, "claims": self.claims} if with_claims else found


def _failure(error: TogetherctlError | None) -> Item | None:
    return failure_record(error, error.message) if error else None


def _choose(app: App, name: str | None, only: Sequence[str], *, everyone: bool) -> list[tuple[Profile, list[Cluster]]]:
    """The profiles, and which of the clusters of each to ask. Raises UsageError."""
    config = app.world.config
    if everyone and (name or only):
        raise UsageError("--all asks every cluster; leave out what you named")
    if everyone:
        profiles = choose_profiles(app, (), everyone=True)
        return [(one, config.clusters(names) if (names := config.clusters_of(one.name)) else []) for one in profiles]
    if not only:
        profile = choose_profile(app, name)
        names = config.clusters_of(profile.name)
        return [(profile, config.clusters(names) if names else [])]
    clusters = config.clusters(only)
    wanted = name_profile(app, name) if name else None
    for cluster in clusters:
        if wanted not in (None, cluster.profile):
            raise UsageError(
                f"cluster {cluster.name} is opened by profile {cluster.profile}, not by {wanted}",
                hint=run("togetherctl", "whoami", "--cluster", cluster.name),
            )
    openers = dict.fromkeys(cluster.profile for cluster in clusters)
    return [(config.profile(one), [cluster for cluster in clusters if cluster.profile == one]) for one in openers]


def _make_sure_of_tokens(
    app: App, profiles: Sequence[Profile], *, login: bool | None, several: bool
) -> dict[str, TogetherctlError]:
    """Fetch each session's token, after a login where one is agreed to; gives what failed, by the session's key."""
    failed: dict[str, TogetherctlError] = {}
    without: list[Profile] = []
    asks = login is None and app.console.can_ask
    # A script that names one profile gets what get-token would do.
    policy = app.world.policy if login is None and not asks and not several else replace(app.world.policy, ask=False)
    for profile in profiles:
        try:
            app.world.engine.credential(profile, policy)
        except LoginRequired as error:
            failed[profile.key] = error
            if profile.may_log_in or login:
                without.append(profile)
        except TogetherctlError as error:
            failed[profile.key] = error
    if without and (login or (asks and _agrees_to_login(app, without))):
        for one in log_in_one_by_one(app.world, without):
            failed.pop(one.profile.key)
            app.console.report(report_login(app.world, one))
            if one.error:
                failed[one.profile.key] = one.error
            elif not one.done:
                raise KeyboardInterrupt
    return failed


def _agrees_to_login(app: App, profiles: Sequence[Profile]) -> bool:
    from togetherctl.cli.prompts import Prompts

    names = ", ".join(profile.name for profile in profiles)
    verb = "needs" if len(profiles) == 1 else "need"
    return Prompts(app.environ).yes(f"{names} {verb} a login. Log in now?")


def _view(
    app: App,
    profile: Profile,
    clusters: Sequence[Cluster],
    error: TogetherctlError | None,
    answered: Mapping[str, ClusterAnswer],
) -> _View:
    if error is not None:
        return _View(profile, None, {}, [ClusterAnswer(cluster, None, error) for cluster in clusters], error)
    session = app.world.engine.load(profile)
    claims = _read_claims(app, profile, session)
    return _View(profile, session, claims, [answered[cluster.name] for cluster in clusters], None)


def _say_forbidden(app: App) -> None:
    """Say it where kubectl's own preferences do not let it run what the kubeconfig calls."""
    from togetherctl.usecases.kubeconfig_edit import find_refused_commands

    with suppress(KubeconfigError):
        for line in find_refused_commands(app.world):
            app.console.warn(line)


def _read_claims(app: App, profile: Profile, session: Session | None) -> Claims:
    """What the issuer says: the claims of the ID token, which were checked when it came; else an access token's."""
    if session is None:
        return {}
    if session.id_token is not None:
        return read_claims(session.id_token.value)
    app.console.say(f"The issuer gave profile {profile.name} no ID token, which would say who you are.")
    try:
        claims = read_claims(session.access_token.value if session.access_token else "")
    except Untrusted:
        return {}
    app.console.say("The names below come from its access token, and only the cluster checks the signature of that.")
    return claims


def _find_groups(claims: Claims, clusters: Sequence[Cluster]) -> list[str]:
    """The groups in the claim that is called so, or as a cluster calls it."""
    names = ["groups", *(cluster.groups_claim for cluster in clusters if cluster.groups_claim)]
    value: Any = next((claims[name] for name in names if name in claims), [])
    groups = [value] if isinstance(value, str) else value
    return [group for group in groups if isinstance(group, str)] if isinstance(groups, list) else []


def _show(app: App, views: Sequence[_View], *, with_claims: bool) -> None:
    [view] = views
    item = view.item(with_claims=with_claims)
    if app.output != "table":
        show_record(app, item, name="identity")
        return
    clusters, claims = item.pop("clusters"), item.pop("claims", None)
    show_record(app, item, name="identity")
    if claims is not None:
        put(f"\n{as_json(claims)}")
    if clusters:
        put("")
        show_list(app, clusters, _CLUSTER_COLUMNS, name="cluster")


def _show_all(app: App, views: Sequence[_View], *, with_claims: bool) -> None:
    """Every profile: records for scripts; for people a line for each cluster, and for a profile without one."""
    items = [view.item(with_claims=with_claims) for view in views]
    if app.output == "name":
        items = [item for item in items if item["identity"]]
    if app.output != "table":
        show_list(app, items, {}, name="identity")
        return
    nowhere: Item = {"cluster": None, "username": None, "groups": []}
    rows = [{**item, **cluster} for item in items for cluster in item["clusters"] or [nowhere]]
    columns = {
        "PROFILE": lambda one: one["profile"],
        "IDENTITY": lambda one: one["identity"] or "-",
        **_CLUSTER_COLUMNS,
    }
    show_list(app, rows, columns, name="profile")
    for item in items:
        if item.get("claims"):
            put(f"\n{item['profile']}\n{as_json(item['claims'])}")


_CLUSTER_COLUMNS: Mapping[str, Callable[[Item], str]] = {
    "CLUSTER": lambda one: one["cluster"] or "-",
    "USERNAME": lambda one: one["username"] or "-",
    "GROUPS": lambda one: ", ".join(one["groups"]) or "-",
}
