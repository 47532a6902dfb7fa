"""Plan the import of offers: which clusters are new, which follow, and what opens each.

An entry that is there already keeps its name and every key of the person's. Of a cluster, the server and what belongs
to reaching it follow the source, key by key (see `merge`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from togetherctl.config.editing import TABLES
from togetherctl.config.models import ClusterTable, ConfigTable
from togetherctl.config.types import Kind
from togetherctl.environment import CLIENT_SECRET
from togetherctl.importing import naming
from togetherctl.importing.additions import Additions, MovedSecret
from togetherctl.importing.cluster_offer import Offer, Skipped, check_table
from togetherctl.importing.last_import import OWNED, Given, base_of, key_of, owned, recorded
from togetherctl.importing.matching import Matching
from togetherctl.importing.merge import ImportPlan
from togetherctl.importing.secret_place import SecretPlace
from togetherctl.importing.source_rules import Left
from togetherctl.importing.trusted_hosts import identities_of, identity
from togetherctl.printable import printable

# What any source may add to a cluster that does not have it.
_MAY_ADD = frozenset({"username_claim", "username_prefix", "groups_claim", "groups_prefix", "together_cluster_id"})


def plan_offers(  # noqa: PLR0913 # each is something else that a plan depends on
    config: ConfigTable,
    offers: Sequence[Offer],
    *,
    folder: Path,
    environ: Mapping[str, str],
    given: Given | None = None,
    foreign_contexts: Collection[str] = (),
    place: Callable[[MovedSecret], SecretPlace | None] = lambda _moved: None,
    names: Mapping[str, str] | None = None,
) -> ImportPlan:
    """What taking `offers` means for `config`, whose file lies in `folder`.

    `given` is what sources gave last, `foreign_contexts` are names that others use in the kubeconfig, and `place` tells
    where a client secret goes, None where that is not known yet. `names` says how the person calls new profiles.
    """
    additions = Additions(config, folder=folder, environ=environ, place=place, names=names)
    matching = Matching(config.clusters, additions, offers, folder=folder, environ=environ, given=given or {})
    planning = _OfferPlanner(config, additions, matching, given or {}, foreign_contexts)
    planning.logins = Counter(map(_client, offers))
    # One that does not say how to log in may be the same cluster as one that does.
    for offer in sorted(offers, key=lambda one: not one.says_login):
        planning.take(offer)
    done = planning.plan
    done.added = {**additions.tables, **done.added}
    done.secrets = list(additions.secrets.values())
    done.clusters, done.profiles = list(dict.fromkeys(done.clusters)), list(dict.fromkeys(done.profiles))
    return done


class _OfferPlanner:
    """Takes one offer after the other; what one adds is there for the next."""

    def __init__(
        self,
        config: ConfigTable,
        additions: Additions,
        matching: Matching,
        given: Given,
        foreign_contexts: Collection[str],
    ) -> None:
        self.plan = ImportPlan()
        self._given = given
        self._additions = additions
        self._matching = matching
        self._clusters: dict[str, ClusterTable] = dict(config.clusters)
        contexts = [table.context or name for name, table in config.clusters.items()]
        # The configuration keeps contexts apart, and without one of its own a cluster's is its name.
        self._contexts = naming.UsedNames(contexts)
        self._names = naming.UsedNames([*config.clusters, *contexts])
        self._not_ours = frozenset(foreign_contexts)
        # How many offers each client at an issuer opens.
        self.logins: Counter[object] = Counter()

    def take(self, offer: Offer) -> None:
        """Add to the plan what taking this one means."""
        known = self._matching.cluster(offer, self._clusters)
        if known is None and not offer.says_login:
            self.plan.without_login.append(offer.name)
            return
        try:
            # A cluster that cannot be had brings no profile.
            wanted = None if offer.cluster is None else check_table(ClusterTable, {"profile": "", **offer.cluster})
            profile = self._profile(offer, known)
            name = None
            if wanted is not None:
                wanted = wanted.model_copy(update={"profile": profile})
                name = self._merge(known, wanted, offer) if known else self._add(profile, wanted, offer)
                self.plan.clusters.append(name)
                self.plan.notes += [f"{offer.name} {note}" for note in offer.notes]
        except ValueError as error:
            self.plan.skipped.append(Skipped(offer.name, str(error)))
            return
        self.plan.profiles.append(profile)
        self._leave_out(offer, profile, name)

    def _profile(self, offer: Offer, known: str | None) -> str:
        """The profile that opens it, new or known. Raises ValueError where the configuration cannot have it."""
        mine = self._clusters[known].profile if known else None
        if offer.opened_by is not None:
            return mine or offer.opened_by
        if offer.issuer is None or offer.profile is None:
            assert mine is not None  # noqa: S101 # an offer without a login is of a known cluster, see above
            return mine
        same = self._matching.profile(offer, mine)
        if same is not None:
            self.plan.notes += [f"{offer.name} {note}" for note in self._matching.differences(same, offer)]
            return same
        if mine is not None and known is not None:
            self.plan.notes.append(f"{offer.name} stays with profile {mine}, as you have it")
            return mine
        issuer = self._matching.issuer(offer)
        # A login that opens several clusters is called after none of them.
        candidate = naming.telling(offer.name) if self.logins[_client(offer)] == 1 else ""
        name, notes = self._additions.profile(issuer, offer.profile, offer.secret, candidate, called=offer.profile_name)
        self.plan.notes += [f"{offer.name} {note}" for note in notes]
        return name

    def _merge(self, name: str, wanted: ClusterTable, offer: Offer) -> str:
        """The same cluster, following its source where the person did not say otherwise."""
        mine = self._clusters[name]
        left = {left.key for left in offer.left if left.kind == "cluster"}
        theirs = owned(wanted)
        if self._matching.same_authority(mine, wanted.ca_data):
            theirs |= {"ca_data": mine.ca_data, "ca_file": mine.ca_file}
        followed = self.plan.merge(
            ("cluster", name),
            [key for key in OWNED if key not in left],
            mine=owned(mine),
            base=base_of(self._given.get(key_of(offer)), mine, offer.left),
            theirs=theirs,
            may_add=_MAY_ADD,
            remind=True,
        )
        self._clusters[name] = mine.model_copy(update={key: getattr(wanted, key) for key in followed})
        self._matching.add(name, self._clusters[name])
        self._remember(offer, theirs)
        if name != offer.name:
            self.plan.notes.append(f"{offer.name} is the same cluster as {name}")
        return name

    def _remember(self, offer: Offer, table: Mapping[str, Any]) -> None:
        """Keep what the source gives, apart from what it may not set."""
        self.plan.given[key_of(offer)] = recorded(table, [left.key for left in offer.left if left.kind == "cluster"])

    def _add(self, profile: str, wanted: ClusterTable, offer: Offer) -> str:
        """A new cluster, under a name and a context that no other has."""
        wished = naming.clean(offer.name) or "cluster"
        name = self._names.free([wished, naming.clean(f"{profile}-{wished}")])
        if name != wished:
            self.plan.notes.append(f"{offer.name} is called {name} here, because the name {wished} is taken")
        context = wanted.context or name
        if context in self._contexts:
            context = name
        if context in self._not_ours:
            theirs = context
            ours = (table.context or name for name, table in self._clusters.items())
            others = naming.UsedNames([*self._not_ours, *ours])
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
        self.plan.added["cluster", name] = table
        self._remember(offer, owned(added))
        return name

    def _leave_out(self, offer: Offer, profile: str, cluster: str | None) -> None:
        """Say what the source may not set, unless the person has set that already."""
        issuer = self._additions.profiles[profile].issuer
        mine: dict[Kind, tuple[str | None, Mapping[str, Any]]] = {
            "issuer": (issuer, self._additions.issuers),
            "profile": (profile, self._additions.profiles),
            "cluster": (cluster, self._clusters),
        }
        for left in offer.left:
            name, entries = mine[left.kind]
            if name is not None and not _is_set(entries.get(name), left):
                self.plan.leave_out(left, name)


def _client(offer: Offer) -> tuple[object, ...]:
    profile = offer.profile or {}
    return (offer.issuer or {}).get("url"), profile.get("client_id"), profile.get("session")


def _is_set(table: object, left: Left) -> bool:
    """Whether the person's own entry says something of what was left out."""
    value = getattr(table, left.key, None)
    if left.key == "auth_params" and isinstance(value, dict):
        return all(name in value for name in left.said.split(", "))
    return table is not None and value != TABLES[left.kind].model_fields[left.key].get_default(
        call_default_factory=True
    )


def secrets_kept(offers: Iterable[Offer], config: ConfigTable, environ: Mapping[str, str]) -> list[str]:
    """Which new clients do not get the client secret of the environment, though their programs would take it."""
    if not environ.get(CLIENT_SECRET):
        return []
    known = identities_of(config)
    clients = {
        (str(offer.issuer["url"]), str(offer.profile["client_id"])): None
        for offer in offers
        if offer.takes_secret and offer.issuer and offer.profile and "client_secret" not in offer.profile
    }
    return [
        f"Client {printable(client)} at {printable(issuer)} does not get the client secret in {CLIENT_SECRET}, which "
        f"is yours; --secret env:{CLIENT_SECRET} gives it."
        for issuer, client in clients
        if identity(issuer, client) not in known
    ]
