"""`togetherctl login` and `refresh`: new tokens, once for every session that is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import click

from togetherctl.auth.engine import Outcome
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import Item, failure_record, output_option, rfc3339, show_list
from togetherctl.cli.profile_args import choose_profiles, for_each, profiles_argument
from togetherctl.config.profile import Profile, once_per_session
from togetherctl.config.types import Grant
from togetherctl.errors import ExitCode, Remedy, TogetherctlError, UsageError, also
from togetherctl.humanize import time_left
from togetherctl.usecases.log_in_and_out import (
    LoginResult,
    log_in_as,
    log_in_one_by_one,
    log_in_to,
    second_profile,
    session_in_the_way,
)
from togetherctl.usecases.reports import report_login, report_refresh


@click.command(
    "login",
    cls=Command,
    examples=[
        "togetherctl login acme --account me@acme.com  # no other account",
        "togetherctl login --all  # once for each session",
        "togetherctl login acme --grant device-code  # no browser on this machine",
    ],
)
@profiles_argument
@click.option("--grant", type=click.Choice(get_args(Grant)), help="How to log in, instead of what the profile says.")
@click.option("--account", metavar="NAME", help="Accept this account alone, and propose it to the issuer.")
@click.option("--no-browser", is_flag=True, help="Open no browser; print the address only.")
@click.option("--force", is_flag=True, help="Log in even if the session is still good.")
@click.option("--yes", is_flag=True, help="Do not ask before the session of another account is replaced.")
@output_option
@pass_app
def command(  # each is an option that a person may give
    app: App,
    names: tuple[str, ...],
    grant: Grant | None,
    account: str | None,
    everyone: bool,
    no_browser: bool,
    force: bool,
    yes: bool,
) -> None:
    """Log in.

    A session that is still valid is reported and nothing opens; one that can be refreshed is refreshed. Profiles that
    share a session log in once. Several log in one after the other; one that fails does not stop the rest, and Ctrl-C
    ends all that is left.
    """
    profiles = once_per_session(choose_profiles(app, names, everyone=everyone))
    app.world.remember_profiles(profile.name for profile in profiles)
    if account is not None:
        if len(profiles) != 1:
            raise UsageError("--account goes with one profile")
        profiles = [log_in_as(app.world, profiles[0], account)]
        force = _may_replace(app, profiles[0], yes=yes or force) or force
    if no_browser:
        profiles = [replace(profile, browser=False) for profile in profiles]
    if len(profiles) > 1:
        _log_in_to_many(app, profiles, grant, force=force)
        return
    [profile] = profiles
    app.console.reads_pasted = True
    result = log_in_to(app.world, profile, grant, force=force)
    app.console.report(report_login(app.world, result))
    _show(app, [result])


def _may_replace(app: App, profile: Profile, *, yes: bool) -> bool:
    """Whether the session of another account is in the way and may go. Raises UsageError, and click's Exit at "no"."""
    other = session_in_the_way(app.world, profile)
    if other is None:
        return False
    said = f"Profile {profile.name} has a session of {other}; one of {profile.account} would replace it."
    keep_both = second_profile(app.world, profile, profile.account or "")
    if not yes and not app.console.can_ask:
        raise UsageError(said[:1].lower() + said[1:].rstrip("."), hint=also(Remedy("--yes replaces it"), keep_both))
    app.confirm("Replace it?", yes=yes, said=[said, f"To keep both: {keep_both.hint_command}"])
    return True


def _show(app: App, results: Sequence[LoginResult]) -> None:
    """What came of each session, for scripts; people have been told."""
    if app.output != "table":
        show_list(app, [login_record(app, one) for one in results], {}, name="profile")


