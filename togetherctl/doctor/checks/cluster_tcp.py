"""Whether something listens where a cluster's API server should."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from togetherctl.doctor import cluster_path
from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.finding import Finding
from togetherctl.http_failures import host_of

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster


def _examine(facts: Facts, cluster: Cluster) -> Iterator[Finding]:
    target = cluster_path.connect(facts, cluster)
    if target.proxy is None:
        yield Finding("ok", f"{target.place} accepts connections")
    else:
        named, server = target.proxy.named_by, host_of(cluster.server)
        yield Finding("ok", f"the proxy {target.place} accepts connections, and connects to {server} itself ({named})")


CHECK = Check(
    name="cluster-tcp",
    area="cluster",
    title="The connection to the API server",
    each="cluster",
    examine=_examine,
    network=True,
    seconds=12.0,
    late="no connection within 12 s: what is between this machine and it drops packets, such as a firewall",
    signs=(
        "The connection to the server … was refused - did you specify the right host or port?",
        "Unable to connect to the server: dial tcp …: i/o timeout",
    ),
    means="The address is known, but nothing accepts connections there: the API server is down, the port is another "
    "one, or a firewall or a missing VPN is in between. With a proxy, it is the proxy that does not answer.",
    helps="Turn the VPN on; compare `server` with what the cluster's admin says: `togetherctl cluster show NAME`.",
    place=20,
)
