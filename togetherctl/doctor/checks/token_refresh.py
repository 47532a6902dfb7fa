"""Whether the next refresh would work, as far as what is stored tells; no refresh token is spent to find out."""

from __future__ import annotations

from collections.abc import Iterator

from togetherctl.auth.claims import read_claims
from togetherctl.auth.login_advice import check_command
from togetherctl.auth.session import Session
from togetherctl.config.presets import find_preset
from togetherctl.config.profile import Profile
from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.stored_token import needs_no_person, session_of
from togetherctl.errors import ExitCode, Refused, Untrusted
from togetherctl.finding import Finding
from togetherctl.humanize import time_left

# Failures after which an issuer that answers so goes on to.
_LASTING = frozenset({Refused.code, Untrusted.code})


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    session, now = session_of(facts, profile), facts.world.clock()
    last, token = session.last_error, session.token(profile.token)
    is_good = token is not None and now < token.expires_at
    when = f" {time_left(now - last.at)} ago" if last is not None and last.at <= now else ""
    if needs_no_person(profile):
        yield Finding("ok", "no refresh is needed: this grant gets new tokens without a login")
    elif session.refresh_token is None:
        message = "the issuer gave no refresh token, so a login is needed each time the token expires"
        words = _know(facts, profile) or "this shows whether the issuer offers one"
        yield Finding("warning", message, check_command(profile, words=words))
    elif session.refused:
        said = f"the last refresh failed{when}: {last.message}" if last else "the issuer refused the last refresh"
        message = f"{said}; only a login brings new tokens"
        login = profile.ways.forced_login if is_good else profile.ways.login
        yield Finding("failed", message, login, exit_code=ExitCode.LOGIN_REQUIRED)
    elif last is not None and last.code in _LASTING:
        message = f"the last refresh failed{when}: {last.message}; the next one will most likely fail too"
        yield Finding("failed", message, check_command(profile), exit_code=ExitCode.REFUSED)
    elif last is not None:
        message = f"the last refresh failed{when}: {last.message}; the refresh token is kept, and the next use tries it"
        yield Finding("warning", message, check_command(profile))
    else:
        yield _judge_by_end(facts, profile, session)


def _judge_by_end(facts: Facts, profile: Profile, session: Session) -> Finding:
    """A refresh token is not made for its client to read, but some issuers write in it when it ends."""
    now, ends = facts.world.clock(), _read_end(session)
    if ends is not None and ends <= now:
        message = (
            f"the refresh token says that it ended {time_left(now - ends)} ago, so the next refresh will be refused"
        )
        return Finding("warning", message, profile.ways.forced_login)
    until = f"; it says that it ends in {time_left(ends - now)}" if ends is not None else ""
    return Finding("ok", f"a refresh token is held, and the issuer has not refused it{until}")


def _read_end(session: Session) -> float | None:
    """When the refresh token ends, in seconds since 1970; None where it does not say, or says that it does not end."""
    try:
        ends = read_claims(session.refresh_token or "").get("exp")
    except Untrusted:
        return None
    return float(ends) if isinstance(ends, (int, float)) and not isinstance(ends, bool) and ends > 0 else None


def _know(facts: Facts, profile: Profile) -> str:
    """What the catalogue of providers knows of refresh tokens there."""
    preset = find_preset(facts.config.table.issuers[profile.issuer.name].preset, profile.issuer.url)
    return f"{preset.title}: {preset.refresh_token.text}" if preset else ""


CHECK = Check(
    name="token-refresh",
    area="token",
    title="Whether the next refresh would work",
    each="session",
    examine=_examine,
    signs=("login required: the issuer refused: invalid_grant", "a tab opens every hour"),
    means="The issuer ended the session, or gave no refresh token. Issuers end sessions when their operator says so, "
    "after a time without use, or when a refresh token is used twice. doctor reads what the last refresh was answered "
    "and when, and asks for no new one.",
    helps="`togetherctl login NAME`. If a login gives no refresh token, `togetherctl issuer check NAME` shows whether "
    "the issuer offers one, and [providers](providers.md) how yours gives it.",
    place=20,
)
