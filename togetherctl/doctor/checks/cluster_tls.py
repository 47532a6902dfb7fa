"""Whether a cluster's certificate is trusted, and for its name."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from togetherctl.doctor import cluster_path
from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.errors import run
from togetherctl.finding import Finding
from togetherctl.humanize import time_left
from togetherctl.kube.self_subject_review import caution

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster

# Clusters of kubeadm renew theirs once a year, by hand or with an upgrade; others every few days, by themselves.
_SOON = 14 * 24 * 3600.0
_SOON_SHARE = 0.2


def _examine(facts: Facts, cluster: Cluster) -> Iterator[Finding]:
    if not cluster.server.startswith("https://"):
        raise Skip("it is reached by plain http, on this machine")
    certificate = cluster_path.shake_hands(facts, cluster)
    warning = caution(cluster)
    if warning is not None:
        words = "give its certificate authority in its place (ca_file), or leave this out"
        remedy = run("togetherctl", "cluster", "unset", cluster.name, "insecure_skip_tls_verify", words=words)
        yield Finding("warning", warning, remedy)
        return
    trust = "authorities of this cluster" if cluster.ca_data or cluster.ca_file else "system's authorities"
    begins, ends = certificate.get("notBefore"), certificate.get("notAfter")
    if isinstance(begins, str) and isinstance(ends, str):
        end = ssl.cert_time_to_seconds(ends)
        left, life = end - facts.world.clock(), end - ssl.cert_time_to_seconds(begins)
        if left < min(_SOON, _SOON_SHARE * life):
            admin = "the cluster's admin must renew it (kubeadm certs renew apiserver, where kubeadm made the cluster)"
            yield Finding("warning", f"its certificate ends in {time_left(left)}, and then no client connects", admin)
            return
    yield Finding("ok", f"its certificate{_names(certificate)} is trusted, by the {trust}")


def _names(certificate: Mapping[str, Any]) -> str:
    names = [str(value) for _, value in certificate.get("subjectAltName", ())][:4]
    return f" for {', '.join(names)}" if names else ""


CHECK = Check(
    name="cluster-tls",
    area="cluster",
    title="The certificate of the API server",
    each="cluster",
    examine=_examine,
    network=True,
    seconds=20.0,
    signs=(
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "tls: failed to verify certificate: x509: certificate is valid for …, not …",
        "x509: certificate has expired or is not yet valid",
    ),
    means="The certificate is from an authority that the cluster's entry does not name, or for another name, or its "
    "time is over. A proxy that breaks TLS open looks the same. No token goes to such a server.",
    helps="Compare the authority that the message names with what the cluster's admin gave you, and set it: "
    "`togetherctl cluster set NAME ca_file=FILE`. Where the server is reached by another name than its "
    "certificate has: `togetherctl cluster set NAME tls_server_name=HOST`.",
    place=30,
)
