"""Check one value of the configuration file, such as a URL, a name or a scope.

Each check returns the value, or raises ValueError with what the value must look like.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from togetherctl.loopback import is_loopback

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
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


def _matching(pattern: str, reason: str) -> Callable[[str], str]:
    """A check that the whole value matches; the reason says what it must look like."""

    def check(value: str) -> str:
        return _require(value, re.fullmatch(pattern, value), reason)

    return check


name = _matching(NAME.pattern, "a name is 1 to 63 of A-Z a-z 0-9 . _ @ - and begins with a letter or digit")
# A scope token (RFC 6749, 3.3).
scope = _matching(r"[\x21\x23-\x5b\x5d-\x7e]+", "must be one word; write each scope as an entry of its own")
# A field name (RFC 9110, 5.1).
header_name = _matching(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", "not an HTTP header name")
header_value = _matching("(?:[!-~](?:[ -~]*[!-~])?)?", "must be printable ASCII text without spaces around it")
sha256 = _matching("[0-9a-f]{64}", "must be 64 hexadecimal digits")
# A DNS label (RFC 1123, 2.1), as Kubernetes has it.
namespace = _matching(
    "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "must be 1 to 63 of a-z 0-9 -, and begin and end with a letter or digit"
)


def issuer_url(value: str) -> str:
    """Kept byte for byte: OpenID Connect compares issuers as strings (Discovery 1.0, 4.3)."""
    url = urlsplit(endpoint_url(value))
    has_more = url.query or url.fragment or value.endswith(("?", "#"))
    return _require(value, not has_more, "must have no query and no fragment")


def endpoint_url(value: str) -> str:
    return _no_plain_http(value, "must begin with https:// (http:// is for loopback addresses only)")


def server_url(value: str) -> str:
    return _no_plain_http(value, "must begin with https://: Kubernetes clients send no credential over http")


def proxy_url(value: str) -> str:
    """An http, https or SOCKS5 proxy; the proxy looks names up for socks5 as for socks5h, as Go does."""
    url = _split(value)
    is_proxy = url.scheme in ("http", "https", "socks5", "socks5h") and url.hostname
    return _require(value, is_proxy, "must look like http://proxy.example:3128 or socks5://proxy.example:1080")


def cluster_proxy_url(value: str) -> str:
    has_password = _split(proxy_url(value)).password
    return _require(value, not has_password, "must hold no password: every kubeconfig that is written would show it")


def redirect_uri(value: str) -> str:
    has_fragment = _url(value).fragment or value.endswith("#")
    _require(value, not has_fragment, "must have no fragment (RFC 6749, 3.1.2)")
    return _no_plain_http(
        value, "http:// is for loopback addresses only; register http://localhost:8000, or use https://"
    )


def page_url(value: str) -> str:
    _url(value)
    return value


def listen_address(value: str) -> str:
    host, _, port = value.rpartition(":")
    is_port = port.isdecimal() and int(port) <= _MAX_PORT
    is_host = host and (":" not in host or host.startswith("["))
    return _require(value, is_port and is_host, "must look like 127.0.0.1:8000 or [::1]:8000")


def auth_parameter(value: str) -> str:
    return not_empty(_require(value, value not in _OWN_PARAMETERS, "togetherctl sets this parameter itself"))


def ca_data(value: str) -> str:
    try:
        pem = base64.b64decode("".join(value.split()), validate=True)
    except ValueError:
        pem = b""
    is_certificate = b"-----BEGIN CERTIFICATE-----" in pem
    return _require(value, is_certificate, "must be a PEM certificate in base64, as kubeconfigs hold it")


def text(value: str) -> str:
    return not_empty(printable(value))


def printable(value: str) -> str:
    return _require(value, value.isprintable(), "must not hold control or other invisible characters")


def path(value: str) -> str:
    """File names may hold almost anything; but no system opens one with a NUL, and no person means a line break."""
    has_control = any(char < " " for char in value)
    return not_empty(_require(value, not has_control, "must not hold control characters"))


def words(value: list[str]) -> list[str]:
    """A command line: a script in it may have several lines, but no system starts a program with a NUL."""
    if any("\0" in word for word in value):
        raise ValueError("must not hold the character NUL")
    return value


def not_empty(value: str) -> str:
    return _require(value, value, "must not be empty")


def _require(value: str, condition: object, reason: str) -> str:
    """The value, where the condition holds. Raises ValueError with the reason."""
    if not condition:
        raise ValueError(reason)
    return value


def _no_plain_http(value: str, reason: str) -> str:
    """A URL that is https, or http to this machine. Raises ValueError, for another http URL with the reason."""
    url = _url(value)
    return _require(value, url.scheme == "https" or is_loopback(url.hostname), reason)


def _url(value: str) -> SplitResult:
    url = _split(value)
    meant = f"; did you mean https://{value}?" if looks_like_host(value) else ""
    is_url = url.scheme in ("https", "http") and url.hostname
    _require(value, is_url, f"must be a URL like https://login.example.com{meant}")
    _require(value, "@" not in url.netloc, "must not hold a user name or password")
    is_host = "[" in url.netloc or _is_host(url.hostname or "")
    _require(value, is_host, "must name a host of letters, digits, - and .")
    return url


def looks_like_host(text: str) -> bool:
    """Whether `text` is a URL without its https://, and no secret that was put in its place."""
    return re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}(:[0-9]{1,5})?(/[a-z0-9._~/-]*)?", text) is not None


def _is_host(host: str) -> bool:
    """Whether all programs read it alike: browsers, for one, take a backslash for a slash."""
    return ".." not in host and all(
        char.isalnum() or char in "-._" if char.isascii() else unicodedata.category(char)[0] in "LMN" for char in host
    )


def _split(value: str) -> SplitResult:
    _require(value, value.isprintable() and " " not in value, "must not hold spaces or control characters")
    try:
        url = urlsplit(value)
        _ = url.port
    except ValueError:
        raise ValueError("must be a URL") from None
    return url
