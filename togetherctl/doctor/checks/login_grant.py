"""How a login would be done here, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.issuer_view import LATE, SECONDS, look
from togetherctl.errors import ExitCode, run
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile

_NEVER = "; get-token opens no login by itself, because login is never"


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    if not facts.profiles:
        raise Skip("there is no profile")
    for subject, profile in facts.alike(_told_apart, facts.profiles):
        yield _choose(facts, profile, subject)


def _told_apart(profile: Profile) -> tuple[object, ...]:
    named = profile.grant, profile.username is None, profile.secret is None, profile.may_log_in, bool(profile.browser)
    return *named, profile.issuer.name


def _choose(facts: Facts, profile: Profile, subject: str) -> Finding:
    from togetherctl.auth.grants.auto import choose_grant
    from togetherctl.auth.grants.registry import GRANTS

    spec = GRANTS[profile.grant]
    never = "" if profile.may_log_in else _NEVER
    if spec.for_client and profile.secret is None:
        return Finding(
            "failed",
            "the client logs in by itself, and the profile has no client secret",
            profile.ways.secret,
            subject=subject,
            exit_code=ExitCode.USAGE,
        )
    if spec.needs_device_codes and _offers_device_codes(facts, profile) is False:
        return Finding(
            "failed",
            f'grant = "{profile.grant}", and the issuer offers no device codes',
            run("togetherctl", "profile", "set", profile.name, "grant=auto", words="this chooses what fits"),
            subject=subject,
            exit_code=ExitCode.REFUSED,
        )
    if profile.called_there:
        return Finding("ok", "none here: a forwarded agent gives the credential", subject=subject)
    if profile.grant != "auto":
        return Finding("ok", f"{profile.grant}, as grant says{never}", subject=subject)
    place = facts.place(profile)
    elsewhere = bool(place.without_browser) and profile.username is None
    offered = _offers_device_codes(facts, profile) if elsewhere else False
    if offered is None:
        text = f"auto: device-code if the issuer offers it, else paste, because {place.without_browser}"
        return Finding("ok", f"{text}{never}", subject=subject)
    choice = choose_grant(place, username=profile.username is not None, device_code_offered=offered)
    why = choice.why or "a browser comes up here"
    return Finding("ok", f"auto: a login by {choice.grant.noun}, because {why}{never}", subject=subject)


def _offers_device_codes(facts: Facts, profile: Profile) -> bool | None:
    """Whether the issuer hands out device codes; None where it cannot be asked."""
    try:
        report = look(facts, profile)
    except Skip:
        return None
    said = [finding.status for finding in report.findings if finding.about == "device_codes"]
    return "ok" in said if said else None


CHECK = Check(
    name="login-grant",
    area="login",
    title="How a login is done",
    each="machine",
    examine=_examine,
    signs=("a code to enter elsewhere, where a browser was expected", "the issuer offers no device codes"),
    means='With `grant = "auto"` a login goes through the browser of this machine. Over SSH, in a container and '
    "without a "
    "display it shows a code to enter elsewhere, or asks you to paste an address, where the issuer has no such codes.",
    helps="`togetherctl login --grant GRANT` chooses another way once, and `togetherctl profile set NAME grant=GRANT` "
    "for good: authcode, paste, device-code, password or client-credentials.",
    seconds=SECONDS,
    late=LATE,
    place=10,
)
