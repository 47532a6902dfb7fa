"""Rule what each source may set in a configuration: the table that docs/security.md begins with.

The person is believed: their flags, their answers, the configuration, and a kubeconfig of their own that they convert.
So is Together AI's API. What others wrote must not run programs, open listeners for other machines, weaken TLS,
redirect requests or add to them, read files, or name secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal
from urllib.parse import urlsplit

from togetherctl.config.types import Kind
from togetherctl.importing.certificates import holds_more, pem_of
from togetherctl.loopback import is_loopback

Writer = Literal["kubeconfig", "bundle"]
Place = tuple["Kind", str]


class Verdict(Enum):
    """What becomes of something that a source says; the value is what the table of the documents says."""

    TAKEN = "yes"
    SOME = "some values"
    READ = "read at once; certificates and nothing else"
    MOVED = "its own one goes where `--secret` says"
    FLAG = "only where `--secret env:NAME` says so"
    LEFT = "left out, and said"
    REFUSED = "the bundle is refused"
    UNSAID = "cannot say it"
    WRITTEN = "named above the question; `--yes` agrees"
    NAMED = "asked for by name; `--yes` needs `--trust-host`"


@dataclass(frozen=True)
class Power:
    """One thing a source could set: the keys of the configuration that do it, and what becomes of it by source.

    `why` says why others may not, with `{source}` for the kind of source; `some` which values are taken all the same.
    `above` are keys that belong to no entry.
    """

    what: str
    keys: tuple[Place, ...] = ()
    kubeconfig: Verdict = Verdict.TAKEN
    bundle: Verdict = Verdict.TAKEN
    address: Verdict | None = None
    together: Verdict = Verdict.TAKEN
    why: str = ""
    some: str = ""
    above: tuple[str, ...] = ()

    def verdict(self, source: Writer) -> Verdict:
        """What becomes of it in what another person wrote."""
        return self.kubeconfig if source == "kubeconfig" else self.bundle

    @property
    def from_address(self) -> Verdict:
        """What becomes of it in a bundle from the network."""
        return self.address or self.bundle


# Parameters of issuers that choose a tenant, an audience or a way to log in. Any other could be a secret, could replace
# the rest of the request (`request`, `request_uri`), or could be about another person.
PARAMETERS = frozenset(
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

_LEFT, _REFUSED, _TAKEN, _UNSAID = Verdict.LEFT, Verdict.REFUSED, Verdict.TAKEN, Verdict.UNSAID

POWERS = (
    Power(
        "where to log in and as which client, which API server, and what they are called",
        (
            *(("issuer", key) for key in ("url", "preset", "client_auth")),
            *(("profile", key) for key in ("issuer", "client_id", "scopes", "offline_access", "token")),
            *(("cluster", key) for key in ("profile", "server", "tls_server_name", "context", "namespace")),
            *(("cluster", key) for key in ("username_claim", "username_prefix", "groups_claim", "groups_prefix")),
            ("cluster", "together_cluster_id"),
        ),
    ),
    Power(
        "a host that gets tokens or logins of an identity that is new here",
        kubeconfig=Verdict.WRITTEN,
        bundle=Verdict.WRITTEN,
        address=Verdict.NAMED,
    ),
    Power(
        "a host that gets tokens or logins of an identity that the configuration has, or a session",
        kubeconfig=Verdict.NAMED,
        bundle=Verdict.NAMED,
    ),
    Power(
        "who vouches for a host that the configuration knows",
        kubeconfig=Verdict.NAMED,
        bundle=Verdict.NAMED,
    ),
    Power(
        "how a login is done",
        (("profile", "grant"),),
        bundle=Verdict.SOME,
        together=_UNSAID,
        why="togetherctl lets no {source} have the credential of an agent that you forward",
        some="all but `agent`",
    ),
    Power(
        "certificate authorities",
        (("issuer", "ca_data"), ("cluster", "ca_data")),
        kubeconfig=Verdict.SOME,
        bundle=Verdict.SOME,
        why="holds more than certificates",
        some="certificates and nothing else",
    ),
    Power(
        "paths of certificate authorities",
        (("issuer", "ca_file"), ("cluster", "ca_file")),
        kubeconfig=Verdict.READ,
        bundle=_REFUSED,
        together=_LEFT,
        why="togetherctl takes no paths of files from a {source}; certificates go into ca_data",
    ),
    Power(
        "endpoints for device codes and for revocation",
        (("issuer", "device_authorization_endpoint"), ("issuer", "revocation_endpoint")),
        kubeconfig=_UNSAID,
        bundle=Verdict.SOME,
        together=_UNSAID,
        why="togetherctl takes endpoints from a {source} only on the issuer's own host",
        some="on the issuer's own host",
    ),
    Power(
        "parameters of the login",
        (("profile", "auth_params"),),
        kubeconfig=Verdict.SOME,
        bundle=Verdict.SOME,
        together=_UNSAID,
        why="togetherctl takes no parameters from a {source} that hold a secret, name a person or replace the request",
        some="those listed below",
    ),
    Power(
        "redirect URIs",
        (("profile", "redirect_uris"),),
        kubeconfig=Verdict.SOME,
        bundle=Verdict.SOME,
        together=_UNSAID,
        why="an https redirect URI needs a certificate of each machine's own",
        some="http to this machine",
    ),
    Power(
        "programs to run, such as a browser",
        (("profile", "browser"),),
        kubeconfig=Verdict.SOME,
        bundle=_REFUSED,
        together=_UNSAID,
        why="togetherctl lets no {source} run programs",
        some="`false`: open none",
    ),
    Power(
        "variables for programs",
        kubeconfig=_LEFT,
        bundle=_UNSAID,
        together=_UNSAID,
        why="togetherctl lets no {source} set variables of your programs",
    ),
    Power(
        "where this machine listens",
        (("profile", "listen"),),
        kubeconfig=Verdict.SOME,
        bundle=_REFUSED,
        together=_UNSAID,
        why="togetherctl lets no {source} open a port to other machines",
        some="loopback addresses",
    ),
    Power(
        "a certificate and a key to listen with",
        (("profile", "listen_cert_file"), ("profile", "listen_key_file")),
        kubeconfig=_LEFT,
        bundle=_REFUSED,
        together=_UNSAID,
        why="togetherctl takes no paths of keys from a {source}",
    ),
    Power(
        "TLS that is not verified, and logins without PKCE",
        (("issuer", "insecure_skip_tls_verify"), ("cluster", "insecure_skip_tls_verify"), ("profile", "pkce")),
        kubeconfig=_LEFT,
        bundle=_REFUSED,
        why="togetherctl lets no {source} weaken what protects a login",
    ),
    Power(
        "proxies",
        (("issuer", "proxy"), ("cluster", "proxy_url")),
        kubeconfig=_LEFT,
        bundle=_REFUSED,
        why="togetherctl lets no {source} choose a proxy",
    ),
    Power(
        "headers of requests",
        (("issuer", "request_headers"),),
        kubeconfig=_LEFT,
        bundle=_REFUSED,
        together=_UNSAID,
        why="togetherctl takes no headers from a {source}, since most of them are credentials",
    ),
    Power(
        "the page after a login",
        (("profile", "open_url_after"),),
        kubeconfig=_LEFT,
        bundle=_REFUSED,
        together=_UNSAID,
        why="togetherctl lets no {source} choose the page after a login",
    ),
    Power(
        "the client secret",
        (("profile", "client_secret"),),
        kubeconfig=Verdict.MOVED,
        bundle=_REFUSED,
        together=_UNSAID,
        why="togetherctl takes no secrets from a {source}, nor a program, file or variable that holds one",
    ),
    Power(
        "that a client secret of your environment is used",
        kubeconfig=Verdict.FLAG,
        bundle=_UNSAID,
        together=_UNSAID,
    ),
    Power(
        "how you like to log in, and where tokens are kept",
        tuple(
            ("profile", key)
            for key in ("username", "storage", "account", "session", "login", "login_timeout", "margin")
        ),
        bundle=_REFUSED,
        together=_UNSAID,
        why="togetherctl leaves that choice to you, not to a {source}",
    ),
    Power(
        "whether credentials go out over the agent's socket",
        (("profile", "forward"),),
        kubeconfig=_UNSAID,
        bundle=_REFUSED,
        together=_UNSAID,
        why="togetherctl lets no {source} send your credentials to other machines",
    ),
    Power(
        "the default profile, further sources, and what the agent does",
        above=("default_profile", "bundles", "agent"),
        kubeconfig=_UNSAID,
        bundle=_REFUSED,
        together=_UNSAID,
        why="togetherctl leaves that choice to you, not to a {source}",
    ),
)
_BY_KEY = {place: power for power in POWERS for place in power.keys}


def power_of(kind: Kind, key: str) -> Power | None:
    """What this key of the configuration does; None where there is no such key."""
    return _BY_KEY.get((kind, key))


def keys_of(source: Writer, kind: Kind) -> frozenset[str]:
    """The keys of one kind that this source may set, if perhaps not to every value."""
    return frozenset(
        key for (of, key), power in _BY_KEY.items() if of == kind and power.verdict(source) in _SET_BY_SOURCE
    )


_SET_BY_SOURCE = (Verdict.TAKEN, Verdict.SOME)


def objection(source: Writer, kind: Kind, key: str, table: Mapping[str, Any]) -> str | None:
    """Why this source may not set the key as `table` has it; None where it may, and for what is no key at all."""
    power = power_of(kind, key)
    if power is None:
        return None
    verdict = power.verdict(source)
    if verdict is Verdict.TAKEN or (verdict is Verdict.SOME and not _IS_HARMFUL[kind, key](table)):
        return None
    strange = f": {', '.join(strange_parameters(table))}" if key == "auth_params" else ""
    return power.why.format(source=source) + strange


def strange_parameters(table: Mapping[str, Any]) -> list[str]:
    """The parameters of a profile's table that no source may set, sorted."""
    given = table.get("auth_params")
    return sorted(str(name) for name in set(given) - PARAMETERS) if isinstance(given, dict) else []


