"""`togetherctl profile add`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.issuer.add import looked_at
from togetherctl.paths import expand
from togetherctl.store.editing import missing, new_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from togetherctl.auth.findings import Wishes


@click.command("add")
@click.argument("name")
@click.option("--issuer", required=True, metavar="NAME_OR_URL", help="An issuer of the store, or the URL of one.")
@click.option("--client-id", required=True, metavar="ID", help="The client ID registered at the issuer.")
@click.option("--ca-file", metavar="FILE", help="A PEM file with the certificate authority of a new issuer.")
@click.option("--scope", "scopes", metavar="S", multiple=True, help="A scope to ask for; may be given again.")
@click.option("--offline", is_flag=True, help="Do not ask the issuer whether it is one.")
@click.argument("settings", metavar="[KEY=VALUE]...", nargs=-1)
@pass_app
def command(
    app: App,
    name: str,
    issuer: str,
    client_id: str,
    ca_file: str | None,
    scopes: tuple[str, ...],
    offline: bool,
    settings: tuple[str, ...],
) -> None:
    """Add a profile, and its issuer if that is new.

    With a URL, an issuer of the store that has it is used, else one named as the profile is added, after a look at
    its metadata. Further keys may follow: togetherctl profile add acme --issuer URL --client-id ID margin=30
    """
    ca_path = str(expand(ca_file, app.environ)) if ca_file else None
    table = new_table("profile", {"client_id": client_id, "scopes": list(scopes)}, settings)
    known = app.world.store.issuer_meant(issuer, ca_file=ca_path)
    new_issuer = new_table("issuer", {"url": issuer, "ca_file": ca_path}, ()) if known is None else None
    if new_issuer is not None:
        wishes = None if offline else _wishes(table)
        new_issuer = looked_at(app, new_issuer, offline=offline, wishes=wishes)
        # What was pasted may have been another address of an issuer that is there.
        known = app.world.store.issuer_meant(str(new_issuer["url"]))
        new_issuer = None if known else new_issuer
    with app.world.changing_store() as text:
        entry = missing(text, "profile", name)
        if new_issuer is not None:
            text.set(missing(text, "issuer", name), new_issuer)
        text.set(entry, {"issuer": known or name, **table})
    app.console.next_steps(
        f"Added profile {name}.",
        f"togetherctl login {name}",
        f"togetherctl cluster add CLUSTER --profile {name} --server URL --ca-file FILE",
    )


def _wishes(table: Mapping[str, object]) -> Wishes:
    """What the new profile will want, as far as the look at its issuer goes by it."""
    from togetherctl.auth.findings import Wishes

    return Wishes(
        has_secret=True if "client_secret" in table else None,
        by_browser=table.get("grant") not in ("client-credentials", "password"),
        pkce=table.get("pkce") != "no",
    )
