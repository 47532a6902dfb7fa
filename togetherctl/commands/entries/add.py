"""`profile add`, `issuer add` and `cluster add`: add an entry to the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.profile_args import name_profile
from togetherctl.config.editing import new_key, new_table
from togetherctl.connection_settings import Connection
from togetherctl.errors import Remedy, Unreachable, UsageError, run
from togetherctl.paths import expand
from togetherctl.usecases import add_entry
from togetherctl.usecases.add_entry import Tables

if TYPE_CHECKING:
    from togetherctl.auth.issuer_check import Report

_settings = click.argument("settings", metavar="[KEY=VALUE]...", nargs=-1)
_ADD_HELP = run("togetherctl", "profile", "add", "--help")
_offline = click.option("--offline", is_flag=True, help="Do not ask the issuer whether it is one.")
_yes = click.option("--yes", is_flag=True, help="Add it even if the issuer or the client cannot be used as it is.")


@click.command(
    "add",
    cls=Command,
    examples=[
        "togetherctl profile add lab --issuer https://login.acme.com --client-id k8s",
        "togetherctl profile add ops --issuer acme --client-id kubernetes margin=30",
        "togetherctl profile add second --like acme --account me2@acme.com",
    ],
)
@click.argument("name")
@click.option("--issuer", metavar="NAME_OR_URL", help="An issuer of the configuration, or the URL of one.")
@click.option("--client-id", metavar="ID", help="The client ID registered at the issuer.")
@click.option(
    "--like", metavar="PROFILE", help="Copy the keys of that profile that you do not give, but not its session."
)
@click.option("--account", metavar="NAME", help="Accept this account alone, and propose it to the issuer.")
@click.option("--ca-file", metavar="FILE", help="A PEM file with the certificate authority of a new issuer.")
@click.option("--scope", "scopes", metavar="S", multiple=True, help="A scope to ask for; may be given again.")
@_offline
@_yes
@_settings
@pass_app
def profile(  # each is an option that a person may give
    app: App,
    name: str,
    issuer: str | None,
    client_id: str | None,
    like: str | None,
    account: str | None,
    ca_file: str | None,
    scopes: tuple[str, ...],
    offline: bool,
    yes: bool,
    settings: tuple[str, ...],
) -> None:
    """Add a profile, and its issuer if that is new.

    If the configuration has an issuer with that URL, the profile uses it. Otherwise an issuer with the profile's name
    is added, after a look at its metadata and keys, and at whether it knows the client. Further keys may follow, each
    as KEY=VALUE.

    With --like it needs neither an issuer nor a client ID: it starts with the keys of another profile, and has a
    session of its own.
    """
    missing = [option for option, value in (("--issuer", issuer), ("--client-id", client_id)) if not (value or like)]
    if missing:
        raise UsageError(f"{' and '.join(missing)} must be given, or --like", hint=_ADD_HELP)
    wish = add_entry.NewProfile(
        name,
        issuer or "",
        client_id or "",
        ca_file or "",
        scopes,
        settings,
        like=name_profile(app, like) if like else "",
        account=account or "",
    )
    tables = add_entry.tables_for(app.world, wish)
    add_entry.add_profile(app.world, check_new_issuer(app, tables, offline=offline, yes=yes))
    app.console.next_steps(
        f"Added profile {name}.",
        f"togetherctl login {name}",
        f"togetherctl cluster add CLUSTER --profile {name} --server URL --ca-file FILE",
    )


@click.command(
    "add",
    cls=Command,
    examples=[
        "togetherctl issuer add okta --url https://login.acme.com",
        "togetherctl issuer add keycloak --url https://login.acme.com --ca-file ca.pem",
    ],
)
@click.argument("name")
@click.option("--url", required=True, metavar="URL", help="The issuer, exactly as it calls itself.")
@click.option("--ca-file", metavar="FILE", help="A PEM file with its certificate authority.")
@_offline
@_yes
@_settings
@pass_app
def issuer(
    app: App, name: str, url: str, ca_file: str | None, offline: bool, yes: bool, settings: tuple[str, ...]
) -> None:
    """Add an issuer, after a look at its metadata.

    Further keys may follow, each as KEY=VALUE.
    """
    ca_path = str(expand(ca_file, app.environ)) if ca_file else None
    table = new_table("issuer", {"url": url, "ca_file": ca_path}, settings)
    add_entry.add_profile(app.world, check_new_issuer(app, {("issuer", name): table}, offline=offline, yes=yes))
    app.console.say(f"Added issuer {name}.")


@click.command(
    "add",
    cls=Command,
    examples=[
        (
            "togetherctl cluster add lab --profile acme --server https://203.0.113.7:6443 \\\n"
            "    --ca-file ca.pem namespace=training"
        ),
    ],
)
@click.argument("name")
@click.option("--profile", required=True, metavar="P", help="The profile that opens it.")
@click.option("--server", required=True, metavar="URL", help="The API server's URL.")
@click.option("--ca-file", metavar="FILE", help="A PEM file with its certificate authority.")
@click.option("--yes", is_flag=True, help="Write the kubeconfig too, without a question.")
@_settings
@pass_app
def cluster(
    app: App, name: str, profile: str, server: str, ca_file: str | None, yes: bool, settings: tuple[str, ...]
) -> None:
    """Add a cluster, and write it into the kubeconfig if you agree.

    Further keys may follow, each as KEY=VALUE. Where it cannot ask, the kubeconfig stays as it is: kubectl knows the
    cluster after togetherctl kubeconfig write.
    """
    ca_path = str(expand(ca_file, app.environ)) if ca_file else None
    table = new_table("cluster", {"profile": profile, "server": server, "ca_file": ca_path}, settings)
    _refuse_unusable_authority(app, table)
    with app.world.changing_config() as text:
        text.set(new_key(text, "cluster", name), table)
    if yes or app.console.can_ask:
        from togetherctl.commands.entries.follow import write_added

        app.console.say(f"Added cluster {name}.")
        if write_added(app, name, yes=yes):
            return
        app.console.show_command(f"togetherctl kubeconfig write {name}")
    else:
        app.console.next_steps(f"Added cluster {name}.", f"togetherctl kubeconfig write {name}")


def check_new_issuer(app: App, tables: Tables, *, offline: bool, yes: bool) -> Tables:
    """The tables to write, after a look at a new issuer, unless `offline`.

    Says what a person should know before a login, and asks a person where no login can work; scripts go on with the
    warning. Raises the errors of `look_at_issuer`, and click's Exit at "no".
    """
    try:
        tables, report = add_entry.look_at_issuer(app.world, tables, offline=offline)
    except Unreachable as error:
        error.remedy = error.remedy or Remedy("--offline adds it without asking")
        raise
    if report is None:
        return tables
    say_findings(app, report)
    if report.hopeless and app.console.can_ask:
        app.confirm("It cannot be used as it is. Add it all the same?", yes=yes)
    return tables


def say_findings(app: App, report: Report) -> None:
    """What a person should know of an issuer before the first login."""
    for wrong in report.to_mend:
        app.console.warn(wrong.message + (f"; {wrong.remedy}" if wrong.remedy else ""))
    for note in report.notes_at_once:
        app.console.note(note.message, note.remedy)


def _refuse_unusable_authority(app: App, table: Mapping[str, object]) -> None:
    """Raises ConfigError where the CA file is missing or holds no certificate; kubectl would say so only later."""
    named = table.get("ca_file")
    if isinstance(named, str):
        path = expand(named, app.environ, beside=app.world.paths.config.parent)
        Connection(ca_files=(path,)).tls_context()
