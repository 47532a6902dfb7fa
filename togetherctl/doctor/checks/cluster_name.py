"""Whether the name of a cluster's API server can be looked up."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from togetherctl.doctor import cluster_path
from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.finding import Finding
from togetherctl.http_failures import host_of

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster

_MOST_ADDRESSES = 4


def _examine(facts: Facts, cluster: Cluster) -> Iterator[Finding]:
    target = cluster_path.target_of(facts, cluster)
    if target.proxy is not None:
        raise Skip(f"the proxy {host_of(target.proxy.url)} looks it up ({target.proxy.named_by})")
    if _is_address(target.host):
        yield Finding("ok", f"{target.host} is an address, so there is no name to look up")
        return
    addresses = cluster_path.look_up(facts, cluster)
    more = f" and {len(addresses) - _MOST_ADDRESSES} more" if len(addresses) > _MOST_ADDRESSES else ""
    yield Finding("ok", f"{urlsplit(cluster.server).hostname} is {', '.join(addresses[:_MOST_ADDRESSES])}{more}")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


CHECK = Check(
    name="cluster-name",
    area="cluster",
    title="The name of the API server",
    each="cluster",
    examine=_examine,
    network=True,
    seconds=10.0,
    late="the name was not looked up within 10 s: the name server does not answer",
    signs=("Unable to connect to the server: dial tcp: lookup …: no such host", "the name … cannot be looked up"),
    means="This machine finds no address for the host of the cluster's `server`. Private clusters often have names "
    "that only a VPN's name server knows.",
    helps="Turn the VPN on. If the cluster moved, give its new address: `togetherctl cluster set NAME server=URL`.",
    place=10,
)
