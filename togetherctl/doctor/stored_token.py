"""What checks know of the token that a profile's clusters get, from what is stored alone: no request, no refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from togetherctl.auth.claims import Claims, read_claims, read_header
from togetherctl.auth.grants.registry import is_non_interactive
from togetherctl.auth.session import Session, Token
from togetherctl.doctor.check import Skip
from togetherctl.errors import Untrusted, run
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile
    from togetherctl.doctor.facts import Facts


class StoredToken(NamedTuple):
    """A session, and the token of it that clusters get, with the claims and the algorithm that a JWT names.

    The claims are not verified, and None where the token is no JWT.
    """

    session: Session
    token: Token
    claims: Claims | None
    algorithm: str


def session_of(facts: Facts, profile: Profile) -> Session:
    """The session as it is stored. Raises Skip where there is none that can be read."""
    session = facts.snapshot(profile).session
    if session is None:
        raise Skip("there is no session" if facts.snapshot(profile).trouble is None else "the session cannot be read")
    return session


def token_of(facts: Facts, profile: Profile) -> StoredToken:
    """The token as it is stored, expired or not. Raises Skip where there is none."""
    session = session_of(facts, profile)
    token = session.token(profile.token)
    if token is None:
        raise Skip(f"the session holds no {profile.token} token")
    try:
        return StoredToken(session, token, read_claims(token.value), str(read_header(token.value).get("alg", "")))
    except Untrusted:
        return StoredToken(session, token, None, "")


def needs_no_person(profile: Profile) -> bool:
    """Whether the profile's grant gets new tokens by itself."""
    return is_non_interactive(profile, profile.grant)


def why_not_to_send(facts: Facts, profile: Profile) -> Finding | None:
    """Why there is no token that a cluster could be asked with, as a skip with the command that helps; None: there is.

    A token that has expired is not renewed, since that may spend a refresh token.
    """
    snapshot, now = facts.snapshot(profile), facts.world.clock()
    token = snapshot.token
    if token is not None and token.expires_at > now:
        return None
    if snapshot.session is None and snapshot.trouble is not None:
        return Finding("skipped", "the session cannot be read", snapshot.remedy)
    if profile.storage == "memory":
        return Finding("skipped", f"profile {profile.name} keeps its session in memory, and this run has none")
    if needs_no_person(profile) or (snapshot.session is not None and snapshot.session.refreshable):
        why = "there is no token yet" if token is None else "the token has expired; doctor renews it only with --fix"
        return Finding("skipped", why, run("togetherctl", "refresh", profile.name))
    return Finding("skipped", "there is no token that is good, and only a login brings one", profile.ways.login)
