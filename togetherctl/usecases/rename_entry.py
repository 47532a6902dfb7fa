"""Rename a profile, an issuer or a cluster, in the configuration and in kubeconfigs; sessions stay.

It reads and locks the kubeconfigs first, so that every obstacle is an error before anything changes. Then it writes the
configuration, then the kubeconfigs. After an interruption in between, the configuration has the new name and a
kubeconfig still calls the old one: the same command continues there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from togetherctl.config import editing as config_editing
from togetherctl.config import value_checks
from togetherctl.config.config import Config
from togetherctl.config.files import read
from togetherctl.config.toml_text import TomlText
from togetherctl.config.types import Kind
from togetherctl.config.validation import unknown
from togetherctl.errors import UsageError
from togetherctl.kube.configuration_of_user import users_of_others
from togetherctl.kube.edit import RenamedEntries, rename_cluster, rename_profile
from togetherctl.kube.entries import SECTIONS, owner_of
from togetherctl.kube.kubeconfig import (
    KubeconfigChange,
    KubeconfigFile,
    edit_files,
    kubeconfig_files,
    plan_edit,
)
from togetherctl.kube.ownership import EntryInFile, UsersOfOthers, all_entries
from togetherctl.usecases.agent_questions import forget_answers
from togetherctl.usecases.kubeconfig_write import WithChanges, name_by_template, template_fields, template_of
from togetherctl.wiring import World

Edit = Callable[[Sequence[KubeconfigFile]], RenamedEntries]


@dataclass(frozen=True)
class RenameResult(WithChanges):
    """What was renamed: `contexts` got another name too, as (old, new); `notes` are for the person.

    `went_on` if the configuration had the new name already, and only the kubeconfigs were left.
    """

    changes: list[KubeconfigChange] = field(default_factory=list)
    contexts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    went_on: bool = False


def rename_entry(
    world: World,
    kind: Kind,
    old: str,
    new: str,
    kubeconfig: str | None = None,
    *,
    keep_kubeconfig: bool = False,
    dry_run: bool = False,
) -> RenameResult:
    """Rename the entry `old` to `new`; with `keep_kubeconfig` in the configuration alone, in a `dry_run` nowhere.

    Raises UsageError, ConfigError and KubeconfigError, and then nothing was changed.
    """
    _check(kind, old, new)
    config = world.config
    entries = config.entries(kind)
    went_on = old not in entries and new in entries
    if old not in entries and not (went_on and kind != "issuer" and not keep_kubeconfig):
        raise unknown(kind, old, entries)
    if went_on and not _is_left(world, kind, old, new, kubeconfig):
        # A rename that was interrupted at its very end left a lock behind.
        with edit_files(kubeconfig_files(kubeconfig, world.environ), lambda _files: None):
            pass
        raise unknown(kind, old, entries)
    # No kubeconfig names an issuer.
    files = [] if kind == "issuer" or keep_kubeconfig else kubeconfig_files(kubeconfig, world.environ)
    if dry_run:
        if not went_on:
            config_editing.rename(TomlText(read(world.paths.config).text), kind, old, new)
        changes, said = plan_edit(files, _edit(world, config, kind, old, new)) if files else ([], RenamedEntries())
        return RenameResult(changes, said.contexts, said.notes, went_on)
    with edit_files(files, _edit(world, config, kind, old, new)) if files else nullcontext() as pending:
        if not went_on:
            with world.changing_config() as text:
                config_editing.rename(text, kind, old, new)
                if kind == "profile":
                    # They were given to a name, and the next to get it is another profile.
                    forget_answers(world.paths, old, new, now=world.clock())
    said = pending.said if pending else RenamedEntries()
    return RenameResult(pending.changes if pending else [], said.contexts, said.notes, went_on)


def _check(kind: Kind, old: str, new: str) -> None:
    try:
        value_checks.name(new)
    except ValueError as error:
        raise UsageError(f"{kind} {old} cannot be called {new}: {error}") from None
    if old == new:
        raise UsageError(f"{old} is called that already")


def _is_left(world: World, kind: Kind, old: str, new: str, kubeconfig: str | None) -> bool:
    """Whether some kubeconfig has the old name in entries of ours, and none has both.

    A file is written in one step, so one that has both is not half renamed: what has the old name is left over.
    """

    def look(files: Sequence[KubeconfigFile]) -> list[set[str | None]]:
        owners = [
            [owner_of(section, found.entry) for section in SECTIONS for found in all_entries([file], section)]
            for file in files
        ]
        return [{getattr(owner, kind) for owner in of_file if owner is not None} for of_file in owners]

    _, names = plan_edit(kubeconfig_files(kubeconfig, world.environ), look)
    return any(old in of_file for of_file in names) and not any({old, new} <= of_file for of_file in names)


def _edit(world: World, config: Config, kind: Kind, old: str, new: str) -> Edit:
    """The change of kubeconfigs. The configuration may have either name."""

    def name(found: EntryInFile) -> str | None:
        """The name that a context's template gives with the new names."""
        owner = owner_of("contexts", found.entry)
        known = owner.cluster if owner is not None and owner.cluster in config.table.clusters else new
        if known not in config.table.clusters:
            return None
        cluster = config.cluster(known)
        values = template_fields(config, cluster)
        if kind == "profile":
            return name_by_template(template_of(found), values | {"profile": new})
        context = new if config.table.clusters[known].context is None else cluster.context
        return name_by_template(template_of(found), values | {"cluster": new, "context": context})

    def others(files: Sequence[KubeconfigFile]) -> UsersOfOthers:
        return users_of_others(files, world.environ, config.path)

    if kind == "profile":
        return lambda files: rename_profile(files, old, new, name, others(files))
    table = config.table.clusters[old if old in config.table.clusters else new]
    names = (table.context, table.context) if table.context is not None else (old, new)
    return lambda files: rename_cluster(files, old, new, names=names, called=name, others=others(files))
