"""An issuer's metadata and keys (OpenID Connect Discovery 1.0), cached for a day."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from togetherctl.auth.token_response import raise_if_page
from togetherctl.disk import is_ours, make_private_folder, open_to_others, read_whole, write_whole
from togetherctl.errors import Refused, Unreachable, Untrusted
from togetherctl.http_failures import host_of
from togetherctl.loopback import is_safe
from togetherctl.printable import printable
from togetherctl.records import Protocol, dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from togetherctl.transport import Answer, Connection

    class Getter(Protocol):
        """The one thing discovery does to the network."""

        def get(self, url: str) -> Answer: ...


MAX_AGE = 24 * 3600.0
_PLAIN = re.compile(r"[!-~]+")
_VERSION = 1
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Metadata:
    """What a login needs of the provider metadata (Discovery 1.0, 3; RFC 8414; RFC 9207)."""

    issuer: str
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    jwks_uri: str | None = None
    revocation_endpoint: str | None = None
    end_session_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    scopes_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] = ()
    revocation_endpoint_auth_methods_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False
    pushed_authorization_request_endpoint: str | None = None
    require_pushed_authorization_requests: bool = False


_ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "revocation_endpoint",
    "end_session_endpoint",
    "device_authorization_endpoint",
    "pushed_authorization_request_endpoint",
)
_LISTS = (
    "scopes_supported",
    "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_methods_supported",
)
_PROMISES = ("authorization_response_iss_parameter_supported", "require_pushed_authorization_requests")


def fetch_metadata(issuer: str, http: Getter) -> dict[str, Any]:
    """The provider metadata as the issuer sends it (Discovery 1.0, 4.1). Raises Unreachable, Refused and Untrusted."""
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    answer = http.get(url)
    answer.raise_if_later()
    if answer.status != 200:
        raise Refused(
            f"there is no OpenID provider at {issuer}: {url} answered HTTP {answer.status}",
            hint="check the issuer URL; it is what comes before /.well-known/openid-configuration",
            status=answer.status,
        ).naming(issuer)
    raise_if_page(answer)
    document = answer.json()
    check_metadata(document, issuer)
    return document


def other_metadata_urls(issuer: str) -> tuple[str, ...]:
    """Where OAuth's own metadata of `issuer` is (RFC 8414, 3.1), and where some have it instead."""
    parts = urlsplit(issuer.rstrip("/"))
    at_root = parts._replace(path=f"/.well-known/oauth-authorization-server{parts.path}").geturl()
    return tuple(dict.fromkeys((at_root, f"{issuer.rstrip('/')}/.well-known/oauth-authorization-server")))


def fetch_other_metadata(issuer: str, http: Getter) -> dict[str, Any]:
    """OAuth's own metadata of the issuer, believed as far as the usual one; empty where there is none of this issuer.

    Nothing there is an answer too, and so is whatever fails: it only adds to what is known.
    """
    for url in other_metadata_urls(issuer):
        with suppress(Unreachable, Refused):
            answer = http.get(url)
            if answer.status == 200:
                document = answer.json()
                check_metadata(document, issuer)
                return document
    return {}


def check_metadata(document: dict[str, Any], issuer: str) -> None:
    """Raises Untrusted unless the metadata is this issuer's own and its endpoints are safe to use."""
    named = document.get("issuer")
    if named != issuer:
        raise Untrusted(
            f"the issuer calls itself {printable(named)}, not {issuer}", hint=_explain_spelling(issuer, named)
        ).naming(issuer)
    local = urlsplit(issuer).scheme == "http"
    for name in _ENDPOINTS:
        endpoint = document.get(name)
        if endpoint is None:
            continue
        # Plain http only from an issuer that is on this machine and speaks it itself.
        if not isinstance(endpoint, str) or not _PLAIN.fullmatch(endpoint) or not is_safe(endpoint, http=local):
            raise Untrusted(f"the issuer's {name} is {printable(endpoint)}, which is not https")
        if "@" in urlsplit(endpoint).netloc:
            raise Untrusted(f"the issuer's {name} has a user name in it, which no address of an issuer has")


def parse_metadata(document: dict[str, Any]) -> Metadata:
    """The fields that matter; lists of anything but text count as empty."""
    fields: dict[str, Any] = {name: document.get(name) for name in _ENDPOINTS}
    for name in _LISTS:
        listed = document.get(name)
        fields[name] = tuple(item for item in listed if isinstance(item, str)) if isinstance(listed, list) else ()
    for name in _PROMISES:
        fields[name] = document.get(name) is True
    return Metadata(issuer=document["issuer"], **fields)


