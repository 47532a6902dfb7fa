"""Look at the certificate that a server shows, trusted or not, to say whose it is; no token is sent."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

from togetherctl.printable import printable

_MOST_NAMES = 4


def look_at_certificate(host: str, port: int, *, name: str | None, seconds: float) -> str:
    """Whose certificate the server shows for `name`, else for `host`, in words; empty where none can be seen.

    What it says is not verified: it is for people to compare, and nothing to trust.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        suppress(OSError, ValueError),
        socket.create_connection((host, port), seconds) as plain,
        context.wrap_socket(plain, server_hostname=name or host) as encrypted,
    ):
        return _describe(encrypted.getpeercert(binary_form=True) or b"")
    return ""


def _describe(certificate: bytes) -> str:
    """Raises ValueError for what is no certificate."""
    from cryptography import x509

    shown = x509.load_der_x509_certificate(certificate)
    names: list[str] = []
    with suppress(x509.ExtensionNotFound):
        alternatives = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(one.value) for one in alternatives if isinstance(one, (x509.DNSName, x509.IPAddress))]
    subject = ", ".join(map(printable, names[:_MOST_NAMES])) or printable(shown.subject.rfc4514_string(), limit=100)
    more = f" and {len(names) - _MOST_NAMES} more names" if len(names) > _MOST_NAMES else ""
    signed_by = printable(shown.issuer.rfc4514_string(), limit=100)
    by = "itself" if shown.issuer == shown.subject else f"the authority {signed_by}"
    return f"a certificate for {subject}{more}, signed by {by}, good until {shown.not_valid_after_utc:%Y-%m-%d}"
