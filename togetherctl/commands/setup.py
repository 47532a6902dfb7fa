"""`togetherctl setup`: log in, and show how an API server accepts that token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.kubelogin_flags import FlagsCommand, refuse_flags_beside_profile
from togetherctl.cli.output import as_json, output_option, show_record
from togetherctl.cli.profile_args import choose_profile
from togetherctl.errors import TogetherctlError, Untrusted
from togetherctl.kubelogin import PLUGIN

if TYPE_CHECKING:
    from togetherctl.auth.claims import Claims
    from togetherctl.auth.session import Session
    from togetherctl.config.profile import Profile
    from togetherctl.kube.api_server_setup import Naming
    from togetherctl.kubelogin.flags import Flags


@click.command(
    "setup",
    cls=FlagsCommand,
    takes="setup",
    options_metavar="[--profile NAME | FLAGS]",
    examples=[
        "togetherctl setup --profile acme",
        (
            "togetherctl setup --oidc-issuer-url=https://login.acme.com \\\n"
            "    --oidc-client-id=kubernetes --oidc-extra-scope=email"
        ),
    ],
)
@click.option("--profile", "name", metavar="NAME", help="The profile to log in with, instead of flags.")
@click.option("--username-claim", metavar="CLAIM", help="The claim for user names (default: email, else sub).")
@click.option("--username-prefix", metavar="TEXT", help="The prefix of user names; - means none.")
@click.option(
    "--groups-claim", metavar="CLAIM", help="The claim for groups (default: groups, where the token has any)."
)
@click.option("--groups-prefix", metavar="TEXT", help="The prefix of groups.")
@output_option
@pass_app
def command(
    app: App,
    flags: Flags | None,
    name: str | None,
    username_claim: str | None,
    username_prefix: str | None,
    groups_claim: str | None,
    groups_prefix: str | None,
) -> None:
    """Log in, and show how to make an API server accept that token.

    Prints the token's claims, then what the cluster's admin has to do: the API server's flags or its
    AuthenticationConfiguration, the rights for the name the API server will see, and what each person runs. Nothing is
    changed anywhere. With flags the session ends with this command; a profile's is kept.
    """
    from togetherctl.commands.setup_steps import Steps

    context = click.get_current_context()
    if name is None and flags is None and context.find_root().info_name == PLUGIN:
        put(context.get_help())
        return
    profile, session = _log_in(app, name, flags)
    claims, algorithm = _read_token(profile, session)
    clusters = app.world.config.clusters_of(profile.name) if profile.name else []
    chosen = (username_claim, username_prefix, groups_claim, groups_prefix)
    naming = _choose_naming(app, claims, clusters, chosen)
    # The algorithm is among the flags, so it is nothing to look out for.
    notes = [note for note in app.world.notes_on(profile, session) if "--oidc-signing-algs" not in note]
    steps = Steps(profile, claims, algorithm, naming, clusters, notes)
    if app.output == "table":
        put(steps.text(as_json(claims)))
    else:
        show_record(app, steps.item(), name="username")


def _choose_naming(app: App, claims: Claims, names: Sequence[str], chosen: tuple[str | None, ...]) -> Naming:
    """How the API server names users: as the flags say, else as the configuration says of the profile's clusters."""
    from togetherctl.kube.api_server_setup import Naming

    told = {
        cluster.name: (cluster.username_claim, cluster.username_prefix, cluster.groups_claim, cluster.groups_prefix)
        for cluster in (app.world.config.clusters(names) if names else [])
    }
    told = {name: keys for name, keys in told.items() if any(keys)}
    first, stored = next(iter(told.items()), ("", (None, None, None, None)))
    if len(set(told.values())) > 1:
        app.console.warn(
            f"clusters {', '.join(told)} name users in different ways; this is for {first}, and for others "
            "--username-claim, --username-prefix, --groups-claim and --groups-prefix say how"
        )
    user, before_user, groups, before_groups = chosen
    # A prefix belongs to its claim.
    if user not in (None, stored[0]):
        stored = (None, None, *stored[2:])
    if groups not in (None, stored[2]):
        stored = (*stored[:2], None, None)
    return Naming.suggested(
        claims,
        username_claim=user or stored[0],
        username_prefix=before_user if before_user is not None else stored[1],
        groups_claim=groups or stored[2],
        groups_prefix=before_groups if before_groups is not None else stored[3],
    )


def _log_in(app: App, name: str | None, flags: Flags | None) -> tuple[Profile, Session]:
    """A verified session of the profile that is meant, or of the one that flags make."""
    refuse_flags_beside_profile(name, flags)
    if flags is None:
        profile = choose_profile(app, name)
        return profile, app.world.engine.login(profile, app.world.policy)[0]
    from togetherctl.kubelogin.profile import profile_of

    program = click.get_current_context().find_root().info_name or PLUGIN
    profile = profile_of(flags, app.environ, command="setup", program=program, warn=app.console.warn)
    return profile, app.world.configless_engine.login(profile, app.world.policy)[0]


def _read_token(profile: Profile, session: Session) -> tuple[Claims, str]:
    """The claims of the token that the cluster gets, and what it is signed with. Raises TogetherctlError."""
    from togetherctl.auth.claims import read_claims, read_header

    token = session.token(profile.token)
    instead = "give clusters the ID token: leave out --oidc-use-access-token, or token=id in the profile"
    try:
        value = token.value if token else ""
        claims, algorithm = read_claims(value), str(read_header(value).get("alg", ""))
    except Untrusted:
        raise TogetherctlError(
            f"the issuer's {profile.token} tokens are no JWTs, so no API server can read them by itself", hint=instead
        ) from None
    if not claims.get("aud"):
        raise TogetherctlError(
            f"the issuer's {profile.token} tokens are for no audience (aud), and no API server takes such a token",
            hint=f"{instead}; or have the issuer name an audience, which some do for auth_params.audience=NAME",
        )
    return claims, algorithm
