"""Whether this machine's clock agrees with the issuer's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.issuer_view import LATE, SECONDS, look, select, skip_unless_reached, sum_up
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    report = look(facts, profile)
    found = select(report, "clock")
    if not found:
        skip_unless_reached(report)
        raise Skip("the issuer's answers do not say what time it is")
    yield from sum_up(found)


CHECK = Check(
    name="issuer-clock",
    area="issuer",
    title="This machine's clock",
    each="issuer",
    examine=_examine,
    signs=("certificate is not yet valid", "certificate has expired", "a token that is expired as soon as it comes"),
    means="This machine's clock differs from the issuer's, by the `Date` of its answer. A clock that is ahead takes "
    "good tokens for expired; one that is behind sends expired ones to the cluster; one that is far off refuses "
    "certificates.",
    helps="Set the clock by the network: `timedatectl set-ntp true` on most Linux systems.",
    network=True,
    seconds=SECONDS,
    late=LATE,
    place=50,
)
