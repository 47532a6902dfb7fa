"""`profile remove`, `issuer remove`, `cluster remove`: remove an entry and what depends on it."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.commands.entries.follow import kubeconfig_options
from togetherctl.config.types import Kind
from togetherctl.paths import tilde
from togetherctl.usecases.remove_entry import plan_removal, remove_entry
from togetherctl.usecases.reports import report_removal, report_removed

_USERS: dict[Kind, str] = {
    "profile": "the clusters that use it",
    "issuer": "the profiles that use it, and their clusters",
}
_HELP: dict[Kind, str] = {
    "profile": "If no other profile shares its session, the session is deleted too. To revoke its tokens at the "
    "issuer, run togetherctl logout before.",
    "issuer": "If a profile uses it, it is removed only with --cascade.",
    "cluster": "Its entries in the kubeconfig go with it.",
}

_EXAMPLES: dict[Kind, list[str]] = {
    "profile": ["togetherctl profile remove admin", "togetherctl profile remove acme --cascade  # its clusters too"],
    "issuer": ["togetherctl issuer remove lab", "togetherctl issuer remove acme --cascade  # all that uses it"],
    "cluster": ["togetherctl cluster remove gpu"],
}


def command(kind: Kind) -> click.Command:
    @click.command("remove", cls=Command, examples=_EXAMPLES[kind])
    @click.argument("name")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @pass_app
    def remove_(
        app: App,
        name: str,
        yes: bool,
        kubeconfig: str | None,
        keep_kubeconfig: bool,
        *,
        cascade: bool = False,
    ) -> None:
        going = plan_removal(
            app.world, kind, name, cascade=cascade, kubeconfig=kubeconfig, keep_kubeconfig=keep_kubeconfig
        )
        said = [line.text for line in report_removal(going, app.environ)]
        diff = "".join(change.diff() for change in going.kubeconfig.changed) if going.kubeconfig else ""
        place = tilde(app.world.paths.config, app.environ)
        app.confirm(f"Remove {kind} {name} from {place}?", yes=yes, said=said, diff=diff)
        app.console.report(report_removed(going, remove_entry(app.world, going), app.environ))

    if kind in _USERS:
        remove_ = click.option("--cascade", is_flag=True, help=f"Remove {_USERS[kind]}, too.")(remove_)
    remove_.help = f"Remove one {kind} from the configuration.\n\n{_HELP[kind]} It asks first, and says what goes."
    return kubeconfig_options(remove_)
