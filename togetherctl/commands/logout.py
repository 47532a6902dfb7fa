"""`togetherctl logout`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.output import until
from togetherctl.cli.profile_args import chosen_profiles, for_each, profiles_argument
from togetherctl.errors import Remedy, TogetherctlError, UsageError, also
from togetherctl.store.profile import once_per_session

if TYPE_CHECKING:
    from togetherctl.auth.logout import Revocation
    from togetherctl.auth.session import Session
    from togetherctl.store.profile import Profile

_NOT_REVOKED = "the tokens are deleted here, but the issuer may still accept them"


@click.command("logout")
@profiles_argument
@click.option("--local", is_flag=True, help="Delete the tokens here and do not tell the issuer.")
@click.option("--sso", is_flag=True, help="Also end your browser's session at the issuer, in the browser.")
@pass_app
def command(app: App, names: tuple[str, ...], everyone: bool, local: bool, sso: bool) -> None:
    """Revoke a session's tokens at the issuer and delete them here.

    The session ends for every profile that shares it. The tokens are deleted here whatever the issuer says.
    """
    if local and sso:
        raise UsageError("--local and --sso exclude each other")
    if sso and not app.world.policy.ask:
        raise UsageError("--sso opens a browser, and this run may not (TOGETHERCTL_NO_INPUT or CI is set)")

    def act(profile: Profile) -> None:
        _log_out(app, profile, local=local, sso=sso)

    for_each(app, once_per_session(chosen_profiles(app, names, everyone=everyone)), act)


def _log_out(app: App, profile: Profile, *, local: bool, sso: bool) -> None:
    try:
        ended = app.world.engine.logout(profile, local=local)
    except TogetherctlError as error:
        if not local and _is_gone(app, profile):
            # Whatever stopped it, a secret that could not be read too: nobody can revoke them any more.
            error.remedy = also(Remedy(_NOT_REVOKED), error.remedy)
        raise
    if ended.unread:
        app.console.say(f"The session of profile {profile.name} could not be read; it was deleted here.")
    elif ended.session is None:
        app.console.say(f"Profile {profile.name} had no session.")
    else:
        _report(app, profile, ended.session, ended.revoked)
    if sso:
        _end_browser_session(app, profile, ended.session)
    if ended.unsafe is not None:
        raise ended.unsafe


def _is_gone(app: App, profile: Profile) -> bool:
    try:
        return app.world.engine.load(profile) is None
    except TogetherctlError:
        return False


def _report(app: App, profile: Profile, session: Session, revoked: Revocation | None) -> None:
    sharing = [name for name in app.world.store.sharing(profile) if name != profile.name]
    app.console.say(
        f"Logged {session.identity} out of profile {profile.name}"
        + (f" and of {', '.join(sharing)}, which shared the session." if sharing else ".")
    )
    if revoked is not None and not revoked:
        app.console.say(revoked.sentence)
    now = app.world.clock()
    token = session.token(profile.token)
    if token is not None and token.expires_at > now:
        left = until(token.expires_at, now)
        app.console.say(f"A token that was already handed out stays valid at the cluster for another {left}.")


def _end_browser_session(app: App, profile: Profile, session: Session | None) -> None:
    if app.world.issuers.end_browser_session(profile, session.identity if session else None):
        app.console.say("Confirm in the browser that you want to log out there, if it asks.")
    else:
        app.console.say("The issuer has no page to end its session at; close the browser, or log out there yourself.")
