"""`togetherctl cluster add`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.connection import Connection
from togetherctl.paths import expand
from togetherctl.store.editing import missing, new_table

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command("add")
@click.argument("name")
@click.option("--profile", required=True, metavar="P", help="The profile that opens it.")
@click.option("--server", required=True, metavar="URL", help="The API server's URL.")
@click.option("--ca-file", metavar="FILE", help="A PEM file with its certificate authority.")
@click.argument("settings", metavar="[KEY=VALUE]...", nargs=-1)
@pass_app
def command(app: App, name: str, profile: str, server: str, ca_file: str | None, settings: tuple[str, ...]) -> None:
    """Add a cluster.

    Further keys may follow: togetherctl cluster add east --profile acme --server URL namespace=training
    """
    ca_path = str(expand(ca_file, app.environ)) if ca_file else None
    table = new_table("cluster", {"profile": profile, "server": server, "ca_file": ca_path}, settings)
    _refuse_unusable_authority(app, table)
    with app.world.changing_store() as text:
        text.set(missing(text, "cluster", name), table)
    app.console.next_steps(f"Added cluster {name}.", f"togetherctl kubeconfig write {name}")


def _refuse_unusable_authority(app: App, table: Mapping[str, object]) -> None:
    """Raises ConfigError where the CA file is not there or is none; kubectl would only say so later."""
    named = table.get("ca_file")
    if isinstance(named, str):
        path = expand(named, app.environ, beside=app.world.paths.config.parent)
        Connection(ca_files=(path,)).tls_context()