def login_record(app: App, one: LoginResult) -> Item:
    """What came of one session, as scripts read it."""
    session = one.session
    token = session.token(one.profile.token) if session else None
    return {
        "profile": one.profile.name,
        "profiles": app.world.config.sharing(one.profile),
        "issuer": one.profile.issuer.url,
        "outcome": one.outcome.value.replace(" ", "-") if one.outcome else None,
        "subject": (session.subject if session else "") or None,
        "identity": session.identity if session else None,
        "expires_at": rfc3339(token.expires_at if token else None),
        "refreshable": bool(session and session.refreshable),
        "error": failure_record(one.error, one.error.message) if one.error else None,
    }


def _log_in_to_many(app: App, profiles: Sequence[Profile], grant: Grant | None, *, force: bool) -> None:
    """A line of progress for each, and at the end what came of them all. Raises click's Exit unless all is well."""
    results = log_in_to_all(app, profiles, grant, force=force)
    _summarise(app, results)
    _show(app, results)
    failed = [one.error for one in results if one.error]
    if not all(one.done for one in results):
        raise click.exceptions.Exit(ExitCode.INTERRUPTED)
    if failed:
        raise click.exceptions.Exit(failed[0].exit_code)


def log_in_to_all(
    app: App, profiles: Sequence[Profile], grant: Grant | None = None, *, force: bool = False
) -> list[LoginResult]:
    """Log in once for each session and say how each went, with a line of progress where there are several."""
    begun, sessions = 0, len(once_per_session(profiles))
    app.console.reads_pasted = True

    def starting(profile: Profile) -> None:
        nonlocal begun
        begun += 1
        if sessions == 1:
            return
        app.console.progress = f"[{begun}/{sessions}] {profile.name}: "
        app.console.say(f"{app.console.progress}logging in at {profile.issuer.url}")

    def ended(one: LoginResult) -> None:
        app.console.progress = ""
        if one.error:
            app.console.error(one.error)
        else:
            app.console.report(report_login(app.world, one))

    results = log_in_one_by_one(app.world, profiles, grant=grant, force=force, starting=starting, ended=ended)
    app.console.progress = ""
    return results


def _summarise(app: App, results: Sequence[LoginResult]) -> None:
    """A line for each session: who and how long, or what failed and the command that tries it again."""
    failed = sum(1 for one in results if one.error)
    undone = sum(1 for one in results if not one.done)
    heading = [
        *(["Interrupted."] if undone else []),
        *([f"{failed} of {len(results)} failed."] if failed else []),
        *([f"{undone} of {len(results)} not done."] if undone else []),
    ]
    app.console.say("")
    app.console.say(" ".join(heading) or f"All {len(results)} sessions are good:")
    width = max(len(one.profile.name) for one in results)
    for one in results:
        app.console.say(f"  {one.profile.name:<{width}}  {_in_a_line(app, one)}")


def _in_a_line(app: App, one: LoginResult) -> str:
    if one.session:
        token = one.session.token(one.profile.token)
        left = f", valid for {time_left(token.expires_at - app.world.clock())}" if token else ""
        return f"{one.session.identity}{left}"
    again = one.profile.ways.login
    return f"failed: {one.error.message}; {one.error.remedy or again}" if one.error else f"not done; {again}"


@click.command(
    "refresh",
    cls=Command,
    examples=[
        "togetherctl refresh acme  # when your groups have changed",
    ],
)
@profiles_argument
@click.option("--force", is_flag=True, help="Try even a refresh token that the issuer refused before.")
@output_option
@pass_app
def refresh(app: App, names: tuple[str, ...], everyone: bool, force: bool) -> None:
    """Get new tokens now, without a login.

    Useful when the claims have changed, such as your groups. Never opens a browser.
    """
    profiles = once_per_session(choose_profiles(app, names, everyone=everyone))
    results: list[LoginResult] = []

    def act(profile: Profile) -> None:
        try:
            session = app.world.engine.refresh(profile, force=force)
        except TogetherctlError as error:
            if len(profiles) > 1:
                results.append(LoginResult(profile, error=error))
            raise
        app.console.report(report_refresh(app.world, profile, session))
        results.append(LoginResult(profile, session, Outcome.REFRESHED))

    try:
        for_each(app, profiles, act)
    finally:
        if results:
            _show(app, results)
