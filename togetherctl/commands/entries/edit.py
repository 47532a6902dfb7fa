"""`profile`, `issuer` and `cluster`: `set`, `unset` and `rename` entries of the configuration."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.profile_args import name_profile
from togetherctl.commands.entries.remove import kubeconfig_options
from togetherctl.config.editing import assignments, known_key
from togetherctl.config.types import Kind
from togetherctl.usecases.edit_entry import change_keys
from togetherctl.usecases.rename_entry import rename_entry
from togetherctl.usecases.reports import report_rename, report_shared_storage

_SET = """Change keys of one {kind}.

VALUE is TOML where that fits the key, else text; lists may also be written with commas. Comments and
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
    @click.argument("settings", metavar="KEY=VALUE...", nargs=-1, required=True)
    @pass_app
    def set_(app: App, name: str, settings: tuple[str, ...]) -> None:
        wanted = assignments(kind, settings)
        name = name_profile(app, name) if kind == "profile" else name
        others = change_keys(app.world, kind, name, wanted)
        app.console.say(f"Changed {', '.join('.'.join(key) for key in wanted)} of {kind} {name}.")
        app.console.report(report_shared_storage(others))

    return set_


def unset_of(kind: Kind) -> click.Command:
    """Make `unset`."""

    @click.command(
        "unset", cls=Command, examples=_UNSET_EXAMPLES[kind], help=f"Give keys of one {kind} their default again."
    )
    @click.argument("name")
    @click.argument("keys", metavar="KEY...", nargs=-1, required=True)
    @pass_app
    def unset(app: App, name: str, keys: tuple[str, ...]) -> None:
        name = name_profile(app, name) if kind == "profile" else name
        others = change_keys(app.world, kind, name, {}, [known_key(kind, key) for key in keys])
        verb = "has its default" if len(keys) == 1 else "have their defaults"
        app.console.say(f"{', '.join(keys)} of {kind} {name} {verb} again.")
        app.console.report(report_shared_storage(others))

    return unset


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
    @pass_app
    def rename_(app: App, old: str, new: str, *, kubeconfig: str | None = None, keep_kubeconfig: bool = False) -> None:
        renamed = rename_entry(app.world, kind, old, new, kubeconfig=kubeconfig, keep_kubeconfig=keep_kubeconfig)
        app.console.report(report_rename(kind, old, new, renamed, app.environ))

    return rename_ if kind == "issuer" else kubeconfig_options(rename_)
