"""`profile show`, `issuer show`, `cluster show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.output import output_option, show_record

if TYPE_CHECKING:
    from togetherctl.store.choices import Kind
    from togetherctl.store.models import IssuerTable


def command(kind: Kind) -> click.Command:
    @click.command("show")
    @click.argument("name")
    @output_option
    @pass_app
    def show(app: App, name: str) -> None:
        from togetherctl.store.models import IssuerTable

        table = app.world.store.entry(kind, name)
        item = {"name": name, **table.model_dump(mode="json")}
        from_preset = _from_preset(table) if isinstance(table, IssuerTable) else None
        if from_preset:
            item["from_preset"] = from_preset
        show_record(app, item, name="name")

    more = " What the catalogue adds is in from_preset." if kind == "issuer" else ""
    show.help = f"Show one {kind} with every key.\n\nSet or by default; secrets are hidden.{more}"
    return show


def _from_preset(issuer: IssuerTable) -> dict[str, object] | None:
    """The entry of the catalogue that counts for this issuer, and what logins take from it."""
    from togetherctl.store.presets import find, recognise

    recognised = recognise(issuer.url)
    name = issuer.preset or (recognised[0] if recognised else None)
    preset = find(name, issuer.url) if name else None
    if preset is None:
        return None
    adds = {
        "offline_access": preset.offline_access if preset.offline_access != "auto" else None,
        "auth_params": preset.auth_params,
        "device_authorization_endpoint": preset.device_endpoint(issuer.url),
    }
    return {"preset": name, **{key: value for key, value in adds.items() if value}}
