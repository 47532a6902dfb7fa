"""`togetherctl kubeconfig convert`: move a kubeconfig over from kubelogin."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.secret_prompts import SecretPrompts
from togetherctl.commands.kubeconfig.write import choose_command, command_options
from togetherctl.config.config import Config
from togetherctl.errors import ExitCode, UsageError
from togetherctl.importing.secret_place import FORMS, SecretPlace
from togetherctl.kube.kubeconfig import kubeconfig_files
from togetherctl.kubelogin.backups import Backups
from togetherctl.kubelogin.import_cache import CacheImport
from togetherctl.kubelogin.merged_kubeconfig import Kubeconfigs
from togetherctl.kubelogin.stanza_to_profile import old_cache
from togetherctl.paths import expand, tilde
from togetherctl.usecases.convert_kubelogin import Conversion, ConversionPlan, ConversionRequest, preview_conversion


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
    force: bool,
    portable: bool,
    no_shim: bool,
) -> None:
    """Convert a kubeconfig from kubelogin to togetherctl.

    Stanzas of kubectl together-login, kubectl oidc-login and kubelogin become issuers, profiles and clusters of the
    configuration, and call togetherctl from then on. Without --context and --all, the only one there is.

    Client secrets leave the kubeconfig. What was there is kept beside it, and --revert puts it back.
    """
    files = kubeconfig_files(kubeconfig, app.environ)
    if revert:
        if everyone or context or secret or dry_run or cache is not None:
            raise UsageError("--revert puts whole files back; it goes with --kubeconfig and --force alone")
        _revert(app, files, force=force)
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
    if plan.changed and not dry_run:
        places.settle(plan.secrets)
        plan = conversion(write=True).carry_out(
            app.world.changing_config, Backups(app.world.paths.state, app.world.paths.config)
        )
    if dry_run:
        shown = [change.diff() for change in plan.changed]
        put("".join([*shown, preview_conversion(plan.tables, app.world.paths.config)]), end="")
    _report(app, plan, files, dry_run=dry_run)
    if cache is not None and not dry_run:
        _take_over(app, plan, files, expand(cache, app.environ) if cache else None)
    if context and plan.left and not plan.changed:
        raise click.exceptions.Exit(ExitCode.FAILED)


def _report(app: App, plan: ConversionPlan, files: Sequence[Path], *, dry_run: bool) -> None:
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
    app.console.next_steps(
        f"Converted {changed}.", "togetherctl status", "togetherctl kubeconfig convert --revert  # goes back"
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


def _revert(app: App, files: Sequence[Path], *, force: bool) -> None:
    backups = Backups(app.world.paths.state, app.world.paths.config)
    copies = ""
    for item in backups.revert(files, force=force):
        app.console.say(f"{item.kubeconfig} is as it was before the conversion.")
        copies = f" As it was before, it is in {item.store}." if item.store else copies
    app.console.say(f"The configuration keeps its profiles and sessions, which do no harm.{copies}")
