"""`togetherctl profile add`."""

from __future__ import annotations

import click

from togetherctl.actions.adding import Wish, add, tables_for
from togetherctl.cli.app import App, pass_app
from togetherctl.commands.issuer.add import looked_at


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
    wish = Wish(name, issuer, client_id, ca_file or "", scopes, settings)
    tables = looked_at(app, tables_for(app.world, wish), offline=offline)
    add(app.world, tables)
    app.console.next_steps(
        f"Added profile {name}.",
        f"togetherctl login {name}",
        f"togetherctl cluster add CLUSTER --profile {name} --server URL --ca-file FILE",
    )
