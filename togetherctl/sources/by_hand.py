"""What somebody says themselves: how to log in, and where an API server is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from togetherctl.kubelogin.names import from_issuer
from togetherctl.sources.offer import Found, Offer
from togetherctl.store.presets import find

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Login:
    """How to log in: the table of an issuer and a client ID, or the name of a profile of the store."""

    issuer: Mapping[str, Any] | None = None
    client_id: str = ""
    profile: str | None = None

    def opens(self, offer: Offer) -> Offer:
        """The offer with this login, asking for the scopes that the issuer's provider is known to want."""
        if self.issuer is None:
            return replace(offer, opened_by=self.profile)
        preset = find(self.issuer.get("preset"), self.issuer["url"])
        scopes = {"scopes": list(preset.scopes)} if preset and preset.scopes != ["openid", "email"] else {}
        return replace(offer, issuer=self.issuer, profile={"client_id": self.client_id, **scopes})


@dataclass(frozen=True)
class Server:
    """An API server; `ca_file` is absolute. Without a name, it is called by its host."""

    url: str
    ca_file: str | None = None
    name: str | None = None

    @property
    def called(self) -> str:
        """What the cluster is called."""
        return self.name or from_issuer(self.url)


def by_hand(login: Login, server: Server) -> Found:
    """The cluster that was described."""
    cluster = {"server": server.url, **({"ca_file": server.ca_file} if server.ca_file else {})}
    return Found(
        "what you typed", (login.opens(Offer(server.called, cluster=cluster, source="by hand", vouched=True)),)
    )
