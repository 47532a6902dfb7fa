"""The details of one profile as headed lines of printable text, without a token."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from togetherctl.auth.claims import read_claims
from togetherctl.errors import Untrusted
from togetherctl.humanize import time_left
from togetherctl.printable import printable
from togetherctl.tui import table_columns

if TYPE_CHECKING:
    from togetherctl.auth.session import Session, Token
    from togetherctl.config.config import Cluster
    from togetherctl.usecases.kubeconfig_state import KubeconfigState
    from togetherctl.usecases.session_snapshot import SessionSnapshot, Tone

# Claims that are moments (RFC 7519, 4.1; OpenID Connect Core 1.0, 2).
_MOMENTS = frozenset({"exp", "iat", "nbf", "auth_time", "updated_at"})


class ProfileFact(NamedTuple):
    """One line: what it is, and its text."""

    label: str
    text: str
    tone: Tone = "plain"


class Section(NamedTuple):
    """Facts under one heading."""

    title: str
    facts: Sequence[ProfileFact]


class Event(NamedTuple):
    """Something that happened to a profile while it was watched. `at` in seconds since 1970."""

    at: float
    profile: str
    text: str


def sections(
    row: SessionSnapshot,
    now: float,
    *,
    sharing: Sequence[str],
    kept_in: str,
    events: Iterable[Event],
    kubeconfig: KubeconfigState | None = None,
) -> Iterator[Section]:
    """All there is to say of a profile; `sharing` are the other profiles with its session, `kept_in` its place."""
    yield Section("Session", list(_session(row, now, sharing, kept_in)))
    claims = claims_of(row)
    if claims:
        yield Section("Claims", [ProfileFact(printable(name), _claim(name, claims[name])) for name in claims])
    yield Section("Profile", list(_profile(row)))
    if row.clusters:
        yield Section("Clusters", [fact for cluster in row.clusters for fact in _cluster(cluster, kubeconfig)])
        if kubeconfig is not None and kubeconfig.trouble:
            yield Section(
                "Kubeconfig", [ProfileFact("cannot be read", printable(kubeconfig.trouble, limit=1000), "bad")]
            )
    happened = [ProfileFact(_clock(event.at), printable(event.text)) for event in events]
    if happened:
        yield Section("Seen here", happened)


def claims_of(row: SessionSnapshot) -> dict[str, object] | None:
    """The claims of the session's ID token, else of an access token that is a JWT; None where there are none."""
    session = row.session
    if session is None:
        return None
    for token in (session.id_token, session.access_token):
        if token is not None:
            try:
                return read_claims(token.value)
            except Untrusted:
                continue
    return None


def claims_json(row: SessionSnapshot) -> str | None:
    """The claims as JSON for the clipboard, escaped to ASCII, so that nothing in them acts on a terminal."""
    claims = claims_of(row)
    return None if claims is None else json.dumps(claims, indent=2, ensure_ascii=True)


def _session(row: SessionSnapshot, now: float, sharing: Sequence[str], kept_in: str) -> Iterator[ProfileFact]:
    state = table_columns.state(row, now)
    yield ProfileFact("state", state.text, state.tone)
    if row.login is not None:
        yield ProfileFact(
            "login", f"under way in process {row.login.owner} since {_clock(row.login.opened_at)}", "busy"
        )
        yield ProfileFact("at", printable(row.login.address, limit=2000))
    session = row.session
    if session is not None:
        yield ProfileFact("identity", printable(session.identity))
        if session.subject != session.identity:
            yield ProfileFact("subject", printable(session.subject))
        yield ProfileFact("scopes", printable(session.scope) or "the issuer did not say")
        for kind, token in (("ID token", session.id_token), ("access token", session.access_token)):
            if token is not None:
                yield ProfileFact(kind, _life(token, now))
        yield ProfileFact("clusters get", "the ID token" if row.profile.token == "id" else "the access token")  # noqa: S105 # a kind of token
        yield ProfileFact("renews", _renewal(session))
    if row.trouble is not None:
        yield ProfileFact("last error", f"{time_left(now - row.trouble.at)} ago", "bad")
        yield ProfileFact("", printable(row.trouble.message, limit=2000), "bad")
    yield ProfileFact("kept in", printable(kept_in, limit=1000))
    if sharing:
        yield ProfileFact("shared with", printable(", ".join(sharing), limit=1000))


def _renewal(session: Session) -> str:
    if session.refused:
        return "no: the issuer refused the refresh token"
    return "by itself, with a refresh token" if session.refreshable else "no: there is no refresh token"


def _life(token: Token, now: float) -> str:
    if token.expires_at <= now:
        return f"ended {time_left(now - token.expires_at)} ago, {_clock(token.expires_at)}"
    return f"{time_left(token.expires_at - now)} left, {_clock(token.expires_at)}"


def _claim(name: str, value: object) -> str:
    if name in _MOMENTS and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return f"{_clock(value)} ({value})"
        except (ValueError, OverflowError, OSError):
            return printable(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return printable(text, limit=2000)


def _profile(row: SessionSnapshot) -> Iterator[ProfileFact]:
    profile = row.profile
    facts = {
        "issuer": profile.issuer.url,
        "client ID": profile.client_id,
        "asks for": " ".join(profile.scopes),
        "grant": profile.grant,
        "token": profile.token,
        "storage": profile.storage,
        "account": profile.account or "",
    }
    return (ProfileFact(label, printable(text)) for label, text in facts.items() if text)


def _cluster(cluster: Cluster, kubeconfig: KubeconfigState | None) -> Iterator[ProfileFact]:
    yield ProfileFact(printable(cluster.name), printable(cluster.server))
    if kubeconfig is not None:
        if kubeconfig.current_cluster == cluster.name:
            yield ProfileFact("", "* kubectl's current context", "good")
        if keys := kubeconfig.drift.get(cluster.name):
            yield ProfileFact("", f"! {drift_sentence(keys)}", "old")
        if cluster.name in kubeconfig.missing:
            yield ProfileFact("", "not in the kubeconfig; w writes it", "dim")
    if cluster.context != cluster.name:
        yield ProfileFact("", f"context {printable(cluster.context)}")
    if cluster.namespace:
        yield ProfileFact("", f"namespace {printable(cluster.namespace)}")
    if cluster.insecure:
        yield ProfileFact("", "its certificate is not verified", "bad")


def drift_sentence(keys: Iterable[str]) -> str:
    """What of a cluster its kubeconfig entries say otherwise, and the key that mends it."""
    from togetherctl.usecases.reports import drift_words

    return f"the kubeconfig differs: {printable(drift_words(keys))}; w writes it"


def _clock(moment: float) -> str:
    """A moment in local time."""
    return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
