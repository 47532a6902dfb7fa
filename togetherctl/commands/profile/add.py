"""`togetherctl profile add`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.issuer.add import check_by_discovery, connection_from
from togetherctl.errors import UsageError
from togetherctl.paths import expand
from togetherctl.store.editing import assignments, changing
from togetherctl.store.problems import nearest

if TYPE_CHECKING:
    from togetherctl.store.files import Editor


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
    table: dict[str, object] = {"client_id": client_id}
    if scopes:
        table["scopes"] = list(scopes)
    for key, value in assignments("profile", settings).items():
        if len(key) > 1:
            raise UsageError(f"give {key[0]} whole here, as a TOML table")
        table[key[0]] = value
    with changing(app.world.paths) as editor:
        if name in editor.data.get("profiles", {}):
            raise UsageError(f"there is a profile {name} already", hint=f"togetherctl profile set {name} KEY=VALUE")
        issuer_name = _issuer(app, editor, issuer, name, ca_file, offline=offline)
        editor.set(("profiles", name), {"issuer": issuer_name, **table})
    app.console.say(f"Added profile {name}. Next:\n")
    app.console.say(f"  togetherctl login {name}")
    app.console.say(f"  togetherctl cluster add CLUSTER --profile {name} --server URL --ca-file FILE")


def _issuer(app: App, editor: Editor, given: str, profile: str, ca_file: str | None, *, offline: bool) -> str:
    """The name of the issuer in the store, added where it is new."""
    issuers = editor.data.get("issuers", {})
    absolute = str(expand(ca_file, app.environ)) if ca_file else None
    if "://" not in given:
        if given not in issuers:
            raise UsageError(f"there is no issuer {given}{nearest(given, issuers)}", hint="give its URL to add it")
        return _with_same_ca(issuers, given, absolute)
    for name, table in issuers.items():
        if isinstance(table, dict) and table.get("url") == given:
            return _with_same_ca(issuers, name, absolute)
    added: dict[str, object] = {"url": given, **({"ca_file": absolute} if absolute else {})}
    if not offline:
        check_by_discovery(app, given, connection_from(added))
    if profile in issuers:
        raise UsageError(
            f"there is an issuer {profile} already, with another URL",
            hint=f"togetherctl issuer add OTHER --url {given}, then --issuer OTHER",
        )
    editor.set(("issuers", profile), added)
    return profile


def _with_same_ca(issuers: dict[str, dict[str, object]], name: str, ca_file: str | None) -> str:
    if ca_file is not None and issuers[name].get("ca_file") != ca_file:
        raise UsageError(
            f"the issuer {name} is in the store without this CA file",
            hint=f"togetherctl issuer set {name} ca_file={ca_file}",
        )
    return name
