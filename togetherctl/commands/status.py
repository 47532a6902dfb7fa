"""`togetherctl status`: show every session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from togetherctl.auth.session import State
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import Item, output_option, rfc3339, show_list
from togetherctl.humanize import time_left
from togetherctl.usecases.session_snapshot import read_snapshot

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile


@click.command(
    "status",
    cls=Command,
    examples=[
        "togetherctl status",
        "togetherctl status acme -o json",
    ],
)
@click.argument("names", metavar="[PROFILE]...", nargs=-1)
@output_option
@pass_app
def command(app: App, names: tuple[str, ...]) -> None:
    """Show every session: who, how long, and what went wrong.

    Reads what is stored and never touches the network.
    """
    config = app.world.config
    profiles = config.profiles(names, everyone=not names)
    items = [_item(app, profile) for profile in profiles]
    show_list(app, items, _columns(app.world.clock()), name="profile")
    if app.output == "table":
        _tell_logins(app, items)
        _tell_errors(app, items)
    if not items and app.output == "table":
        app.console.say(f"There is no profile in {config.path} yet.")
        app.console.show_command("togetherctl init")


def _item(app: App, profile: Profile) -> Item:
    found = read_snapshot(app.world, profile)
    session, token, trouble, login = found.session, found.token, found.trouble, found.login
    return {
        "profile": profile.name,
        "issuer": profile.issuer.url,
        "client_id": profile.client_id,
        "state": found.state(app.world.clock()).value,
        "subject": session.subject if session else None,
        "identity": session.identity if session else None,
        "expires_at": rfc3339(token.expires_at if token else None),
        "refreshable": bool(session and session.refreshable),
        "storage": profile.storage,
        "last_error": {"at": rfc3339(trouble.at), "code": trouble.code, "message": trouble.message}
        if trouble
        else None,
        "login": {"since": rfc3339(login.opened_at), "address": login.address} if login else None,
        "session": profile.key,
        "clusters": app.world.config.clusters_of(profile.name),
    }


def _columns(now: float) -> dict[str, Callable[[Item], str]]:
    def left(item: Item) -> str:
        if item["expires_at"] is None:
            return "-"
        moment = datetime.fromisoformat(item["expires_at"]).timestamp()
        if moment <= now:
            return f"{time_left(now - moment)} ago"
        return f"in {time_left(moment - now)}" + ("" if item["refreshable"] else ", then login")

    def clusters(item: Item) -> str:
        first, *others = item["clusters"] or ["-"]
        return f"{first} +{len(others)}" if others else first

    return {
        "PROFILE": lambda item: item["profile"],
        "IDENTITY": lambda item: item["identity"] or "-",
        "STATE": lambda item: item["state"],
        "EXPIRES": left,
        "CLUSTERS": clusters,
    }


def _tell_logins(app: App, items: list[Item]) -> None:
    for item in items:
        login = item["login"]
        if login:
            lasts = time_left(app.world.clock() - datetime.fromisoformat(login["since"]).timestamp())
            app.console.say(f"{item['profile']}: logging in for {lasts} at {login['address']}")


def _tell_errors(app: App, items: list[Item]) -> None:
    """Say what went wrong below the table, where a sentence has room."""
    for item in items:
        error = item["last_error"]
        if error:
            ago = time_left(app.world.clock() - datetime.fromisoformat(error["at"]).timestamp())
            way = f"; togetherctl login {item['profile']}" if item["state"] == State.LOGIN_REQUIRED.value else ""
            app.console.say(f"{item['profile']}: {error['message']} ({ago} ago){way}")
