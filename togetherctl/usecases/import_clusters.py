"""Import clusters: plan what a source changes, show it, then write config and kubeconfig.

What is shown is made without changing anything, and carried out only if it would come out the same. Everything is
checked first; then secrets, the configuration and the kubeconfig are written, in this order. So wherever it is cut off,
no kubeconfig names a profile that the configuration lacks, and the same command goes on.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from togetherctl.auth.cache.files import clients_in
from togetherctl.config import files
from togetherctl.config.config import Config
from togetherctl.config.editing import begin_edit
from togetherctl.config.models import BundleTable, ConfigTable
from togetherctl.config.redact import without_secrets
from togetherctl.config.toml_text import CannotEdit, TomlText
from togetherctl.config.validation import nearest, validate
from togetherctl.disk import leftovers
from togetherctl.errors import ConfigError, TogetherctlError, UsageError, run
from togetherctl.importing import last_import
from togetherctl.importing.additions import MovedSecret
from togetherctl.importing.bundle import Bundle, read
from togetherctl.importing.bundle_plan import plan_bundle
from togetherctl.importing.cluster_offer import Offer
from togetherctl.importing.fetch import Fetched, fetch, shown
from togetherctl.importing.merge import Entry, ImportPlan
from togetherctl.importing.plan import plan_offers
from togetherctl.importing.secret_place import SecretPlace
from togetherctl.importing.trusted_hosts import Identity, NewHost, identity, new_hosts, to_be_named
from togetherctl.kube.entries import owner_of
from togetherctl.kube.kubeconfig import kubeconfig_files, plan_edit
from togetherctl.kube.ownership import current_context
from togetherctl.usecases.kubeconfig_write import WriteResult, read_entries, write_clusters
from togetherctl.wiring import World

Place = Callable[[MovedSecret], SecretPlace | None]

_MOST_AT_ONCE = 1000


@dataclass(frozen=True)
class KubeconfigOptions:
    """What becomes of the kubeconfig; `write` False leaves it alone.

    `set_current` makes the cluster `current`, else the only one, the current context.
    """

    write: bool = True
    kubeconfig: str | None = None
    set_current: bool = False
    current: str | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class BundleImport:
    """A bundle to import: its name here, and as it was taken last, if that is known; all of it, or what is `wanted`."""

    name: str
    fetched: Fetched
    base: Bundle | None
    bundle: Bundle
    wanted: frozenset[Entry] | None = None


@dataclass(frozen=True)
class Import:
    """An import and its plan: of offers, or of a bundle.

    `foreign` are names that others use in the kubeconfig; `place` tells where a client secret goes; `names` is
    how the person calls new profiles, by the names that they would get.
    """

    plan: ImportPlan
    offers: tuple[Offer, ...] = ()
    bundle: BundleImport | None = None
    foreign: frozenset[str] = frozenset()
    place: Place = field(default=lambda _moved: None, repr=False)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Where a bundle came from, for people."""
        return self.bundle.fetched.origin if self.bundle else ""

    @property
    def hosts_to_name(self) -> list[NewHost]:
        """The new hosts that are agreed to by name alone."""
        return to_be_named(self.plan.new_hosts, remote=self.bundle is not None and self.bundle.fetched.is_remote)

    @property
    def other_hosts(self) -> list[NewHost]:
        """The new hosts that writing agrees to."""
        named = self.hosts_to_name
        return [host for host in self.plan.new_hosts if host not in named]


@dataclass(frozen=True)
class Preview:
    """What an import would change: the configuration as a difference without secrets, and the kubeconfig.

    `config` is the configuration as it would be. `written` is None where no kubeconfig is wanted, or no cluster was
    taken.
    """

    importing: Import
    config: Config
    config_diff: str
    written: WriteResult | None

    @property
    def plan(self) -> ImportPlan:
        return self.importing.plan

    @property
    def changes_nothing(self) -> bool:
        return self.plan.changes_nothing and not (self.written and self.written.changed)

    def diff(self) -> str:
        """Configuration and kubeconfig as one difference."""
        kubeconfigs = self.written.changed if self.written else []
        return "".join([self.config_diff, *(change.diff() for change in kubeconfigs)])

    @property
    def files(self) -> list[Path]:
        """The files that would change, the configuration first."""
        kubeconfigs = self.written.changed if self.written else []
        return [*([self.config.path] if self.config_diff else []), *(change.path for change in kubeconfigs)]


@dataclass(frozen=True)
class Imported:
    """An import that was carried out: the world as it is then, what was written, and what is left for the person.

    `files` are those that changed, the configuration first.
    """

    world: World
    written: WriteResult | None
    left: list[str]
    files: list[Path]


def refuse_too_many(clusters: Sized, origin: str) -> None:
    """Raises UsageError where taking so many at once would take minutes: each is written with its comments kept."""
    if len(clusters) > _MOST_AT_ONCE:
        raise UsageError(
            f"there are {len(clusters)} clusters in {origin}, and {_MOST_AT_ONCE} can be taken at once",
            hint="say which: togetherctl init SOURCE --clusters A,B",
        )


