"""Whether a cluster takes the token, and who it says you are; why not, and what helps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from togetherctl.auth.claims import read_claims, read_header
from togetherctl.auth.session import Token
from togetherctl.doctor import cluster_path
from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.forced_refresh import force_refresh, forced_at
from togetherctl.doctor.stored_token import needs_no_person, why_not_to_send
from togetherctl.errors import (
    ConfigError,
    ExitCode,
    Refused,
    Remedy,
    TogetherctlError,
    Unreachable,
    Untrusted,
    UsageError,
    run,
)
from togetherctl.finding import Finding, Mend, failure
from togetherctl.kube.header_limits import HEADER_LIMITS, in_kib
from togetherctl.kube.self_subject_review import ANONYMOUS, ClusterView, who_am_i
from togetherctl.kube.token_rejection import NOT_HTTPS, misfits, naming_of
from togetherctl.printable import printable
from togetherctl.usecases.ask_clusters import explain_refusal

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster
    from togetherctl.config.profile import Profile
    from togetherctl.wiring import World

# With these a proxy says that a header is too large (RFC 6585, 5 and RFC 9110, 15.5).
_TOO_LARGE = frozenset({400, 413, 431})
_OF_KUBERNETES = "system:"


def _examine(facts: Facts, cluster: Cluster) -> Iterator[Finding]:
    profile = facts.profile_of(cluster)
    try:
        (cluster_path.shake_hands if cluster.server.startswith("https://") else cluster_path.connect)(facts, cluster)
    except (Unreachable, ConfigError, Skip):
        raise Skip("without a safe connection to it no token is sent") from None
    skipped = why_not_to_send(facts, profile)
    if skipped is not None and not (facts.fixing and _can_renew(facts, profile)):
        yield skipped
        return
    token = _renewed(facts, profile) if skipped is not None else facts.snapshot(profile).token
    if token is None:
        raise Skip("there is no token")
    try:
        yield _judge(cluster, token, _ask(facts, cluster, token))
    except Refused as error:
        yield _unauthorized(facts, cluster, profile, token, error) if error.status == 401 else _explain(token, error)


def _can_renew(facts: Facts, profile: Profile) -> bool:
    session = facts.snapshot(profile).session
    return needs_no_person(profile) or (session is not None and session.refreshable)


def _renewed(facts: Facts, profile: Profile) -> Token:
    """A token as any call of kubectl would get it, without a login; once for all clusters of the session."""
    from togetherctl.auth.engine import Policy

    policy = Policy(ask=False)
    return facts.once(("renewed", profile.key), lambda: facts.world.engine.credential(profile, policy).token)


def _ask(facts: Facts, cluster: Cluster, token: Token) -> ClusterView:
    world = facts.world
    return who_am_i(cluster, token.value, environ=world.environ, log=world.log, sleep=world.sleep)


def _unauthorized(facts: Facts, cluster: Cluster, profile: Profile, token: Token, error: Refused) -> Finding:
    """After a 401: why, and the offer of one forced refresh where another token could fare better."""
    explained = explain_refusal(cluster, profile, token.value, error, now=facts.world.clock())
    key = _key_that_is_gone(facts, cluster, profile, token)
    if key:
        message = f"{error.message}: it is signed with a key that the issuer no longer offers (kid {key})"
        explained = Refused(message, hint=profile.ways.forced_login, status=error.status)
    if not _may_help(facts, cluster, profile, token):
        return failure(explained)
    at = forced_at(facts.world, profile)
    remedy = _refresh(profile) if key else _compare(profile, may_force=at is None)
    found = Finding("failed", explained.message, remedy, exit_code=ExitCode.REFUSED)
    if at is not None:
        return replace(found, message=f"{found.message}; {_forced_before(token, at)}", hint=found.remedy)
    # Once for a session, though several profiles share it.
    first = facts.once(("forced", profile.key), lambda: profile)
    what = f"force one refresh with profile {first.name}"
    return replace(found, hint=found.remedy, mend=Mend(what, lambda: _force(facts.world, first)))


def _forced_before(token: Token, at: float) -> str:
    if token.obtained_at >= at - 1:
        return "this is the token of a refresh that was forced less than ten minutes ago"
    return "a refresh was forced less than ten minutes ago, so none is forced now"


def _refresh(profile: Profile) -> Remedy:
    words = "this brings a token that is signed with a key of today"
    return run("togetherctl", "refresh", profile.name, "--force", words=words)


def _compare(profile: Profile, *, may_force: bool) -> Remedy:
    first = "if it took your tokens before, doctor --fix offers one forced refresh; else " if may_force else ""
    words = f"{first}compare client_id with what your admin gave you, and what the API server is told with this"
    return run("togetherctl", "setup", "--profile", profile.name, words=words)


def _force(world: World, profile: Profile) -> None:
    if force_refresh(world, profile) is None:
        raise TogetherctlError("a refresh was forced less than ten minutes ago, so none is forced now")


def _may_help(facts: Facts, cluster: Cluster, profile: Profile, token: Token) -> bool:
    """Whether another token could fare better: nothing is wrong that would be so with the next one, too."""
    session = facts.snapshot(profile).session
    refreshable = session is not None and session.refreshable
    return not needs_no_person(profile) and refreshable and _fits(facts, cluster, profile, token)


def _fits(facts: Facts, cluster: Cluster, profile: Profile, token: Token) -> bool:
    """Whether nothing is wrong with the token that can be seen from here."""
    try:
        claims, algorithm = read_claims(token.value), str(read_header(token.value).get("alg", ""))
    except Untrusted:
        return False
    return not set(misfits(cluster, profile, claims, algorithm=algorithm, now=facts.world.clock())) - {NOT_HTTPS}


def _key_that_is_gone(facts: Facts, cluster: Cluster, profile: Profile, token: Token) -> str:
    """The ID of the key that an ID token is signed with, where the issuer has it no more; empty where that is open."""
    if profile.token != "id" or not _fits(facts, cluster, profile, token):  # noqa: S105 # a kind of token
        return ""
    try:
        known = facts.issuer(profile).key_ids
    except (TogetherctlError, Skip):
        return ""
    named = read_header(token.value).get("kid")
    return printable(named, limit=100) if known and isinstance(named, str) and named not in known else ""


def _explain(token: Token, error: Refused) -> Finding:
    """A refusal other than 401; a token that a proxy does not let through is named as the cause it may be."""
    size = len(token.value)
    if error.status in _TOO_LARGE and size > HEADER_LIMITS[0].size:
        message = f"{error.message}, perhaps because the token is large ({in_kib(size)}) and a proxy is in between"
        return Finding("failed", message, error.remedy or "see the check token-size", exit_code=error.exit_code)
    return failure(error)


def _judge(cluster: Cluster, token: Token, view: ClusterView) -> Finding:
    """Who the cluster takes the token's owner for, held against what the token says."""
    if view.username == ANONYMOUS:
        message = f"it knows you only as {ANONYMOUS}: it ignored the token, or that did not arrive"
        words = "something between you and it drops the Authorization header, or it is told of no issuer"
        remedy = run("togetherctl", "setup", "--profile", cluster.profile, words=words)
        return Finding("failed", message, remedy, exit_code=ExitCode.REFUSED)
    groups = [group for group in view.groups if not group.startswith(_OF_KUBERNETES)]
    number = "no group of the issuer" if not groups else "1 group" if len(groups) == 1 else f"{len(groups)} groups"
    said = f"it knows you as {view.username}, in {number}"
    expected = _expected_name(cluster, token)
    if expected is not None and view.username != expected:
        message = f"{said}, though token and configuration make it {expected}"
        words = (
            "its username_claim and username_prefix here are not what the API server is told, or a proxy before it "
            "impersonates you"
        )
        return Finding("warning", message, run("togetherctl", "cluster", "show", cluster.name, words=words))
    if expected is None and view.username.startswith(_OF_KUBERNETES):
        message = f"{said}, a name of Kubernetes itself: something between you and it uses another credential"
        return Finding("warning", message, "ask who runs the proxy before the API server")
    return Finding("ok", said)


