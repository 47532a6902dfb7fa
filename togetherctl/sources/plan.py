"""What becomes of a store when offers are taken: what is new, what changes, and what stays as the person made it.

Edits win. An entry that is there already keeps every key of the person's, and its name. Of a cluster, the server and
what belongs to reaching it are the source's: they follow the source as long as they are what a source gave last (see
`taken`), else they stay and the difference is said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from togetherctl.kubelogin import names
from togetherctl.kubelogin.additions import Additions
from togetherctl.kubelogin.meaning import Meaning
from togetherctl.sources.bundle_update import Change, changed_line, place_and_value
from togetherctl.sources.left_out import LeftOut
from togetherctl.sources.matching import Matching
from togetherctl.sources.offer import Passed
from togetherctl.sources.taken import OWNED, digest, key_of
from togetherctl.store.editing import TABLES, missing, section
from togetherctl.store.models import ClusterTable
from togetherctl.store.problems import described

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from togetherctl.kubelogin.additions import MovedSecret
    from togetherctl.kubelogin.secret_place import SecretPlace
    from togetherctl.sources.bundle_update import Entry
    from togetherctl.sources.offer import Offer
    from togetherctl.sources.rule import Left
    from togetherctl.store.choices import Kind
    from togetherctl.store.models import StoreTable
    from togetherctl.store.toml_text import TomlText

# What may be added to a cluster that says nothing of it, whoever wrote the rest.
_ADDED = frozenset({"username_claim", "username_prefix", "groups_claim", "groups_prefix", "together_cluster_id"})


@dataclass
class Plan:
    """What taking offers means for one store.

    `tables` are new entries; `changes` will be made to entries that are there, `kept` will not, because the person
    made them so; `notes` say which names were given and why; `left` is what sources may not set. `clusters` are the
    names of all that was taken, new or not, and `profiles` those that open them. `passed` cannot be taken;
    `without_login` are names of offers of which nobody has said how to log in. `secrets` are client secrets that have
    to be put somewhere, `given` what to remember.
    """

    tables: Mapping[Entry, dict[str, Any]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    kept: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left: LeftOut = field(default_factory=LeftOut)
    clusters: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    without_login: list[str] = field(default_factory=list)
    secrets: list[MovedSecret] = field(default_factory=list, repr=False)
    given: dict[str, str] = field(default_factory=dict)

    @property
    def changes_nothing(self) -> bool:
        """Whether the store stays as it is."""
        return not self.tables and not self.changes

    def apply(self, text: TomlText) -> None:
        """Make the changes in the store's text. Raises CannotEdit, and UsageError where an entry is there by now."""
        for change in self.changes:
            kind, name = change.entry
            key = (section(kind), name, change.key)
            if change.theirs is None:
                text.unset(key)
            else:
                text.set(key, change.theirs)
        text.add({missing(text, kind, name): table for (kind, name), table in self.tables.items()})

    def lines(self) -> Iterable[str]:
        """What is to be said besides the difference itself, a line each, safe to show."""
        yield from (changed_line(change) for change in self.changes)
        for change in self.kept:
            place, mine, theirs = place_and_value(change)
            yield f"{place} stays {mine}, which is yours; the source says {theirs}"
        yield from self.notes
        yield from self.left.lines()

    def onto(self, store: StoreTable) -> StoreTable:
        """The store as it would be."""
        tables: dict[Kind, dict[str, Any]] = {
            "issuer": dict(store.issuers),
            "profile": dict(store.profiles),
            "cluster": dict(store.clusters),
        }
        for change in self.changes:
            kind, name = change.entry
            default = ClusterTable.model_fields[change.key].default
            value = default if change.theirs is None else change.theirs
            tables[kind][name] = tables[kind][name].model_copy(update={change.key: value})
        for (kind, name), table in self.tables.items():
            tables[kind][name] = TABLES[kind].model_validate(table)
        return store.model_copy(update={section(kind): entries for kind, entries in tables.items()})


