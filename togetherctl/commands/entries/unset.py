"""`profile unset`, `issuer unset`, `cluster unset`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.commands.entries.set import shared_storage
from togetherctl.store.editing import existing, known_key, share_storage

if TYPE_CHECKING:
    from togetherctl.store.choices import Kind


def command(kind: Kind) -> click.Command:
    @click.command("unset")
    @click.argument("name")
    @click.argument("keys", metavar="KEY...", nargs=-1, required=True)
    @pass_app
    def unset(app: App, name: str, keys: tuple[str, ...]) -> None:
        paths = [known_key(kind, key) for key in keys]
        stored = kind == "profile" and ("storage",) in paths
        others: list[str] = []
        with app.world.changing_store(settle=name if stored else None) as text:
            entry = existing(text, kind, name)
            for path in paths:
                text.unset((*entry, *path))
            if stored:
                others = share_storage(text, name)
        app.console.say(f"{', '.join(keys)} of {kind} {name} back to the default.")
        if others:
            app.console.say(shared_storage(others))

    unset.help = f"Give keys of one {kind} their default again."
    return unset
