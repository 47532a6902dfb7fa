"""Why an API server refused a token, as far as the token and the store can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from togetherctl.errors import UsageError
from togetherctl.kube.rbac import Naming
from togetherctl.kube.token_notes import doubts, faults
from togetherctl.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from togetherctl.store.profile import Profile
    from togetherctl.store.store import Cluster

_NOT_HTTPS = "its issuer (iss) is not https, and API servers take no other"


def why_refused(cluster: Cluster, profile: Profile, claims: Mapping[str, Any], *, algorithm: str, now: float) -> str:
    """What is wrong with the token; else what may be, and what the API server must be told. `now` as in `misfits`."""
    wrong = misfits(cluster, profile, claims, algorithm=algorithm, now=now)
    if wrong:
        return "; ".join(wrong)
    may_be = doubts(
        claims,
        algorithm=algorithm,
        granted=profile.scopes if profile.token == "id" else (),  # noqa: S105 # a kind of token
        now=now,
        username_claim=cluster.username_claim,
        groups_claim=cluster.groups_claim,
    )
    return "; ".join([*may_be, what_must_fit(cluster, claims)])


def misfits(cluster: Cluster, profile: Profile, claims: Mapping[str, Any], *, algorithm: str, now: float) -> list[str]:
    """What is wrong with a token for this cluster, a clause each; none where all that can be seen from here fits.

    `now` in seconds since 1970. How the API server names the user is known where the store says so. An access token is
    for an audience of its own, and its issuer may call itself otherwise: only the API server knows what is right there.
    """
    return [
        *(_strange(profile, claims) if profile.token == "id" else ()),  # noqa: S105 # a kind of token
        *([] if str(claims.get("iss")).startswith("https://") else [_NOT_HTTPS]),
        *faults(claims, algorithm=algorithm, now=now),
        *unnamed(cluster, claims),
    ]


def what_must_fit(cluster: Cluster, claims: Mapping[str, Any]) -> str:
    """What the API server has to be told for this token, to be held against what it is told."""
    naming = _naming(cluster, claims)
    who = _shown(claims.get(naming.username_claim))
    return (
        f"it is from the issuer (iss) {_shown(claims.get('iss'))} for the audience (aud) {_shown(claims.get('aud'))}, "
        f"and its {naming.username_claim} is {who}; the API server must be told just that"
    )


def unnamed(cluster: Cluster, claims: Mapping[str, Any]) -> list[str]:
    """Why the API server cannot name the user as the store says that it does."""
    naming = _naming(cluster, claims)
    found = []
    for read in (lambda: naming.username(claims, ""), lambda: naming.groups(claims)):
        try:
            read()
        except UsageError as error:
            found.append(error.message)
    return found


def _strange(profile: Profile, claims: Mapping[str, Any]) -> list[str]:
    """What an ID token of this profile would not say."""
    named, audience = claims.get("iss"), claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    found = []
    if named != profile.issuer.url:
        found.append(f"its issuer (iss) is {_shown(named)}, not {profile.issuer.url}")
    if isinstance(audiences, list) and audiences and profile.client_id not in audiences:
        found.append(f"its audience (aud) is {_shown(audience)}, not the client {profile.client_id}")
    return found


def _naming(cluster: Cluster, claims: Mapping[str, Any]) -> Naming:
    return Naming.suggested(
        claims,
        username_claim=cluster.username_claim,
        username_prefix=cluster.username_prefix,
        groups_claim=cluster.groups_claim,
        groups_prefix=cluster.groups_prefix,
    )


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(printable(part, limit=100) for part in value[:5]) or "missing"
    return "missing" if value is None else printable(value, limit=200)
