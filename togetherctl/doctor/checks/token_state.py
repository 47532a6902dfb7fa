"""Whether there is a token that is good, and for how long."""

from __future__ import annotations

from collections.abc import Iterator

from togetherctl.auth.session import State
from togetherctl.config.profile import Profile
from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.storage import refuse_open_session
from togetherctl.doctor.stored_token import needs_no_person
from togetherctl.errors import ExitCode, run
from togetherctl.finding import Finding
from togetherctl.humanize import time_left


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    snapshot, now = facts.snapshot(profile), facts.world.clock()
    session, token = snapshot.session, snapshot.token
    if session is None and snapshot.trouble is not None:
        refuse_open_session(facts, profile)
        yield Finding("failed", snapshot.trouble.message, snapshot.remedy, exit_code=ExitCode.STORAGE)
        return
    if session is None:
        yield _explain_none(facts, profile)
        return
    state = session.state(profile, now)
    if token is not None and now < token.expires_at:
        left, life = time_left(token.expires_at - now), time_left(token.expires_at - token.obtained_at)
        stale = "; it is in its last fifth, and the next use renews it" if state is State.STALE else ""
        yield Finding("ok", f"the token of {session.identity} is good for another {left} of its {life}{stale}")
    elif state is State.EXPIRED or needs_no_person(profile):
        ago = f"expired {time_left(now - token.expires_at)} ago" if token else "is not there"
        if session.last_error is not None:
            message = (
                f"the token of {session.identity} {ago}, and the last refresh failed: kubectl gets none until one works"
            )
            yield Finding("warning", message, run("togetherctl", "refresh", profile.name))
            return
        yield Finding("ok", f"the token of {session.identity} {ago}, and the next use gets a new one without a login")
    else:
        why = "nothing renews it" if session.refresh_token is None else "the issuer refused to renew it"
        ago = f"expired {time_left(now - token.expires_at)} ago" if token else "is not there"
        message = f"the token of {session.identity} {ago}, and {why}: kubectl gets none without a login"
        yield Finding("failed", message, profile.ways.login, exit_code=ExitCode.LOGIN_REQUIRED)


def _explain_none(facts: Facts, profile: Profile) -> Finding:
    """Without a session it depends on the profile and on this place what the next use does."""
    if needs_no_person(profile):
        return Finding("ok", "there is no session yet, and the next use gets a token without a login")
    if profile.storage == "memory":
        return Finding("ok", "the session is kept in memory alone, so each program logs in for itself")
    if profile.may_log_in and facts.world.policy.ask:
        return Finding("warning", "there is no session, so the next use opens a login", profile.ways.login)
    message = "there is no session, and get-token may open no login here, so kubectl gets no token"
    return Finding("failed", message, profile.ways.login, exit_code=ExitCode.LOGIN_REQUIRED)


CHECK = Check(
    name="token-state",
    area="token",
    title="The token that clusters get, and how long it is good",
    each="session",
    examine=_examine,
    signs=(
        "error: You must be logged in to the server (Unauthorized)",
        "login required: there is no session",
        "getting credentials: exec: executable … failed with exit code 3",
    ),
    means="There is no token that is good, and nothing that brings one without you. A token that has expired is no "
    "fault while it can be renewed: the next use does that.",
    helps="`togetherctl login NAME`. Where it ends again soon, see `token-refresh`.",
    place=10,
)
