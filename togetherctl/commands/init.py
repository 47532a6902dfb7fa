"""`togetherctl init`."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from togetherctl.actions.joining import Wish, current_name, join, preview
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.prompts import Asking
from togetherctl.commands.joining.choosing import Choosing
from togetherctl.commands.joining.ending import Proof, next_commands, prove
from togetherctl.commands.joining.gathering import Gathering, keep
from togetherctl.commands.joining.logins import Logins
from togetherctl.commands.joining.options import Given, Missing, source_options
from togetherctl.commands.joining.showing import agreed, show
from togetherctl.paths import tilde

if TYPE_CHECKING:
    from togetherctl.actions.joining import Preview, Taking


@click.command("init")
@source_options
@click.option("--kubeconfig", metavar="FILE", help="The file to write; else KUBECONFIG, else ~/.kube/config.")
@click.option("--set-current", is_flag=True, help="Make the cluster's context the current one.")
@click.option("--overwrite", is_flag=True, help="Replace entries of the kubeconfig that togetherctl did not write.")
@click.option("--offline", is_flag=True, help="Do not look at issuers before anything is written.")
@click.option("--no-login", is_flag=True, help="Stop before the login.")
@pass_app
def command(
    app: App,
    /,
    words: tuple[str, ...],
    kubeconfig: str | None,
    set_current: bool,
    overwrite: bool,
    offline: bool,
    no_login: bool,
    **options: Any,
) -> None:
    """Take your clusters, log in, and see kubectl work.

    Writes them into the store and your kubeconfig, logs in once for each session, and asks each cluster who you are.

    SOURCE is where your clusters come from: together (by API key), a kubeconfig that somebody sent, a folder of them, a
    bundle (a file or an https address), or - for standard input. Without one you are asked, or say --issuer-url,
    --client-id and --server.

    Everything is shown before it is written. Run it again whenever there is more to take: what you changed yourself
    stays as it is.
    """
    given = Given.of(words, options, app.environ)
    # What cannot be read is said before anybody answers questions for nothing.
    current_name(app.world, kubeconfig)
    _ = app.world.store
    asking = Asking(app.environ) if app.console.can_ask and not given.yes else None
    missing = Missing.of(given)
    logins = Logins(app, given, asking, missing, offline=offline)
    gathered = Gathering(app, given, asking, logins, missing).gather()
    wish = Wish(kubeconfig=kubeconfig, set_current=set_current, overwrite=overwrite)
    taking = Choosing(app, given, asking, logins, missing).taking(gathered, wish)
    wish = _with_current(app, taking, asking, wish)
    shown = preview(app.world, taking, wish)
    if not _wanted(app, shown, wish, asking, given):
        return
    _write(app, shown, wish, gathered.api_key)
    _end(app, shown, wish, no_login=no_login)


def _with_current(app: App, taking: Taking, asking: Asking | None, wish: Wish) -> Wish:
    """A cluster that is alone becomes the current context where there is none; one that is set stays."""
    if wish.set_current or len(taking.clusters) != 1 or current_name(app.world, wish.kubeconfig):
        return wish
    question = f"kubectl has no current context yet. Is it to be {taking.clusters[0]}?"
    return replace(wish, set_current=asking is None or asking.yes(question))


def _wanted(app: App, shown: Preview, wish: Wish, asking: Asking | None, given: Given) -> bool:
    """Show what would be written; whether it is to be. Raises click's Exit where somebody says no."""
    show(app, shown, wish)
    if given.dry_run:
        app.console.say("Nothing was written; the store and the kubeconfig would change as shown.")
    elif shown.changes_nothing:
        app.console.say("Your store and your kubeconfig have all of this already.")
    else:
        agreed(app, asking, "Write this?")
    return not given.dry_run


def _write(app: App, shown: Preview, wish: Wish, api_key: str | None) -> None:
    app.world, written, left = join(app.world, shown, wish)
    changed = [] if shown.taking.changes_nothing else [app.world.paths.config]
    changed += [change.path for change in written.changed] if written else []
    if changed:
        app.console.say(f"Wrote {' and '.join(tilde(path, app.environ) for path in changed)}.")
    for line in [*left, *(written.notes if written else [])]:
        app.console.say(line)
    keep(app, api_key)


def _end(app: App, shown: Preview, wish: Wish, *, no_login: bool) -> None:
    """Log in and ask around, unless that is not wanted. Raises click's Exit where something failed."""
    clusters = [app.world.store.cluster(name) for name in shown.taking.clusters]
    proof = Proof(0, list(shown.taking.clusters))
    if not no_login:
        proof = prove(app, clusters, shown.taking.profiles)
    elif shown.taking.profiles:
        names = " ".join(shlex.quote(name) for name in shown.taking.profiles)
        app.console.next_steps("This stops before the login.", f"togetherctl login {names}")
    for cluster, context in zip(clusters, shown.written.contexts if shown.written else (), strict=False):
        if cluster.name in proof.opened:
            next_commands(app, cluster, context, wish)
            break
    if proof.code:
        raise click.exceptions.Exit(proof.code)
