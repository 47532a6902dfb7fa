"""The way from this machine to a cluster: name, connection, certificate; each step is found out once."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from togetherctl.auth.refused_certificate import authorities_of
from togetherctl.doctor.check import Skip
from togetherctl.errors import ConfigError, Refused, Remedy, TogetherctlError, Unreachable, run
from togetherctl.http_failures import host_of, in_words
from togetherctl.kube.cluster_tls import ClusterConnection
from togetherctl.kube.self_subject_review import remedy_for
from togetherctl.loopback import is_loopback
from togetherctl.proxies import Proxy, proxy_named
from togetherctl.shown_certificate import look_at_certificate
from togetherctl.transport import HTTP

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster
    from togetherctl.doctor.facts import Facts

SECONDS = 5.0
_MOST_NAMES = 4
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class Target(NamedTuple):
    """Where a connection goes first: the server itself, or the `proxy` before it."""

    host: str
    port: int
    proxy: Proxy | None = None

    @property
    def place(self) -> str:
        """Its host and port for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def target_of(facts: Facts, cluster: Cluster) -> Target:
    """Where requests to the cluster go first. Raises ConfigError for a proxy that none can be."""
    proxy = (
        Proxy(cluster.proxy_url, f"proxy_url of cluster {cluster.name}")
        if cluster.proxy_url
        else proxy_named(cluster.server, facts.world.environ)
    )
    url = urlsplit(proxy.url if proxy else cluster.server)
    try:
        return Target(url.hostname or "", url.port or _PORTS[url.scheme], proxy)
    except (KeyError, ValueError):
        named = proxy.named_by if proxy else f"server of cluster {cluster.name}"
        raise ConfigError(f"{named} names no host and port that can be reached") from None


def look_up(facts: Facts, cluster: Cluster) -> list[str]:
    """The addresses of what the first connection goes to. Raises Unreachable."""
    target = target_of(facts, cluster)

    def find() -> list[str]:
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            no_name = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
            why = "there is no such name" if no_name else "no name server answers, or it cannot be a name"
            raise Unreachable(f"the name {target.host} cannot be looked up: {why}", sent=False) from None
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    try:
        return facts.once(("name", target.host, target.port), find)
    except Unreachable as error:
        raise _with_remedy(error, cluster, target) from None


def connect(facts: Facts, cluster: Cluster) -> Target:
    """The target after a connection to it was opened. Raises Unreachable; Skip where its name has no address."""
    target = target_of(facts, cluster)
    try:
        look_up(facts, cluster)
    except Unreachable:
        raise Skip("the name cannot be looked up") from None

    def open_connection() -> Target:
        try:
            socket.create_connection((target.host, target.port), SECONDS).close()
        except OSError as error:
            scheme = "https" if target.proxy is None else "http"
            raise in_words(error, f"{scheme}://{target.place}", sent=False) from None
        return target

    try:
        return facts.once(("connection", target.host, target.port), open_connection)
    except Unreachable as error:
        raise _with_remedy(error, cluster, target) from None


def shake_hands(facts: Facts, cluster: Cluster) -> Mapping[str, Any]:
    """The certificate that the server showed and that was verified, as `ssl` describes it; nothing where none was.

    Raises Unreachable, ConfigError, and Skip where there is no connection, or no authority that can be read.
    """
    try:
        target = connect(facts, cluster)
    except (Unreachable, Skip):
        raise Skip("there is no connection to it") from None
    return facts.once(("certificate", cluster.name), lambda: _shake_hands(facts, cluster, target))


def _shake_hands(facts: Facts, cluster: Cluster, target: Target) -> Mapping[str, Any]:
    connection = ClusterConnection.of(cluster)
    try:
        context = connection.tls_context()
    except ConfigError:
        # The check configuration-valid names the file, and how another is named.
        raise Skip("its certificate authority cannot be read") from None
    try:
        if target.proxy is None:
            plain = socket.create_connection((target.host, target.port), SECONDS)
            with plain, context.wrap_socket(plain, server_hostname=target.host) as encrypted:
                return encrypted.getpeercert() or {}
        # Without a token: what the server answers to a stranger does not matter here.
        with HTTP(connection, facts.world.environ, log=facts.world.log, total_seconds=SECONDS) as http:
            http.get(f"{cluster.server.rstrip('/')}/version", follow=False)
    except Refused:
        pass
    except Unreachable as error:
        if error.status == 0:
            raise _explain(error, cluster, target) from None
    except (OSError, ValueError) as error:
        raise _explain(in_words(error, cluster.server, sent=False), cluster, target) from None
    return {}


def _explain(error: Unreachable, cluster: Cluster, target: Target) -> Unreachable:
    """The failure with what helps, and whose the certificate is that was not trusted, for people to compare."""
    error.remedy = remedy_for(cluster, error)
    if not error.reason:
        return error
    asked_as = ClusterConnection.of(replace(cluster, insecure=True)).tls_context()
    proxy = target.proxy.url if target.proxy else None
    shown = look_at_certificate(cluster.server, proxy, seconds=SECONDS, context=asked_as)
    if shown is None:
        return error
    names = ", ".join(shown.names[:_MOST_NAMES]) or shown.subject
    more = f" and {len(shown.names) - _MOST_NAMES} more names" if len(shown.names) > _MOST_NAMES else ""
    by = "itself" if shown.self_signed else f"the authority {shown.signed_by}"
    until = datetime.fromtimestamp(shown.valid_until, UTC)
    said = f"{error.message}; it shows a certificate for {names}{more}, signed by {by}, good until {until:%Y-%m-%d}"
    trusted = authorities_of(ClusterConnection.of(cluster)) if error.reason == "authority" else []
    holds = f"; ca_file and ca_data of the cluster hold {', '.join(trusted)}" if trusted else ""
    return Unreachable(f"{said}{holds}", hint=error.remedy, sent=False, reason=error.reason)


def _with_remedy(error: Unreachable, cluster: Cluster, target: Target) -> TogetherctlError:
    """What helps, for this cluster: several may share a host that is not there."""
    if target.proxy is None:
        away = f"is the network there, and the VPN if {host_of(cluster.server)} needs one? Else "
        words = f"{'' if is_loopback(target.host) else away}check the address"
        remedy = run("togetherctl", "cluster", "show", cluster.name, words=words)
    else:
        remedy = Remedy(f"the proxy is named by {target.proxy.named_by}")
    message = f"the proxy to {host_of(cluster.server)}: {error.message}" if target.proxy else error.message
    return Unreachable(message, hint=remedy, sent=False, reason=error.reason)
