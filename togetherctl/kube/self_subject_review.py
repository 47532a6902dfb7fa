"""Ask a cluster who it takes the owner of a token for (SelfSubjectReview, authentication.k8s.io)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.errors import ConfigError, Refused, Remedy, Unreachable, Untrusted, run
from togetherctl.http_failures import host_of
from togetherctl.kube.api_server_setup import may_ask_who_they_are
from togetherctl.kube.cluster_tls import ClusterConnection
from togetherctl.loopback import is_safe
from togetherctl.printable import printable
from togetherctl.transport import HTTP, Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from togetherctl.config.config import Cluster

# v1 since Kubernetes 1.28; the older ones where an admin turned them on.
_VERSIONS = ("v1", "v1beta1", "v1alpha1")
ANONYMOUS = "system:anonymous"
# An API server that has just started refuses everybody for about a second, until it has read its roles.
_STARTING_SECONDS = 2.0
_MISSING_ROLES = re.compile(r"RBAC: .*not found")


@dataclass(frozen=True)
class ClusterView:
    """Who the cluster says you are: what its rules of access see."""

    username: str
    groups: tuple[str, ...]
    uid: str | None


def caution(cluster: Cluster) -> str | None:
    """What to say aloud before a token goes to `cluster`."""
    if not cluster.insecure:
        return None
    return (
        f"the certificate of cluster {cluster.name} is not verified (insecure_skip_tls_verify): "
        "anyone between you and it can take your token"
    )


def who_am_i(
    cluster: Cluster,
    token: str,
    *,
    environ: Mapping[str, str],
    seconds: float = 10,
    log: Callable[[str], None] = lambda _line: None,
    sleep: Callable[[float], None] = time.sleep,
) -> ClusterView:
    """Who `cluster` takes the owner of `token` for, asked within `seconds`; a 403 is asked about once more.

    Raises Unreachable; Refused with status 401 where the token is not taken, and 403 where its owner may not ask;
    Untrusted for what is no answer of an API server; ConfigError where the cluster cannot be asked at all.
    """
    if not is_safe(cluster.server):
        raise ConfigError(f"cluster {cluster.name} is not reached by https, and no token goes to it by plain http")
    if cluster.proxy_url and not is_safe(cluster.server, http=False):
        # Such a server is on this machine, and a proxy, wherever that is, would read the token.
        raise ConfigError(
            f"cluster {cluster.name} is not reached by https, and no token goes to it through a proxy",
            hint=run("togetherctl", "cluster", "unset", cluster.name, "proxy_url"),
        )
    if not (token.isascii() and token.isprintable()):
        raise Refused("the token holds characters that no request can carry (RFC 6750, 2.1)")
    with HTTP(ClusterConnection.of(cluster), environ, log=log, total_seconds=seconds) as http:
        try:
            for version in _VERSIONS:
                answer = _ask(http, cluster, version, token)
                if answer.status == 403 and _forbidden_user(answer) not in (None, ANONYMOUS):
                    sleep(_STARTING_SECONDS)
                    answer = _ask(http, cluster, version, token)
                if answer.status != 404:
                    return _view(cluster, answer)
        except Unreachable as error:
            error.remedy = remedy_for(cluster, error)
            raise
    raise Refused(
        f"there is no SelfSubjectReview at {host_of(cluster.server)} (HTTP 404): this is no Kubernetes API server, "
        "or one older than 1.28 that has it turned off",
        hint=_check_server(cluster),
        status=404,
    )


def remedy_for(cluster: Cluster, error: Unreachable) -> Remedy | None:
    """What to do about a cluster without an answer; the transport's own words are for issuers."""
    setting = {"authority": "ca_file=FILE", "hostname": "tls_server_name=NAME"}.get(error.reason)
    if setting is not None:
        return Remedy(f"togetherctl cluster set {cluster.name} {setting}")
    return error.remedy or (None if error.status else _check_server(cluster))


def _check_server(cluster: Cluster) -> Remedy:
    return run("togetherctl", "cluster", "show", cluster.name, words="check the cluster's server")


def _ask(http: HTTP, cluster: Cluster, version: str, token: str) -> Answer:
    group = f"authentication.k8s.io/{version}"
    return http.post_json(
        f"{cluster.server.rstrip('/')}/apis/{group}/selfsubjectreviews",
        {"apiVersion": group, "kind": "SelfSubjectReview", "metadata": {}},
        headers={"Authorization": f"Bearer {token}"},
    )


def _view(cluster: Cluster, answer: Answer) -> ClusterView:
    answer.raise_if_later()
    if answer.status == 401:
        raise Refused(
            f"the API server at {host_of(answer.url)} does not take this token (HTTP 401)",
            hint=run("togetherctl", "setup", "--profile", cluster.profile),
            status=401,
        )
    if answer.status == 403:
        raise _forbidden(answer)
    if answer.status not in (200, 201):
        raise Refused(f"{host_of(answer.url)} answered HTTP {answer.status}", status=answer.status)
    match answer.json():
        case {"kind": "SelfSubjectReview", "status": {"userInfo": {"username": str(username), **info}}} if username:
            groups, uid = info.get("groups"), info.get("uid")
            groups = [] if groups is None else groups
            is_user = isinstance(uid, (str, type(None)))
            if isinstance(groups, list) and all(isinstance(group, str) for group in groups) and is_user:
                return ClusterView(username, tuple(groups), str(uid) if uid else None)
    raise Untrusted(f"what {host_of(answer.url)} answered is no SelfSubjectReview", status=answer.status)


def _forbidden(answer: Answer) -> Refused:
    """Why the answer is 403: every authenticated user may ask, unless an admin took that away."""
    username = _forbidden_user(answer)
    host = host_of(answer.url)
    if username == ANONYMOUS:
        return Refused(
            f"the API server at {host} knows you only as {ANONYMOUS}: the token did not arrive there",
            hint="something between you and it drops the Authorization header, such as a proxy",
            status=403,
        )
    if username is None:
        return Refused(
            f"{host} knows who you are and does not let you ask (HTTP 403)",
            hint="ask the cluster's admin for the role system:basic-user",
            status=403,
        )
    if _MISSING_ROLES.search(_message_of(answer)):
        return Refused(
            f"the API server at {host} takes your token and knows you as {printable(username)}, but has not read the "
            "roles that Kubernetes comes with (HTTP 403): it is starting, or they were deleted",
            hint="try again in a moment",
            status=403,
        )
    command = may_ask_who_they_are(username)
    return Refused(
        f"the API server at {host} takes your token and knows you as {printable(username)}, "
        "who has no right to ask who they are (HTTP 403, and again a moment later)",
        hint=f"the cluster's admin can run: {command}" if command else None,
        status=403,
    )


def _forbidden_user(answer: Answer) -> str | None:
    """The name in `User "…" cannot create resource …`."""
    named = re.search(r'User "([^"]{1,500})" cannot ', _message_of(answer))
    return named.group(1) if named else None


def _message_of(answer: Answer) -> str:
    try:
        message = answer.json().get("message")
    except Untrusted:
        return ""
    return message if isinstance(message, str) else ""
