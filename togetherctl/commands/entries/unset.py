"""`profile unset`, `issuer unset`, `cluster unset`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.store.editing import existing, known_key

if TYPE_CHECKING:
    from togetherctl.store.choices import Kind


def command(kind: Kind) -> click.Command:
    @click.command("unset")
    @click.argument("name")
    @click.argument("keys", metavar="KEY...", nargs=-1, required=True)
    @pass_app
    def unset(app: App, name: str, keys: tuple[str, ...]) -> None:
        paths = [known_key(kind, key) for key in keys]
        with app.world.changing_store() as text:
            entry = existing(text, kind, name)
            for path in paths:
                text.unset((*entry, *path))
        app.console.say(f"{', '.join(keys)} of {kind} {name} back to the default.")

    unset.help = f"Give keys of one {kind} their default again."
    return unset
