"""`togetherctl issuer add`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.errors import ConfigError, Unreachable, UsageError
from togetherctl.paths import expand
from togetherctl.store.checks import issuer_url
from togetherctl.store.editing import assignments, changing
from togetherctl.transport import Connection

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command("add")
@click.argument("name")
@click.option("--url", required=True, metavar="URL", help="The issuer, exactly as it calls itself.")
@click.option("--ca-file", metavar="FILE", help="A PEM file with its certificate authority.")
@click.option("--offline", is_flag=True, help="Do not ask the issuer whether it is one.")
@click.argument("settings", metavar="[KEY=VALUE]...", nargs=-1)
@pass_app
def command(app: App, name: str, url: str, ca_file: str | None, offline: bool, settings: tuple[str, ...]) -> None:
    """Add an issuer, after a look at its metadata."""
    absolute = str(expand(ca_file, app.environ)) if ca_file else None
    table: dict[str, object] = {"url": url, **({"ca_file": absolute} if absolute else {})}
    for key, value in assignments("issuer", settings).items():
        if len(key) > 1:
            raise UsageError(f"give {key[0]} whole here, as a TOML table")
        table[key[0]] = value
    with changing(app.world.paths) as editor:
        if name in editor.data.get("issuers", {}):
            raise UsageError(f"there is an issuer {name} already", hint=f"togetherctl issuer set {name} KEY=VALUE")
        if not offline:
            check_by_discovery(app, url, connection_from(table))
        editor.set(("issuers", name), table)
    app.console.say(f"Added issuer {name}.")


def check_by_discovery(app: App, url: str, connection: Connection) -> None:
    """Raises an error unless there is an OpenID Provider that calls itself `url`."""
    try:
        issuer_url(url)
    except ValueError as error:
        raise ConfigError(f"the issuer {url} {error}") from None
    try:
        app.world.check_issuer(url, connection)
    except Unreachable as error:
        error.hint = error.hint or "--offline adds it without asking"
        raise


def connection_from(table: Mapping[str, object]) -> Connection:
    """The connection an issuer's table describes."""
    ca_file, headers = table.get("ca_file"), table.get("request_headers")
    ca_files = [ca_file] if isinstance(ca_file, str) else ca_file
    return Connection(
        ca_files=tuple(Path(str(path)) for path in ca_files) if isinstance(ca_files, list) else (),
        ca_data=str(table["ca_data"]) if "ca_data" in table else None,
        insecure=table.get("insecure_skip_tls_verify") is True,
        proxy=str(table["proxy"]) if "proxy" in table else None,
        headers={str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {},
    )
