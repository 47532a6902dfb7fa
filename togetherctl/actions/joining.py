"""Joining clusters: what a source offers goes into the store, then into the kubeconfig, and is shown before.

What is shown is made without changing anything, and carried out only if it would come out the same. Everything is
checked first; then secrets, the store and the kubeconfig are written, in this order. So wherever it is cut off, no
kubeconfig names a profile that the store lacks, and the same command goes on.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from togetherctl.actions.kubeconfig import Written, write_clusters
from togetherctl.actions.updating import carry_out, with_sessions
from togetherctl.errors import ConfigError, TogetherctlError, UsageError
from togetherctl.kube.kubeconfig import kubeconfig_files, planned
from togetherctl.kube.ours import current_context, everything
from togetherctl.kube.stanza import owner_of
from togetherctl.sources import taken
from togetherctl.sources.plan import Plan, plan
from togetherctl.sources.trust import strangers
from togetherctl.store import files
from togetherctl.store.editing import begin
from togetherctl.store.problems import checked
from togetherctl.store.showing import without_secrets
from togetherctl.store.store import Store
from togetherctl.store.toml_text import CannotEdit, TomlText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence, Sized

    from togetherctl.actions.updating import Newer
    from togetherctl.kube.kubeconfig import KubeconfigFile
    from togetherctl.kubelogin.additions import MovedSecret
    from togetherctl.kubelogin.secret_place import SecretPlace
    from togetherctl.sources.bundle_update import Entry
    from togetherctl.sources.offer import Offer
    from togetherctl.sources.trust import Stranger
    from togetherctl.store.models import StoreTable
    from togetherctl.wiring import World

    Place = Callable[[MovedSecret], SecretPlace | None]

_MOST_AT_ONCE = 1000


class Taking(Protocol):
    """One way to change the store: by a plan of offers, or by a bundle."""

    @property
    def clusters(self) -> Sequence[str]:
        """What the clusters that are taken are called in the store, new or not."""

    @property
    def profiles(self) -> Sequence[str]:
        """The profiles that open them, and those that open none yet."""

    @property
    def added(self) -> Sequence[Entry]:
        """The entries that are new in the store."""

    @property
    def strangers(self) -> Sequence[Stranger]:
        """The hosts that would get what they do not get yet."""

    @property
    def is_remote(self) -> bool:
        """Whether it came over the network, so that each of these hosts is agreed to by name."""

    @property
    def changes_nothing(self) -> bool:
        """Whether the store stays as it is."""

    def lines(self) -> Iterable[str]:
        """What is to be said besides the difference."""

    def apply(self, text: TomlText) -> None:
        """Make the changes in the store's text. Raises CannotEdit."""

    def carry_out(self, world: World) -> list[str]:
        """Make them in the store; what is left for the person to do. Raises TogetherctlError: nothing was changed."""


@dataclass(frozen=True)
class ByPlan:
    """Taking what a plan of offers says."""

    plan: Plan
    offers: Sequence[Offer]
    foreign: frozenset[str]
    place: Place = field(repr=False)
    strangers: Sequence[Stranger]
    is_remote: bool = False

    @property
    def clusters(self) -> Sequence[str]:
        return self.plan.clusters

    @property
    def profiles(self) -> Sequence[str]:
        return self.plan.profiles

    @property
    def added(self) -> Sequence[Entry]:
        return list(self.plan.tables)

    @property
    def changes_nothing(self) -> bool:
        return self.plan.changes_nothing

    def lines(self) -> Iterable[str]:
        return self.plan.lines()

    def apply(self, text: TomlText) -> None:
        self.plan.apply(text)

    def carry_out(self, world: World) -> list[str]:
        left = []
        for moved in self.plan.secrets:
            place = self.place(moved)
            if place is None:
                raise UsageError(f"it is not said where the client secret of {moved.client_id} is to go")
            left.append(place.keep(moved.value, keyring_name=moved.keyring_name, environ=world.environ))
        if not self.changes_nothing:
            with world.changing_store() as text:
                now, _ = checked(text.data)
                again = None if now is None else self._again(world, now)
                if again is None or (again.tables, again.changes) != (self.plan.tables, self.plan.changes):
                    raise _changed_meanwhile(world)
                # What was agreed to is what the store was: an edit in between may lead other tokens to the same hosts.
                if now is not None and self._strangers(world, now, again) != self.strangers:
                    raise _changed_meanwhile(world)
                self.plan.apply(text)
        taken.remember(world.paths.taken, self.plan.given)
        return [line for line in left if line]

    def _again(self, world: World, store: StoreTable) -> Plan:
        return _plan(world, store, self.offers, self.foreign, self.place)

    def _strangers(self, world: World, store: StoreTable, again: Plan) -> Sequence[Stranger]:
        return _strangers(world, store, self.offers, self.foreign, self.place, again)


@dataclass(frozen=True)
class ByBundle:
    """Taking a bundle, or chosen clusters of it."""

    newer: Newer

    @property
    def strangers(self) -> Sequence[Stranger]:
        return self.newer.strangers

    @property
    def is_remote(self) -> bool:
        return self.newer.taken.is_remote

    @property
    def clusters(self) -> Sequence[str]:
        return self._named("cluster")

    @property
    def profiles(self) -> Sequence[str]:
        return self._named("profile")

    @property
    def added(self) -> Sequence[Entry]:
        return list(self.newer.update.added)

    @property
    def changes_nothing(self) -> bool:
        return self.newer.update.changes_nothing

    def lines(self) -> Iterable[str]:
        # What is added stands in the difference.
        return [line for line in self.newer.update.lines() if not line.startswith("+")]

    def apply(self, text: TomlText) -> None:
        self.newer.update.apply(text)

    def carry_out(self, world: World) -> list[str]:
        carry_out(world, self.newer)
        return []

    def _named(self, kind: str) -> list[str]:
        return list(dict.fromkeys(name for (of, _), name in self.newer.update.names.items() if of == kind))


