"""Why a request failed, as a sentence a person can act on, and trying again after a pause."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from togetherctl.errors import Unreachable
from togetherctl.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from togetherctl.errors import Reason

    T = TypeVar("T")

# What mends a certificate that is not trusted, said for issuers; other callers know better words for a reason.
_REMEDIES: dict[Reason, str] = {
    "authority": "name its certificate authority: ca_file of the issuer, --ca-file, or --certificate-authority",
    "hostname": "the certificate is for another name; check the address",
    "clock": "check this machine's clock; if it is right, the server's admin must renew the certificate",
}
_REASONS: dict[int, Reason] = {
    9: "clock",  # X509_V_ERR_CERT_NOT_YET_VALID of OpenSSL
    10: "clock",  # X509_V_ERR_CERT_HAS_EXPIRED
    62: "hostname",  # X509_V_ERR_HOSTNAME_MISMATCH
    64: "hostname",  # X509_V_ERR_IP_ADDRESS_MISMATCH
}


def host_of(url: str) -> str:
    """The host and port of `url`, safe to show; what stands before a query where it is no URL."""
    try:
        netloc = urlsplit(url).netloc
    except ValueError:
        netloc = url.partition("?")[0]
    return printable(netloc.rpartition("@")[2] or url)


def without_query(url: str) -> str:
    """The URL for people: a query may be a key to what is there, and who is named before the host a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return printable(url.partition("?")[0].rpartition("@")[2])
    return printable(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl())


def in_words(error: BaseException, url: str, *, sent: bool) -> Unreachable:
    """What the system said about a request to `url`; `sent` is whether it may have arrived."""
    import socket
    import ssl

    host = host_of(url)
    match error:
        case ssl.SSLCertVerificationError():
            why = _REASONS.get(error.verify_code, "authority")
            return Unreachable(
                f"the TLS certificate of {host} cannot be verified: {error.verify_message.rstrip('.')}",
                hint=_REMEDIES[why],
                sent=sent,
                reason=why,
            )
        case ssl.SSLError():
            said = f"TLS with {host} failed: {printable(error.reason or 'handshake failed')}"
        case socket.gaierror():
            sent, said = False, f"the name {urlsplit(url).hostname} cannot be looked up; is this machine offline?"
        case TimeoutError():
            said = f"{host} did not answer in time"
        case ConnectionRefusedError():
            said = f"{host} refused the connection"
        case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH):
            said = f"there is no route to {host}; is this machine offline?"
        case _:
            reason = getattr(error, "strerror", None) or type(error).__name__
            said = f"the connection to {host} failed: {printable(reason)}"
    return Unreachable(said, sent=sent)


def retry(
    ask: Callable[[], T],
    pauses: Sequence[float],
    sleep: Callable[[float], None],
    may_wait: Callable[[Unreachable, float], bool],
) -> T:
    """What `ask` gives, called again after each of the `pauses` in seconds, or after the pause the server asks for.

    `may_wait` gets the failure and the pause that would follow. Raises the last Unreachable.
    """
    for pause in pauses:
        try:
            return ask()
        except Unreachable as error:
            seconds = max(pause, error.retry_after or 0.0)
            if not may_wait(error, seconds):
                raise
        sleep(seconds)
    return ask()
