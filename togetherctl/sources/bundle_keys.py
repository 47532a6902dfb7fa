"""What a bundle may hold: an allow-list, and the reason for each key that stays out.

Whoever writes a bundle must not be able to run a program, read a file, weaken TLS or send a secret of whoever takes it.
"""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from togetherctl.store.editing import section
from togetherctl.store.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from togetherctl.store.choices import Kind

KINDS: tuple[Kind, ...] = ("issuer", "profile", "cluster")
# What refers to another entry of the same bundle.
REFERENCES: dict[Kind, tuple[str, Kind]] = {"profile": ("issuer", "issuer"), "cluster": ("profile", "profile")}

TAKEN: dict[Kind, frozenset[str]] = {
    "issuer": frozenset({"url", "preset", "ca_data", "client_auth", "device_authorization_endpoint"}),
    "profile": frozenset(
        {"issuer", "client_id", "scopes", "offline_access", "grant", "redirect_uris", "token", "auth_params"}
    ),
    "cluster": frozenset(
        {
            "profile",
            "server",
            "ca_data",
            "tls_server_name",
            "context",
            "namespace",
            "username_claim",
            "username_prefix",
            "groups_claim",
            "groups_prefix",
            "together_cluster_id",
        }
    ),
}

_PATH = "a bundle names no files of anybody's machine; certificates stand in ca_data"
_WEAKER = "a bundle cannot weaken what protects a login"
_PERSONAL = "a bundle leaves to each person what is theirs to choose"
_PROXY = "a bundle cannot send anybody's traffic through another place"
_LISTEN = "a bundle cannot say where somebody's machine listens"
_SECRET = "a bundle holds no secret, and names no program, file or variable that has one"  # noqa: S105 # a sentence

LEFT: dict[Kind, dict[str, str]] = {
    "issuer": {
        "ca_file": _PATH,
        "insecure_skip_tls_verify": _WEAKER,
        "proxy": _PROXY,
        "request_headers": "a bundle sets no headers, which more often than not are credentials",
    },
    "profile": {
        "client_secret": _SECRET,
        "username": _PERSONAL,
        "listen": _LISTEN,
        "listen_cert_file": _LISTEN,
        "listen_key_file": _LISTEN,
        "open_url_after": "a bundle does not choose the page somebody sees after a login",
        "pkce": _WEAKER,
        "storage": _PERSONAL,
        "account": _PERSONAL,
        "session": _PERSONAL,
        "browser": "a bundle runs no programs",
        "login": _PERSONAL,
        "login_timeout": _PERSONAL,
        "margin": _PERSONAL,
    },
    "cluster": {
        "ca_file": _PATH,
        "proxy_url": _PROXY,
        "insecure_skip_tls_verify": _WEAKER,
    },
}
LEFT_ABOVE = {"default_profile": _PERSONAL, "bundles": "a bundle comes from one place, and brings no others"}

# Parameters of issuers that choose a tenant, an audience or a way to log in. Any other could be a secret, or a person.
_PARAMETERS = frozenset(
    {
        "access_type",
        "acr_values",
        "approval_prompt",
        "audience",
        "connection",
        "display",
        "domain_hint",
        "hd",
        "identity_provider",
        "idp",
        "include_granted_scopes",
        "kc_idp_hint",
        "max_age",
        "organization",
        "prompt",
        "resource",
        "tenant",
        "ui_locales",
    }
)
_PEM = re.compile(r"-----BEGIN ([^-]*)-----")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def forbidden(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Each key of a store's data that no bundle may hold, and why. What is no key at all is the store's to refuse."""
    for key, reason in LEFT_ABOVE.items():
        if key in data:
            yield Problem((key,), reason)
    for kind in KINDS:
        for name, table in entries(data, kind).items():
            for key in table:
                refused = LEFT[kind].get(key) or refused_value(kind, key, table)
                if refused:
                    yield Problem((section(kind), name, key), refused)


def entries(data: Mapping[str, Any], kind: Kind) -> dict[str, dict[str, Any]]:
    """The tables of one kind in data that may be wrong."""
    found = data.get(section(kind))
    tables = found if isinstance(found, dict) else {}
    return {name: table for name, table in tables.items() if isinstance(table, dict)}


def refused_value(kind: Kind, key: str, table: Mapping[str, Any]) -> str | None:
    """Why a bundle may not hold this value of a key that it may hold, if so."""
    rule = _RULES.get((kind, key))
    return rule(table) if rule else None


def certificates(pem: str) -> str:
    """The certificates in a PEM text as base64 of PEM, without what else stands there; empty where there are none."""
    found = "".join(f"{block}\n" for block in _CERTIFICATE.findall(pem))
    return base64.b64encode(found.encode("ascii")).decode("ascii")


def _certificates_alone(table: Mapping[str, Any]) -> str | None:
    with suppress(binascii.Error, ValueError):
        pem = base64.b64decode("".join(str(table["ca_data"]).split())).decode("utf-8", "replace")
        if any(kind != "CERTIFICATE" for kind in _PEM.findall(pem)):
            return "holds more than certificates"
    return None


def _own_host(table: Mapping[str, Any]) -> str | None:
    endpoint, url = _place(table.get("device_authorization_endpoint")), _place(table.get("url"))
    return None if endpoint == url else "a bundle names only endpoints on the issuer's own host"


def _place(url: object) -> tuple[str, str] | None:
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return None
    return parts.scheme, parts.netloc.lower()


def _known_parameters(table: Mapping[str, Any]) -> str | None:
    given = table["auth_params"]
    strange = sorted(set(given) - _PARAMETERS) if isinstance(given, dict) else []
    return f"a bundle does not set {', '.join(strange)}, which could be a secret or somebody's own" if strange else None


def _loopback_alone(table: Mapping[str, Any]) -> str | None:
    uris = table["redirect_uris"]
    elsewhere = isinstance(uris, list) and any(str(uri).lower().startswith("https:") for uri in uris)
    return "an https redirect URI needs a certificate of each machine's own" if elsewhere else None


_RULES: dict[tuple[Kind, str], Callable[[Mapping[str, Any]], str | None]] = {
    ("issuer", "ca_data"): _certificates_alone,
    ("issuer", "device_authorization_endpoint"): _own_host,
    ("profile", "auth_params"): _known_parameters,
    ("profile", "redirect_uris"): _loopback_alone,
    ("cluster", "ca_data"): _certificates_alone,
}


def known_parameters(given: Mapping[str, str]) -> dict[str, str]:
    """Those of the parameters that a bundle may hold."""
    return {name: value for name, value in given.items() if name in _PARAMETERS}
