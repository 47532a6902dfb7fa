"""Which claims give the user name and the groups, and whether the token has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from togetherctl.auth.login_advice import check_command
from togetherctl.config.profile import Profile
from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.stored_token import token_of
from togetherctl.errors import ExitCode, Remedy, run
from togetherctl.finding import Finding
from togetherctl.kube.api_server_setup import listed_groups
from togetherctl.kube.token_rejection import is_elsewhere, naming_doubts, naming_of, unnamed

if TYPE_CHECKING:
    from togetherctl.auth.claims import Claims
    from togetherctl.config.config import Cluster

# Scopes that bring the claim of the same name (OpenID Connect Core 1.0, 5.4), and the one that providers add.
_SCOPES = frozenset({"email", "groups"})
_MOST_NAMES = 3


class _Read(NamedTuple):
    """What API servers are said to read from tokens; None where that is not known."""

    username_claim: str | None = None
    username_prefix: str | None = None
    groups_claim: str | None = None
    groups_prefix: str | None = None


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    session, _, claims, _ = token_of(facts, profile)
    if claims is None:
        raise Skip("the token is no JWT")
    granted = session.scope.split() if profile.token == "id" else ()  # noqa: S105 # a kind of token
    for read, clusters in _clusters_by_claims(facts, profile).items():
        names = _name(clusters)
        wrong = list(unnamed(clusters[0], claims))
        for clause in wrong:
            remedy = _remedy(profile, read.username_claim or read.groups_claim)
            yield Finding("failed", f"{names} refuses this token: {clause}", remedy, exit_code=ExitCode.REFUSED)
        doubts = naming_doubts(
            claims, granted=granted, username_claim=read.username_claim, groups_claim=read.groups_claim
        )
        for clause in doubts:
            yield Finding("warning", f"some API servers refuse this token: {clause}", _remedy(profile, None))
        lacks_groups = read.groups_claim is not None and claims.get(read.groups_claim) is None
        if lacks_groups and not is_elsewhere(claims, str(read.groups_claim)):
            yield Finding(
                "warning",
                f"{names} takes groups from the claim {read.groups_claim}, and the token has none, so no right that "
                "a group has counts",
                _remedy(profile, read.groups_claim),
            )
        if not wrong:
            yield Finding("ok", _describe(clusters[0], claims, names))


def _clusters_by_claims(facts: Facts, profile: Profile) -> dict[_Read, list[Cluster]]:
    """The clusters that get tokens of this session, by the claims that they read."""
    found: dict[_Read, list[Cluster]] = {}
    for cluster in facts.clusters:
        if facts.profile_of(cluster).key == profile.key:
            keys = (cluster.username_claim, cluster.username_prefix, cluster.groups_claim, cluster.groups_prefix)
            found.setdefault(_Read(*keys), []).append(cluster)
    if not found:
        raise Skip("no cluster gets this token")
    return found


def _describe(cluster: Cluster, claims: Claims, names: str) -> str:
    naming = naming_of(cluster, claims)
    groups = listed_groups(claims.get(naming.groups_claim)) if naming.groups_claim else None
    of_groups = f", and its groups ({len(groups)}) from {naming.groups_claim}" if groups else ", and it has no groups"
    user = naming.username(claims, str(claims.get("iss")))
    guessed = "" if cluster.username_claim else "; the configuration does not say which claim that is (username_claim)"
    return f"to {names} the user is {user}, from the claim {naming.username_claim}{of_groups}{guessed}"


def _name(clusters: Sequence[Cluster]) -> str:
    more = len(clusters) - _MOST_NAMES
    names = ", ".join(cluster.name for cluster in clusters[:_MOST_NAMES])
    return f"{names} and {more} more" if more > 0 else names


def _remedy(profile: Profile, claim: str | None) -> Remedy | None:
    if claim in _SCOPES and claim not in profile.scopes:
        words = f"the scope {claim} usually brings it; log in again afterwards"
        return run(
            "togetherctl", "profile", "set", profile.name, f"scopes={','.join([*profile.scopes, claim])}", words=words
        )
    return check_command(profile, words="the issuer's operator decides what its tokens say; this shows what it offers")


CHECK = Check(
    name="token-claims",
    area="token",
    title="The claims that user name and groups come from",
    each="session",
    examine=_examine,
    signs=(
        'oidc: parse username claims "email": claim not present (in the API server\'s log)',
        'Error from server (Forbidden): … User "…" cannot …',
    ),
    means="The API server reads the user name from one claim, and groups from another. Where the first is missing, it "
    "refuses the token; where the second is, you are in no group, and rights that groups have do not count. doctor "
    "compares with `username_claim` and `groups_claim` of the cluster, if the configuration has them.",
    helps="Ask for the scope that brings the claim, or have the issuer's operator add it to the client. If the API "
    "server reads other claims, say so: `togetherctl cluster set NAME username_claim=email groups_claim=groups`.",
    place=40,
)
