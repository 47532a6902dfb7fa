"""The root of the command line: its verbs by name, each loaded only when it is called."""

from __future__ import annotations

import click

from togetherctl.cli.app import App
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Lazy, LazyGroup

_HERE = "togetherctl.commands"

VERBS = {
    "init": Lazy(f"{_HERE}.init", "Take your clusters, log in, and see kubectl work."),
    "login": Lazy(f"{_HERE}.login", "Log in."),
    "logout": Lazy(f"{_HERE}.logout", "Revoke a session's tokens at the issuer and delete them here.", removes=True),
    "refresh": Lazy(f"{_HERE}.login:refresh", "Get new tokens now, without a login."),
    "status": Lazy(f"{_HERE}.status", "Show every session: who, how long, and what went wrong."),
    "whoami": Lazy(f"{_HERE}.whoami", "Show who the issuer and each cluster say you are."),
    "doctor": Lazy(f"{_HERE}.doctor", "Find out what is wrong, and say how to fix it."),
    "support": Lazy(f"{_HERE}.support", "Write one text that you can attach to a bug report."),
    "get-token": Lazy(f"{_HERE}.get_token", "Print a credential for kubectl (kubectl runs this)."),
    "profile": Lazy(f"{_HERE}.profile", "Manage profiles: who you are to an issuer."),
    "issuer": Lazy(f"{_HERE}.issuer", "Manage issuers: OpenID Providers and how to reach them."),
    "cluster": Lazy(f"{_HERE}.cluster", "Manage clusters: API servers and the profile that opens each."),
    "use": Lazy(f"{_HERE}.use", "Make a cluster's context the current one."),
    "run": Lazy(f"{_HERE}.run_command", "Run a command with a kubeconfig of its own."),
    "shell": Lazy(f"{_HERE}.shell", "Open a shell with a kubeconfig of its own."),
    "ssh": Lazy(f"{_HERE}.ssh", "Run ssh, and let the remote host ask for credentials."),
    "kubeconfig": Lazy(f"{_HERE}.kubeconfig", "Write clusters into your kubeconfig."),
    "agent": Lazy(f"{_HERE}.agent", "Keep sessions fresh, and hand out credentials over a socket."),
    "setup": Lazy(f"{_HERE}.setup", "Log in, and show how to make an API server accept that token."),
    "clean": Lazy(f"{_HERE}.clean", "Delete the token cache.", removes=True),
    "config": Lazy(f"{_HERE}.config", "Show and edit the configuration itself."),
    "ui": Lazy(f"{_HERE}.ui", "Open the terminal interface: every session at a glance."),
    "demo": Lazy(f"{_HERE}.demo", "Show how everything works, on this machine alone."),
    "completion": Lazy(f"{_HERE}.completion", "Print the script that lets your shell complete."),
    "version": Lazy(f"{_HERE}.version", "Show which togetherctl this is."),
    "help": Lazy(f"{_HERE}.help", "Show the help of a command."),
}


@click.command(
    cls=LazyGroup,
    lazy=VERBS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="togetherctl", message="togetherctl %(version)s")
@click.pass_context
def root(context: click.Context) -> None:
    """Log in to Kubernetes clusters through OpenID Connect.

    One configuration of profiles, one session for each, and a credential whenever kubectl asks.

    -v shows what is asked of issuers, anywhere on the command line; it shows no secret.
    """
    if context.invoked_subcommand is None:
        from togetherctl.commands.ui import at_a_terminal, open_interface

        app = context.ensure_object(App)
        if at_a_terminal(app.environ):
            context.exit(open_interface(app))
        put(context.get_help())
