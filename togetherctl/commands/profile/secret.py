"""`togetherctl profile secret`: keep a client secret in the keyring."""

from __future__ import annotations

import sys

import click

from togetherctl import keyring_secrets
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.profile_args import choose_profile
from togetherctl.cli.prompts import Prompts
from togetherctl.config.client_secret import MAX_CHARACTERS, keyring_name
from togetherctl.errors import UsageError


@click.command(
    "secret",
    cls=Command,
    examples=[
        "togetherctl profile secret acme",
        "pass show acme/kubernetes | togetherctl profile secret acme",
    ],
)
@click.argument("name")
@pass_app
def command(app: App, name: str) -> None:
    """Keep a client secret in the keyring.

    Asks for it without showing it, or reads one line from standard input. The configuration then says
    client_secret = { keyring = true }, and holds no secret.
    """
    profile = choose_profile(app, name)
    name = profile.name
    secret = _ask(app, name)
    keyring_secrets.write(keyring_name(profile.issuer.url, profile.client_id), secret)
    with app.world.changing_config() as text:
        text.set(("profiles", name, "client_secret"), {"keyring": True})
    app.console.say(f"The client secret of profile {name} is in the keyring.")


def _ask(app: App, name: str) -> str:
    if not sys.stdin.isatty():
        secret = sys.stdin.readline(MAX_CHARACTERS + 1).strip()
    elif app.console.can_ask:
        secret = Prompts(app.environ).password(f"Client secret of profile {name}:").strip()
    else:
        raise UsageError("this command cannot ask for the secret here", hint="pipe it in")
    if not secret or not secret.isprintable() or len(secret) > MAX_CHARACTERS:
        raise UsageError("the client secret must be one line of text")
    return secret