def plan(
    store: StoreTable,
    offers: Sequence[Offer],
    *,
    folder: Path,
    environ: Mapping[str, str],
    given: Mapping[str, str] | None = None,
    taken_contexts: Collection[str] = (),
    place: Callable[[MovedSecret], SecretPlace | None] = lambda _moved: None,
) -> Plan:
    """What taking `offers` means for `store`, whose file lies in `folder`.

    `given` is what sources gave before, `taken_contexts` are names that others use in the kubeconfig, and `place` tells
    where a client secret goes, None where that is not known yet.
    """
    additions = Additions(store, folder=folder, environ=environ, place=place)
    matching = Matching(store.clusters, additions, offers, folder=folder, environ=environ, given=given or {})
    planning = _Planning(store, additions, matching, taken_contexts)
    # One that does not say how to log in may be the same cluster as one that does.
    for offer in sorted(offers, key=lambda one: not one.says_login):
        planning.take(offer)
    done = planning.plan
    done.tables = {**additions.tables, **planning.clusters_added}
    done.secrets = list(additions.secrets.values())
    return done


class _Planning:
    """Takes one offer after the other; what one adds is there for the next."""

    def __init__(
        self, store: StoreTable, additions: Additions, matching: Matching, taken_contexts: Collection[str]
    ) -> None:
        self.plan = Plan()
        self.clusters_added: dict[Entry, dict[str, Any]] = {}
        self._store = store
        self._additions = additions
        self._matching = matching
        self._clusters: dict[str, ClusterTable] = dict(store.clusters)
        self._taken: set[Entry] = set()
        contexts = [table.context or name for name, table in store.clusters.items()]
        # The store keeps contexts apart, and without one of its own a cluster's is its name.
        self._contexts = names.Used(contexts)
        self._names = names.Used([*store.clusters, *contexts])
        self._not_ours = frozenset(taken_contexts)

    def take(self, offer: Offer) -> None:
        """Add to the plan what taking this one means."""
        known = self._matching.cluster(offer, self._clusters)
        if known is None and not offer.says_login:
            self.plan.without_login.append(offer.name)
            return
        try:
            # A cluster that cannot be had brings no profile.
            wanted = None if offer.cluster is None else _checked(offer.cluster)
            profile = self._profile(offer, known)
            name = None
            if wanted is not None:
                wanted = wanted.model_copy(update={"profile": profile})
                name = self._merged(known, wanted, offer) if known else self._added(profile, wanted, offer)
                self._once("cluster", name)
                self.plan.notes += [f"{offer.name} {note}" for note in offer.notes]
        except ValueError as error:
            self.plan.passed.append(Passed(offer.name, str(error)))
            return
        self._once("profile", profile)
        self._leave_out(offer, profile, name)

    def _profile(self, offer: Offer, known: str | None) -> str:
        """The profile that opens it, new or known. Raises ValueError where the store cannot have it."""
        mine = self._clusters[known].profile if known else None
        if offer.opened_by is not None:
            return mine or offer.opened_by
        if offer.issuer is None or offer.profile is None:
            assert mine is not None  # noqa: S101 # whoever says nothing is known, see above
            return mine
        same = self._matching.profile(offer, mine)
        if same is not None:
            self.plan.notes += [f"{offer.name} {note}" for note in same.notes]
            return same.name
        if mine is not None and known is not None:
            self.plan.notes.append(f"{offer.name} stays with profile {mine}, as you have it")
            return mine
        table = dict(offer.profile)
        reference = table.get("client_secret")
        variable = reference.get("env") if isinstance(reference, dict) else None
        table.pop("client_secret", None)
        meaning = Meaning(self._matching.issuer(offer), table, offer.secret, variable, None, {}, ())
        name, notes = self._additions.profile(meaning, names.clean(offer.profile_name or ""), names.telling(offer.name))
        self.plan.notes += [f"{offer.name} {note}" for note in notes]
        return name

    def _merged(self, name: str, wanted: ClusterTable, offer: Offer) -> str:
        """The same cluster, following its source where the person did not say otherwise."""
        mine = self._clusters[name]
        follows = self._matching.is_as_given(offer, mine)
        skipped = {left.key for left in offer.left if left.kind == "cluster"}
        if self._matching.same_authority(mine, wanted.ca_data):
            skipped |= {"ca_data", "ca_file"}
        for key in OWNED:
            before, after = getattr(mine, key), getattr(wanted, key)
            if key in skipped or before == after or (after is None and not follows):
                continue
            added = before is None and key in _ADDED
            change = Change(("cluster", name), key, before or None, after or None)
            (self.plan.changes if follows or added else self.plan.kept).append(change)
        given = wanted
        if follows:
            changed = {key: getattr(wanted, key) for key in OWNED if key not in skipped}
            given = self._clusters[name] = mine.model_copy(update=changed)
            self._matching.add(name, given)
        self.plan.given[key_of(offer)] = digest(given, offer.left)
        if name != offer.name:
            self.plan.notes.append(f"{offer.name} is the same cluster as {name}")
        return name

    def _added(self, profile: str, wanted: ClusterTable, offer: Offer) -> str:
        """A new cluster, under a name and a context that nobody else has."""
        wished = names.clean(offer.name) or "cluster"
        name = self._names.free([wished, names.clean(f"{profile}-{wished}")])
        if name != wished:
            self.plan.notes.append(f"{offer.name} is called {name} here, because the name {wished} is taken")
        context = wanted.context or name
        if context in self._contexts:
            context = name
        if context in self._not_ours:
            theirs = context
            others = names.Used([*self._not_ours, *map(_context, self._clusters.items())])
            context = others.free([f"{profile}-{context}", f"{context}-{profile}"])
            self.plan.notes.append(
                f"{offer.name} gets the context {context}, because your kubeconfig has another {theirs}"
            )
        table = {
            key: value
            for key, value in {"profile": profile, **(offer.cluster or {})}.items()
            if key != "context" and value not in (None, "")
        }
        if context != name:
            table["context"] = context
        added = self._clusters[name] = wanted.model_copy(update={"context": table.get("context")})
        self._matching.add(name, added)
        self._contexts.add(context)
        self._names.add(name)
        self._names.add(context)
        self.clusters_added["cluster", name] = table
        self.plan.given[key_of(offer)] = digest(added, offer.left)
        return name

    def _once(self, kind: Kind, name: str) -> None:
        if (kind, name) not in self._taken:
            self._taken.add((kind, name))
            (self.plan.clusters if kind == "cluster" else self.plan.profiles).append(name)

    def _leave_out(self, offer: Offer, profile: str, cluster: str | None) -> None:
        """Say what the source may not set, unless the person has set that already."""
        issuer = self._additions.profiles[profile].issuer
        mine: dict[Kind, str | None] = {"issuer": issuer, "profile": profile, "cluster": cluster}
        entries: dict[Kind, Mapping[str, Any]] = {
            "issuer": self._additions.issuers,
            "profile": self._additions.profiles,
            "cluster": self._clusters,
        }
        for left in offer.left:
            name = mine[left.kind]
            if name is not None and not _is_set(entries[left.kind].get(name), left):
                self.plan.left.add(left, name)


def _is_set(table: object, left: Left) -> bool:
    """Whether the person's own entry says something of what was left out."""
    value = getattr(table, left.key, None)
    if left.key == "auth_params" and isinstance(value, dict):
        return all(name in value for name in left.said.split(", "))
    return table is not None and value != TABLES[left.kind].model_fields[left.key].get_default(
        call_default_factory=True
    )


def _context(entry: tuple[str, ClusterTable]) -> str:
    name, table = entry
    return table.context or name


def _checked(cluster: Mapping[str, Any]) -> ClusterTable:
    """Raises ValueError, with a reason that follows "because"."""
    try:
        return ClusterTable.model_validate({"profile": "", **cluster})
    except ValidationError as error:
        problem = described(error.errors(include_url=False, include_input=False)[0])
        raise ValueError(f"its {problem.shown}: {problem.reason}") from None
