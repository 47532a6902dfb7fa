"""Whether the issuer gives the profile a refresh token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.issuer_view import LATE, SECONDS, select, skip_unless_reached, sum_up
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    if profile.grant == "client-credentials":
        raise Skip("a client logs in by itself, without a refresh token")
    report = facts.issuer(profile)
    skip_unless_reached(report)
    session = facts.session(profile)
    if session is not None and session.refresh_token is not None:
        yield Finding("ok", "its session holds a refresh token")
        return
    yield from sum_up(select(report, "refresh_token"))


CHECK = Check(
    name="issuer-refresh",
    area="issuer",
    title="Refresh tokens",
    each="profile",
    examine=_examine,
    signs=("a login whenever a token expires", "the issuer gave no refresh token with it"),
    means="Without a refresh token you log in again whenever a token expires. Some issuers give one only for the scope "
    "`offline_access`, only to clients with a secret, or only after a person consents.",
    helps="`togetherctl profile set NAME offline_access=auto` asks for one where the issuer offers it; `auth_params = "
    '{ prompt = "consent" }` makes some issuers give one. The rest is set for the client at the issuer.',
    network=True,
    seconds=SECONDS,
    late=LATE,
    place=60,
)
