"""`togetherctl logout`: revoke a session's tokens and delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.profile_args import choose_profiles, for_each, profiles_argument
from togetherctl.config.profile import Profile, once_per_session
from togetherctl.errors import UsageError
from togetherctl.usecases.log_in_and_out import log_out
from togetherctl.usecases.reports import report_logout

if TYPE_CHECKING:
    from togetherctl.auth.session import Session


@click.command(
    "logout",
    cls=Command,
    examples=[
        "togetherctl logout acme",
        "togetherctl logout --all --sso  # and the browser's sessions",
    ],
)
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

    for_each(app, once_per_session(choose_profiles(app, names, everyone=everyone)), act)


def _log_out(app: App, profile: Profile, *, local: bool, sso: bool) -> None:
    ended = log_out(app.world, profile, local=local)
    app.console.report(report_logout(app.world, profile, ended))
    if sso:
        _end_browser_session(app, profile, ended.session)
    if ended.unsafe is not None:
        raise ended.unsafe


def _end_browser_session(app: App, profile: Profile, session: Session | None) -> None:
    if app.world.issuers.end_browser_session(profile, session.identity if session else None):
        app.console.say("Confirm in the browser that you want to log out there, if it asks.")
    else:
        app.console.say("The issuer has no page to end its session at; close the browser, or log out there yourself.")
