"""Read offers from Together AI's API: the OIDC settings and servers of clusters."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from togetherctl.config.models import ClusterTable, IssuerTable, ProfileTable
from togetherctl.config.validation import first_problem
from togetherctl.errors import Refused, Untrusted
from togetherctl.importing.cluster_offer import Offer, Skipped, SourceOffers
from togetherctl.importing.naming import clean
from togetherctl.kube.yaml_text import NotYAML, load
from togetherctl.printable import printable
from togetherctl.together.api import Caller, ClusterRecord, OIDCConfig, TogetherAPI

_WORKING = frozenset({"Ready", "Degraded"})
# What is shown for copying into a shell is nothing but a name.
_PLAIN_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_OIDC_FILE = "download its OIDC kubeconfig from Together AI's pages and run togetherctl init FILE"
# The scope that brings a claim where `openid` alone does not (OpenID Connect Core 1.0, 5.4).
_SCOPES = {
    "email": ("openid", "email"),
    "sub": ("openid",),
    "preferred_username": ("openid", "profile"),
}


class _CannotTake(Exception):
    """Why a cluster cannot be taken, in words that follow "because"."""


def from_together(api: TogetherAPI, *, project: str | None = None) -> SourceOffers:
    """The clusters that the API's key may see, with what each needs; those that cannot be taken say why.

    Raises Unreachable, Refused and Untrusted.
    """
    caller = _caller(api)
    offers: list[Offer] = []
    skipped: list[Skipped] = []
    for record in api.clusters(project):
        name = clean(record.name) or clean(record.cluster_id) or "cluster"
        try:
            offers.append(_offer(name, record))
        except _CannotTake as reason:
            skipped.append(Skipped(printable(record.name), str(reason)))
    kind, owner = _owner(caller, project)
    if not offers and not skipped:
        skipped.append(Skipped(f"{kind} {owner}" if owner else "Together AI", _EMPTY))
    return SourceOffers(f"Together AI ({owner})" if owner else "Together AI", tuple(offers), tuple(skipped))


_EMPTY = (
    "the API lists no cluster for this key. Only members of a project see its clusters: use a key of the project the "
    "clusters are in, name it with --project, or have an admin of it add you as a member"
)


def _caller(api: TogetherAPI) -> Caller | None:
    """Whose key it is; a key that may not ask that may still list clusters. Raises Unreachable, and Refused at 401."""
    try:
        return api.whoami()
    except Refused as error:
        if error.status == 401 and not isinstance(error, Untrusted):
            raise
        return None


def _owner(caller: Caller | None, project: str | None) -> tuple[str, str]:
    """Whose clusters the API lists: a project or an organization, and its name; empty where that is not known."""
    if project or (caller and caller.project):
        return "project", printable(project or (caller and caller.project))
    return "organization", printable(caller.organization) if caller and caller.organization else ""


def _offer(name: str, record: ClusterRecord) -> Offer:
    notes: list[str] = []
    if record.status == "Deleting":
        raise _CannotTake("it is being deleted")
    if record.oidc is None:
        raise _CannotTake(
            "it was made without OIDC, which can only be chosen when a cluster is made; use the kubeconfig it has: "
            f"tg clusters get-credentials {record.cluster_id if _PLAIN_ID.fullmatch(record.cluster_id) else name}"
        )
    issuer, profile = _issuer(record.oidc), _profile(record.oidc, notes)
    _refuse_if_not_ready(record, notes)
    cluster = {
        **_cluster(record.kube_config, notes),
        **_naming(record.oidc),
        **({"together_cluster_id": record.cluster_id} if record.cluster_id else {}),
    }
    _check(cluster, lambda table: ClusterTable.model_validate({"profile": name, **table}), "cluster")
    return Offer(name, issuer, profile, cluster, tuple(notes), vouched=True)


def _refuse_if_not_ready(record: ClusterRecord, notes: list[str]) -> None:
    if record.control_plane_ready is False or not (
        record.control_plane_ready or record.status in _WORKING or (not record.status and record.kube_config)
    ):
        raise _CannotTake(
            f"it is not ready yet ({printable(record.status) or 'its control plane is not'}); run this again later"
        )
    if record.status not in ("Ready", ""):
        notes.append(f"Together AI says it is {printable(record.status)}")


def _issuer(oidc: OIDCConfig) -> dict[str, Any]:
    table = {"url": oidc.issuer_url, **({"ca_data": _base64(oidc.ca_cert)} if oidc.ca_cert.strip() else {})}
    _check(table, IssuerTable.model_validate, "issuer")
    return table


def _profile(oidc: OIDCConfig, notes: list[str]) -> dict[str, Any]:
    claim = oidc.username_claim or "sub"
    scopes = _SCOPES.get(claim, ("openid", "email", "profile"))
    if claim not in _SCOPES:
        notes.append(f"its user names come from the claim {printable(claim)}; scopes may have to be added for it")
    table = {"client_id": oidc.client_id, "scopes": list(scopes)}
    _check(table, lambda given: ProfileTable.model_validate({"issuer": "", **given}), "profile")
    return table


def _naming(oidc: OIDCConfig) -> dict[str, str]:
    """How the API server names people. An empty prefix says nothing, as in the API server's own flags."""
    named = {
        "username_claim": oidc.username_claim,
        "username_prefix": oidc.username_prefix,
        "groups_claim": oidc.group_claim,
        "groups_prefix": oidc.group_prefix,
    }
    return {key: value for key, value in named.items() if value}


