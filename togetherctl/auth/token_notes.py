"""Notes on a session's token: why a cluster will refuse it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.auth.claims import read_claims, read_header
from togetherctl.errors import Untrusted
from togetherctl.kube.token_rejection import doubts, faults, unnamed

if TYPE_CHECKING:
    from togetherctl.auth.session import Session
    from togetherctl.config.config import Cluster
    from togetherctl.config.profile import Profile


@dataclass(frozen=True)
class TokenNotes:
    """Why clusters refuse a token, a sentence each: what is `certain`, and what may be so, depending on the cluster."""

    certain: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        yield from self.certain
        yield from self.doubtful

    def after(self, earlier: TokenNotes) -> TokenNotes:
        """What is left to say after `earlier` was said: doubts are not said twice."""
        return TokenNotes(self.certain, tuple(note for note in self.doubtful if note not in earlier.doubtful))


def notes_on(profile: Profile, session: Session | None, clusters: Sequence[Cluster], *, now: float) -> TokenNotes:
    """Why the `clusters` of a profile, or clusters in general, refuse the session's token; `now` in seconds since 1970.

    A token that is no JWT says nothing of itself.
    """
    token = session.token(profile.token) if session else None
    if session is None or token is None:
        return TokenNotes()
    try:
        claims, algorithm = read_claims(token.value), str(read_header(token.value).get("alg", ""))
    except Untrusted:
        return TokenNotes()
    certain = [f"No API server takes this token: {clause}." for clause in faults(claims, algorithm=algorithm, now=now)]
    for cluster in clusters:
        certain += [f"Cluster {cluster.name} will refuse this token: {clause}." for clause in unnamed(cluster, claims)]
    granted = session.scope.split() if profile.token == "id" else ()  # noqa: S105 # a kind of token
    read = {(cluster.username_claim, cluster.groups_claim) for cluster in clusters} or {(None, None)}
    doubtful = [
        f"Some API servers refuse this token: {clause}."
        for username_claim, groups_claim in sorted(read, key=str)
        for clause in doubts(
            claims,
            algorithm=algorithm,
            granted=granted,
            now=now,
            username_claim=username_claim,
            groups_claim=groups_claim,
        )
    ]
    return TokenNotes(tuple(certain), tuple(dict.fromkeys(doubtful)))
