"""`togetherctl issuer check`: look at an issuer before a login."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import failure_record, hint_fields, output_option, paragraph, show_record
from togetherctl.config.profile import connection_to
from togetherctl.connection_settings import Connection
from togetherctl.paths import expand

if TYPE_CHECKING:
    from togetherctl.auth.issuer_check import Report
    from togetherctl.auth.issuer_findings import ClientNeeds
    from togetherctl.finding import Finding, Status

_LABEL = 7
# RFC 8414, 2 and kube-apiserver's --oidc-issuer-url alike.
_FOR_A_TRY = "You can log in there, but no API server takes its tokens: it is not https."
# What people and scripts read, and its colour; "wrong" comes last, where it is seen first.
_LEVELS: dict[Status, tuple[str, str]] = {
    "ok": ("good", "green"),
    "warning": ("note", "yellow"),
    "skipped": ("note", "yellow"),
    "failed": ("wrong", "red"),
}


@click.command(
    "check",
    cls=Command,
    examples=[
        "togetherctl issuer check acme",
        "togetherctl issuer check https://login.acme.com --client-id kubernetes",
    ],
)
@click.argument("issuer", metavar="URL_OR_NAME")
@click.option("--ca-file", metavar="FILE", help="A PEM file with its certificate authority.")
@click.option("--client-id", metavar="ID", help="Also ask whether this client and its redirect URIs are registered.")
@click.option(
    "--redirect-uri",
    "redirect_uris",
    metavar="URI",
    multiple=True,
    help="With --client-id: ask about this redirect URI, not those of the profiles (repeatable).",
)
@output_option
@pass_app
def command(app: App, issuer: str, ca_file: str | None, client_id: str | None, redirect_uris: tuple[str, ...]) -> None:
    """Check whether an issuer works, and say what does not.

    This does not log in. It looks at an issuer of the configuration as the profiles of the configuration use it. Exits
    with 0 if togetherctl can use the issuer, with 5 if it cannot, with 4 if the issuer does not answer.
    """
    from togetherctl.auth.issuer_check import check_issuer

    url, connection, preset, wishes = _find_issuer(app, issuer, client_id)
    wishes = replace(wishes, client_id=client_id, redirect_uris=redirect_uris or wishes.redirect_uris)
    if ca_file:
        connection = replace(connection, ca_files=(*connection.ca_files, expand(ca_file, app.environ)))
    report = check_issuer(app.world.issuers, url, connection, preset=preset, wishes=wishes)
    if app.output == "table":
        _show(app, report, client_id)
    else:
        show_record(app, _item(report, wishes), name="issuer")
    if report.error is not None:
        raise click.exceptions.Exit(report.error.exit_code)


def _find_issuer(app: App, given: str, client_id: str | None) -> tuple[str, Connection, str | None, ClientNeeds]:
    """The URL, the way there, the entry of the catalogue, and what the configuration's profiles want of it.

    Where some of them have `client_id`, the others do not count.
    """
    from togetherctl.auth.grants.registry import WITHOUT_BROWSER
    from togetherctl.auth.issuer_findings import ClientNeeds
    from togetherctl.auth.issuer_url import parse_typed_issuer

    config = app.world.config
    issuers = config.table.issuers
    name = given if given in issuers else next((each for each, table in issuers.items() if table.url == given), None)
    if name is None:
        if "://" not in given and "." not in given and ":" not in given:
            config.entry("issuer", given)
        parse_typed_issuer(given)
        return given, Connection(), None, ClientNeeds()
    table = issuers[name]
    of_issuer = {each: profile for each, profile in config.table.profiles.items() if profile.issuer == name}
    of_client = {each: profile for each, profile in of_issuer.items() if profile.client_id == client_id}
    names, profiles = list(of_client or of_issuer), list((of_client or of_issuer).values())
    wishes = ClientNeeds(
        device_endpoint=table.device_authorization_endpoint, revocation_endpoint=table.revocation_endpoint, issuer=name
    )
    if profiles:
        wishes = replace(
            wishes,
            profile=names[0] if len(names) == 1 else None,
            scopes=tuple(dict.fromkeys(["openid", *(scope for profile in profiles for scope in profile.scopes)])),
            redirect_uris=tuple(dict.fromkeys(uri for profile in profiles for uri in profile.redirect_uris)),
            offline_access=profiles[0].offline_access,
            has_secret=all(profile.client_secret is not None for profile in profiles),
            by_browser=not all(profile.grant in WITHOUT_BROWSER for profile in profiles),
            pkce=any(profile.pkce != "no" for profile in profiles),
        )
    return table.url, connection_to(table, folder=config.path.parent, environ=app.environ), table.preset, wishes


def _item(report: Report, wishes: ClientNeeds) -> dict[str, object]:
    return {
        "issuer": report.issuer,
        "usable": report.usable,
        "error": failure_record(report.error, report.error.sentence()) if report.error else None,
        "preset": report.preset,
        "redirect_uris": list(wishes.redirect_uris),
        "clock_ahead": None if report.clock_ahead is None else round(report.clock_ahead, 1),
        "metadata": asdict(report.metadata) if report.metadata else None,
        "findings": [
            {
                "level": _LEVELS[found.status][0],
                "text": found.message,
                **hint_fields(found.remedy),
                "about": found.about,
            }
            for found in report.findings
        ],
    }


def _show(app: App, report: Report, client_id: str | None) -> None:
    """What works, what to know, and last, where it is seen first, what is wrong."""
    put(f"{report.issuer}{f': {report.provider}' if report.provider else ''}\n")
    for status in _LEVELS:
        for finding in report.findings:
            if finding.status == status:
                put(_line(app, finding))
    if not report.usable:
        app.console.say("It cannot be used as it is.")
        return
    usable = "It can be used." if report.issuer.startswith("https://") else _FOR_A_TRY
    if any(table.url == report.issuer for table in app.world.config.table.issuers.values()):
        app.console.say(usable)
    else:
        command = f"togetherctl profile add NAME --issuer {report.issuer} --client-id {client_id or 'ID'}"
        app.console.next_steps(usable, command)


def _line(app: App, finding: Finding) -> str:
    level, colour = _LEVELS[finding.status]
    text = paragraph(finding.message, label=level, indent=_LABEL)
    if sys.stdout.isatty() and not app.environ.get("NO_COLOR"):
        styled = click.style(level, fg=colour, bold=True)
        text = f"{styled}{text.removeprefix(level)}"
    return f"{text}\n{paragraph(str(finding.remedy), indent=_LABEL + 2)}" if finding.remedy else text
