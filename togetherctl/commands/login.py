"""`togetherctl login`."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from togetherctl.auth.engine import Outcome
from togetherctl.auth.place import needs_nobody
from togetherctl.commands.app import App, pass_app
from togetherctl.commands.moments import until
from togetherctl.commands.selection import chosen_profiles, for_each, once_per_session, profiles_argument
from togetherctl.store.choices import Grant

if TYPE_CHECKING:
    from togetherctl.auth.session import Session
    from togetherctl.store.profile import Profile


@click.command("login")
@profiles_argument
@click.option("--grant", type=click.Choice(get_args(Grant)), help="How to log in, instead of what the profile says.")
@click.option("--force", is_flag=True, help="Log in even if the session is still good.")
@pass_app
def command(app: App, names: tuple[str, ...], grant: Grant | None, everyone: bool, force: bool) -> None:
    """Log in, once for every session named.

    A session that is still valid is reported and nothing opens; one that can be refreshed is refreshed. Profiles that
    share a session log in once.
    """

    def act(profile: Profile) -> None:
        session, outcome = app.world.engine.login(profile, app.world.policy, grant=grant, force=force)
        _report(app, profile, session, outcome, by_itself=needs_nobody(profile, profile.grant))

    for_each(app, once_per_session(chosen_profiles(app, names, everyone=everyone)), act)


def _report(app: App, profile: Profile, session: Session, outcome: Outcome, *, by_itself: bool) -> None:
    token = session.token(profile.token)
    now = app.world.clock()
    said = {
        Outcome.STILL_VALID: "Already logged in",
        Outcome.REFRESHED: "Session refreshed; logged in",
        Outcome.LOGGED_IN: "Logged in",
    }[outcome]
    sharing = [name for name in app.world.store.sharing(profile) if name != profile.name]
    app.console.say(
        f"{said} as {session.identity} with profile {profile.name}"
        + (f" (shared by {', '.join(sharing)})" if sharing else "")
        + (f"; the token is valid for {until(token.expires_at, now)}" if token else "")
        + (", then refreshed by itself." if (session.refreshable or by_itself) and profile.storage != "memory" else ".")
    )
    if profile.storage == "memory":
        app.console.say(
            "It is kept in memory alone, so it ends with this command; whatever needs a token logs in anew."
        )
    elif outcome is Outcome.LOGGED_IN and session.refresh_token is None and not by_itself:
        app.console.say(
            "The issuer gave no refresh token, so you will have to log in again then; "
            "see offline_access and auth_params of the profile."
        )
