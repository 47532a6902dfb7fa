"""`togetherctl kubeconfig convert`: move a kubeconfig over from kubelogin."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.secret_prompts import SecretPrompts
from togetherctl.commands.kubeconfig.write import choose_command, command_options
from togetherctl.config.config import Config
from togetherctl.config.types import Kind
from togetherctl.errors import ExitCode, UsageError
from togetherctl.importing.secret_place import FORMS, SecretPlace
from togetherctl.kube.kubeconfig import kubeconfig_files
from togetherctl.kubelogin.backups import SUFFIX, Backups
from togetherctl.kubelogin.import_cache import CacheImport
from togetherctl.kubelogin.merged_kubeconfig import Kubeconfigs
from togetherctl.kubelogin.stanza_to_profile import old_cache
from togetherctl.paths import expand, tilde
from togetherctl.usecases.convert_kubelogin import Conversion, ConversionPlan, ConversionRequest, preview_conversion
from togetherctl.usecases.difference import readable_difference
from togetherctl.usecases.remove_entry import plan_removal, remove_entry
from togetherctl.usecases.reports import report_removal, report_removed
from togetherctl.usecases.revert_conversion import entries_left_over

# Before it is agreed to, a person reads no more than this.
_MOST_LINES = 12


@click.command(
    "convert",
    cls=Command,
    examples=[
        "togetherctl kubeconfig convert --all --dry-run",
        "togetherctl kubeconfig convert --context gpu-east",
        "togetherctl kubeconfig convert --revert  # takes it back",
    ],
)
@click.option("--context", metavar="CONTEXT", help="Convert what this context uses.")
@click.option("--all", "everyone", is_flag=True, help="Convert every stanza of kubelogin there is.")
@click.option("--kubeconfig", metavar="FILE", help="The file to convert; else KUBECONFIG, else ~/.kube/config.")
@click.option("--secret", metavar="WHERE", help=f"Where client secrets go: {FORMS}.")
@click.option(
    "--import-cache",
    "cache",
    metavar="[DIR]",
    is_flag=False,
    flag_value="",
    help="Take over kubelogin's tokens too, from DIR or from where each stanza kept them.",
)
@click.option("--dry-run", is_flag=True, help="Print the difference and write nothing.")
@click.option("--revert", is_flag=True, help="Put the kubeconfig back as it was before.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="With --revert: even if the kubeconfig has changed since.")
@command_options
@pass_app
def command(
    app: App,
    context: str | None,
    everyone: bool,
    kubeconfig: str | None,
    secret: str | None,
    cache: str | None,
    dry_run: bool,
    revert: bool,
    yes: bool,
    force: bool,
    portable: bool,
    no_shim: bool,
) -> None:
    """Convert a kubeconfig from kubelogin to togetherctl.

    Stanzas of kubectl together-login, kubectl oidc-login and kubelogin become issuers, profiles and clusters of the
    configuration, and call togetherctl from then on. Without --context and --all it converts the only stanza; if there
    are several, say which.

    Client secrets leave the kubeconfig. The old kubeconfig is kept beside it, and --revert puts it back. On a terminal
    it shows what changes, and asks.
    """
    files = kubeconfig_files(kubeconfig, app.environ)
    if revert:
        if everyone or context or secret or dry_run or cache is not None:
            raise UsageError("--revert puts whole files back; it goes with --kubeconfig, --yes and --force alone")
        _revert(app, files, force=force, yes=yes)
        return
    if force or (everyone and context):
        raise UsageError("--force goes with --revert" if force else "say --context or --all, not both")
    places = SecretPrompts(app, SecretPlace.parse(secret) if secret else None)

    def conversion(*, write: bool) -> Conversion:
        own = choose_command(app, portable=portable, no_shim=no_shim, write=write)
        return Conversion(
            ConversionRequest(files, own.command, context, everyone, own.env),
            # As it is then, which may be another than when this began.
            lambda: Config.load(app.world.paths.config, app.environ),
            app.environ,
            places.of,
        )

    plan = conversion(write=False).plan()
    asks = not dry_run and not yes and app.console.can_ask
    if plan.changed and not dry_run:
        places.settle(plan.secrets)
        plan = conversion(write=False).plan()
        if asks:
            app.confirm_write(_summarise(app, plan, places), _diff(app, plan), yes=yes, question="Convert this?")
        backups = Backups(app.world.paths.state, app.world.paths.config)
        plan = conversion(write=True).carry_out(app.world.changing_config, backups, plan)
    _report(app, plan, files, kubeconfig=kubeconfig, dry_run=dry_run, said=asks)
    if cache is not None and not dry_run:
        _take_over(app, plan, files, expand(cache, app.environ) if cache else None)
    if context and plan.left and not plan.changed:
        raise click.exceptions.Exit(ExitCode.FAILED)


def _diff(app: App, plan: ConversionPlan) -> str:
    return "".join([preview_conversion(plan.tables, app.world.config), *(change.diff() for change in plan.changed)])


def _summarise(app: App, plan: ConversionPlan, places: SecretPrompts) -> list[str]:
    """What matters of a conversion, before it is agreed to."""
    more = len(plan.done) - _MOST_LINES
    changed = ", ".join(tilde(change.path, app.environ) for change in plan.changed)
    return [
        *plan.done[:_MOST_LINES],
        *([f"... and {more} lines more."] if more > 0 else []),
        *plan.left,
        *(
            f"The client secret of {moved.client_id} at {moved.issuer} moves from the kubeconfig to {place}."
            for moved in plan.secrets
            if (place := places.of(moved)) is not None
        ),
        f"{changed} changes, and what is there now is kept beside it, with the ending {SUFFIX}.",
    ]


def _report(
    app: App, plan: ConversionPlan, files: Sequence[Path], *, kubeconfig: str | None, dry_run: bool, said: bool
) -> None:
    """What was done, or would be; `said`: the person has read and agreed to it."""
    if dry_run:
        for line in readable_difference(_diff(app, plan)):
            put(line)
    if not (said and plan.changed):
        for line in plan.done:
            app.console.say(line)
        for line in plan.left:
            app.console.warn(line)
    if not plan.changed:
        there = [path for path in files if path.exists()]
        looked = ", ".join(tilde(path, app.environ) for path in there or files)
        app.console.say(f"Nothing to convert in {looked}." if there else f"There is no kubeconfig at {looked}.")
        return
    changed = ", ".join(tilde(change.path, app.environ) for change in plan.changed)
    if dry_run:
        app.console.say(f"Nothing was written; {changed} and the configuration would change as shown.")
        if plan.secrets:
            app.console.say(f"The client secret goes where --secret says: {FORMS}.")
        return
    where = f" --kubeconfig {shlex.quote(str(files[0]))}" if kubeconfig else ""
    app.console.next_steps(
        f"Converted {changed}.", "togetherctl status", f"togetherctl kubeconfig convert --revert{where}  # goes back"
    )
    kept = ", ".join(tilde(path, app.environ) for path in plan.backups)
    secret = " It still holds the client secret: delete it once all works." if plan.secrets else ""
    app.console.say(f"What was there before is in {kept}.{secret}")


def _take_over(app: App, plan: ConversionPlan, files: Sequence[Path], folder: Path | None) -> None:
    config = Config.load(app.world.paths.config, app.environ)
    names = [name for name in Kubeconfigs(files).our_profiles() if name in config.table.profiles]
    usual = old_cache(app.environ)

    def folders_of(name: str) -> list[Path]:
        # One that was kept apart by its folder has its tokens there and nowhere else.
        apart = config.table.profiles[name].session
        return plan.caches.get(name) or [expand(apart, app.environ) if apart else usual]

    folders = {name: [folder] if folder else folders_of(name) for name in names}
    profiles = [config.profile(name) for name in names]
    take_over = CacheImport(app.world.sessions, app.world.issuers.verify, app.world.clock)
    for line in take_over.all(profiles, folders):
        app.console.say(line)
    for old in dict.fromkeys(path for several in folders.values() for path in several if path.is_dir()):
        app.console.say(
            f"What is in {old} was left there; kubectl together-login clean --token-cache-dir {shlex.quote(str(old))} "
            "deletes it."
        )


def _revert(app: App, files: Sequence[Path], *, force: bool, yes: bool) -> None:
    backups = Backups(app.world.paths.state, app.world.paths.config)
    reverted = backups.revert(files, force=force)
    copies = ""
    for item in reverted:
        app.console.say(f"{tilde(Path(item.kubeconfig), app.environ)} is as it was before the conversion.")
        copies = f" As it was before, it is in {tilde(Path(item.store), app.environ)}." if item.store else copies
    left = entries_left_over(app.world.config, reverted, backups.converted())
    if not left:
        app.console.say(f"The configuration stays as it is.{copies}")
        return
    names = ", ".join(f"{kind} {name}" for kind, name in left)
    app.console.say(
        f"The configuration still has what the conversion made: {names}, with all that uses it. The next togetherctl "
        f"kubeconfig write would write its clusters.{copies}"
    )
    if not yes and not app.console.can_ask:
        app.console.say("To take it out:")
        for kind, name in left:
            cascade = "" if kind == "cluster" else " --cascade"
            app.console.show_command(f"togetherctl {kind} remove {shlex.quote(name)}{cascade}")
        return
    _take_out(app, left, yes=yes)


def _take_out(app: App, left: Sequence[tuple[Kind, str]], *, yes: bool) -> None:
    """Say what goes along with these entries, ask, and remove them."""
    for kind, name in left:
        going = plan_removal(app.world.reread(), kind, name, cascade=True)
        app.console.report(report_removal(going, app.environ))
    if not yes:
        from togetherctl.cli.prompts import Prompts

        question = f"Take {'it' if len(left) == 1 else 'them'} out of the configuration?"
        if not Prompts(app.environ).yes(question, default=False):
            return
    for kind, name in left:
        world = app.world.reread()
        going = plan_removal(world, kind, name, cascade=True)
        files = list(_secret_files(world.config, going.entries))
        app.console.report(report_removed(going, remove_entry(world, going), app.environ))
        for file in files:
            app.console.say(
                f"The client secret that was moved to {file} stays there; delete it if nothing else reads it."
            )


def _secret_files(config: Config, entries: Sequence[tuple[Kind, str]]) -> Iterator[str]:
    for kind, name in entries:
        secret = config.table.profiles[name].client_secret if kind == "profile" else None
        if secret is not None and secret.kind == "file":
            yield str(secret.value)
