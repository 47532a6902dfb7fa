"""Whether there is an issuer at the URL, spelled as it spells itself, with what a login needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.issuer_view import LATE, SECONDS, look, refused_certificate, select, sum_up
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile

_ABOUT = ("url", "issuer", "provider", "endpoints", "pkce", "device_codes", "revocation", "end_session")


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    report = look(facts, profile)
    if refused_certificate(report):
        raise Skip("its certificate is not trusted here")
    yield from sum_up(select(report, *_ABOUT))


CHECK = Check(
    name="issuer-discovery",
    area="issuer",
    title="The issuer and its metadata",
    each="issuer",
    examine=_examine,
    signs=(
        "there is no OpenID provider at …",
        "the issuer calls itself …, not …",
        "oidc: issuer did not match the issuer returned by provider",
    ),
    means="Nothing that calls itself so answers at the issuer's URL, or what answers does not offer what a login "
    "needs. The URL counts byte for byte: a slash at its end makes it another issuer, here and for every API server.",
    helps="Write the issuer exactly as it calls itself: `togetherctl issuer set NAME url=URL`. "
    "`togetherctl issuer check URL` looks at any issuer before it is in the configuration.",
    network=True,
    seconds=SECONDS,
    late=LATE,
    place=30,
)
