"""Taking a bundle into the store, for the first time or a newer one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.auth.cache.file import clients_in
from togetherctl.disk import leftovers
from togetherctl.errors import ConfigError, TogetherctlError, UsageError, run
from togetherctl.sources.bundle import read
from togetherctl.sources.bundle_place import copy_of, drop_copy, name_for, remember, shown, take
from togetherctl.sources.bundle_update import compare
from togetherctl.sources.trust import identity, strangers
from togetherctl.store import files
from togetherctl.store.problems import checked, nearest
from togetherctl.store.store import Store
from togetherctl.store.toml_text import CannotEdit, TomlText

if TYPE_CHECKING:
    from collections.abc import Collection

    from togetherctl.sources.bundle import Bundle
    from togetherctl.sources.bundle_place import Taken
    from togetherctl.sources.bundle_update import Entry, Update
    from togetherctl.sources.trust import Identity, Stranger
    from togetherctl.store.models import BundleTable, StoreTable
    from togetherctl.wiring import World


@dataclass(frozen=True)
class Newer:
    """A bundle that is new, or not what it was: what it would change, and the hosts that have to be agreed to first."""

    name: str
    taken: Taken
    base: Bundle | None
    bundle: Bundle
    wanted: frozenset[Entry] | None
    update: Update
    strangers: list[Stranger]


def bundles(world: World, names: tuple[str, ...]) -> dict[str, BundleTable]:
    """The bundles called `names`, without names all of the store. Raises UsageError."""
    known = world.store.table.bundles
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no bundle {name}{nearest(name, known)}", hint=run("togetherctl", "config", "show")
            )
    return {name: known[name] for name in names or known}


def consider(world: World, taken: Taken, *, clusters: Collection[str] | None = None) -> Newer:
    """What taking a bundle means, for the first time or again: all of it, or these clusters and what they need.

    Raises UsageError where there is no such cluster in it, and ConfigError.
    """
    bundle = read(taken.text, origin=taken.origin)
    wanted: frozenset[Entry] = frozenset(entry for entry in bundle.tables if entry[0] != "issuer")
    if clusters is not None:
        for name in clusters:
            if name not in bundle.store.clusters:
                raise UsageError(f"{taken.origin} has no cluster {name}{nearest(name, bundle.store.clusters)}")
        wanted = frozenset(("cluster", name) for name in clusters)
    return _newer(world, name_for(taken.source, world.store.table), taken, bundle, wanted)


def look(world: World, name: str) -> Newer | None:
    """What has become of the bundle called `name`; None where it is as it was.

    Raises UsageError, ConfigError, Unreachable, Refused and Untrusted.
    """
    table = world.store.table.bundles[name]
    taken = take(table.source, world.environ, log=world.log)
    if taken.sha256 == table.sha256:
        return None
    return _newer(world, name, taken, read(taken.text, origin=taken.origin), None)


def _newer(world: World, name: str, taken: Taken, bundle: Bundle, wanted: frozenset[Entry] | None) -> Newer:
    before = world.store.table.bundles.get(name)
    base = _as_taken(world, before) if before else None
    text = TomlText(files.read(world.paths.config).text)
    update = compare(text.data, base, bundle, wanted)
    try:
        update.apply(text)
    except CannotEdit:
        raise ConfigError(
            f"{world.paths.config} is laid out in a way that cannot be edited safely; change it by hand"
        ) from None
    after, problems = checked(text.data)
    if after is None:
        said = [f"{problem.shown}: {problem.reason}" for problem in problems]
        raise ConfigError(f"what {taken.origin} changes does not fit into your store", problems=said)
    return Newer(name, taken, base, bundle, wanted, update, _strangers(world, world.store.table, after))


def carry_out(world: World, newer: Newer) -> None:
    """Make the changes, and remember the bundle as it is now. Raises TogetherctlError, and then nothing was changed."""
    with world.changing_store() as text:
        if compare(text.data, newer.base, newer.bundle, newer.wanted) != newer.update:
            raise _changed_meanwhile(world)
        was = checked(text.data)[0]
        newer.update.apply(text)
        becomes = checked(text.data)[0]
        # What was agreed to is what the store was: an edit in between may lead other tokens to the same hosts.
        if was is not None and becomes is not None and _strangers(world, was, becomes) != newer.strangers:
            raise _changed_meanwhile(world)
        remember(text, newer.name, newer.taken, world.paths.bundles)
    before = world.store.table.bundles.get(newer.name)
    if before is not None:
        drop_copy(before.sha256, world.paths.bundles, Store.load(world.paths.config, world.environ).table)


def with_sessions(world: World, store: StoreTable) -> set[Identity]:
    """The identities that have a session, though the person's own store may not have them.

    A plain session names its issuer and client, whatever its KEY; of a sealed one only the KEYs of `store` tell. What
    a killed writer left counts, because the next call may make it the session.
    """
    folders = (world.paths.sessions, world.paths.sessions / "keyring")
    held = {path.name.removesuffix(".json") for folder in folders for path in folder.glob("*.json")}
    held |= {left.of.removesuffix(".json") for folder in folders for left in leftovers(folder)}
    return {
        identity(store.issuers[store.profiles[name].issuer].url, store.profiles[name].client_id)
        for name, key in Store(world.paths.config, store, world.environ).keys().items()
        if key in held
    } | {identity(*named) for folder in folders for named in clients_in(folder)}


def _strangers(world: World, before: StoreTable, after: StoreTable) -> list[Stranger]:
    return strangers(before, after, with_sessions(world, after))


def _changed_meanwhile(world: World) -> TogetherctlError:
    return TogetherctlError(f"{world.paths.config} has changed meanwhile; nothing was written", hint="try again")


def _as_taken(world: World, table: BundleTable) -> Bundle | None:
    """The bundle as it was taken last; without that, what differs counts as the person's own."""
    text = copy_of(table.sha256, world.paths.bundles)
    if text is None:
        return None
    try:
        return read(text, origin=shown(table.source, world.environ))
    except ConfigError:
        # Taken by a togetherctl with other rules.
        return None