@dataclass(frozen=True)
class Preview:
    """What joining would change: the store as a difference without secrets, the kubeconfig, and the store after it.

    `written` is None where no kubeconfig is wanted, or no cluster was taken.
    """

    taking: Taking
    store: Store
    store_diff: str
    written: Written | None

    @property
    def changes_nothing(self) -> bool:
        return self.taking.changes_nothing and not (self.written and self.written.changed)

    def diff(self) -> str:
        """Store and kubeconfig as one difference."""
        kubeconfigs = self.written.changed if self.written else []
        return "".join([self.store_diff, *(change.diff() for change in kubeconfigs)])


@dataclass(frozen=True)
class Wish:
    """What is to become of the kubeconfig; `write` False leaves it alone."""

    write: bool = True
    kubeconfig: str | None = None
    set_current: bool = False
    overwrite: bool = False


def refuse_too_many(clusters: Sized, origin: str) -> None:
    """Raises UsageError where taking so many at once would take minutes: each is written with its comments kept."""
    if len(clusters) > _MOST_AT_ONCE:
        raise UsageError(
            f"there are {len(clusters)} clusters in {origin}, and {_MOST_AT_ONCE} can be taken at once",
            hint="say which: togetherctl init SOURCE --clusters A,B",
        )


def by_plan(world: World, offers: Sequence[Offer], wish: Wish, place: Place) -> ByPlan:
    """What taking `offers` means. Raises ConfigError, StorageError and KubeconfigError."""
    foreign = frozenset(() if wish.overwrite or not wish.write else _foreign(world, wish.kubeconfig))
    store = world.store.table
    made = _plan(world, store, offers, foreign, place)
    return ByPlan(made, tuple(offers), foreign, place, _strangers(world, store, offers, foreign, place, made))


def preview(world: World, taking: Taking, wish: Wish) -> Preview:
    """What would be written. Raises ConfigError, UsageError and KubeconfigError, as writing would."""
    before = files.read(world.paths.config).text
    text = TomlText(before)
    if not taking.changes_nothing:
        begin(text)
        try:
            taking.apply(text)
        except CannotEdit:
            raise ConfigError(
                f"{world.paths.config} is laid out in a way that cannot be edited safely; change it by hand"
            ) from None
    table, problems = checked(text.data)
    if table is None:
        said = [f"{problem.shown}: {problem.reason}" for problem in problems]
        raise ConfigError("what would be added does not fit into your store", problems=said)
    after = Store(world.paths.config, table, world.environ)
    written = _written(world.as_if(after), taking, wish, dry_run=True)
    for change in written.changed if written else ():
        change.target()
    shown = _shown(before, world.store.table), _shown(text.text, table)
    return Preview(taking, after, _diff(world, *shown), written)


def join(world: World, shown: Preview, wish: Wish) -> tuple[World, Written | None, list[str]]:
    """Carry out what was shown: the world as it is then, what was written, and what is left for the person to do.

    Raises TogetherctlError. Where the store has changed meanwhile, nothing was written.
    """
    left = shown.taking.carry_out(world)
    after = world.anew()
    return after, _written(after, shown.taking, wish, dry_run=False), left


def current_name(world: World, kubeconfig: str | None) -> str | None:
    """The kubeconfig's current context, None where there is none. Raises KubeconfigError."""
    _, current = planned(kubeconfig_files(kubeconfig, world.environ), current_context)
    return current[1] if current else None


def _plan(world: World, store: StoreTable, offers: Sequence[Offer], foreign: frozenset[str], place: Place) -> Plan:
    return plan(
        store,
        offers,
        folder=world.paths.config.parent,
        environ=world.environ,
        given=taken.recall(world.paths.taken),
        taken_contexts=foreign,
        place=place,
    )


def _strangers(
    world: World, store: StoreTable, offers: Sequence[Offer], foreign: frozenset[str], place: Place, made: Plan
) -> Sequence[Stranger]:
    """The hosts that `made` would newly lead to, apart from those that the person or Together AI's API named."""
    vouched = [offer for offer in offers if offer.vouched]
    if len(vouched) == len(offers):
        return []
    before = _plan(world, store, vouched, foreign, place).onto(store) if vouched else store
    after = made.onto(store)
    return strangers(before, after, with_sessions(world, after))


def _written(world: World, taking: Taking, wish: Wish, *, dry_run: bool) -> Written | None:
    if not wish.write or not taking.clusters:
        return None
    return write_clusters(
        world,
        taking.clusters,
        kubeconfig=wish.kubeconfig,
        overwrite=wish.overwrite,
        set_current=wish.set_current,
        dry_run=dry_run,
    )


def _foreign(world: World, kubeconfig: str | None) -> set[str]:
    """The names of contexts and clusters in the kubeconfig that togetherctl did not write."""

    def found(opened: Sequence[KubeconfigFile]) -> set[str]:
        return {
            one.name
            for section in ("contexts", "clusters")
            for one in everything(opened, section)
            if owner_of(section, one.entry) is None
        }

    return planned(kubeconfig_files(kubeconfig, world.environ), found)[1]


def _shown(text: str, table: StoreTable) -> str:
    try:
        return without_secrets(text, table).text
    except CannotEdit:
        return ""


def _diff(world: World, before: str, after: str) -> str:
    path = str(world.paths.config)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), path, path, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _changed_meanwhile(world: World) -> TogetherctlError:
    return TogetherctlError(f"{world.paths.config} has changed meanwhile; nothing was written", hint="try again")
