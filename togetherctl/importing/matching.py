"""Match an offer with the cluster and profile of the configuration that it means, by what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from togetherctl.config.models import ClusterTable, IssuerTable, ProfileTable
from togetherctl.importing.additions import Additions
from togetherctl.importing.certificates import Authorities
from togetherctl.importing.cluster_offer import Offer, check_table
from togetherctl.importing.last_import import Given, digest, key_of

_WAY = frozenset({"ca_file", "ca_data", "insecure_skip_tls_verify", "proxy", "request_headers"})


@dataclass(frozen=True)
class _Login:
    """How an offer logs in, checked."""

    issuer: IssuerTable
    profile: ProfileTable
    has_secret: bool

    @property
    def client(self) -> tuple[str, str]:
        return self.issuer.url, self.profile.client_id


class Matching:
    """Find the entries of offers, in the configuration and in the plan; `given` is what sources gave last."""

    def __init__(
        self,
        clusters: Mapping[str, ClusterTable],
        additions: Additions,
        offers: Sequence[Offer],
        *,
        folder: Path,
        environ: Mapping[str, str],
        given: Given,
    ) -> None:
        self._clusters = clusters
        # These grow with what is added.
        self._additions = additions
        self._identities = additions.identities
        self._given = given
        # Where to look for a cluster, by what may tell it: looking takes as long with 5 clusters as with 5000.
        self._places: dict[tuple[str, object], dict[str, None]] = {}
        self._order: dict[str, int] = {}
        self._authorities = Authorities(folder, environ)
        # A cluster at one of these is that offer's, though another of its name has the same authority.
        self._offered = {offer.cluster.get("server") for offer in offers if offer.cluster is not None}
        by_digest = any(isinstance(last, str) for last in given.values())
        for name, table in clusters.items():
            self.add(name, table)
            if by_digest:
                self._places.setdefault(("digest", digest(table)), {})[name] = None
        # Profiles that the person may have edited, by what the source says of them: learnt from clusters that are here.
        self._edited: dict[str, str] = {}
        for offer in offers:
            self._learn(offer)

    def add(self, name: str, table: ClusterTable) -> None:
        """Know a cluster that is new, or is something else by now."""
        self._order.setdefault(name, len(self._order))
        for place in (
            ("server", table.server),
            ("called", name),
            ("called", table.context),
            ("id", table.together_cluster_id),
        ):
            self._places.setdefault(place, {})[name] = None

    def _at(self, *places: tuple[str, object]) -> list[str]:
        """The names of clusters in any of these places, in the configuration's order; some may be there no more."""
        found = {name for place in places for name in self._places.get(place, ())}
        return sorted(found, key=self._order.__getitem__)

    def cluster(self, offer: Offer, clusters: Mapping[str, ClusterTable]) -> str | None:
        """The name of the cluster that is offered, among `clusters`; None where it is new."""
        wanted = offer.cluster
        if wanted is None:
            return None
        cluster_id = wanted.get("together_cluster_id")
        if cluster_id:
            found = [name for name in self._at(("id", cluster_id)) if clusters[name].together_cluster_id == cluster_id]
            if found:
                return found[0]
        last = self._given.get(key_of(offer))
        # An older togetherctl kept a digest of what was given last.
        was = last if isinstance(last, dict) else {}
        by_digest = self._places.get(("digest", last), {}) if isinstance(last, str) else {}
        servers = (("server", wanted.get("server")), ("server", was.get("server")))
        alike = [
            name
            for name in self._at(*servers, ("called", offer.name), ("digest", last if by_digest else None))
            if self._may_be(offer, name, clusters[name], cluster_id)
        ]
        there = [name for name in alike if clusters[name].server == wanted.get("server")]
        called = [name for name in alike if offer.name in (name, clusters[name].context)]
        elsewhere = [name for name in called if clusters[name].server not in self._offered]
        apart = (wanted.get("namespace"), wanted.get("tls_server_name"))
        here_before = (was.get("server"), was.get("tls_server_name"))
        for found in (
            [name for name in there if name in called],
            # A namespace, or the cluster behind a common address, keeps contexts of one server apart.
            [name for name in there if (clusters[name].namespace, clusters[name].tls_server_name) == apart],
            [
                name
                for name in alike
                if name in by_digest or (clusters[name].server, clusters[name].tls_server_name) == here_before
            ],
            # Under the same name, the same authority vouches for it, or its source gave it before and it was edited.
            [name for name in elsewhere if clusters[name].ca_data and clusters[name].ca_data == wanted.get("ca_data")],
            elsewhere if last is not None else [],
        ):
            if found:
                return offer.name if offer.name in found else found[0]
        return None

    def same_authority(self, mine: ClusterTable | IssuerTable, ca_data: str | None) -> bool:
        """Whether the CA files of an entry of the configuration hold the certificates that a source brings."""
        return mine.ca_file is not None and ca_data is not None and self._authorities.are_of(mine, ca_data)

    def profile(self, offer: Offer, mine: str | None) -> str | None:
        """The profile of the configuration that `offer` means, though it may differ; `mine` opens its cluster already.

        None where there is none, or one that is exactly as offered. Raises ValueError where the offer makes no sense.
        """
        login = _login(offer)
        exact = self._identities.key(self._way_of_mine(login.issuer), login.profile)
        if mine is not None:
            return mine if self._is_client(self._additions.profiles[mine], login) else None
        exactly = [
            (name, table)
            for name, table in self._of_client(login)
            if self._is_client(table, login) and self._key(table) == exact
        ]
        if any(bool(table.client_secret) == login.has_secret for _, table in exactly):
            # Adding profiles says what else differs.
            return None
        if exactly or exact in self._edited:
            return exactly[0][0] if exactly else self._edited[exact]
        covering = [
            name
            for name, table in self._of_client(login)
            if self._is_client(table, login)
            and set(table.scopes) >= set(login.profile.scopes)
            and table.session == login.profile.session
            and (table.auth_params, table.grant) == (login.profile.auth_params, login.profile.grant)
            and self._identities.way(self._additions.issuers[table.issuer])
            == self._identities.way(self._way_of_mine(login.issuer))
        ]
        return covering[0] if len(covering) == 1 else None

    def issuer(self, offer: Offer) -> Mapping[str, Any]:
        """The table of the offer's issuer; where it says only the URL, the way there is the person's."""
        assert offer.issuer is not None  # noqa: S101 # asked only for offers that say how to log in
        theirs = _login(offer).issuer
        mine = self._way_of_mine(theirs)
        return offer.issuer if mine is theirs else {key: getattr(mine, key) for key in mine.model_fields_set}

    def _learn(self, offer: Offer) -> None:
        if offer.issuer is None or offer.profile is None:
            return
        known = self.cluster(offer, self._clusters)
        if known is None:
            return
        try:
            login = _login(offer)
        except ValueError:
            return
        mine = self._clusters[known].profile
        if self._is_client(self._additions.profiles[mine], login):
            key = self._identities.key(self._way_of_mine(login.issuer), login.profile)
            self._edited.setdefault(key, mine)

    def _may_be(self, offer: Offer, name: str, table: ClusterTable, cluster_id: object) -> bool:
        """Whether a cluster is of the same client and session as the offer's, and not another by its ID."""
        if cluster_id and table.together_cluster_id:
            return False
        if not offer.says_login:
            return True
        profile = self._additions.profiles[table.profile]
        if offer.opened_by is not None:
            return table.profile == offer.opened_by
        theirs = offer.profile or {}
        client = ((offer.issuer or {}).get("url"), theirs.get("client_id"))
        if (self._additions.issuers[profile.issuer].url, profile.client_id) != client:
            return False
        # Another session is another person, unless the configuration says nothing of it and calls the cluster the same.
        called = profile.session is None and offer.name in (name, table.context)
        return profile.session == theirs.get("session") or called

    def _is_client(self, table: ProfileTable, login: _Login) -> bool:
        url = self._additions.issuers[table.issuer].url
        return (
            (url, table.client_id) == login.client
            and table.token == login.profile.token
            # A secret that the configuration has and the source does not know of is the person's.
            and (bool(table.client_secret) or not login.has_secret)
        )

    def _of_client(self, login: _Login) -> list[tuple[str, ProfileTable]]:
        return [(name, self._additions.profiles[name]) for name in self._additions.of_client(*login.client)]

    def _key(self, table: ProfileTable) -> str:
        return self._identities.key(self._additions.issuers[table.issuer], table)

    def _way_of_mine(self, issuer: IssuerTable) -> IssuerTable:
        """The issuer as the configuration has it, where the source says nothing but its URL and there is but one."""
        mine = [self._additions.issuers[name] for name in self._additions.issuers_at(issuer.url)]
        if issuer.model_fields_set & _WAY:
            return next((table for table in mine if self._authorities.differ_in_form_alone(table, issuer)), issuer)
        return mine[0] if len(mine) == 1 else issuer

    def differences(self, name: str, offer: Offer) -> list[str]:
        """What a profile says otherwise than the offer that means it, as a note."""
        login, table = _login(offer), self._additions.profiles[name]
        differs = ["scopes"] if set(table.scopes) != set(login.profile.scopes) else []
        differs += [
            key
            for key in ("auth_params", "grant", "offline_access")
            if getattr(table, key) != getattr(login.profile, key)
        ]
        mine, theirs = self._additions.issuers[table.issuer], self._way_of_mine(login.issuer)
        if self._identities.way(mine) != self._identities.way(theirs):
            differs.append("way to the issuer")
        said = f"is opened by profile {name}, whose {', '.join(differs)} stay as you have them"
        return [said] if differs else []


def _login(offer: Offer) -> _Login:
    """Raises ValueError, with a reason that follows "because"."""
    profile = dict(offer.profile or {})
    has_secret = bool(offer.secret or profile.pop("client_secret", None))
    return _Login(
        check_table(IssuerTable, offer.issuer or {}), check_table(ProfileTable, {"issuer": "", **profile}), has_secret
    )
