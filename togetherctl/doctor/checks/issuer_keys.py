"""Whether the issuer signs ID tokens with keys and algorithms that API servers take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.issuer_view import LATE, SECONDS, look, select, skip_unless_reached, sum_up
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    report = look(facts, profile)
    skip_unless_reached(report)
    yield from sum_up(select(report, "keys", "algorithms", "api_server"))


CHECK = Check(
    name="issuer-keys",
    area="issuer",
    title="The issuer's keys and algorithms",
    each="issuer",
    examine=_examine,
    signs=("none of its keys can check an ID token", "failed to verify signature", "error: Unauthorized"),
    means="An API server fetches the issuer's keys to check the signature of every token. Without a key that fits, "
    "with an algorithm that it does not take, or from an issuer that is not https, it takes no token.",
    helps="The issuer's operator mends keys and algorithms. Where an API server is told of the issuer by flags, it "
    "takes RS256 alone unless `--oidc-signing-algs` names what the issuer signs with.",
    network=True,
    seconds=SECONDS,
    late=LATE,
    place=40,
)
