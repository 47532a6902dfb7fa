"""What one value of the store may look like; each check gives the value back or says what would do."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from urllib.parse import SplitResult, urlsplit

from togetherctl.loopback import is_loopback

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MAX_PORT = 65535
_OWN_PARAMETERS = frozenset(
    {
        "response_type",
        "response_mode",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    }
)


def name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("a name is 1 to 63 of A-Z a-z 0-9 . _ @ - and begins with a letter or digit")
    return value


def issuer_url(value: str) -> str:
    """Kept byte for byte: OpenID Connect compares issuers as strings (Discovery 1.0, 4.3)."""
    url = _url(value)
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValueError("must begin with https:// (http:// is for loopback addresses only)")
    if url.query or url.fragment or value.endswith(("?", "#")):
        raise ValueError("must have no query and no fragment")
    return value


def endpoint_url(value: str) -> str:
    url = _url(value)
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValueError("must begin with https:// (http:// is for loopback addresses only)")
    return value


def server_url(value: str) -> str:
    url = _url(value)
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValueError("must begin with https://: Kubernetes clients send no credential over http")
    return value


def proxy_url(value: str) -> str:
    url = _split(value)
    if url.scheme not in ("http", "https", "socks5", "socks5h") or not url.hostname:
        raise ValueError("must look like http://proxy.example:3128 or socks5://proxy.example:1080")
    return value


def cluster_proxy_url(value: str) -> str:
    if _split(proxy_url(value)).password:
        raise ValueError("must hold no password: it would stand in every kubeconfig that is written")
    return value


def issuer_proxy_url(value: str) -> str:
    """An http, https or SOCKS5 proxy; a name is looked up by the proxy for socks5 as for socks5h, as Go does."""
    return proxy_url(value)


def redirect_uri(value: str) -> str:
    url = _url(value)
    if url.fragment or value.endswith("#"):
        raise ValueError("must have no fragment (RFC 6749, 3.1.2)")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValueError("http:// is for loopback addresses only; register http://localhost:8000, or use https://")
    return value


def page_url(value: str) -> str:
    _url(value)
    return value


def listen_address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _MAX_PORT or (":" in host and not host.startswith("[")):
        raise ValueError("must look like 127.0.0.1:8000 or [::1]:8000")
    return value


def scope(value: str) -> str:
    if not _SCOPE.fullmatch(value):
        raise ValueError("must be one word; write each scope as an entry of its own")
    return value


def auth_parameter(value: str) -> str:
    if value in _OWN_PARAMETERS:
        raise ValueError("togetherctl sets this parameter itself")
    return not_empty(value)


def header_name(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError("not an HTTP header name")
    return value


def header_value(value: str) -> str:
    if not (value.isprintable() and value.isascii()) or value != value.strip():
        raise ValueError("must be printable ASCII text without spaces around it")
    return value


def sha256(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError("must be 64 hexadecimal digits")
    return value


def ca_data(value: str) -> str:
    try:
        pem = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be a PEM certificate in base64, as kubeconfigs hold it") from None
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise ValueError("must be a PEM certificate in base64, as kubeconfigs hold it")
    return value


def namespace(value: str) -> str:
    """A DNS label (RFC 1123, 2.1), as Kubernetes has it."""
    if not _LABEL.fullmatch(value):
        raise ValueError("must be 1 to 63 of a-z 0-9 -, and begin and end with a letter or digit")
    return value


def text(value: str) -> str:
    return not_empty(printable(value))


def printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must not hold control or other invisible characters")
    return value


def path(value: str) -> str:
    """File names may hold almost anything; but no system opens one with a NUL, and nobody means a line break."""
    if any(char < " " for char in value):
        raise ValueError("must not hold control characters")
    return not_empty(value)


def words(value: list[str]) -> list[str]:
    """A command line: a script in it may have several lines, but no system starts a program with a NUL."""
    if any("\0" in word for word in value):
        raise ValueError("must not hold the character NUL")
    return value


def not_empty(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def _url(value: str) -> SplitResult:
    url = _split(value)
    if url.scheme not in ("https", "http") or not url.hostname:
        raise ValueError("must be a URL like https://login.example.com")
    if "@" in url.netloc:
        raise ValueError("must not hold a user name or password")
    if "[" not in url.netloc and not _is_host(url.hostname):
        raise ValueError("must name a host of letters, digits, - and .")
    return url


def _is_host(host: str) -> bool:
    """Whether all programs read it alike: browsers, for one, take a backslash for a slash."""
    return ".." not in host and all(
        char.isalnum() or char in "-._" if char.isascii() else unicodedata.category(char)[0] in "LMN" for char in host
    )


def _split(value: str) -> SplitResult:
    if not value.isprintable() or " " in value:
        raise ValueError("must not hold spaces or control characters")
    try:
        url = urlsplit(value)
        _ = url.port
    except ValueError:
        raise ValueError("must be a URL") from None
    return url
