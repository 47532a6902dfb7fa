"""`profile unset`, `issuer unset`, `cluster unset`."""

from __future__ import annotations

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.entries.existing import existing
from togetherctl.store.editing import Kind, changing, known_key, section


def command(kind: Kind) -> click.Command:
    @click.command("unset")
    @click.argument("name")
    @click.argument("keys", metavar="KEY...", nargs=-1, required=True)
    @pass_app
    def unset(app: App, name: str, keys: tuple[str, ...]) -> None:
        paths = [known_key(kind, key) for key in keys]
        with changing(app.world.paths) as editor:
            existing(editor, kind, name)
            for path in paths:
                editor.unset((section(kind), name, *path))
        app.console.say(f"{', '.join(keys)} of {kind} {name} back to the default.")

    unset.help = f"Give keys of one {kind} their default again."
    return unset
