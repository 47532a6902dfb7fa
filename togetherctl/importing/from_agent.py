"""Read offers from an agent that another machine forwards: its profiles that may go out, and their clusters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from togetherctl.agent_client import fetch_profiles
from togetherctl.config.models import ClusterTable, IssuerTable, ProfileTable
from togetherctl.importing.cluster_offer import Offer, Skipped, SourceOffers, check_table
from togetherctl.importing.naming import clean
from togetherctl.importing.source_rules import without_harm
from togetherctl.paths import tilde
from togetherctl.printable import printable

_NOTHING = (
    "the agent lets none of its profiles out",
    "where the agent runs, this lets one ask: togetherctl profile set NAME forward=ask",
)
_CLUSTER = (
    "server",
    "ca_data",
    "tls_server_name",
    "proxy_url",
    "insecure_skip_tls_verify",
    "context",
    "namespace",
)


def from_agent(environ: Mapping[str, str]) -> SourceOffers:
    """The clusters that the agent's profiles open, and profiles without one. No secret of an issuer is among it.

    Raises Unreachable and what else asking an agent raises.
    """
    from pathlib import Path

    offered = fetch_profiles(environ)
    origin = f"the agent at {tilde(Path(offered.socket), environ)}"
    offers: list[Offer] = []
    skipped: list[Skipped] = []
    for each in offered.profiles:
        name = each.get("name")
        try:
            offers += _offers(each)
        except ValueError as error:
            skipped.append(Skipped(printable(name or "a profile"), str(error)))
    if not offers and not skipped:
        skipped.append(Skipped(origin, *_NOTHING))
    return SourceOffers(origin, tuple(offers), tuple(skipped))


def _offers(said: Mapping[str, Any]) -> Iterator[Offer]:
    """Raises ValueError, with a reason that follows "because"."""
    name = said.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("the agent gives it no name")
    issuer = {"url": said.get("issuer")}
    profile = {"client_id": said.get("client_id"), "grant": "agent", "session": name}
    check_table(IssuerTable, issuer)
    check_table(ProfileTable, {"issuer": "", **profile})
    called = clean(name)
    clusters = said.get("clusters")
    tables = [one for one in clusters if isinstance(one, dict)] if isinstance(clusters, list) else []
    for one in tables:
        cluster = {key: one[key] for key in _CLUSTER if one.get(key) not in (None, "", False)}
        check_table(ClusterTable, {"profile": "", **cluster})
        # What answers at the socket is believed no more than a file. The laptop's proxy is often none for this machine.
        weaker: dict[str, Any] = {
            key: cluster[key] for key in ("proxy_url", "insecure_skip_tls_verify") if key in cluster
        }
        kept, left = without_harm("cluster", weaker, said_by="agent")
        cluster = {key: value for key, value in cluster.items() if key not in weaker or key in kept}
        yield Offer(
            clean(str(one.get("name", ""))) or called or "cluster",
            issuer,
            profile,
            cluster,
            source="agent",
            left=left,
            vouched=True,
            profile_name=called,
        )
    if not tables:
        yield Offer(called or "profile", issuer, profile, source="agent", vouched=True, profile_name=called)
