"""`togetherctl issuer add`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.actions import adding
from togetherctl.actions.adding import add
from togetherctl.commands.app import App, pass_app
from togetherctl.errors import Remedy, Unreachable
from togetherctl.paths import expand
from togetherctl.store.editing import new_table

if TYPE_CHECKING:
    from togetherctl.actions.adding import Tables


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
    table = new_table("issuer", {"url": url, "ca_file": ca_path}, settings)
    add(app.world, looked_at(app, {("issuer", name): table}, offline=offline))
    app.console.say(f"Added issuer {name}.")


def looked_at(app: App, tables: Tables, *, offline: bool) -> Tables:
    """The tables as they should be written, after a look at an issuer that is new, if not `offline`.

    What a person should know before a login is said. Raises what the look raises.
    """
    try:
        tables, report = adding.looked_at(app.world, tables, offline=offline)
    except Unreachable as error:
        error.remedy = error.remedy or Remedy("--offline adds it without asking")
        raise
    if report is not None:
        for wrong in report.to_mend:
            app.console.warn(wrong.text + (f"; {wrong.remedy}" if wrong.remedy else ""))
        for note in report.notes_at_once:
            app.console.note(note.text, note.remedy)
    return tables
