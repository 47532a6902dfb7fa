"""`togetherctl clean`: delete the token cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click

from togetherctl.agent.client import runs
from togetherctl.auth.cache.purge import SEALED, Purge, PurgeResult, holds_sealed
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.kubelogin_flags import FlagsCommand
from togetherctl.environment import HOME
from togetherctl.errors import ExitCode, StorageError, TogetherctlError, UsageError
from togetherctl.kube.kubeconfig import kubeconfig_files
from togetherctl.kubelogin import PLUGIN
from togetherctl.kubelogin.flags import Flags
from togetherctl.kubelogin.profile import cache_folder, home_path
from togetherctl.paths import expand, locate, tilde
from togetherctl.usecases.agent_units import installed_files
from togetherctl.usecases.clean_everything import delete_keyring_secrets, delete_remaining_files, delete_single_file
from togetherctl.usecases.kubeconfig_edit import of_clusters

# A folder named by mistake may be a home folder.
_MOST_LINES = 50


@click.command(
    "clean",
    cls=FlagsCommand,
    takes="clean",
    options_metavar="[--dry-run] [--all] [FLAGS]",
    examples=[
        "togetherctl clean --dry-run",
        "togetherctl clean",
        "togetherctl clean --all   # before an uninstall",
    ],
)
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@click.option("--all", "everything", is_flag=True, help="Delete all that is ours, but not the configuration.")
@click.option("--yes", is_flag=True, help="Do not ask (with --all).")
@pass_app
def command(app: App, flags: Flags | None, dry_run: bool, everything: bool, yes: bool) -> None:
    """Delete the token cache.

    Deletes sessions, finished credentials and the metadata of issuers, and what a killed togetherctl left beside the
    configuration, kubeconfigs and files of client secrets. It does not ask, except with --all. The configuration, the
    script that kubeconfigs call, and client secrets in the keyring stay.

    In the folder that --token-cache-dir or KUBECACHEDIR names, it deletes kubelogin's sessions too. Called as kubectl
    together-login, it also does so in ~/.kube/cache/oidc-login. Folders, and all other files in them, stay.

    With --all it also deletes the script that kubeconfigs call, the records of imports and conversions, the agent's log
    and answers, the client secrets and the API key of togetherctl in the keyring, what the single file unpacked, and
    the folders that are then empty. The configuration and kubeconfigs stay, and an agent that runs goes on.

    The issuers are not told: togetherctl logout --all revokes the tokens first.
    """
    folder = _find_named_folder(app, flags)
    if everything and not dry_run:
        app.confirm("Delete all of this?", yes=yes, said=list(_say_what_goes(app)))
    cleaning = Purge(dry_run=dry_run)
    cleaning.own(app.world.paths)
    cleaning.beside(_list_files(app))
    if folder is not None:
        cleaning.named(folder)
    done = cleaning.done
    if everything:
        services = installed_files(app.environ)
        delete_remaining_files(app.world.paths, done, dry_run=dry_run, services=services)
    if not dry_run:
        _forget_key(app, folder)
        if everything:
            _forget_secrets(app)
    if everything:
        delete_single_file(app.environ, done, dry_run=dry_run)
    _sum_up(app, done, dry_run=dry_run, everything=everything)
    if done.session_left:
        raise click.exceptions.Exit(ExitCode.STORAGE)


def _list_files(app: App) -> Iterator[Path]:
    """What togetherctl writes outside its folders: configuration, kubeconfigs, files that hold client secrets."""
    yield app.world.paths.config
    with suppress(TogetherctlError):
        yield from kubeconfig_files(None, app.environ)
    with suppress(TogetherctlError):
        for profile in app.world.config.table.profiles.values():
            secret = profile.client_secret
            if secret is not None and secret.kind == "file" and isinstance(secret.value, str):
                yield expand(secret.value, app.environ, beside=app.world.paths.config.parent)


def _say_what_goes(app: App) -> Iterator[str]:
    yield "Sessions, finished credentials, what kubeconfigs call, and our secrets in the keyring are deleted."
    yield "The issuers are not told: togetherctl logout --all revokes the tokens first."
    with suppress(TogetherctlError):
        if of_clusters(app.world, ()).removed:
            yield "Your kubeconfig still calls togetherctl: togetherctl kubeconfig remove --all takes that out first."
    if runs(app.world.paths.agent):
        yield "The agent runs, and goes on: togetherctl agent stop stops it first."
    if any(installed_files(app.environ)):
        yield "The agent's service is deleted too; one that runs goes on: togetherctl agent uninstall stops it first."
    yield f"The configuration stays: {tilde(app.world.paths.config, app.environ)}."


def _sum_up(app: App, done: PurgeResult, *, dry_run: bool, everything: bool) -> None:
    for path, kind in done.deleted:
        app.console.say(f"{'Would delete' if dry_run else 'Deleted'} {tilde(path, app.environ)}: {kind}")
    for path, reason in done.left[:_MOST_LINES]:
        app.console.say(f"Left {tilde(path, app.environ)}: {reason}")
    if len(done.left) > _MOST_LINES:
        app.console.say(f"Left {len(done.left) - _MOST_LINES} more files, which are not sessions.")
    if dry_run:
        app.console.say("Nothing was deleted." if done.deleted else "There is nothing to delete.")
    elif not done.deleted:
        app.console.say("There was nothing to delete.")
    elif any("session" in kind for _, kind in done.deleted):
        app.console.say("The issuers were not told, so the tokens that were in there end by themselves.")
    if everything and runs(app.world.paths.agent):
        app.console.say("The agent runs, so its sockets stay; togetherctl agent stop stops it.")
    if done.deleted and not dry_run:
        what = "and kubeconfigs" if everything else "what kubeconfigs call, and lock files, which are empty"
        app.console.say(f"Left alone: the configuration{' ' if everything else ', '}{what}.")


def _find_named_folder(app: App, flags: Flags | None) -> Path | None:
    """The folder that is named, in which kubelogin's files go too."""
    folder = cache_folder(flags or Flags(), app.environ)
    if folder is None and click.get_current_context().find_root().info_name == PLUGIN:
        return _locate_kubelogin(app)
    return folder


def _locate_kubelogin(app: App) -> Path:
    return home_path("~/.kube/cache/oidc-login", app.environ)


def _forget_key(app: App, folder: Path | None) -> None:
    """Remove the key that seals sessions, unless a session is left somewhere that only it opens."""
    needed = next((place for place in _list_folders(app, folder) if holds_sealed(place)), None)
    if needed is not None:
        app.console.say(
            f"The key that seals sessions stays in the keyring: sessions in {tilde(needed, app.environ)} need it."
        )
        return
    try:
        if app.world.sealing_key.forget():
            app.console.say("Deleted the key that sealed sessions from the keyring; nothing else there was touched.")
    except StorageError as error:
        app.console.say(f"The keyring was left alone: {error.message}.")


def _forget_secrets(app: App) -> None:
    try:
        for line in delete_keyring_secrets(app.world):
            app.console.say(line)
    except StorageError as error:
        app.console.say(f"The keyring was left alone: {error.message}.")


def _list_folders(app: App, named: Path | None) -> Iterator[Path]:
    """Every folder that may hold sealed sessions, as far as it can be known from here."""
    places = [app.world.paths.sessions, named]
    with suppress(UsageError):  # no home folder, so nothing is there
        elsewhere = locate({name: value for name, value in app.environ.items() if name != HOME})
        places += [elsewhere.sessions, cache_folder(Flags(), app.environ), _locate_kubelogin(app)]
    for place in dict.fromkeys(place for place in places if place is not None):
        yield place
        yield place / SEALED
