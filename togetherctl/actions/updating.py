"""Asking for a newer bundle, and taking from it what it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.errors import ConfigError, TogetherctlError, UsageError
from togetherctl.sources.bundle import read
from togetherctl.sources.bundle_place import copy_of, drop_copies, remember, shown, take
from togetherctl.sources.bundle_update import compare
from togetherctl.sources.trust import strangers
from togetherctl.store import files
from togetherctl.store.problems import checked, nearest
from togetherctl.store.store import Store
from togetherctl.store.toml_text import CannotEdit, TomlText

if TYPE_CHECKING:
    from togetherctl.sources.bundle import Bundle
    from togetherctl.sources.bundle_place import Taken
    from togetherctl.sources.bundle_update import Update
    from togetherctl.sources.trust import Stranger
    from togetherctl.store.models import BundleTable
    from togetherctl.wiring import World


@dataclass(frozen=True)
class Newer:
    """A bundle that is not what it was: what it would change, and the hosts that have to be agreed to first."""

    name: str
    taken: Taken
    base: Bundle | None
    bundle: Bundle
    update: Update
    strangers: list[Stranger]


def bundles(world: World, names: tuple[str, ...]) -> dict[str, BundleTable]:
    """The bundles called `names`, without names all of the store. Raises UsageError."""
    known = world.store.table.bundles
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no bundle {name}{nearest(name, known)}", hint="togetherctl config show names the bundles"
            )
    return {name: known[name] for name in names or known}


def look(world: World, name: str) -> Newer | None:
    """What has become of the bundle called `name`; None where it is as it was.

    Raises UsageError, ConfigError, Unreachable, Refused and Untrusted.
    """
    table = world.store.table.bundles[name]
    taken = take(table.source, world.environ, log=world.log)
    if taken.sha256 == table.sha256:
        return None
    bundle, base = read(taken.text, origin=taken.origin), _as_taken(world, table)
    text = TomlText(files.read(world.paths.config).text)
    update = compare(text.data, base, bundle)
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
    return Newer(name, taken, base, bundle, update, strangers(world.store.table, after))


def carry_out(world: World, newer: Newer) -> None:
    """Make the changes, and remember the bundle as it is now. Raises TogetherctlError, and then nothing was changed."""
    with world.changing_store() as text:
        if compare(text.data, newer.base, newer.bundle) != newer.update:
            raise TogetherctlError(f"{world.paths.config} has changed meanwhile; nothing was written", hint="try again")
        newer.update.apply(text)
        remember(text, newer.name, newer.taken, world.paths.bundles)
    drop_copies(world.paths.bundles, Store.load(world.paths.config, world.environ).table)


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
