"""`profile`, `issuer` and `cluster`: `list`, `show` and `validate` entries of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import Item, output_option, show_list, show_record
from togetherctl.cli.profile_args import name_profile
from togetherctl.errors import ConfigError
from togetherctl.usecases.reports import drift_words, report_drift

if TYPE_CHECKING:
    from togetherctl.config.models import IssuerTable
    from togetherctl.config.types import Kind
    from togetherctl.usecases.kubeconfig_state import KubeconfigState

_COLUMNS: dict[Kind, dict[str, str]] = {
    "profile": {"ISSUER": "issuer", "CLIENT ID": "client_id", "GRANT": "grant", "STORAGE": "storage"},
    "issuer": {"URL": "url"},
    "cluster": {"PROFILE": "profile", "SERVER": "server", "CONTEXT": "context"},
}
_NAMES: dict[Kind, str] = {"profile": "acme", "issuer": "acme", "cluster": "gpu"}
_LIST_MORE: dict[Kind, str] = {
    "cluster": "\n\nKUBECONFIG says which cluster is that of kubectl's current context, and whether the entries there "
    "are the same as the configuration, differ, or are missing."
}


def list_of(kind: Kind) -> click.Command:
    """Make `list`."""

    @click.command(
        "list",
        cls=Command,
        examples=[f"togetherctl {kind} list", f"togetherctl {kind} list -o name"],
        help=f"List the {kind}s of the configuration.{_LIST_MORE.get(kind, '')}",
    )
    @output_option
    @pass_app
    def list_(app: App) -> None:
        entries = app.world.config.entries(kind)
        items: list[Item] = [{"name": name, **table.model_dump(mode="json")} for name, table in entries.items()]

        state = _add_kubeconfig(app, items) if kind == "cluster" and app.output != "name" else None

        def cell(key: str) -> Callable[[Item], str]:
            return lambda item: item[key] or (item["name"] if key == "context" else "-")

        columns = {"NAME": cell("name"), **{title: cell(key) for title, key in _COLUMNS[kind].items()}}
        if state is not None:
            columns["KUBECONFIG"] = _kubeconfig_cell
        show_list(app, items, columns, name="name")
        if state is not None and app.output == "table":
            app.console.report(report_drift(state.drift))
            if state.trouble:
                app.console.warn(state.trouble)
        if not items and app.output == "table":
            app.say_it_is_empty(kind)

    return list_


def _add_kubeconfig(app: App, items: list[Item]) -> KubeconfigState:
    """Add to the items of clusters what kubectl's kubeconfig says of each."""
    # Not where names are completed.
    from togetherctl.usecases.kubeconfig_state import read_kubeconfig_state

    state = read_kubeconfig_state(app.world)
    for item in items:
        name = item["name"]
        item["current"] = name == state.current_cluster
        item["drift"] = list(state.drift.get(name, ()))
        item["missing"] = None if state.trouble else name in state.missing
    return state


def _kubeconfig_cell(item: Item) -> str:
    if item["missing"] is not False:
        return "missing" if item["missing"] else "-"
    differs = [f"differs: {drift_words(item['drift'])}"] if item["drift"] else []
    return ", ".join([*(["current"] if item["current"] else []), *differs]) or "same"


def show_of(kind: Kind) -> click.Command:
    """Make `show`."""
    more = " from_preset shows what the catalogue adds." if kind == "issuer" else ""

    @click.command(
        "show",
        cls=Command,
        examples=[f"togetherctl {kind} show {_NAMES[kind]}", f"togetherctl {kind} show {_NAMES[kind]} -o json"],
        help=f"Show one {kind} with every key.\n\nKeys that are not set show their default; secrets are hidden.{more}",
    )
    @click.argument("name")
    @output_option
    @pass_app
    def show(app: App, name: str) -> None:
        from togetherctl.config.models import IssuerTable

        if kind == "profile":
            name = name_profile(app, name)
        table = app.world.config.entry(kind, name)
        item = {"name": name, **table.model_dump(mode="json")}
        from_preset = _read_preset(table) if isinstance(table, IssuerTable) else None
        if from_preset:
            item["from_preset"] = from_preset
        show_record(app, item, name="name")

    return show


def validate_of(kind: Kind) -> click.Command:
    """Make `validate`."""

    @click.command("validate", help="Check the whole configuration.\n\nThe same as togetherctl config validate.")
    @output_option
    @pass_app
    def validate(app: App) -> None:
        validate_all(app, (kind,))

    return validate


def validate_all(app: App, kinds: Sequence[Kind]) -> None:
    """Check everything, and say how many entries of these kinds there are. Raises ConfigError with every problem."""
    # Not where names are completed.
    from togetherctl.usecases.named_files import find_problems

    config = app.world.config
    problems = find_problems(app.world)
    if problems:
        raise ConfigError(f"{config.path} cannot be used as it is", problems=problems)
    counts = {kind: len(config.entries(kind)) for kind in kinds}
    if app.output != "table":
        item = {"path": str(config.path), **{f"{kind}s": count for kind, count in counts.items()}}
        show_record(app, item, name="path")
    if config.mtime_ns is None:
        app.say_it_is_empty()
        return
    said = ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items())
    app.console.say(f"{config.path} is sound: {said}.")


def _read_preset(issuer: IssuerTable) -> dict[str, object] | None:
    """The catalogue's entry for this issuer, and what logins take from it."""
    from togetherctl.config.presets import find_preset, recognise_preset

    recognised = recognise_preset(issuer.url)
    name = issuer.preset or (recognised[0] if recognised else None)
    preset = find_preset(name, issuer.url) if name else None
    if preset is None:
        return None
    adds = {
        "offline_access": preset.offline_access if preset.offline_access != "auto" else None,
        "auth_params": preset.auth_params,
        "device_authorization_endpoint": preset.device_endpoint(issuer.url),
    }
    return {"preset": name, **{key: value for key, value in adds.items() if value}}
