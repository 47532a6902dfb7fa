"""`togetherctl logout`: revoke a session's tokens and delete them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from togetherctl.auth.session import State
from togetherctl.auth.session_lifecycle import Ended
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import Item, failure_record, output_option, rfc3339, show_list
from togetherctl.cli.profile_args import choose_profiles, for_each, profiles_argument
from togetherctl.config.profile import Profile, once_per_session
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.usecases.log_in_and_out import log_out
from togetherctl.usecases.reports import report_logout, report_wide_logout
from togetherctl.usecases.session_snapshot import read_snapshot

if TYPE_CHECKING:
    from togetherctl.auth.session import Session


@click.command(
    "logout",
    cls=Command,
    examples=[
        "togetherctl logout acme",
        "togetherctl logout --all --sso --yes  # and the browser's sessions",
    ],
)
@profiles_argument
@click.option("--local", is_flag=True, help="Delete the tokens here and do not tell the issuer.")
@click.option("--sso", is_flag=True, help="Also end your browser's session at the issuer, in the browser.")
@click.option("--yes", is_flag=True, help="Do not ask where more ends than what you named.")
@output_option
@pass_app
def command(app: App, names: tuple[str, ...], everyone: bool, local: bool, sso: bool, yes: bool) -> None:
    """Revoke a session's tokens at the issuer and delete them here.

    The session ends for every profile that shares it, and for all their clusters. The tokens are deleted here whatever
    the issuer says. At a terminal it asks first if more ends than the profiles or clusters that you named.
    """
    if local and sso:
        raise UsageError("--local and --sso exclude each other")
    if sso and not app.world.policy.ask:
        raise UsageError("--sso opens a browser, and this run may not (TOGETHERCTL_NO_INPUT or CI is set)")
    chosen = choose_profiles(app, names, everyone=everyone)
    profiles = once_per_session(chosen)
    _ask(app, chosen, names, yes=yes)
    records: list[Item] = []

    def act(profile: Profile) -> None:
        try:
            records.append(_record(app, profile, _log_out(app, profile, local=local, sso=sso)))
        except TogetherctlError as error:
            if len(profiles) > 1:
                records.append(_record(app, profile, Ended(None), error))
            raise

    try:
        for_each(app, profiles, act)
    finally:
        if records and app.output != "table":
            show_list(app, records, {}, name="profile")


def _ask(app: App, chosen: Sequence[Profile], words: Sequence[str], *, yes: bool) -> None:
    """Say what ends besides what the `words` name, and ask at a terminal. Raises click's Exit at "no"."""
    config = app.world.config
    named = bool(words) or config.preferred_profile() is not None
    by_cluster = [profile for profile in chosen if words and profile.name not in words]
    asks = not yes and app.console.can_ask
    if not asks and not by_cluster:
        return
    ending = dict.fromkeys(name for profile in chosen for name in config.sharing(profile))
    there = [name for name in ending if read_snapshot(app.world, config.profile(name)).state(0) is not State.NONE]
    wide = [report_wide_logout(app.world, profile, words) for profile in by_cluster if profile.name in there]
    more = [line for line in wide if line]
    app.console.report(more)
    if asks and there and not (named and len(ending) == len(chosen) and not more):
        app.confirm(f"Log out of {', '.join(there)}?", yes=False)


def _record(app: App, profile: Profile, ended: Ended, error: TogetherctlError | None = None) -> Item:
    """What came of one session, for scripts."""
    session = ended.session
    token = session.token(profile.token) if session else None
    return {
        "profile": profile.name,
        "profiles": app.world.config.sharing(profile),
        "issuer": profile.issuer.url,
        "identity": session.identity if session else None,
        "revoked": None if ended.revoked is None else bool(ended.revoked),
        "token_expires_at": rfc3339(token.expires_at if token else None),
        "error": failure_record(error, error.message) if error else None,
    }


def _log_out(app: App, profile: Profile, *, local: bool, sso: bool) -> Ended:
    ended = log_out(app.world, profile, local=local)
    app.console.report(report_logout(app.world, profile, ended))
    if sso:
        _end_browser_session(app, profile, ended.session)
    if ended.unsafe is not None:
        raise ended.unsafe
    return ended


def _end_browser_session(app: App, profile: Profile, session: Session | None) -> None:
    if app.world.issuers.end_browser_session(profile, session.identity if session else None):
        app.console.say("Confirm in the browser that you want to log out there, if it asks.")
    else:
        app.console.say("The issuer has no page to end its session at; close the browser, or log out there yourself.")
