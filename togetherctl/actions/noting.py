"""What to know of a session's token before a cluster refuses it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from togetherctl.auth.claims import read_claims, read_header
from togetherctl.errors import TogetherctlError, Untrusted
from togetherctl.kube.misfit import unnamed
from togetherctl.kube.token_notes import doubts, faults

if TYPE_CHECKING:
    from collections.abc import Collection

    from togetherctl.auth.session import Session
    from togetherctl.store.profile import Profile
    from togetherctl.store.store import Cluster
    from togetherctl.wiring import World


def notes_on(world: World, profile: Profile, session: Session | None) -> list[str]:
    """Why the clusters of a profile, or clusters in general, may refuse the session's token; a sentence each.

    A token that is no JWT says nothing of itself.
    """
    certain, may_be = _certain_and_doubtful(world, profile, session)
    return [*certain, *may_be]


def doubtful_notes(world: World, profile: Profile) -> frozenset[str]:
    """What may be held against the session that is there before a login: it need not be said again after it."""
    with suppress(TogetherctlError):
        return frozenset(_certain_and_doubtful(world, profile, world.engine.load(profile))[1])
    return frozenset()


def new_notes(world: World, profile: Profile, session: Session, known: Collection[str]) -> list[str]:
    """What is to be said after a login: what is certain, and the doubts that are new."""
    return [note for note in notes_on(world, profile, session) if note not in known]


def _certain_and_doubtful(world: World, profile: Profile, session: Session | None) -> tuple[list[str], list[str]]:
    token = session.token(profile.token) if session else None
    if session is None or token is None:
        return [], []
    try:
        claims, algorithm = read_claims(token.value), str(read_header(token.value).get("alg", ""))
    except Untrusted:
        return [], []
    now = world.clock()
    certain = [f"No API server takes this token: {clause}." for clause in faults(claims, algorithm=algorithm, now=now)]
    clusters = _clusters(world, profile)
    for cluster in clusters:
        certain += [f"Cluster {cluster.name} will refuse this token: {clause}." for clause in unnamed(cluster, claims)]
    granted = session.scope.split() if profile.token == "id" else ()  # noqa: S105 # a kind of token
    read = {(cluster.username_claim, cluster.groups_claim) for cluster in clusters} or {(None, None)}
    may_be = {
        f"Some API servers refuse this token: {clause}.": None
        for username_claim, groups_claim in sorted(read, key=str)
        for clause in doubts(
            claims,
            algorithm=algorithm,
            granted=granted,
            now=now,
            username_claim=username_claim,
            groups_claim=groups_claim,
        )
    }
    return certain, list(may_be)


def _clusters(world: World, profile: Profile) -> list[Cluster]:
    names = world.store.clusters_of(profile.name) if profile.name else []
    return world.store.clusters(names) if names else []
