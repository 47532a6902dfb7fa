"""Whether the issuer gives the profile a refresh token."""

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
    from togetherctl.auth.grants.registry import GRANTS

    if GRANTS[profile.grant].for_client:
        raise Skip("a client logs in by itself, without a refresh token")
    report = look(facts, profile)
    skip_unless_reached(report)
    session = facts.session(profile)
    said = select(report, "refresh_token")
    if session is None:
        yield from sum_up(said)
    elif session.refresh_token is not None:
        yield Finding("ok", "its session holds a refresh token")
    else:
        remedy = next((finding.remedy for finding in said if finding.remedy), None)
        text = "the last login brought no refresh token: you log in again whenever a token expires"
        yield Finding("warning", text, remedy, "refresh_token")


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
