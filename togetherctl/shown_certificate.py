"""The certificate that a server shows, and the time it states, read without trusting either: to explain a failure."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from cryptography import x509

_SECONDS = 5.0


@dataclass(frozen=True)
class ShownCertificate:
    """What a server says of itself, none of it proven. Times are in seconds since 1970.

    `signed_by` is the authority that signed the last certificate it shows: the one to trust, or what leads to it;
    `self_signed`: the server vouches for itself. `names` are the hosts and addresses it is for; `stated_at` is the time
    by its answer's Date (RFC 9110, 6.6.1).
    """

    subject: str
    signed_by: str
    self_signed: bool
    valid_from: float
    valid_until: float
    stated_at: float | None = None
    names: tuple[str, ...] = ()


def look_at_certificate(
    url: str, proxy: str | None, *, seconds: float = _SECONDS, context: ssl.SSLContext | None = None
) -> ShownCertificate | None:
    """Ask the server of an https `url` for its certificate, and nothing but `/`; through an HTTP `proxy` if given.

    None where it cannot be had. Nothing secret is sent, and `seconds` hold for each wait. A `context` that verifies
    nothing says how the server is to be asked, if not by the host of the URL.
    """
    try:
        connection = _connection(url, proxy, seconds, context or _trusting_none())
    except ValueError:
        return None
    try:
        connection.connect()
        chain = _chain(connection.sock)
        return _describe(chain, _stated_time(connection)) if chain else None
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()


def names_in(pem: bytes) -> list[str]:
    """What the certificates in a PEM file are called; empty where there is none that can be read."""
    from cryptography import x509

    try:
        return [_name(one.subject) for one in x509.load_pem_x509_certificates(pem)]
    except ValueError:
        return []


def _trusting_none() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _connection(url: str, proxy: str | None, seconds: float, context: ssl.SSLContext) -> HTTPSConnection:
    """Raises ValueError where such a proxy cannot be gone through."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    if proxy is None:
        return HTTPSConnection(host, port, timeout=seconds, context=context)
    through = urlsplit(proxy)
    if through.scheme != "http":
        raise ValueError(through.scheme)
    connection = HTTPSConnection(through.hostname or "", through.port or 80, timeout=seconds, context=context)
    known = f"{unquote(through.username)}:{unquote(through.password or '')}" if through.username else ""
    headers = {"Proxy-Authorization": f"Basic {b64encode(known.encode()).decode()}"} if known else {}
    connection.set_tunnel(host, port, headers)
    return connection


def _chain(connection: Any) -> Sequence[bytes]:
    """What the server shows, its own certificate first, in DER; Pythons before 3.13 tell that one alone."""
    if hasattr(connection, "get_unverified_chain"):
        return list(connection.get_unverified_chain())
    own = connection.getpeercert(binary_form=True)
    return [own] if own else []


def _stated_time(connection: HTTPSConnection) -> float | None:
    with suppress(OSError, HTTPException, ValueError, OverflowError, TypeError):
        connection.request("HEAD", "/")
        return parsedate_to_datetime(connection.getresponse().headers["Date"]).timestamp()
    return None


def _describe(chain: Sequence[bytes], stated_at: float | None) -> ShownCertificate:
    from cryptography import x509

    own, last = (x509.load_der_x509_certificate(each) for each in (chain[0], chain[-1]))
    return ShownCertificate(
        subject=_name(own.subject),
        signed_by=_name(last.issuer),
        self_signed=own.issuer == own.subject,
        valid_from=max(x509.load_der_x509_certificate(each).not_valid_before_utc.timestamp() for each in chain),
        valid_until=min(x509.load_der_x509_certificate(each).not_valid_after_utc.timestamp() for each in chain),
        stated_at=stated_at,
        names=_names(own),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The hosts and addresses that it is for (RFC 5280, 4.2.1.6)."""
    from cryptography import x509

    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(one.value) for one in alternatives if isinstance(one, (x509.DNSName, x509.IPAddress)))


def _name(name: x509.Name) -> str:
    """The common name with its organisation, else all of it."""
    from cryptography.x509.oid import NameOID

    kinds = (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME)
    parts = [str(part.value) for kind in kinds for part in name.get_attributes_for_oid(kind)[:1]]
    return ", ".join(parts) or name.rfc4514_string() or "an authority without a name"
