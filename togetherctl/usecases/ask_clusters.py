"""Ask clusters who they take you for, each with the token of its profile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Queue, SimpleQueue
from typing import TYPE_CHECKING

from togetherctl.auth.claims import Claims, read_claims, read_header
from togetherctl.auth.engine import Policy
from togetherctl.errors import Refused, TogetherctlError, Untrusted, run
from togetherctl.kube.self_subject_review import ClusterView, caution, who_am_i
from togetherctl.kube.token_rejection import why_refused

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster
    from togetherctl.config.profile import Profile
    from togetherctl.wiring import World

# How often a Ctrl-C is looked for while clusters are waited for.
_LOOK = 0.2
_NEVER = Policy(ask=False)


@dataclass(frozen=True)
class ClusterAnswer:
    """The answer of one cluster: who you are to it, or the error."""

    cluster: Cluster
    view: ClusterView | None
    error: TogetherctlError | None


def ask_clusters(
    world: World,
    clusters: Sequence[Cluster],
    *,
    each: Callable[[ClusterAnswer], None] = lambda _answer: None,
    at_once: int = 8,
    policy: Policy = _NEVER,
) -> list[ClusterAnswer]:
    """Ask every cluster, at most `at_once` of them at the same time, and give what came back in the order asked for.

    A session's token is taken once; no login is opened unless `policy` may ask. `each` is called on this thread as
    soon as a cluster has answered. An error is one cluster's own and stops nothing.
    """
    done: dict[str, ClusterAnswer] = {}

    def note(probed: ClusterAnswer) -> None:
        done[probed.cluster.name] = probed
        each(probed)

    tokens: dict[tuple[str, str], str | TogetherctlError] = {}
    asked: list[_Asked] = []
    for cluster in clusters:
        try:
            profile = world.config.profile(cluster.profile)
            asked.append(_Asked(cluster, profile, _token(world, profile, policy, tokens)))
        except TogetherctlError as error:
            note(ClusterAnswer(cluster, None, error))
            continue
        warning = caution(cluster)
        if warning:
            world.conversation.warn(warning)
    _ask_all(world, asked, at_once, note)
    return [done[cluster.name] for cluster in clusters]


@dataclass(frozen=True)
class _Asked:
    cluster: Cluster
    profile: Profile
    token: str = field(repr=False)


@dataclass(frozen=True)
class _Answered:
    """What a thread brings back: its cluster's answer or what broke, and what it has to say about its requests."""

    probed: ClusterAnswer | BaseException
    lines: Sequence[str]


def _token(
    world: World, profile: Profile, policy: Policy, tokens: dict[tuple[str, str], str | TogetherctlError]
) -> str:
    """The token of the profile's session, or the failure to get it, the same for all who share it."""
    session = (profile.key, profile.token)
    if session not in tokens:
        try:
            tokens[session] = world.engine.credential(profile, policy).token.value
        except TogetherctlError as error:
            tokens[session] = error
    found = tokens[session]
    if isinstance(found, TogetherctlError):
        raise found
    return found


def _ask_all(world: World, asked: Sequence[_Asked], at_once: int, note: Callable[[ClusterAnswer], None]) -> None:
    """Ask on threads of our own, which a Ctrl-C leaves behind; everything is said on this one."""
    waiting: SimpleQueue[_Asked] = SimpleQueue()
    # No SimpleQueue: with Python 3.11, a signal that is handled past its deadline makes it wait for ever.
    answered: Queue[_Answered] = Queue()
    for one in asked:
        waiting.put(one)

    def work() -> None:
        while True:
            try:
                one = waiting.get_nowait()
            except Empty:
                return
            lines: list[str] = []
            try:
                answered.put(_Answered(_answer(world, one, lines.append), lines))
            except BaseException as error:  # noqa: BLE001 # handed to the caller, whatever it is
                answered.put(_Answered(error, lines))

    for _ in range(min(at_once, len(asked))):
        threading.Thread(target=work, name="togetherctl-probe", daemon=True).start()
    for _ in asked:
        answer = _next(world, answered)
        for line in answer.lines:
            world.log(line)
        if isinstance(answer.probed, BaseException):
            raise answer.probed
        note(answer.probed)


def _next(world: World, answered: Queue[_Answered]) -> _Answered:
    while True:
        world.conversation.go_on()
        with suppress(Empty):
            return answered.get(timeout=_LOOK)


def _answer(world: World, one: _Asked, log: Callable[[str], None]) -> ClusterAnswer:
    try:
        view = who_am_i(one.cluster, one.token, environ=world.environ, log=log, sleep=world.sleep)
        return ClusterAnswer(one.cluster, view, None)
    except TogetherctlError as error:
        if isinstance(error, Refused) and error.status == 401:
            error = explain_refusal(one.cluster, one.profile, one.token, error, now=world.clock())
        error.cluster = one.cluster.name
        return ClusterAnswer(one.cluster, None, error)


def explain_refusal(cluster: Cluster, profile: Profile, token: str, error: Refused, *, now: float) -> Refused:
    """The same 401 with what does not fit, as far as that can be known from here; `now` in seconds since 1970."""
    hint = error.remedy
    claims: Claims = {}
    try:
        claims = read_claims(token)
        algorithm = str(read_header(token).get("alg", ""))
    except Untrusted:
        reason = "it is no JWT, so no API server can read it by itself"
    else:
        reason = why_refused(cluster, profile, claims, algorithm=algorithm, now=now)
    # An API server accepts only a JWT that names an audience.
    if profile.token == "access" and not claims.get("aud"):  # noqa: S105 # a kind of token
        hint = run("togetherctl", "profile", "set", profile.name, "token=id", words="give the cluster the ID token")
    return Refused(f"{error.message}: {reason}", hint=hint, status=error.status)
