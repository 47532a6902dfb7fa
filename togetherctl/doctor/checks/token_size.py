"""Whether the token fits into the headers that common servers let through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from togetherctl.config.profile import Profile
from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.stored_token import token_of
from togetherctl.finding import Finding
from togetherctl.kube.header_limits import HEADER_LIMITS, in_kib

if TYPE_CHECKING:
    from togetherctl.auth.claims import Claims

_HEADER = len("Authorization: Bearer \r\n")


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    _, token, claims, _ = token_of(facts, profile)
    size = len(token.value) + _HEADER
    too_small = [f"{limit.server} ({in_kib(limit.size)})" for limit in HEADER_LIMITS if limit.size < size]
    if not too_small:
        yield Finding("ok", f"its header has {in_kib(size)}, which every common server lets through")
        return
    yield Finding(
        "warning",
        f"its header has {in_kib(size)}, more than these let through by default, if one stands before an API server: "
        f"{', '.join(too_small)}{_largest(claims)}",
        "ask the issuer's operator to leave out of the client's tokens what no cluster needs, or for a larger limit "
        "at the proxy",
    )


def _largest(claims: Claims | None) -> str:
    """The claim that takes most of it."""
    sizes = {name: len(json.dumps(value)) for name, value in (claims or {}).items()}
    if not sizes:
        return ""
    name = max(sizes, key=lambda name: sizes[name])
    return f"; its largest claim is {name}, with {in_kib(sizes[name])}"


CHECK = Check(
    name="token-size",
    area="token",
    title="The size of the token against what servers let through",
    each="session",
    examine=_examine,
    signs=("400 Request Header Or Cookie Too Large", "431 Request Header Fields Too Large"),
    means="An API server takes a large token, but a proxy or load balancer before it may not, and answers with a page "
    "of its own. The limits are in [tokens](tokens.md#how-large-a-token-may-be).",
    helps="Fewer groups in the token: the issuer's operator can leave out those that no cluster needs, and name groups "
    "by short names. Else the proxy's operator raises its limit.",
    place=50,
)
