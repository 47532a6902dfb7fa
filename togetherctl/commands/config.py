"""`togetherctl config`: show the configuration itself, edit it in an editor, and set its own keys."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command, Lazy, LazyGroup
from togetherctl.cli.output import output_option, show_record
from togetherctl.errors import ConfigError, TogetherctlError, UsageError
from togetherctl.paths import tilde
from togetherctl.printable import printable

if TYPE_CHECKING:
    from togetherctl.usecases.edit_by_hand import EditedText

VERBS = {
    "path": Lazy(f"{__name__}:path", "Print where the configuration is."),
    "show": Lazy(f"{__name__}:show", "Print the configuration, without its secrets."),
    "schema": Lazy(f"{__name__}:schema", "Print the JSON Schema of the configuration."),
    "edit": Lazy(f"{__name__}:edit", "Edit the configuration in your editor."),
    "validate": Lazy(f"{__name__}:validate", "Check the whole configuration and the files that it names."),
    "set": Lazy(f"{__name__}:set_", "Set a key of the configuration itself, such as default_profile."),
}

command = LazyGroup("config", lazy=VERBS, help="Show and edit the configuration itself.")


@click.command("path")
@output_option
@pass_app
def path(app: App) -> None:
    """Print where the configuration is.

    With -o json also the state and the cache.
    """
    paths = app.world.paths
    if app.output != "table":
        found = {"config": str(paths.config), "state": str(paths.state), "cache": str(paths.cache)}
        show_record(app, found, name="config")
    elif sys.stdout.isatty():
        put(printable(paths.config))
    else:
        # A script that reads it needs the very bytes, whatever this locale can spell.
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(paths.config) + b"\n")


@click.command("show")
@output_option
@pass_app
def show(app: App) -> None:
    """Print the configuration, without its secrets.

    The text keeps its comments and its order. Secrets that someone typed into it are hidden.
    """
    from togetherctl.config.files import read
    from togetherctl.config.redact import without_secrets

    config = app.world.config
    if app.output != "table":
        show_record(app, {"path": str(config.path), **config.table.model_dump(mode="json")}, name="path")
        return
    put(without_secrets(read(app.world.paths.config).text, config.table).text, end="")
    if not config.table.profiles:
        app.say_it_is_empty()


@click.command("schema")
def schema() -> None:
    """Print the JSON Schema of the configuration.

    For editors that complete and check TOML.
    """
    from togetherctl.config.models import json_schema

    put(json.dumps(json_schema(), indent=2))


@click.command("edit", cls=Command, examples=["togetherctl config edit"])
@click.option("--yes", is_flag=True, help="Do not ask before sessions are deleted or a kubeconfig is written.")
@pass_app
def edit(app: App, yes: bool) -> None:
    """Edit the configuration in your editor.

    Opens a copy in the editor that VISUAL or EDITOR names. It becomes the configuration only if it has no problem;
    otherwise you see each problem with its line, and can go on editing. A configuration that cannot be read can be
    mended this way. If it was changed elsewhere meanwhile, or you do not agree to the loss of a session, your edit is
    kept in a file beside it.
    """
    from togetherctl.auth.cache.migrate import read_if_sound
    from togetherctl.commands.entries.follow import follow_in_kubeconfig
    from togetherctl.usecases.edit_by_hand import read_for_edit, write_edited
    from togetherctl.usecases.reports import report_lost_sessions

    seen = read_for_edit(app.world)
    edited = _edit_until_sound(app, seen)
    if edited is None:
        app.console.say("Nothing was changed.")
        return
    before = read_if_sound(app.world.paths, app.environ)
    if edited.sessions:
        said = [line.text for line in report_lost_sessions(edited.sessions)]
        with _keeping(app, edited, click.exceptions.Exit, UsageError, KeyboardInterrupt):
            app.confirm(f"Write {tilde(app.world.paths.config, app.environ)}?", yes=yes, said=said)
    with _keeping(app, edited, TogetherctlError):
        write_edited(app.world, edited)
    app.console.say(f"Wrote {tilde(app.world.paths.config, app.environ)}.")
    follow_in_kubeconfig(app, edited.clusters, before=before, yes=yes)


@contextmanager
def _keeping(app: App, edited: EditedText, *unwritten: type[BaseException]) -> Iterator[None]:
    """Keep the edit in a file, and say where, if one of these errors ends the block."""
    from togetherctl.usecases.edit_by_hand import keep_edit

    try:
        yield
    except unwritten:
        kept = keep_edit(app.world, edited)
        app.console.say(f"Your edit is kept in {tilde(kept, app.environ)}.")
        raise


def _edit_until_sound(app: App, seen: str) -> EditedText | None:
    """What the person wrote, None where that is nothing new. Raises ConfigError where they leave it with problems."""
    from togetherctl.cli.editor import editor_copy
    from togetherctl.cli.prompts import Prompts
    from togetherctl.config.files import MAX_BYTES
    from togetherctl.usecases.edit_by_hand import begin_text, check_edited

    start = begin_text(seen)
    paths = app.world.paths
    with editor_copy(paths.edits, paths.config.name, app.environ, limit=MAX_BYTES) as copy:
        text = copy.edit(start)
        while text not in (seen, start):
            try:
                return check_edited(app.world, seen, text)
            except ConfigError as error:
                if not app.console.can_ask:
                    raise
                app.console.error(error)
                if not Prompts(app.environ).yes("Edit it again? No throws your edit away"):
                    raise ConfigError("the edit has problems; nothing was changed") from None
            text = copy.edit()
    return None


@click.command("validate", cls=Command, examples=["togetherctl config validate"])
@output_option
@pass_app
def validate(app: App) -> None:
    """Check the whole configuration and the files that it names.

    It looks for problems of the text, entries that are not there, files and client secrets that cannot be read,
    certificates that cannot be used, and what kubectl would refuse. Nothing is asked over the network, and no command
    for a client secret is run. Exit 0 means that it found no problem, exit 2 that there is one.
    """
    from togetherctl.commands.entries.show import validate_all

    validate_all(app, ("profile", "issuer", "cluster"))


@click.command(
    "set",
    cls=Command,
    examples=["togetherctl config set default_profile=acme", "togetherctl config set agent.idle=43200"],
)
@click.argument("setting", metavar="KEY=VALUE")
@pass_app
def set_(app: App, setting: str) -> None:
    """Set a key of the configuration itself, such as default_profile.

    Commands use the default profile where you name none. agent.idle says for how many seconds the agent
    keeps a session fresh that nothing uses. Without a value the key goes, and what counts without it counts again.
    """
    from togetherctl.config.editing import own_assignment

    key, value = own_assignment(setting)
    with app.world.changing_config() as text:
        if value is None:
            text.unset(key)
        else:
            text.set(key, value)
    if key == ("default_profile",):
        said = f"The default profile is {value}." if value else "There is no default profile."
    else:
        said = f"Set {setting}." if value is not None else f"Unset {'.'.join(key)}."
    app.console.say(said)
