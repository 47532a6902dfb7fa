"""`togetherctl issuer add`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.errors import Unreachable
from togetherctl.paths import expand
from togetherctl.store.editing import missing, new_table, valid_issuer
from togetherctl.store.profile import connection_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from togetherctl.auth.findings import Wishes


@click.command("add")
@click.argument("name")
@click.option("--url", required=True, metavar="URL", help="The issuer, exactly as it calls itself.")
@click.option("--ca-file", metavar="FILE", help="A PEM file with its certificate authority.")
@click.option("--offline", is_flag=True, help="Do not ask the issuer whether it is one.")
@click.argument("settings", metavar="[KEY=VALUE]...", nargs=-1)
@pass_app
def command(app: App, name: str, url: str, ca_file: str | None, offline: bool, settings: tuple[str, ...]) -> None:
    """Add an issuer, after a look at its metadata.

    Further keys may follow: togetherctl issuer add acme --url URL proxy=http://proxy.example:3128
    """
    ca_path = str(expand(ca_file, app.environ)) if ca_file else None
    table = looked_at(app, new_table("issuer", {"url": url, "ca_file": ca_path}, settings), offline=offline)
    with app.world.changing_store() as text:
        text.set(missing(text, "issuer", name), table)
    app.console.say(f"Added issuer {name}.")


def looked_at(
    app: App, table: Mapping[str, object], *, offline: bool, wishes: Wishes | None = None
) -> dict[str, object]:
    """The table of a new issuer as it should be written, after a look at the issuer, if not `offline`.

    What a person should know before a login is said. Raises an error unless the table is sound and, if not `offline`,
    there is an issuer that calls itself so.
    """
    issuer = valid_issuer(table)
    connection = connection_to(issuer, folder=app.world.paths.config.parent, environ=app.environ)
    if offline:
        # Whether its certificate authority can be used, nobody has to be asked.
        connection.tls_context()
        return dict(table)
    from togetherctl.auth.checking import check_issuer
    from togetherctl.auth.findings import Wishes

    report = check_issuer(
        app.world.issuers,
        issuer.url,
        connection,
        preset=issuer.preset,
        wishes=replace(wishes or Wishes(), device_endpoint=issuer.device_authorization_endpoint),
    )
    try:
        report.raise_if_not_there()
    except Unreachable as error:
        error.hint = error.hint or "--offline adds it without asking"
        raise
    for wrong in report.to_mend:
        app.console.warn(wrong.text + (f"; {wrong.hint}" if wrong.hint else ""))
    for note in report.notes_at_once:
        app.console.note(note.text, note.hint)
    recognised = {"preset": report.preset_to_write} if report.preset_to_write else {}
    return {**table, "url": report.issuer, **recognised}
