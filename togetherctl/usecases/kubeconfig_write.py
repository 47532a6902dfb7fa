"""Write clusters of the configuration into kubeconfigs: the exec entry's command, context names, warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from togetherctl.environment import CONFIG, HOME
from togetherctl.errors import KubeconfigError, StorageError, UsageError, run
from togetherctl.kube import kuberc
from togetherctl.kube.agent_stanza import entries_for_agent
from togetherctl.kube.cluster_tls import is_authority
from togetherctl.kube.configuration_of_user import users_of_others
from togetherctl.kube.context_name import ContextTemplate, Named
from togetherctl.kube.edit import write_entries
from togetherctl.kube.entries import (
    SECTIONS,
    Entry,
    Section,
    entries_for,
    is_our_entry,
    mark_of,
    own_command,
    owner_of,
)
from togetherctl.kube.kubeconfig import KubeconfigChange, KubeconfigFile, kubeconfig_files, plan_edit
from togetherctl.kube.ownership import CURRENT, EntryInFile, all_entries
from togetherctl.paths import expand, locate, tilde
from togetherctl.shim import shim_for
from togetherctl.usecases.other_configurations import refuse_mixing

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster, Config
from togetherctl.wiring import World

_FOLDERS = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")


class WithChanges:
    """What an edit of kubeconfigs gives."""

    changes: list[KubeconfigChange]

    @property
    def changed(self) -> list[KubeconfigChange]:
        """The files that differ from what they were."""
        return [change for change in self.changes if change.changed]


def read_entries(files: Sequence[Path], *sections: Section) -> list[EntryInFile]:
    """The entries of these kinds in all files, in order; the files stay as they are. Raises KubeconfigError."""
    return plan_edit(files, lambda opened: [one for section in sections for one in all_entries(opened, section)])[1]


@dataclass(frozen=True)
class WriteResult(WithChanges):
    """The kubeconfig files before and after, the contexts of the clusters, and what to tell the person.

    `updated` are those contexts whose entries change, `places` the files that have them, `current` is the one that was
    made current. `own_file` is the file of the first cluster where each cluster has its own file.
    """

    changes: list[KubeconfigChange]
    contexts: list[str]
    updated: list[str] = field(default_factory=list)
    places: dict[str, Path] = field(default_factory=dict)
    current: str | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    own_file: Path | None = None


def write_clusters(  # noqa: PLR0913 # each is an option that a person may give
    world: World,
    names: Sequence[str] = (),
    *,
    kubeconfig: str | None = None,
    overwrite: bool = False,
    set_current: bool = False,
    current: str | None = None,
    dry_run: bool = False,
    portable: bool = False,
    no_shim: bool = False,
    output_dir: str | None = None,
    template: str | None = None,
    api_version: str | None = None,
    for_agent: bool = False,
) -> WriteResult:
    """Write the clusters called `names`; without names, all of them.

    They go into `kubeconfig`, else where kubectl looks; or each into its own file in `output_dir`. `template` names the
    contexts. With `set_current` the cluster `current`, or the only one, becomes the current one. `api_version` is that
    of the exec entries; None keeps what they say already, else v1. With `for_agent` they need sh and curl alone, and
    ask the agent that is forwarded to the machine that has the file. Raises UsageError and KubeconfigError, and then
    no kubeconfig was changed.
    """
    clusters = world.config.clusters(names)
    if not clusters:
        raise UsageError(
            f"there is no cluster in {world.config.path} yet",
            hint=run("togetherctl", "init"),
        )
    if output_dir is not None and (kubeconfig is not None or set_current):
        other = "--set-current" if kubeconfig is None else "--kubeconfig"
        raise UsageError(
            f"--output-dir and {other} exclude each other: each cluster gets a file of its own, its context current",
            hint="togetherctl kubeconfig write --output-dir DIR",
        )
    if set_current and current is None and len(clusters) != 1:
        raise UsageError("--set-current goes with one cluster", hint="togetherctl kubeconfig write NAME --set-current")
    naming = ContextNaming(world.config, ContextTemplate.parse(template) if template is not None else None)
    own = (
        ExecCommand("sh")
        if for_agent
        else exec_command(world.environ, portable=portable, no_shim=no_shim, write=not dry_run)
    )
    writing = _Writing(world, own, naming, overwrite, api_version, dry_run, for_agent)
    if output_dir is not None:
        written = writing.into_folder(expand(output_dir, world.environ), clusters)
    else:
        written = writing.into(
            kubeconfig_files(kubeconfig, world.environ), clusters, set_current=set_current, current=current
        )
    written.warnings.extend(
        [
            *([own.warning] if own.warning else []),
            *(
                f"the CA file of cluster {one.name} is not there, and kubectl will say so: "
                f"{tilde(one.ca_file, world.environ)}"
                for one in clusters
                if one.ca_file and not one.ca_file.is_file()
            ),
            *_left_out(world, clusters),
            *(kept_back(world, clusters) if for_agent else commands_refused(world, [own.command])),
        ]
    )
    return written


def called_there(world: World, cluster: Cluster) -> str:
    """What an agent calls the profile that opens `cluster`."""
    return world.config.resolved(cluster.profile).called_there or cluster.profile


def kept_back(world: World, clusters: Sequence[Cluster]) -> Iterator[str]:
    """A sentence for each profile that the agent here does not let out."""
    for name in dict.fromkeys(cluster.profile for cluster in clusters):
        table = world.config.table.profiles[name]
        if table.forward == "never" and not world.config.resolved(name).called_there:
            yield f"the agent does not let profile {name} out; togetherctl profile set {name} forward=ask lets it ask"


def _left_out(world: World, clusters: Sequence[Cluster]) -> Iterator[str]:
    """What the configuration says of a cluster and a kubeconfig cannot say."""
    for cluster in clusters:
        table = world.config.table.clusters[cluster.name]
        if table.insecure_skip_tls_verify and not cluster.insecure:
            yield (
                f"cluster {cluster.name} has a certificate authority and insecure_skip_tls_verify, which kubectl "
                f"refuses together: the kubeconfig goes without the latter; togetherctl cluster unset {cluster.name} "
                "insecure_skip_tls_verify"
            )
        if cluster.ca_data and not is_authority(cluster.ca_data):
            yield f"ca_data of cluster {cluster.name} holds no certificate that can be read, and kubectl will say so"


@dataclass(frozen=True)
class _Writing:
    """What is the same for every file: the configuration, the command, names and options."""

    world: World
    own: ExecCommand
    naming: ContextNaming
    overwrite: bool
    api_version: str | None
    dry_run: bool
    for_agent: bool = False

    def into(
        self, files: Sequence[Path], clusters: Sequence[Cluster], *, set_current: bool, current: str | None = None
    ) -> WriteResult:
        """Write all of them into the files that kubectl reads as one."""
        named: dict[str, Named] = {}
        made: dict[str, list[Entry]] = {}

        def entries(opened: Sequence[KubeconfigFile]) -> list[Entry]:
            named.update(self.naming.names(opened, clusters))
            replaced = {one.instead or one.context for one in named.values()}
            if not self.overwrite:
                refuse_mixing(self.world, opened, clusters, replaced)
            command, env, _ = self.own
            for one in clusters:
                if self.for_agent:
                    all3 = entries_for_agent(one, called_there(self.world, one), named[one.name])
                else:
                    all3 = entries_for(one, command, named[one.name], env=env, api_version=self.api_version)
                made[one.name] = [_in_place_of(entry, named[one.name].instead, opened) for entry in all3]
            return [entry for of_cluster in made.values() for entry in of_cluster]

        written = write_entries(
            files,
            entries,
            overwrite=self.overwrite,
            known=list(self.world.config.table.clusters),
            set_current=set_current,
            current=current,
            others=lambda opened: users_of_others(opened, self.world.environ, self.world.paths.config),
            dry_run=self.dry_run,
        )
        contexts = [named[cluster.name].context for cluster in clusters]
        put = {id(one.entry): one for one in written.entries}
        updated = [named[name].context for name, all3 in made.items() if any(put[id(one)].changed for one in all3)]
        places = {one.entry.name: one.path for one in written.entries if one.entry.section == "contexts"}
        notes = [f"The context {one.instead} is called {one.context} now." for one in named.values() if one.instead]
        current = contexts[0] if set_current else None
        return WriteResult(written.changes, contexts, updated, places, current, notes=notes)

    def into_folder(self, folder: Path, clusters: Sequence[Cluster]) -> WriteResult:
        """Write each cluster into its own file, called like the cluster. None is written if one cannot be."""
        files = {cluster.name: folder / f"{cluster.name}.yaml" for cluster in clusters}
        opened = {name: KubeconfigFile.read(path) for name, path in files.items()}
        theirs = [str(file.path) for file in opened.values() if file.original is not None and not _is_ours(file)]
        if theirs and not self.overwrite:
            raise KubeconfigError(
                f"togetherctl did not write {', '.join(theirs)}, and leaves {'it' if len(theirs) == 1 else 'them'} "
                "alone",
                hint="choose another folder; --overwrite adds to what is there",
            )
        for dry_run in (True,) if self.dry_run else (True, False):
            written = WriteResult([], [], own_file=files[clusters[0].name])
            for cluster in clusters:
                is_new = not opened[cluster.name].text.data.get(CURRENT)
                one = replace(self, dry_run=dry_run).into([files[cluster.name]], [cluster], set_current=is_new)
                written.changes.extend(one.changes)
                written.contexts.extend(one.contexts)
                written.updated.extend(one.updated)
                written.places.update(one.places)
                written.notes.extend(one.notes)
        return written


def _in_place_of(entry: Entry, old: str | None, files: Sequence[KubeconfigFile]) -> Entry:
    """The entry of a cluster whose context was called `old`, over the one of that name if no other context uses it."""
    if entry.section != "clusters" or old is None:
        return entry
    using = [found.name for found in all_entries(files, "contexts") if found.word("cluster") == old]
    named = next((found for found in all_entries(files, "clusters") if found.name == old), None)
    owner = owner_of("clusters", named.entry) if named is not None else None
    is_free = using == [old] and owner is not None and owner.cluster == entry.cluster
    return replace(entry, instead=old) if is_free else entry


def _is_ours(file: KubeconfigFile) -> bool:
    """Whether a file holds our entries and no others; an empty file can be used too."""
    found = [one for section in SECTIONS for one in all_entries([file], section)]
    if not found:
        return not (file.original or "").strip()
    return all(is_our_entry(one.section, one.entry) for one in found)


class ExecCommand(NamedTuple):
    """The command of the exec entry, the environment it needs, and a warning where it is not the one wanted."""

    command: str
    env: Mapping[str, str] = {}
    warning: str | None = None


def exec_command(environ: Mapping[str, str], *, portable: bool, no_shim: bool, write: bool) -> ExecCommand:
    """What a kubeconfig calls: the shim, the console script, or the bare name.

    The shim is written and tried first if `write`. Raises KubeconfigError where togetherctl is not installed, and
    UsageError.
    """
    if portable and no_shim:
        raise UsageError("--portable does without the shim already; say one of the two")
    own = own_command(environ, portable=portable)
    shim = shim_for(environ, own)
    if portable:
        return ExecCommand(own)
    if no_shim or not shim.is_possible():
        return ExecCommand(own, _environment(environ))
    if not write:
        return ExecCommand(str(shim.path))
    try:
        return ExecCommand(str(shim.write()))
    except StorageError as error:
        warning = f"{error.message}; the kubeconfig calls {own} itself, which takes longer"
        return ExecCommand(own, _environment(environ), warning)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that lead to this configuration, where it is not in the usual place. A shim has them inside."""
    paths = locate(environ)
    config = {CONFIG: str(paths.config)} if environ.get(CONFIG) else {}
    if environ.get(HOME):
        return {**config, HOME: str(paths.state.parent)}
    return {**config, **{name: environ[name] for name in _FOLDERS if Path(environ.get(name, "")).is_absolute()}}


