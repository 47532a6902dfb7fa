"""Whether the issuer knows the profile's client and its redirect URIs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
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
    worked = facts.session(profile) is not None
    tried = list(_weigh(select(report, "client")))
    untold = [each for each in tried if each.status == "skipped"]
    if untold:
        # The same for each redirect URI; a session proves more than a page that says nothing.
        known = Finding("ok", f"client {profile.client_id} has logged in before") if worked else untold[0]
        tried = [known, *(each for each in tried if each.status != "skipped")]
    rules = [each for each in select(report, "redirect_uris") if each.status == "warning"]
    notes = [] if worked else select(report, "client_secret", "scopes")
    yield from sum_up([*tried, *rules, *notes], "logins there use no redirect URI")


def _weigh(tried: Sequence[Finding]) -> Iterator[Finding]:
    """What the issuer said of each redirect URI; after one that it knows, another counts for less."""
    known = False
    for finding in tried:
        less = known and finding.status == "failed"
        yield replace(finding, status="warning", hint=finding.remedy) if less else finding
        known = known or finding.status == "ok"


CHECK = Check(
    name="issuer-client",
    area="issuer",
    title="The client and its redirect URIs",
    each="profile",
    examine=_examine,
    signs=("Invalid parameter: redirect_uri", "redirect_uri_mismatch", "AADSTS50011", "invalid_client"),
    means="The issuer does not know the client ID, or not with this redirect URI. It shows a page of its own in the "
    "browser then, and nothing comes back. Not every issuer tells before a login.",
    helps="Register the redirect URI at the issuer, to the letter, for the client ID of the profile. `togetherctl "
    "issuer check NAME --client-id ID` asks again.",
    network=True,
    seconds=SECONDS,
    late=LATE,
    place=70,
)