def _cluster(kube_config: str, notes: list[str]) -> dict[str, Any]:
    """Where the API server is. Its users are dropped with the rest of the kubeconfig."""
    if not kube_config.strip():
        raise _CannotTake(f"the API gives no kubeconfig for it; {_OIDC_FILE}")
    body = _server_entry(kube_config)
    table: dict[str, Any] = {
        key: body[name]
        for key, name in (
            ("server", "server"),
            ("ca_data", "certificate-authority-data"),
            ("tls_server_name", "tls-server-name"),
            ("proxy_url", "proxy-url"),
        )
        if isinstance(body.get(name), str) and body[name]
    }
    if "server" not in table:
        raise _CannotTake(f"its kubeconfig names no server; {_OIDC_FILE}")
    if body.get("insecure-skip-tls-verify") is True:
        table["insecure_skip_tls_verify"] = True
        notes.append("its kubeconfig says not to verify the API server's certificate")
    if "ca_data" not in table and body.get("certificate-authority"):
        notes.append("its kubeconfig names a CA file on another machine; set ca_file if the certificate is not trusted")
    return table


def _server_entry(kube_config: str) -> dict[str, Any]:
    """The body of the cluster that the kubeconfig's context uses, else of its first."""
    broken = f"its kubeconfig cannot be read: {{}}; {_OIDC_FILE}"
    try:
        text = base64.b64decode("".join(kube_config.split()), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise _CannotTake(broken.format("it is not base64 of text")) from None
    try:
        data = load(text)
    except NotYAML:
        # The library's words could hold a part of the credentials.
        raise _CannotTake(broken.format("it is not YAML")) from None
    del text
    clusters = _name(data, "clusters", "cluster")
    contexts = _name(data, "contexts", "context")
    if not clusters:
        raise _CannotTake(broken.format("it has no cluster"))
    current = contexts.get(str(data.get("current-context"))) or next(iter(contexts.values()), {})
    return clusters.get(str(current.get("cluster"))) or next(iter(clusters.values()))


def _name(data: object, section: str, body: str) -> dict[str, dict[str, Any]]:
    listed = data.get(section) if isinstance(data, dict) else None
    return {
        str(item.get("name")): item[body]
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict) and isinstance(item.get(body), dict)
    }


def _check(table: Mapping[str, Any], validate: Callable[[dict[str, Any]], BaseModel], what: str) -> None:
    try:
        validate(dict(table))
    except ValidationError as error:
        raise _CannotTake(f"its {what} cannot be used: {first_problem(error)}") from None


def _base64(pem: str) -> str:
    """PEM as kubeconfigs hold it; what is base64 already stays."""
    return base64.b64encode(pem.encode("utf-8")).decode("ascii") if "-----BEGIN" in pem else pem
