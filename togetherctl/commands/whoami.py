"""`togetherctl whoami`: show who the issuer and each cluster say you are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import click

from togetherctl.auth.claims import Claims, read_claims
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import Item, as_json, failure_record, output_option, show_list, show_record
from togetherctl.errors import KubeconfigError, Refused, Untrusted, UsageError, run
from togetherctl.usecases.ask_clusters import ClusterAnswer, ask_clusters

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
        "togetherctl whoami --cluster gpu",
        "togetherctl whoami acme --claims",
    ],
)
@click.argument("name", metavar="[PROFILE]", required=False)
@click.option("--cluster", "only", metavar="CLUSTER", multiple=True, help="Ask this cluster alone; may be given again.")
@click.option("--claims", "with_claims", is_flag=True, help="Show every claim of the token.")
@output_option
@pass_app
def command(app: App, name: str | None, only: tuple[str, ...], with_claims: bool) -> None:
    """Show who the issuer and each cluster say you are.

    Asks every cluster of the profile, as kubectl auth whoami does. A token is fetched as for kubectl: refreshed where
    it is due, and with a login only where get-token would open one too. A cluster that does not answer is said, and
    does not hide the rest.
    """
    profile, clusters = _find_profile(app, name, only)
    app.world.engine.credential(profile, app.world.policy)
    session = app.world.engine.load(profile)
    claims = _read_claims(app, profile, session)
    waiting = sys.stderr.isatty() and clusters
    with app.console.waiting("the clusters", _SECONDS) if waiting else nullcontext():
        probed = ask_clusters(app.world, clusters, policy=app.world.policy)
    _show(app, _item(profile, session, claims, clusters, probed), claims if with_claims else None)
    # A cluster that took the token, or was told to have refused it for a reason, says more than these.
    if not any(one.view or isinstance(one.error, Refused) for one in probed):
        for note in app.world.notes_on(profile, session):
            app.console.note(note)
    _say_forbidden(app)
    errors = [one.error for one in probed if one.error]
    for error in errors:
        app.console.error(error)
    if errors:
        raise click.exceptions.Exit(errors[0].exit_code)


def _say_forbidden(app: App) -> None:
    """Say it where kubectl's own preferences do not let it run what the kubeconfig calls."""
    from togetherctl.usecases.kubeconfig_edit import find_refused_commands

    with suppress(KubeconfigError):
        for line in find_refused_commands(app.world):
            app.console.warn(line)


def _find_profile(app: App, name: str | None, only: Sequence[str]) -> tuple[Profile, list[Cluster]]:
    """The profile, and which of its clusters to ask. Raises UsageError."""
    config = app.world.config
    if not only:
        profile = config.profile(name)
        names = config.clusters_of(profile.name)
        return profile, config.clusters(names) if names else []
    clusters = config.clusters(only)
    profile = config.profile(name or clusters[0].profile)
    for cluster in clusters:
        if cluster.profile != profile.name:
            raise UsageError(
                f"cluster {cluster.name} is opened by profile {cluster.profile}, not by {profile.name}",
                hint=run("togetherctl", "whoami", "--cluster", cluster.name),
            )
    return profile, clusters


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


def _item(
    profile: Profile,
    session: Session | None,
    claims: Claims,
    clusters: Sequence[Cluster],
    probed: Sequence[ClusterAnswer],
) -> Item:
    return {
        "profile": profile.name,
        "issuer": profile.issuer.url,
        "subject": (session.subject if session else "") or None,
        "identity": session.identity if session else None,
        "groups": _find_groups(claims, clusters),
        "clusters": [
            {
                "cluster": one.cluster.name,
                "username": one.view.username if one.view else None,
                "groups": list(one.view.groups) if one.view else [],
                "error": failure_record(one.error, one.error.message) if one.error else None,
            }
            for one in probed
        ],
    }


def _find_groups(claims: Claims, clusters: Sequence[Cluster]) -> list[str]:
    """The groups in the claim that is called so, or as a cluster calls it."""
    names = ["groups", *(cluster.groups_claim for cluster in clusters if cluster.groups_claim)]
    value: Any = next((claims[name] for name in names if name in claims), [])
    groups = [value] if isinstance(value, str) else value
    return [group for group in groups if isinstance(group, str)] if isinstance(groups, list) else []


def _show(app: App, item: Item, claims: Claims | None) -> None:
    if app.output != "table":
        show_record(app, item if claims is None else {**item, "claims": claims}, name="identity")
        return
    clusters = item.pop("clusters")
    show_record(app, item, name="identity")
    if claims is not None:
        put(f"\n{as_json(claims)}")
    if clusters:
        put("")
        show_list(
            app,
            clusters,
            {
                "CLUSTER": lambda one: one["cluster"],
                "USERNAME": lambda one: one["username"] or "-",
                "GROUPS": lambda one: ", ".join(one["groups"]) or "-",
            },
            name="cluster",
        )
