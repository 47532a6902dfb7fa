"""Choose profiles from arguments, and do something for the session of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from togetherctl.errors import TogetherctlError, UsageError

if TYPE_CHECKING:
    from togetherctl.cli.app import App
    from togetherctl.config.profile import Profile


def profiles_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `[PROFILE]…` and `--all`."""
    command = click.option("--all", "everyone", is_flag=True, help="Every profile in the configuration.")(command)
    return click.argument("names", metavar="[PROFILE]...", nargs=-1)(command)


def choose_profiles(app: App, names: Sequence[str], *, everyone: bool) -> list[Profile]:
    """The profiles meant. Raises UsageError."""
    if everyone and names:
        raise UsageError("name profiles or say --all, not both")
    chosen = app.world.config.profiles(names, everyone=everyone)
    if not chosen:
        app.world.config.meant_profile()
    return chosen


def for_each(app: App, profiles: Sequence[Profile], act: Callable[[Profile], None]) -> None:
    """Do something for every profile; a failure is said and does not stop the rest, but decides the exit code."""
    failures: list[TogetherctlError] = []
    for profile in profiles:
        try:
            act(profile)
        except TogetherctlError as error:
            if len(profiles) == 1:
                raise
            app.console.error(error)
            failures.append(error)
    if failures:
        app.console.say(f"{len(failures)} of {len(profiles)} failed.")
        raise click.exceptions.Exit(failures[0].exit_code)
