"""`togetherctl cluster add`."""

from __future__ import annotations

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.errors import UsageError
from togetherctl.paths import expand
from togetherctl.store.editing import assignments, changing


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
    table: dict[str, object] = {"profile": profile, "server": server}
    if ca_file:
        table["ca_file"] = str(expand(ca_file, app.environ))
    table |= {".".join(key): value for key, value in assignments("cluster", settings).items()}
    with changing(app.world.paths) as editor:
        if name in editor.data.get("clusters", {}):
            raise UsageError(f"there is a cluster {name} already", hint=f"togetherctl cluster set {name} KEY=VALUE")
        editor.set(("clusters", name), table)
    app.console.say(f"Added cluster {name}. Next:\n")
    app.console.say(f"  togetherctl kubeconfig write {name}")
