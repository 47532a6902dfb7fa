"""`profile`, `issuer` and `cluster`: `set`, `unset` and `rename` entries of the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import click

from togetherctl.auth.cache.migrate import read_if_sound
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.profile_args import name_profile
from togetherctl.commands.entries.follow import follow_in_kubeconfig, kubeconfig_options, yes_option
from togetherctl.config.editing import assignments, keys_of, known_key
from togetherctl.config.toml_text import Key
from togetherctl.config.types import Kind
from togetherctl.errors import ConfigError, UsageError
from togetherctl.usecases.edit_entry import change_keys, lost_sessions, replaced_keys, with_typed_paths
from togetherctl.usecases.named_files import PATHS, unusable_files
from togetherctl.usecases.rename_entry import rename_entry
from togetherctl.usecases.reports import report_lost_sessions, report_rename, report_shared_storage

_SET = """Change keys of one {kind}.

VALUE is TOML if that fits the key, else text; a list may be written with commas. Comments and
order of the configuration stay as they are."""
_SET_STORAGE = """

storage moves the session, and changes every profile that shares it; with storage=memory the session is deleted."""
_RENAME: dict[Kind, str] = {
    "profile": "Its session stays, and so do the clusters that use it. Kubeconfigs call the new name, and contexts "
    "that a template named after the profile follow. A kubectl or k9s that is running calls the old name until it "
    "reads its kubeconfig again.",
    "issuer": "The profiles that use it follow, and their sessions stay.",
    "cluster": "Its entries in the kubeconfig follow, and the current context if it is this one.",
}

_SET_EXAMPLES: dict[Kind, list[str]] = {
    "profile": [
        "togetherctl profile set acme scopes=openid,email,groups login_timeout=300",
        "togetherctl profile set acme 'auth_params={prompt=\"select_account\"}'",
    ],
    "issuer": ["togetherctl issuer set acme proxy=http://proxy.acme.com:3128"],
    "cluster": ["togetherctl cluster set gpu namespace=training", "togetherctl cluster set gpu ca_file=~/ca.pem"],
}
_UNSET_EXAMPLES: dict[Kind, list[str]] = {
    "profile": ["togetherctl profile unset acme login_timeout"],
    "issuer": ["togetherctl issuer unset acme proxy"],
    "cluster": ["togetherctl cluster unset gpu namespace"],
}
_RENAME_EXAMPLES: dict[Kind, list[str]] = {
    "profile": ["togetherctl profile rename acme work"],
    "issuer": ["togetherctl issuer rename acme okta"],
    "cluster": ["togetherctl cluster rename gpu gpu-east"],
}


def set_of(kind: Kind) -> click.Command:
    """Make `set`."""

    @click.command(
        "set",
        cls=Command,
        examples=_SET_EXAMPLES[kind],
        help=_SET.format(kind=kind) + (_SET_STORAGE if kind == "profile" else ""),
    )
    @click.argument("name")
    @click.argument("settings", metavar="KEY=VALUE...", nargs=-1)
    @yes_option
    @pass_app
    def set_(
        app: App,
        name: str,
        settings: tuple[str, ...],
        yes: bool,
        *,
        kubeconfig: str | None = None,
        keep_kubeconfig: bool = False,
    ) -> None:
        if not settings:
            raise UsageError("KEY=VALUE is missing", hint=keys_of(kind))
        wanted = with_typed_paths(app.world, kind, assignments(kind, settings))
        name = _meant(app, kind, name)
        replaced = replaced_keys(app.world, kind, name, wanted)
        change = _Change(app, kind, name, yes=yes, kubeconfig=kubeconfig, keep_kubeconfig=keep_kubeconfig)
        instead = f", instead of {_list(replaced)}" if replaced else ""
        change.make(wanted, replaced, f"Changed {_list(wanted)} of {kind} {name}{instead}.")

    return kubeconfig_options(set_) if kind == "cluster" else set_


def unset_of(kind: Kind) -> click.Command:
    """Make `unset`."""

    @click.command(
        "unset", cls=Command, examples=_UNSET_EXAMPLES[kind], help=f"Set keys of one {kind} back to their defaults."
    )
    @click.argument("name")
    @click.argument("keys", metavar="KEY...", nargs=-1)
    @yes_option
    @pass_app
    def unset(
        app: App,
        name: str,
        keys: tuple[str, ...],
        yes: bool,
        *,
        kubeconfig: str | None = None,
        keep_kubeconfig: bool = False,
    ) -> None:
        if not keys:
            raise UsageError("KEY is missing", hint=keys_of(kind))
        name = _meant(app, kind, name)
        unwanted = [known_key(kind, key) for key in keys]
        verb = "has its default" if len(keys) == 1 else "have their defaults"
        change = _Change(app, kind, name, yes=yes, kubeconfig=kubeconfig, keep_kubeconfig=keep_kubeconfig)
        change.make({}, unwanted, f"{', '.join(keys)} of {kind} {name} {verb} again.")

    return kubeconfig_options(unset) if kind == "cluster" else unset


@dataclass(frozen=True)
class _Change:
    """A change of keys: a question before it where a session would be lost, and what follows from it."""

    app: App
    kind: Kind
    name: str
    yes: bool
    kubeconfig: str | None
    keep_kubeconfig: bool

    def make(self, wanted: Mapping[Key, object], unwanted: Sequence[Key], done: str) -> None:
        app, kind, name = self.app, self.kind, self.name
        lost = lost_sessions(app.world, kind, name, wanted, unwanted)
        if lost:
            said = [line.text for line in report_lost_sessions(lost)]
            app.confirm(
                f"Change {_list([*wanted, *unwanted])} of {kind} {name}?", yes=self.yes, said=said, unasked=True
            )
        before = read_if_sound(app.world.paths, app.environ)
        others = change_keys(app.world, kind, name, wanted, unwanted)
        app.console.say(done)
        app.console.report(report_shared_storage(others))
        self._warn_of_files({key[0] for key in wanted})
        if kind == "cluster":
            follow_in_kubeconfig(
                app,
                [name],
                before=before,
                yes=self.yes,
                kubeconfig=self.kubeconfig,
                keep_kubeconfig=self.keep_kubeconfig,
            )

    def _warn_of_files(self, keys: set[str]) -> None:
        with suppress(ConfigError):
            for problem in unusable_files(self.app.world.reread()) if keys.intersection(PATHS[self.kind]) else ():
                if (problem.kind, problem.name) == (self.kind, self.name) and problem.key in keys:
                    self.app.console.warn(problem.sentence)


def _meant(app: App, kind: Kind, name: str) -> str:
    # A configuration that is wrong can be mended by its own names alone.
    sound = kind == "profile" and read_if_sound(app.world.paths, app.environ) is not None
    return name_profile(app, name) if sound else name


def _list(keys: Iterable[Key]) -> str:
    return ", ".join(".".join(key) for key in keys)


def rename_of(kind: Kind) -> click.Command:
    """Make `rename`."""

    @click.command(
        "rename",
        cls=Command,
        examples=_RENAME_EXAMPLES[kind],
        help=f"Give one {kind} another name.\n\n{_RENAME[kind]}\n\nIf it is interrupted, run the same command again.",
    )
    @click.argument("old")
    @click.argument("new")
    @yes_option
    @pass_app
    def rename_(
        app: App, old: str, new: str, yes: bool, *, kubeconfig: str | None = None, keep_kubeconfig: bool = False
    ) -> None:
        rename = partial(rename_entry, app.world, kind, old, new, kubeconfig, keep_kubeconfig=keep_kubeconfig)
        if not yes and app.console.can_ask:
            planned = rename(dry_run=True)
            said = [line.text for line in report_rename(kind, old, new, planned, app.environ, planned=True)]
            diff = "".join(change.diff() for change in planned.changed)
            app.confirm_write(said, diff, yes=yes, question=f"Rename {kind} {old} to {new}?")
        renamed = rename()
        app.console.report(report_rename(kind, old, new, renamed, app.environ))
        if keep_kubeconfig and kind == "profile":
            clusters = app.world.reread().config.clusters_of(new)
            follow_in_kubeconfig(app, clusters, before=None, yes=yes, kubeconfig=kubeconfig, keep_kubeconfig=True)

    return rename_ if kind == "issuer" else kubeconfig_options(rename_)
