"""Add new issuers and profiles beside those of the configuration, found by identity and not by name."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from togetherctl.config.client_secret import keyring_name
from togetherctl.config.models import ClusterTable, ConfigTable, IssuerTable, ProfileTable
from togetherctl.config.profile import Identities
from togetherctl.config.types import Kind
from togetherctl.importing import naming
from togetherctl.importing.certificates import Authorities
from togetherctl.importing.cluster_offer import check_table
from togetherctl.importing.secret_place import SecretPlace


@dataclass(frozen=True)
class MovedSecret:
    """A client secret that leaves the kubeconfig, and whose it is. The repr does not show it."""

    issuer: str
    client_id: str
    profile: str
    value: str = field(repr=False)

    @property
    def keyring_name(self) -> str:
        return keyring_name(self.issuer, self.client_id)


class Additions:
    """Gathers what is new beside the configuration as it is; asks `place` for where the secret of a client goes.

    `names` says how the person calls new profiles, by the names that they would get.

    `tables` are what is new, `issuers` and `profiles` all there are with those; `identities` tells them
    apart. Without a place the profile has none yet: then `secrets` still says whose there are.
    """

    def __init__(
        self,
        config: ConfigTable,
        *,
        folder: Path,
        environ: Mapping[str, str],
        place: Callable[[MovedSecret], SecretPlace | None],
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._environ = environ
        self._authorities = Authorities(folder, environ)
        self._called = names or {}
        self.identities = Identities(folder, environ)
        self._place = place
        self._new_issuers: dict[str, IssuerTable] = {}
        self._new_profiles: dict[str, ProfileTable] = {}
        self._new_clusters: dict[str, ClusterTable] = {}
        self.issuers = ChainMap(self._new_issuers, config.issuers)
        self.profiles = ChainMap(self._new_profiles, config.profiles)
        self._clusters = ChainMap(self._new_clusters, config.clusters)
        # By identity and by client, because looking through all profiles for each stanza would take their square.
        self._of_key: dict[str, list[str]] = {}
        self._of_client: dict[tuple[str, str], list[str]] = {}
        self._issuers_at: dict[str, list[str]] = {}
        for name, issuer in config.issuers.items():
            self._issuers_at.setdefault(issuer.url, []).append(name)
        for name, profile in config.profiles.items():
            known = config.issuers[profile.issuer]
            self._know(name, self.identities.key(known, profile), (known.url, profile.client_id))
        self._names = naming.UsedNames(config.profiles)
        self.tables: dict[tuple[Kind, str], dict[str, Any]] = {}
        self.secrets: dict[tuple[str, str], MovedSecret] = {}

    def of_client(self, issuer: str, client_id: str) -> list[str]:
        """The profiles of one client at one issuer, in order."""
        return list(self._of_client.get((issuer, client_id), ()))

    def issuers_at(self, url: str) -> list[str]:
        """The names of the issuers with this URL, in order."""
        return list(self._issuers_at.get(url, ()))

    def _know(self, name: str, key: str, client: tuple[str, str]) -> None:
        self._of_key.setdefault(key, []).append(name)
        self._of_client.setdefault(client, []).append(name)

    def profile(
        self,
        issuer_table: Mapping[str, Any],
        profile: Mapping[str, Any],
        secret: str | None,
        *candidates: str,
        called: str = "",
    ) -> tuple[str, list[str]]:
        """The name of the profile for these tables, new or known, and the notes on it.

        `secret` leaves its kubeconfig; `candidates` are further names, for where the issuer's, or what its
        source has `called` it, is in use. Raises ValueError where the client has another secret than one before it.
        """
        client = (issuer_table["url"], profile["client_id"])
        before = self.secrets.get(client)
        if before is not None and secret is not None and before.value != secret:
            raise ValueError(
                f"it has another client secret than the one before it that became profile {before.profile}"
            )
        issuer, issuer_table = self._as_here(issuer_table)
        table = dict(profile)
        has_secret = bool(secret or table.get("client_secret"))
        key = self.identities.key(issuer, ProfileTable.model_validate({"issuer": "", **table}))
        notes: list[str] = []
        for name in self._of_key.get(key, ()):
            known = self.profiles[name]
            wanted = ProfileTable.model_validate({"issuer": known.issuer, **table})
            if known.token == wanted.token and bool(known.client_secret) == has_secret:
                return name, _lost(name, known, wanted)
            if known.storage != wanted.storage:
                table["storage"] = known.storage
                notes.append(f"shares the session of profile {name}, and so its storage ({known.storage})")
        of_issuer = naming.name_from_url(issuer.url, issuer.preset)
        wished = called or of_issuer
        default = self._names.free([wished, *candidates])
        name = self._names.free([self._called.get(default, default)])
        self._names.add(name)
        at = self._issuer(issuer_table, issuer, of_issuer if called or default == name else name)
        if name == default != wished:
            notes.append(f"gets a profile called {name}, because the name {wished} is taken")
        if secret is not None:
            moved = MovedSecret(issuer.url, table["client_id"], name, secret)
            self.secrets.setdefault(client, moved)
            place = self._place(moved)
            # Until the person has said where, any reference will do: nothing is written from here.
            table["client_secret"] = place.reference(self._environ) if place else {"keyring": True}
        table = {"issuer": at, **table}
        self._new_profiles[name] = ProfileTable.model_validate(table)
        self.tables["profile", name] = table
        self._know(name, key, client)
        return name, list(dict.fromkeys(notes))

    def cluster(self, profile: str, context: str, table: Mapping[str, Any]) -> str:
        """The name of the cluster for a context, new or known.

        Raises ValueError where the configuration cannot have it.
        """
        for name, known in self._clusters.items():
            if (known.context or name) == context:
                if (known.profile, known.server) == (profile, table["server"]):
                    return name
                raise ValueError(f"the configuration has the cluster {name} with the context {context} already")
        name = naming.UsedNames(self._clusters).free([naming.clean(context) or "cluster"])
        table = {"profile": profile, **table, **({"context": context} if name != context else {})}
        self._new_clusters[name] = check_table(ClusterTable, table)
        self.tables["cluster", name] = dict(table)
        return name

    def _as_here(self, table: Mapping[str, Any]) -> tuple[IssuerTable, Mapping[str, Any]]:
        """The issuer, as the one that is here and trusts the same certificates has it."""
        theirs = IssuerTable.model_validate(dict(table))
        for name in self.issuers_at(theirs.url):
            mine = self.issuers[name]
            if mine != theirs and self._authorities.differ_in_form_alone(mine, theirs):
                return mine, {key: getattr(mine, key) for key in mine.model_fields_set}
        return theirs, table

    def _issuer(self, table: Mapping[str, Any], issuer: IssuerTable, wished: str) -> str:
        """The name of the issuer that is reached in just this way, new or known."""
        way = self.identities.way
        for name in self.issuers_at(issuer.url):
            known = self.issuers[name]
            if known == issuer or way(known) == way(issuer):
                return name
        name = naming.UsedNames(self.issuers).free([wished])
        self._new_issuers[name] = issuer
        self._issuers_at.setdefault(issuer.url, []).append(name)
        self.tables["issuer", name] = dict(table)
        return name


def _lost(name: str, known: ProfileTable, wanted: ProfileTable) -> list[str]:
    """What differs between a stanza and the profile it becomes part of, apart from where the secret is."""
    fields = [
        field
        for field in ProfileTable.model_fields
        # Scopes that make the same identity are the same, in whatever order.
        if field not in ("client_secret", "scopes") and getattr(known, field) != getattr(wanted, field)
    ]
    if not fields:
        return []
    return [f"is the same identity as profile {name}, whose {', '.join(sorted(fields))} count from now on"]
