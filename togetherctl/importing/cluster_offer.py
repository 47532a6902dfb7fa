"""Describe what a source offers: clusters, and how to log in to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from togetherctl.config.presets import find_preset
from togetherctl.config.validation import first_problem
from togetherctl.importing.naming import cluster_name_from_url
from togetherctl.importing.source_rules import Left

_Table = TypeVar("_Table", bound=BaseModel)


@dataclass(frozen=True)
class Offer:
    """One cluster as a source describes it, or a profile without one.

    `issuer`, `profile` and `cluster` are tables of the configuration without the names that tie them together. Without
    an
    `issuer` or `profile` the source does not say how to log in, so that is asked. `secret` is a client secret that
    the source holds; `source` is where it comes from, the same each time, empty where the cluster has an ID.
    `opened_by` is a profile of the configuration, where the person said so. `left` is what the source said and may not
    set.
    `vouched` where the person or Together AI's API said it all; `takes_secret` where its program would take a client
    secret from the environment. `profile_name` is what a new profile is called, where the source says so. The
    repr shows no secret.
    """

    name: str
    issuer: Mapping[str, Any] | None = field(default=None, repr=False)
    profile: Mapping[str, Any] | None = field(default=None, repr=False)
    cluster: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)
    source: str = ""
    opened_by: str | None = None
    left: tuple[Left, ...] = ()
    vouched: bool = False
    takes_secret: bool = False
    profile_name: str = ""

    @property
    def is_forwarded(self) -> bool:
        """Whether an agent of another machine gives its credential, so that no issuer is asked here."""
        return (self.profile or {}).get("grant") == "agent"

    @property
    def says_login(self) -> bool:
        """Whether it is known how to log in."""
        return self.opened_by is not None or (self.issuer is not None and self.profile is not None)


@dataclass(frozen=True)
class Skipped:
    """Something a source names that cannot be taken, and why, in words that follow "because"; and what helps."""

    name: str
    reason: str
    helps: str = ""

    def __str__(self) -> str:
        return f"{self.name} cannot be taken, because {self.reason}."

    @property
    def with_help(self) -> str:
        """The sentence, and what helps."""
        return f"{self} {self.helps[:1].upper()}{self.helps[1:]}." if self.helps else str(self)


@dataclass(frozen=True)
class SourceOffers:
    """All that a source says; `origin` names it for people."""

    origin: str
    offers: tuple[Offer, ...]
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class TypedLogin:
    """How to log in, as a person typed it: the table of an issuer and a client ID, or the name of a profile."""

    issuer: Mapping[str, Any] | None = None
    client_id: str = ""
    profile: str | None = None

    def opens(self, offer: Offer) -> Offer:
        """The offer with this login, asking for the scopes that the issuer's provider is known to want."""
        if self.issuer is None:
            return replace(offer, opened_by=self.profile)
        return replace(offer, issuer=self.issuer, profile=self.profile_table())

    def profile_table(self) -> dict[str, Any]:
        """The table of the profile that this login needs."""
        issuer = self.issuer or {}
        preset = find_preset(issuer.get("preset"), issuer.get("url", ""))
        scopes = {"scopes": list(preset.scopes)} if preset and preset.scopes != ["openid", "email"] else {}
        return {"client_id": self.client_id, **scopes}


@dataclass(frozen=True)
class TypedServer:
    """An API server, as a person typed it, with the keys that say which authority vouches for it.

    Without a name, it is called by its host.
    """

    url: str
    authority: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None

    @property
    def cluster_name(self) -> str:
        """What the cluster is called."""
        return self.name or cluster_name_from_url(self.url)


def check_table(model: type[_Table], table: Mapping[str, Any]) -> _Table:
    """The table as the configuration has it. Raises ValueError, with a reason that follows "because"."""
    try:
        return model.model_validate(dict(table))
    except ValidationError as error:
        raise ValueError(f"its {first_problem(error)}") from None


def offer_typed(login: TypedLogin, server: TypedServer) -> SourceOffers:
    """Offer the cluster that a person described."""
    cluster = {"server": server.url, **server.authority}
    offer = Offer(server.cluster_name, cluster=cluster, source="by hand", vouched=True)
    return SourceOffers("what you typed", (login.opens(offer),))
