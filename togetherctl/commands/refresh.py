"""`togetherctl refresh`: get new tokens without a login."""

from __future__ import annotations

import sys

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.profile_args import chosen_profiles, for_each, profiles_argument
from togetherctl.config.profile import Profile, once_per_session
from togetherctl.usecases.reports import report_refresh

# Seconds; more than a refresh and the command that reads a client secret take together.
_LONGEST_BEHIND = 60


@click.command("refresh")
@profiles_argument
@click.option("--force", is_flag=True, help="Try even a refresh token that the issuer refused before.")
@click.option("--behind", type=int, hidden=True, help="The session's lock, left open by a get-token that is gone.")
@pass_app
def command(app: App, names: tuple[str, ...], everyone: bool, force: bool, behind: int | None) -> None:
    """Get new tokens now, without a login.

    Useful when the claims have changed, such as your groups. Never opens a browser.
    """
    if behind is not None:
        _refresh_behind(app, names[0], behind)
        return

    def act(profile: Profile) -> None:
        session = app.world.engine.refresh(profile, force=force)
        app.console.report(report_refresh(app.world, profile, session))

    for_each(app, once_per_session(chosen_profiles(app, names, everyone=everyone)), act)


def _refresh_behind(app: App, name: str, lock: int) -> None:
    if sys.platform != "win32":
        import signal

        # If something hangs, there is no person to press Ctrl-C.
        signal.alarm(_LONGEST_BEHIND)
    app.world.engine.refresh_behind(app.world.config.profile(name), lock)