def plan_of_offers(
    world: World,
    offers: Sequence[Offer],
    kubeconfig: KubeconfigOptions,
    place: Place,
    names: Mapping[str, str] | None = None,
) -> Import:
    """Plan taking `offers`, `names` being what to call new profiles. Raises ConfigError and KubeconfigError."""
    owned = kubeconfig.overwrite or not kubeconfig.write
    foreign = frozenset(() if owned else _foreign(world, kubeconfig.kubeconfig))
    return _make_plan(world, Import(ImportPlan(), tuple(offers), foreign=foreign, place=place, names=names or {}))


def plan_of_bundle(world: World, fetched: Fetched, *, clusters: Collection[str] | None = None) -> Import:
    """Plan taking a bundle, for the first time or again: all of it, or these clusters and what they need.

    Raises UsageError where there is no such cluster in it, and ConfigError.
    """
    bundle = read(fetched.text, origin=fetched.origin)
    for name in clusters or ():
        if name not in bundle.config.clusters:
            raise UsageError(f"{fetched.origin} has no cluster {name}{nearest(name, bundle.config.clusters)}")
    every = (entry for entry in bundle.tables if entry[0] != "issuer")
    wanted = frozenset[Entry](every if clusters is None else (("cluster", name) for name in clusters))
    name = last_import.bundle_name(fetched.source, world.config.table)
    return _make_plan(world, _bundle(world, name, fetched, bundle, wanted))


def plan_of_update(world: World, name: str) -> Import | None:
    """Plan taking the bundle called `name` as it is now; None where it is as it was.

    Raises UsageError, ConfigError, Unreachable, Refused and Untrusted.
    """
    table = world.config.table.bundles[name]
    fetched = fetch(table.source, world.environ, log=world.log)
    if fetched.sha256 == table.sha256:
        return None
    return _make_plan(world, _bundle(world, name, fetched, read(fetched.text, origin=fetched.origin), None))


def bundles(world: World, names: tuple[str, ...]) -> dict[str, BundleTable]:
    """The bundles called `names`, without names all of the configuration. Raises UsageError."""
    known = world.config.table.bundles
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no bundle {name}{nearest(name, known)}", hint=run("togetherctl", "config", "show")
            )
    return {name: known[name] for name in names or known}


def preview(world: World, importing: Import, kubeconfig: KubeconfigOptions) -> Preview:
    """What would be written. Raises ConfigError, UsageError and KubeconfigError, as writing would."""
    before = files.read(world.paths.config).text
    text = TomlText(before)
    if not importing.plan.changes_nothing:
        begin_edit(text)
        try:
            importing.plan.apply(text)
        except CannotEdit:
            raise ConfigError(
                f"{world.paths.config} is laid out in a way that cannot be edited safely; change it by hand"
            ) from None
    table = _table(text.data)
    config = Config(world.paths.config, table, world.environ)
    written = _write_plan(world.as_if(config), importing.plan, kubeconfig, dry_run=True)
    for change in written.changed if written else ():
        change.target()
    path = str(world.paths.config)
    lines = [_without_secrets(before, world.config.table), _without_secrets(text.text, table)]
    diff = "".join(f"{line}\n" for line in difflib.unified_diff(lines[0], lines[1], path, path, lineterm=""))
    return Preview(importing, config, diff, written)


def carry_out(world: World, importing: Import) -> list[str]:
    """Change the configuration as planned, and remember what was given; what is left for the person to do.

    Raises TogetherctlError where the plan would be another by now, and then nothing was changed.
    """
    plan, bundle = importing.plan, importing.bundle
    left = [_keep(world, moved, importing.place) for moved in plan.secrets]
    if bundle is not None or not plan.changes_nothing:
        with world.changing_config() as text:
            # What was agreed to is what the configuration was: an edit in between may lead other tokens to the same
            # hosts.
            if validate(text.data)[0] is None or _make_plan(world, importing, text.data).plan.agreed != plan.agreed:
                raise TogetherctlError(
                    f"{world.paths.config} has changed meanwhile; nothing was written", hint="try again"
                )
            plan.apply(text)
            if bundle is not None:
                last_import.remember_bundle(text, bundle.name, bundle.fetched, world.paths.bundles)
    if bundle is not None and (before := world.config.table.bundles.get(bundle.name)) is not None:
        config = Config.load(world.paths.config, world.environ)
        last_import.forget_bundle(before.sha256, world.paths.bundles, config.table)
    last_import.remember(world.paths.taken, plan.given)
    return [line for line in left if line]