def fetch_keys(jwks_uri: str, http: Getter) -> dict[str, Any]:
    """The issuer's JWK Set (RFC 7517, 5). Raises Unreachable and Untrusted."""
    answer = http.get(jwks_uri)
    answer.raise_if_later()
    if answer.status != 200:
        raise Untrusted(f"the issuer's keys are not at {host_of(jwks_uri)}: HTTP {answer.status}").naming(jwks_uri)
    document = answer.json()
    if not isinstance(document.get("keys"), list):
        raise Untrusted(f"the issuer's keys at {host_of(jwks_uri)} are not a JWK Set").naming(jwks_uri)
    return document


@dataclass
class Discovery:
    """One issuer's metadata and keys: from the cache while it is young, else from the issuer."""

    issuer: str
    http: Getter
    file: Path
    clock: Callable[[], float]
    _document: dict[str, Any] | None = field(default=None, repr=False)
    _keys: dict[str, Any] | None = field(default=None, repr=False)
    _other: dict[str, Any] | None = field(default=None, repr=False)
    _fetched_at: float = 0.0
    _asked: bool = False

    def metadata(self, *, fresh: bool = False) -> Metadata:
        """The metadata; `fresh` asks the issuer whatever the cache holds. Raises as `fetch_metadata` does."""
        if self._document is None and not fresh:
            self._load()
        if self._document is None or (fresh and not self._asked):
            self._document, self._keys = fetch_metadata(self.issuer, self.http), None
            self._fetched_at, self._asked = self.clock(), True
            self._save()
        return parse_metadata(self._document)

    def also_listed(self, endpoint: str) -> str | None:
        """An endpoint that only the issuer's other metadata may name (RFC 8414); asked for once, and not kept."""
        if self._other is None:
            self._other = fetch_other_metadata(self.issuer, self.http)
        return self._other.get(endpoint)

    def keys(self, *, refetch: bool = False) -> dict[str, Any]:
        """The JWK Set; `refetch` asks the issuer again."""
        metadata = self.metadata()
        if self._keys is None or refetch:
            if metadata.jwks_uri is None:
                raise Untrusted("the issuer's metadata names no keys (jwks_uri)")
            self._keys = fetch_keys(metadata.jwks_uri, self.http)
            self._save()
        return self._keys

    def _load(self) -> None:
        try:
            data, status = read_whole(self.file, limit=_MAX_BYTES, follow=False)
            cached = json.loads(data)
            age = self.clock() - cached["fetched_at"]
            sound = cached["version"] == _VERSION and cached["issuer"] == self.issuer and 0 <= age < MAX_AGE
            if sound and is_ours(status) and not open_to_others(status):
                check_metadata(cached["metadata"], self.issuer)
                self._document, self._keys = cached["metadata"], cached["keys"]
                self._fetched_at = cached["fetched_at"]
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, Untrusted):
            # The cache is worth nothing: whatever is wrong with it, the issuer can be asked.
            return

    def _save(self) -> None:
        record = {
            "version": _VERSION,
            "issuer": self.issuer,
            "fetched_at": self._fetched_at,
            "metadata": self._document,
            "keys": self._keys,
        }
        with suppress(OSError):
            make_private_folder(self.file.parent)
            write_whole(self.file, json.dumps(record).encode("utf-8"))


def cache_file(folder: Path, issuer: str, connection: Connection) -> Path:
    """The cache's file for an issuer reached in one particular way."""
    way = [issuer, [str(path) for path in connection.ca_files], connection.ca_data, connection.insecure]
    digest = hashlib.sha256(json.dumps([*way, connection.proxy, sorted(connection.headers.items())]).encode())
    return folder / f"{digest.hexdigest()[:32]}.json"


def _explain_spelling(issuer: str, named: object) -> str:
    if isinstance(named, str) and named.rstrip("/") == issuer.rstrip("/"):
        return f'only a slash differs; write url = "{printable(named)}"'
    if isinstance(named, str) and "{tenantid}" in named:
        return "put your tenant's ID in the URL instead of common, organizations or consumers"
    return "write the issuer exactly as it calls itself, if that is the one you mean"
