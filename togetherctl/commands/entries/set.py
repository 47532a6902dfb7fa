"""`profile set`, `issuer set`, `cluster set`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.store.editing import assignments, existing, share_storage

if TYPE_CHECKING:
    from togetherctl.store.choices import Kind


def command(kind: Kind) -> click.Command:
    @click.command("set")
    @click.argument("name")
    @click.argument("settings", metavar="KEY=VALUE...", nargs=-1, required=True)
    @pass_app
    def set_(app: App, name: str, settings: tuple[str, ...]) -> None:
        wanted = assignments(kind, settings)
        stored = kind == "profile" and ("storage",) in wanted
        others: list[str] = []
        with app.world.changing_store(settle=name if stored else None) as text:
            entry = existing(text, kind, name)
            for key, value in wanted.items():
                text.set((*entry, *key), value)
            if stored:
                others = share_storage(text, name)
        app.console.say(f"Changed {', '.join('.'.join(key) for key in wanted)} of {kind} {name}.")
        if others:
            app.console.say(shared_storage(others))

    set_.help = (
        f"Change keys of one {kind}.\n\nVALUE is TOML where that fits the key, else text; lists may also be written "
        "with commas. Comments and order of the store stay as they are."
        + (
            "\n\nstorage moves the session, and changes every profile that shares it; with storage=memory it is "
            "deleted."
            if kind == "profile"
            else ""
        )
    )
    return set_


def shared_storage(others: list[str]) -> str:
    """What to say of the profiles whose storage changed with another's."""
    return f"So is the storage of {', '.join(others)}, which {'share' if len(others) > 1 else 'shares'} its session."
