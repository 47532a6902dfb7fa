"""Take the snapshot of the configuration that the agent works by, in a child of it."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING

from togetherctl.agent.protocol import failure_of
from togetherctl.agent.snapshot import KnownProfile, Snapshot
from togetherctl.auth.grants.registry import is_non_interactive
from togetherctl.fastpath import state
from togetherctl.records import asdict

if TYPE_CHECKING:
    from togetherctl.agent.protocol import Document
    from togetherctl.config.config import Cluster
    from togetherctl.errors import TogetherctlError
    from togetherctl.wiring import World


def take(world: World) -> str:
    """Read the configuration, and give the snapshot as JSON. Raises ConfigError."""
    config = world.config
    profiles, problems = [], []
    for profile in config.profiles(everyone=True):
        session = (profile.sessions or world.paths.sessions) / f"{profile.key}.json"
        table = config.table.profiles[profile.name]
        clusters: list[Document] = []
        # Those of the others go nowhere.
        names = config.clusters_of(profile.name) if table.forward != "never" else []
        for cluster in config.clusters(names) if names else []:
            try:
                clusters.append(_describe(cluster))
            except OSError as error:
                reason = f"{cluster.ca_file}: {error.strerror or 'it cannot be read'}"
                problems.append(f"cluster {cluster.name} is not offered to other machines: {reason}")
        profiles.append(
            KnownProfile(
                name=profile.name,
                forward=table.forward,
                issuer=profile.issuer.url,
                client_id=profile.client_id,
                grant=profile.grant,
                storage=profile.storage,
                session=None if profile.storage == "memory" else str(session),
                key=profile.key,
                clusters=tuple(clusters),
                logs_in_by_itself=is_non_interactive(profile, profile.grant),
            )
        )
    known = state(config.status) if config.status else "-"
    return json.dumps(asdict(Snapshot(known, config.table.agent.idle, tuple(profiles), tuple(problems))))


def failed(error: TogetherctlError) -> str:
    """What a child answers that failed, as JSON."""
    return json.dumps(failure_of(error).document)


def _describe(cluster: Cluster) -> Document:
    """A cluster as the far side needs it for a kubeconfig; a CA file goes as data, because it is not there.

    Raises OSError where it cannot be read.
    """
    data = cluster.ca_data
    if cluster.ca_file is not None and data is None:
        data = b64encode(cluster.ca_file.read_bytes()).decode("ascii")
    return {
        "name": cluster.name,
        "context": cluster.context,
        "server": cluster.server,
        "ca_data": data,
        "tls_server_name": cluster.tls_server_name,
        "proxy_url": cluster.proxy_url,
        "insecure_skip_tls_verify": cluster.insecure,
        "namespace": cluster.namespace,
    }
