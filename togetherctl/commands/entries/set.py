"""`profile set`, `issuer set`, `cluster set`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.store.editing import assignments, existing

if TYPE_CHECKING:
    from togetherctl.store.choices import Kind


def command(kind: Kind) -> click.Command:
    @click.command("set")
    @click.argument("name")
    @click.argument("settings", metavar="KEY=VALUE...", nargs=-1, required=True)
    @pass_app
    def set_(app: App, name: str, settings: tuple[str, ...]) -> None:
        wanted = assignments(kind, settings)
        with app.world.changing_store() as text:
            entry = existing(text, kind, name)
            for key, value in wanted.items():
                text.set((*entry, *key), value)
        app.console.say(f"Changed {', '.join('.'.join(key) for key in wanted)} of {kind} {name}.")

    set_.help = (
        f"Change keys of one {kind}.\n\nVALUE is TOML where that fits the key, else text; lists may also be written "
        "with commas. Comments and order of the store stay as they are."
    )
    return set_
