"""`togetherctl status`: show every session."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import output_option
from togetherctl.cli.profile_args import name_profile
from togetherctl.errors import ExitCode, UsageError


@click.command(
    "status",
    cls=Command,
    examples=[
        "togetherctl status",
        "togetherctl status acme --check",
        "togetherctl status acme -o json",
    ],
)
@click.argument("names", metavar="[PROFILE]...", nargs=-1)
@click.option("--check", is_flag=True, help="Exit with 3 where a session needs a login.")
@click.option("--watch", is_flag=True, help="Show it again as it changes, until Ctrl-C.")
@output_option
@pass_app
def command(app: App, names: tuple[str, ...], check: bool, watch: bool) -> None:
    """Show every session: who, how long, and what went wrong.

    Reads what is stored and never touches the network. * marks kubectl's current context.

    With --check it exits with 0 if each of the sessions is valid, stale, or expired with a refresh token, else with 3.
    """
    # Completing a name needs none of what it loads.
    from togetherctl.commands.status_table import look, show

    if watch and (check or app.output != "table"):
        raise UsageError("--watch shows a table until Ctrl-C; --check and -o look once")
    chosen = [name_profile(app, name) for name in names]
    if watch:
        from togetherctl.commands.status_watch import watch_sessions

        watch_sessions(app, chosen)
        return
    found = look(app.world, chosen, whole=app.output != "name")
    app.world.remember_profiles()
    show(app, found)
    now = app.world.clock()
    if check and not (found.sessions and all(one.is_good(now) for one in found.sessions)):
        raise click.exceptions.Exit(ExitCode.LOGIN_REQUIRED)
