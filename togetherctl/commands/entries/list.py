"""`profile list`, `issuer list`, `cluster list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.output import Item, output_option, show_list

if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.store.choices import Kind

_COLUMNS: dict[Kind, dict[str, str]] = {
    "profile": {"ISSUER": "issuer", "CLIENT ID": "client_id", "GRANT": "grant", "STORAGE": "storage"},
    "issuer": {"URL": "url"},
    "cluster": {"PROFILE": "profile", "SERVER": "server", "CONTEXT": "context"},
}


def command(kind: Kind) -> click.Command:
    @click.command("list")
    @output_option
    @pass_app
    def list_(app: App) -> None:
        entries = app.world.store.entries(kind)
        items: list[Item] = [{"name": name, **table.model_dump(mode="json")} for name, table in entries.items()]

        def cell(key: str) -> Callable[[Item], str]:
            return lambda item: item[key] or (item["name"] if key == "context" else "-")

        show_list(
            app,
            items,
            {"NAME": lambda item: item["name"], **{title: cell(key) for title, key in _COLUMNS[kind].items()}},
            name="name",
        )
        if not items and app.output == "table":
            app.console.say(f"There is no {kind} in {app.world.store.path} yet.")

    list_.help = f"List the {kind}s of the store."
    return list_
