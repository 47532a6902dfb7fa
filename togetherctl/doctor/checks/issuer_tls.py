"""Whether the issuer's TLS certificate is trusted here, and by whom it is signed where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.issuer_view import LATE, SECONDS, refused_certificate, select, skip_unless_reached, sum_up
from togetherctl.finding import Finding, failure

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    if not profile.issuer.url.startswith("https://"):
        raise Skip("the issuer is not https")
    report = facts.issuer(profile)
    notes, error = select(report, "tls"), refused_certificate(report)
    if error is not None:
        found = failure(error)
        # Who signed it, for whom, or when, as far as the server tells.
        message = "; ".join([found.message, *(note.message for note in notes)])
        remedies = [note.remedy for note in notes if note.remedy]
        yield replace(found, message=message, hint=remedies[0] if remedies else found.remedy)
        return
    if not notes:
        skip_unless_reached(report)
    yield from sum_up(notes, "its certificate is trusted here")


CHECK = Check(
    name="issuer-tls",
    area="issuer",
    title="The issuer's TLS certificate",
    each="issuer",
    examine=_examine,
    signs=("the TLS certificate of … cannot be verified", "x509: certificate signed by unknown authority"),
    means="The certificate is signed by an authority that this machine does not trust, is for another name, or is not "
    "valid at the time that this machine's clock shows. With `insecure_skip_tls_verify` it is not looked at, and "
    "anyone in between can take your tokens.",
    helps="Get the certificate of the authority that is named as a PEM file from the issuer's operator, and name it: "
    "`togetherctl issuer set NAME ca_file=FILE`. Where the dates are what is wrong, look at this machine's clock "
    "first.",
    network=True,
    seconds=SECONDS,
    late=LATE,
    place=20,
)
