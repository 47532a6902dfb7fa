"""What click cannot know of a completion: names of the configuration, its keys and values, contexts of kubeconfigs.

An argument or option is known by its name and by its word in the help text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click
from click.shell_completion import CompletionItem

from togetherctl.cli.completion_scripts import UNFINISHED

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from togetherctl.cli.app import App
    from togetherctl.config.types import Kind

Item = CompletionItem[Any]
_KINDS: tuple[Kind, ...] = ("profile", "issuer", "cluster")
# By the word in the help text, brackets and dots apart.
_KIND_OF_WORD: dict[str, Kind | Literal["bundle"]] = {
    "PROFILE": "profile",
    "CLUSTER": "cluster",
    "BUNDLE": "bundle",
    "ISSUER": "issuer",
    "NAME_OR_URL": "issuer",
    "URL_OR_NAME": "issuer",
}
# Keys of an entry that name another.
_NAMING: dict[str, Kind] = {"profile": "profile", "issuer": "issuer"}


def find_items(
    app: App, context: click.Context, wanted: click.Parameter, word: str, incomplete: str
) -> list[Item] | None:
    """What fits there; None where it takes none of these. Not all of it begins with `incomplete`."""
    group = context.parent.info_name if context.parent else None
    kind = next((kind for kind in _KINDS if kind == group), None)
    found = _find_keys(app, context, wanted, kind, word, incomplete)
    if found is None:
        found = _find_names(app, context, wanted, kind, word)
    return None if found is None else list(found)


def _find_keys(
    app: App, context: click.Context, wanted: click.Parameter, group: Kind | None, word: str, incomplete: str
) -> Iterable[Item] | None:
    if wanted.name == "setting":
        return _list_own_keys(app, incomplete)
    if group and word == "KEYVALUE":
        return _list_keys(app, context, group, incomplete)
    if group and word == "KEY":
        entry = _table(app, group).get(context.params.get("name") or "", {})
        return _plain(entry) if isinstance(entry, dict) else []
    return None


def _find_names(
    app: App, context: click.Context, wanted: click.Parameter, group: Kind | None, word: str
) -> Iterable[Item] | None:
    if context.info_name == "help":
        return _list_commands(context)
    if word == "CONTEXT":
        return _plain(_list_contexts(app, context.params.get("kubeconfig")))
    if context.info_name == "presets" and word == "NAME":
        return _plain(_list_presets())
    # Doctor takes any of these names.
    kind = "profile" if context.info_name == "doctor" and word == "NAME" else _find_kind(context, wanted, word, group)
    if kind is None:
        return None
    if kind == "profile" and isinstance(wanted, click.Argument) and _stands_alone(context):
        return _list_profiles_and_clusters(app)
    return _plain(_names(app, kind))


def _find_kind(
    context: click.Context, wanted: click.Parameter, word: str, group: Kind | None
) -> Kind | Literal["bundle"] | None:
    for kind in _KINDS:
        if f"--{kind}" in wanted.opts:
            return kind
    if word in _KIND_OF_WORD:
        return _KIND_OF_WORD[word]
    # A new name cannot be completed.
    if isinstance(wanted, click.Argument) and wanted.name in ("name", "names", "old") and context.info_name != "add":
        return group
    return None


def _list_commands(context: click.Context) -> Iterator[Item]:
    """The commands that `help` may show behind those typed."""
    within = context.find_root()
    for name in context.params.get("words") or ():
        verb = within.command.get_command(within, name) if isinstance(within.command, click.Group) else None
        if verb is None:
            return
        within = click.Context(verb, info_name=name, parent=within)
    yield from within.command.shell_complete(within, "") if isinstance(within.command, click.Group) else ()


def _stands_alone(context: click.Context) -> bool:
    """Whether the command is in no group, as `login`: there a cluster means its profile."""
    return context.parent is not None and context.parent.parent is None


def _list_profiles_and_clusters(app: App) -> Iterator[Item]:
    profiles, clusters = _names(app, "profile"), _table(app, "cluster")
    yield from _plain(profiles)
    for name in _names(app, "cluster"):
        if name not in profiles:
            opened_by = clusters[name].get("profile") if isinstance(clusters[name], dict) else None
            yield CompletionItem(name, help=f"cluster of profile {opened_by}" if opened_by in profiles else "cluster")


def _list_keys(app: App, context: click.Context, kind: Kind, incomplete: str) -> Iterator[Item]:
    """Keys of such an entry with `=`, and behind that their values. Loads the models."""
    from togetherctl.config import models
    from togetherctl.config.descriptions import describe
    from togetherctl.config.editing import TABLES

    describe(models)
    given = {str(word).partition("=")[0] for word in context.params.get("settings") or ()}
    for key, field in TABLES[kind].model_fields.items():
        if key not in given:
            yield from _offer_key(key, field.description or "", app, incomplete, field)


def _list_own_keys(app: App, incomplete: str) -> Iterator[Item]:
    """The keys of the configuration itself. Loads the models."""
    from togetherctl.config import models
    from togetherctl.config.descriptions import describe
    from togetherctl.config.editing import own_keys

    describe(models)
    for key, field in own_keys().items():
        yield from _offer_key(key, field.description or "", app, incomplete, field)


def _offer_key(key: str, meaning: str, app: App, incomplete: str, field: FieldInfo | None = None) -> Iterator[Item]:
    if not incomplete.startswith(f"{key}="):
        yield CompletionItem(f"{key}=", type=UNFINISHED, help=_first_sentence(meaning) or None)
        return
    if key.endswith("_file"):
        yield CompletionItem(incomplete, type="file")
    for value in _list_values(app, key, field):
        yield CompletionItem(f"{key}={value}")


def _list_values(app: App, key: str, field: FieldInfo | None) -> Iterable[str]:
    if key == "default_profile" or (key in _NAMING and field is not None):
        return _names(app, _NAMING.get(key, "profile"))
    if key == "preset":
        return _list_presets()
    if field is not None and field.annotation is bool:
        return ("true", "false")
    is_choice = field is not None and get_origin(field.annotation) is Literal
    return map(str, get_args(field.annotation)) if field is not None and is_choice else ()


def _first_sentence(text: str) -> str:
    return " ".join(text.replace("`", "").split()).partition(". ")[0].rstrip(".")


def _list_presets() -> list[str]:
    from togetherctl.config import presets

    return list(presets.preset_names())


def _list_contexts(app: App, named: object) -> Iterator[str]:
    """The contexts of the kubeconfigs meant; of a file that cannot be read, none."""
    from togetherctl.errors import TogetherctlError
    from togetherctl.kube.kubeconfig import KubeconfigFile, kubeconfig_files

    for path in kubeconfig_files(named if isinstance(named, str) else None, app.environ):
        try:
            entries = KubeconfigFile.read(path).text.entries("contexts")
        except TogetherctlError:
            continue
        yield from (name for entry in entries if isinstance(name := entry.get("name"), str) and name.isprintable())


def _names(app: App, kind: Kind | Literal["bundle"]) -> list[str]:
    from togetherctl.config.files import list_names

    return list_names(app.world.paths.config, kind)


def _table(app: App, kind: Kind) -> dict[str, Any]:
    from togetherctl.config.files import list_entries

    return list_entries(app.world.paths.config, kind)


def _plain(names: Iterable[str]) -> list[Item]:
    return [CompletionItem(name) for name in names]
