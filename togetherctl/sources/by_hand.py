"""One cluster as somebody describes it: issuer, client, server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from togetherctl.kubelogin.names import from_issuer
from togetherctl.sources.offer import Found, Offer
from togetherctl.store.presets import find

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Login:
    """How to log in, as somebody says it; `ca_file` is absolute."""

    issuer_url: str
    client_id: str
    ca_file: str | None = None

    @property
    def issuer(self) -> dict[str, Any]:
        """The table of its issuer."""
        return {"url": self.issuer_url, **({"ca_file": self.ca_file} if self.ca_file else {})}

    @property
    def profile(self) -> dict[str, Any]:
        """The table of its profile, with the scopes that the issuer's provider is known to want."""
        preset = find(None, self.issuer_url)
        scopes = {"scopes": list(preset.scopes)} if preset and preset.scopes != ["openid", "email"] else {}
        return {"client_id": self.client_id, **scopes}


@dataclass(frozen=True)
class Server:
    """An API server; `ca_file` is absolute. Without a name, its host's."""

    url: str
    ca_file: str | None = None
    name: str | None = None

    def called(self) -> str:
        """What the cluster is called."""
        return self.name or from_issuer(self.url)


def by_hand(login: Login, servers: Sequence[Server]) -> Found:
    """The clusters that were described."""
    return Found("what you typed", tuple(_offer(login, server) for server in servers))


def _offer(login: Login, server: Server) -> Offer:
    cluster = {"server": server.url, **({"ca_file": server.ca_file} if server.ca_file else {})}
    return Offer(server.called(), login.issuer, login.profile, cluster, source="by hand")
