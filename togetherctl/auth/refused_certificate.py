"""Explain why an issuer's certificate was refused: who signed it, whose it is, or when it is valid."""

from __future__ import annotations

from base64 import b64decode
from time import gmtime, strftime
from typing import TYPE_CHECKING

from togetherctl.disk import read_whole
from togetherctl.finding import Finding
from togetherctl.shown_certificate import ShownCertificate, names_in

if TYPE_CHECKING:
    from togetherctl.auth.issuer_findings import ClientNeeds
    from togetherctl.connection_settings import Connection
    from togetherctl.errors import Reason

_MAX_CA_BYTES = 16 * 1024 * 1024
_MOST_AUTHORITIES = 5


def explain_refusal(
    reason: Reason, shown: ShownCertificate, connection: Connection, wishes: ClientNeeds, *, now: float
) -> Finding:
    """What the certificate that was `shown` says of itself, as far as that is why it was refused; `now` since 1970."""
    if reason == "clock":
        times = (shown.valid_from, shown.valid_until, now)
        start, end, here = (strftime("%Y-%m-%d %H:%M UTC", gmtime(at)) for at in times)
        text = f"the certificate is valid from {start} to {end}, and this machine's clock says {here}"
        return Finding("warning", text, about="tls")
    if reason == "hostname":
        return Finding("warning", f"the certificate is for {shown.subject}", about="tls")
    who = "itself" if shown.self_signed else shown.signed_by
    trusted = authorities_of(connection)
    trusts = f", and ca_file and ca_data of the issuer hold {', '.join(trusted)}" if trusted else ""
    set_it = wishes.command("issuer", "set", "{}", "ca_file=FILE").hint
    return Finding(
        "warning",
        f"the certificate is signed by {who}, which this machine does not trust{trusts}",
        f"get the certificate of that authority as a PEM file from the issuer's operator, and then: {set_it}",
        "tls",
    )


def authorities_of(connection: Connection) -> list[str]:
    """What the authorities that the configuration names are called, a few of them."""
    names = []
    for path in connection.ca_files:
        try:
            names += names_in(read_whole(path, limit=_MAX_CA_BYTES)[0])
        except OSError:
            continue
    if connection.ca_data:
        try:
            names += names_in(b64decode(connection.ca_data))
        except ValueError:
            return names
    return names[:_MOST_AUTHORITIES]