def join(world: World, shown: Preview, kubeconfig: KubeconfigOptions) -> Imported:
    """Carry out what was shown.

    Raises TogetherctlError. Where the configuration has changed meanwhile, nothing was written.
    """
    before = files.read(world.paths.config).text
    left = carry_out(world, shown.importing)
    after = world.reread()
    changed = [] if files.read(world.paths.config).text == before else [world.paths.config]
    written = _write_plan(after, shown.plan, kubeconfig, dry_run=False)
    changed += [change.path for change in written.changed] if written else []
    return Imported(after, written, left, changed)


def current_name(world: World, kubeconfig: str | None) -> str | None:
    """The kubeconfig's current context, None where there is none. Raises KubeconfigError."""
    _, current = plan_edit(kubeconfig_files(kubeconfig, world.environ), current_context)
    return current[1] if current else None


def with_sessions(world: World, config: ConfigTable) -> set[Identity]:
    """The identities that have a session, though the person's own configuration may not have them.

    A plain session names its issuer and client, whatever its KEY; of a sealed one only the KEYs of `config` tell. What
    a killed writer left counts, because the next call may make it the session.
    """
    folders = (world.paths.sessions, world.paths.sessions / "keyring")
    held = {path.name.removesuffix(".json") for folder in folders for path in folder.glob("*.json")}
    held |= {left.of.removesuffix(".json") for folder in folders for left in leftovers(folder)}
    return {
        identity(config.issuers[config.profiles[name].issuer].url, config.profiles[name].client_id)
        for name, key in Config(world.paths.config, config, world.environ).keys().items()
        if key in held
    } | {identity(*named) for folder in folders for named in clients_in(folder)}


def _make_plan(world: World, importing: Import, data: dict[str, Any] | None = None) -> Import:
    """The import with the plan for the configuration as it is, or says in `data`: the one engine for all sources."""
    data = TomlText(files.read(world.paths.config).text).data if data is None else data
    plan = _plan(world, importing, data, importing.offers)
    # The person, and Together AI's API, are believed.
    vouched = [offer for offer in importing.offers if offer.vouched]
    if importing.bundle is not None or len(vouched) < len(importing.offers):
        before = _table(_plan(world, importing, data, vouched).onto(data) if vouched else data)
        after = _table(plan.onto(data))
        plan.new_hosts = new_hosts(before, after, with_sessions(world, after))
    return replace(importing, plan=plan)


def _plan(world: World, importing: Import, data: dict[str, Any], offers: Sequence[Offer]) -> ImportPlan:
    if (bundle := importing.bundle) is not None:
        return plan_bundle(data, bundle.base, bundle.bundle, bundle.wanted)
    return plan_offers(
        _table(data),
        offers,
        folder=world.paths.config.parent,
        environ=world.environ,
        given=last_import.recall(world.paths.taken),
        foreign_contexts=importing.foreign,
        place=importing.place,
        names=importing.names,
    )


def _bundle(world: World, name: str, fetched: Fetched, bundle: Bundle, wanted: frozenset[Entry] | None) -> Import:
    """Import a bundle; without its copy as it was taken last, what differs counts as the person's own."""
    base = None
    if (before := world.config.table.bundles.get(name)) is not None:
        text = last_import.recall_bundle(before.sha256, world.paths.bundles)
        # It may have been taken by a togetherctl with other rules.
        with suppress(ConfigError):
            base = read(text, origin=shown(before.source, world.environ)) if text is not None else None
    return Import(ImportPlan(), bundle=BundleImport(name, fetched, base, bundle, wanted))


def _table(data: dict[str, Any]) -> ConfigTable:
    table, problems = validate(data)
    if table is None:
        said = [f"{problem.shown}: {problem.reason}" for problem in problems]
        raise ConfigError("what would be added does not fit into your configuration", problems=said)
    return table


def _keep(world: World, moved: MovedSecret, place: Place) -> str:
    """Put a client secret where it goes; what is left for the person. Raises UsageError and StorageError."""
    to = place(moved)
    if to is None:
        raise UsageError(f"no option says where to keep the client secret of {moved.client_id}")
    return to.keep(moved.value, keyring_name=moved.keyring_name, environ=world.environ)


def _write_plan(world: World, plan: ImportPlan, kubeconfig: KubeconfigOptions, *, dry_run: bool) -> WriteResult | None:
    if not kubeconfig.write or not plan.clusters:
        return None
    return write_clusters(
        world,
        plan.clusters,
        kubeconfig=kubeconfig.kubeconfig,
        overwrite=kubeconfig.overwrite,
        set_current=kubeconfig.set_current,
        current=kubeconfig.current,
        dry_run=dry_run,
    )


def _foreign(world: World, kubeconfig: str | None) -> set[str]:
    """The names of contexts and clusters in the kubeconfig that togetherctl did not write."""
    found = read_entries(kubeconfig_files(kubeconfig, world.environ), "contexts", "clusters")
    return {one.name for one in found if owner_of(one.section, one.entry) is None}


def _without_secrets(text: str, table: ConfigTable) -> list[str]:
    try:
        return without_secrets(text, table).text.splitlines()
    except CannotEdit:
        return []
