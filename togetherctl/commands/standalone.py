"""`kubectl together-login` without a command: log in, and write the tokens into the kubeconfig."""

from __future__ import annotations

import os
import shlex
import stat
from typing import TYPE_CHECKING

import click

from togetherctl.auth.engine import Outcome
from togetherctl.auth.session import Session, State
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.kubelogin_flags import FlagsCommand
from togetherctl.cli.output import rfc3339
from togetherctl.errors import about
from togetherctl.paths import tilde

if TYPE_CHECKING:
    from togetherctl.kube.auth_provider import AuthProvider
    from togetherctl.kubelogin.flags import Flags

_USABLE = (State.VALID, State.STALE)


@click.command("together-login", cls=FlagsCommand, takes="standalone", options_metavar="[FLAGS]")
@pass_app
def command(app: App, flags: Flags | None) -> None:
    """Log in, and write the tokens into the kubeconfig.

    For users of a kubeconfig with `auth-provider: oidc`. A token that is still good is left alone, one that has expired
    is refreshed, and a browser opens only when that does not help.
    """
    from togetherctl.kubelogin.flags import Flags
    from togetherctl.kubelogin.standalone import profile_for, provider_meant

    flags = flags or Flags()
    provider = provider_meant(flags, app.environ)
    profile = profile_for(provider, flags, app.environ, warn=app.console.warn)
    engine = app.world.kubeconfig_engine(provider)
    app.console.reads_pasted = True
    with about(None, profile.issuer.url):
        if engine.state(profile, engine.load(profile)) not in _USABLE:
            provider.check_writable()
        session, outcome = engine.login(profile, app.world.policy)
    _report(app, provider, session, outcome)
    for note in app.world.noted.pop(profile.key, ()):
        app.console.note(note)


def _report(app: App, provider: AuthProvider, session: Session, outcome: Outcome) -> None:
    ends = rfc3339(session.id_token.expires_at if session.id_token else None)
    if outcome is Outcome.STILL_VALID:
        app.console.say(f"You already have a valid token until {ends}")
        return
    app.console.say(f"You got a valid token until {ends}")
    app.console.say(f"Updated {tilde(provider.path, app.environ)}")
    mode = stat.S_IMODE(provider.path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        app.console.warn(
            f"{tilde(provider.path, app.environ)} holds tokens and is open to others (mode {mode:04o}); "
            f"chmod 600 {shlex.quote(str(provider.path))}"
        )
    if outcome is Outcome.LOGGED_IN:
        app.console.next_steps(
            "With an exec plugin the kubeconfig holds no token, and kubectl logs in by itself.",
            shlex.join(
                [
                    "kubectl",
                    "together-login",
                    "setup",
                    f"--oidc-issuer-url={provider.issuer}",
                    f"--oidc-client-id={provider.client_id}",
                ]
            ),
        )