class Refusal(NamedTuple):
    """A command that kubectl does not run, its kuberc's `file`, and why, in words that follow the file's name."""

    command: str
    file: Path
    why: str

    @property
    def sentence(self) -> str:
        return f"kubectl will not run {self.command}: {self.file} {self.why}"


def refusals(world: World, commands: Sequence[str]) -> list[Refusal]:
    """Those of these commands that kubectl's kuberc does not let it run."""
    path = kuberc.locate_kuberc(world.environ)
    if path is None:
        return []
    try:
        read = kuberc.Kuberc.read(path)
    except KubeconfigError:
        # kubectl says what is wrong with it, and goes on.
        return []
    return [Refusal(command, path, why) for command in commands if (why := read.forbids(command)) is not None]


def commands_refused(world: World, commands: Sequence[str]) -> list[str]:
    """A sentence for each of these commands that kubectl's kuberc does not let it run, with the way out."""
    return [f"{one.sentence}; run: togetherctl kubeconfig allowlist --write" for one in refusals(world, commands)]


@dataclass(frozen=True)
class ContextNaming:
    """Names contexts by the `typed` template, else by the template that named each context before."""

    config: Config
    typed: ContextTemplate | None = None

    def names(self, files: Sequence[KubeconfigFile], clusters: Sequence[Cluster]) -> dict[str, Named]:
        """The context of each cluster, by the cluster's name. Raises UsageError where two would share one."""
        ours: dict[str, list[EntryInFile]] = {}
        for found in all_entries(files, "contexts"):
            owner = owner_of("contexts", found.entry)
            if owner is not None and owner.cluster is not None:
                ours.setdefault(owner.cluster, []).append(found)
        named = {cluster.name: self._one(cluster, ours.get(cluster.name, [])) for cluster in clusters}
        first_of: dict[str, str] = {}
        for name, one in named.items():
            first = first_of.setdefault(one.context, name)
            if first != name:
                raise UsageError(
                    f"clusters {first} and {name} would both have the context {one.context}",
                    hint="put {cluster} into the template, as in '{profile}-{cluster}'",
                )
        return named

    def _one(self, cluster: Cluster, ours: list[EntryInFile]) -> Named:
        before = by_template = [found for found in ours if template_of(found) is not None]
        if self.typed is not None:
            template: str | None = self.typed.text
            name = self.typed.name(template_fields(self.config, cluster))
            before = [found for found in ours if found in by_template or found.name == cluster.context]
        else:
            template = template_of(by_template[0]) if by_template else None
            name = name_by_template(template, template_fields(self.config, cluster)) or cluster.context
            # One that has the name of its cluster's entry got it from us; its owner may have given it any other.
            before = by_template or [found for found in ours if found.name == found.word("cluster")]
        instead = before[0].name if len(before) == 1 and all(found.name != name for found in ours) else None
        return Named(name, template if name != cluster.context else None, instead)


def template_fields(config: Config, cluster: Cluster) -> dict[str, str]:
    """The values of the fields of a template."""
    return {
        "cluster": cluster.name,
        "profile": cluster.profile,
        "issuer": config.table.profiles[cluster.profile].issuer,
        "context": cluster.context,
        "namespace": cluster.namespace or "default",
    }


def name_by_template(text: str | None, values: Mapping[str, str]) -> str | None:
    """The name that a context's noted template gives; None where no usable template is noted."""
    try:
        return ContextTemplate.parse(text).name(values) if text else None
    except UsageError:
        return None


def template_of(found: EntryInFile) -> str | None:
    """The template that named a context of ours."""
    text = mark_of("contexts", found.entry).get("template")
    return text if isinstance(text, str) else None
