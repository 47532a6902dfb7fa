"""Which proxy requests to the issuer go through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.issuer_view import LATE, SECONDS, look, select, sum_up
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    yield from sum_up(select(look(facts, profile), "proxy"), "asked directly, without a proxy")


CHECK = Check(
    name="issuer-proxy",
    area="issuer",
    title="The proxy to the issuer",
    each="issuer",
    examine=_examine,
    signs=("the proxy to … cannot be reached", "the proxy to … refused"),
    means="Requests to this issuer go through a proxy, because `HTTPS_PROXY`, `ALL_PROXY` or `proxy` of the issuer "
    "names one, and nothing came back that way.",
    helps="`NO_PROXY` excepts hosts; `togetherctl issuer set NAME proxy=URL` names another proxy for this issuer "
    "alone. `togetherctl issuer check NAME` tries it.",
    network=True,
    seconds=SECONDS,
    late=LATE,
    place=10,
)
