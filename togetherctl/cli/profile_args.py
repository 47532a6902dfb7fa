"""Choose profiles from arguments, and do something for the session of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from togetherctl.errors import TogetherctlError, UsageError

if TYPE_CHECKING:
    from togetherctl.cli.app import App
    from togetherctl.config.config import Config
    from togetherctl.config.profile import Profile


def profiles_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `[PROFILE]…` and `--all`."""
    command = click.option("--all", "everyone", is_flag=True, help="Every profile in the configuration.")(command)
    return click.argument("names", metavar="[PROFILE]...", nargs=-1)(command)


def choose_profiles(app: App, names: Sequence[str], *, everyone: bool) -> list[Profile]:
    """The profiles meant, each once. Raises UsageError."""
    if everyone and names:
        raise UsageError("name profiles or say --all, not both")
    if everyone and app.world.config.table.profiles:
        return app.world.config.profiles(everyone=True)
    return app.world.config.profiles([name_profile(app, name) for name in names] or [name_profile(app)])


def choose_profile(app: App, name: str | None = None) -> Profile:
    """The profile that `name` means; without a name the one that is meant. Raises UsageError."""
    return app.world.config.profile(name_profile(app, name))


def name_profile(app: App, name: str | None = None) -> str:
    """The name of the profile that `name` means, and a line on stderr where that is not its own name.

    Without a name it is the one that is meant, or what a person chooses from a list. Raises UsageError.
    """
    from togetherctl.usecases.profile_choice import find_current_profile, find_profile

    found = find_profile(app.world, name) if name else find_current_profile(app.world)
    if found is None:
        return _choose_from_list(app)
    if found.sentence:
        app.console.say(found.sentence)
    return found.name


def _choose_from_list(app: App) -> str:
    config = app.world.config
    if not app.console.can_ask:
        return config.meant_profile()
    from togetherctl.cli.prompts import PromptChoice, Prompts

    answers = [PromptChoice(_describe(config, name), name) for name in config.table.profiles]
    return Prompts(app.environ).one("Which profile?", answers)


def _describe(config: Config, name: str) -> str:
    first, *others = config.clusters_of(name) or [""]
    return f"{name}  ({first}{f' and {len(others)} more' if others else ''})" if first else name


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