@dataclass(frozen=True)
class Left:
    """A key that was left out of what a source says; `said` shows its value, without a secret."""

    kind: Kind
    key: str
    said: str
    why: str


def without_harm(
    kind: Kind, table: Mapping[str, Any], *, said_by: str = "kubeconfig"
) -> tuple[dict[str, Any], tuple[Left, ...]]:
    """A table of a kubeconfig without what no kubeconfig may set, and that; `said_by` is who is named as the source."""
    kept = dict(table)
    left = tuple(
        Left(kind, key, _show(key, table), power.why.format(source=said_by))
        for key in table
        if (power := power_of(kind, key)) is not None and objection("kubeconfig", kind, key, table) is not None
    )
    keys = {one.key for one in left}
    if "redirect_uris" in keys and "listen" in table and "listen" not in keys:
        left += (Left(kind, "listen", _show("listen", table), "it goes with the redirect URIs"),)
    for one in left:
        del kept[one.key]
    if "auth_params" in table:
        harmless = {name: value for name, value in table["auth_params"].items() if name in PARAMETERS}
        kept = {**kept, "auth_params": harmless} if harmless else kept
    return kept, left


def _show(key: str, table: Mapping[str, Any]) -> str:
    """The value for people. Headers, parameters and proxies can hold passwords: their names and hosts are shown."""
    value = table[key]
    if key == "auth_params":
        return ", ".join(strange_parameters(table))
    if key == "request_headers":
        return ", ".join(value)
    if key in ("proxy", "proxy_url"):
        return urlsplit(str(value)).hostname or ""
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _on_another_host(key: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda table: _place(table.get(key)) != _place(table.get("url"))


def _place(url: object) -> tuple[str, str] | None:
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return None
    return parts.scheme, parts.netloc.lower()


def _elsewhere(table: Mapping[str, Any]) -> bool:
    # What is http and not of this machine, the configuration refuses itself.
    uris = table["redirect_uris"]
    return isinstance(uris, list) and any(str(uri).lower().startswith("https:") for uri in uris)


def _heard_by_others(table: Mapping[str, Any]) -> bool:
    hosts = [str(address).rpartition(":")[0].strip("[]") for address in table["listen"]]
    return not all(map(is_loopback, hosts))


_IS_HARMFUL: dict[Place, Callable[[Mapping[str, Any]], bool]] = {
    # It would name another profile's credential, and with a cluster of its own a host to send that to.
    ("profile", "grant"): lambda table: table["grant"] == "agent",
    ("issuer", "ca_data"): lambda table: holds_more(pem_of(str(table["ca_data"]))),
    ("cluster", "ca_data"): lambda table: holds_more(pem_of(str(table["ca_data"]))),
    ("issuer", "device_authorization_endpoint"): _on_another_host("device_authorization_endpoint"),
    ("issuer", "revocation_endpoint"): _on_another_host("revocation_endpoint"),
    ("profile", "auth_params"): lambda table: bool(strange_parameters(table)),
    ("profile", "redirect_uris"): _elsewhere,
    ("profile", "browser"): lambda table: table["browser"] is not False,
    ("profile", "listen"): _heard_by_others,
}