def _expected_name(cluster: Cluster, token: Token) -> str | None:
    """The name that the API server makes of the token; None where the configuration does not say how."""
    if cluster.username_claim is None:
        return None
    try:
        claims = read_claims(token.value)
        return naming_of(cluster, claims).username(claims, str(claims.get("iss")))
    except (Untrusted, UsageError):
        return None


CHECK = Check(
    name="cluster-access",
    area="cluster",
    title="Who the cluster says you are",
    each="cluster",
    examine=_examine,
    network=True,
    seconds=60.0,
    signs=(
        "error: You must be logged in to the server (Unauthorized)",
        "error: You must be logged in to the server (the server has asked for the client to provide credentials)",
        'Error from server (Forbidden): … User "system:anonymous" cannot …',
    ),
    means="doctor sends the token to the cluster and asks who it is from (SelfSubjectReview). At a 401 the API server "
    "does not take the token: the message compares what the token says with what the configuration knows of the "
    "cluster. At a 403 it takes the token, and its roles let you do nothing.",
    helps="At a 401, `togetherctl setup --profile NAME` prints what the API server must be told. At a 403 the message "
    "has the command that the cluster's admin runs. `--fix` offers one forced refresh for a token that is refused "
    "though it is good, at most once in ten minutes.",
    place=40,
)
