"""What a look at an issuer means for the doctor: which notes are problems there, and which are good to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Skip
from togetherctl.errors import ConfigError, ExitCode, Unreachable
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from togetherctl.auth.issuer_check import Report
    from togetherctl.config.profile import Profile
    from togetherctl.doctor.facts import Facts

# Notes that say what an issuer does not have, or has elsewhere: each login works all the same.
_GOOD_TO_KNOW = frozenset({"algorithms", "device_codes", "end_session", "endpoints", "revocation"})
# A look is one request of ten seconds at most where the issuer does not answer, and a few where it is slow.
SECONDS = 40.0
LATE = "the issuer has not answered everything within 40 s"


def look(facts: Facts, profile: Profile) -> Report:
    """How the profile's issuer looks. Raises Skip where nothing was asked, which is a finding of other checks."""
    try:
        return facts.issuer(profile)
    except ConfigError:
        raise Skip("the issuer's certificate authority cannot be read") from None


def select(report: Report, *abouts: str) -> list[Finding]:
    """The findings about these things, in their order; a note that is merely good to know is ok here."""
    return [_as_here(finding) for finding in report.findings if finding.about in abouts]


def sum_up(findings: Sequence[Finding], *otherwise: str) -> Iterator[Finding]:
    """What is not in order; where all is, one finding that says what was seen, or else `otherwise`."""
    wrong = [finding for finding in findings if finding.status != "ok"]
    if wrong:
        yield from wrong
    else:
        yield Finding("ok", "; ".join([finding.message for finding in findings] or otherwise) or "in order")


def refused_certificate(report: Report) -> Unreachable | None:
    """Why the issuer's certificate was refused, where that is why there is no answer."""
    return report.error if isinstance(report.error, Unreachable) and report.error.reason else None


def skip_unless_reached(report: Report) -> None:
    """Raises Skip where the issuer itself was not heard, which is a finding of other checks."""
    if report.metadata is None and report.error is not None:
        raise Skip(
            "the issuer was not reached"
            if isinstance(report.error, Unreachable)
            else "the issuer gave no metadata of its own"
        )


def _as_here(finding: Finding) -> Finding:
    # Whether an API server takes its tokens is told best by that server's own answer.
    of_server = finding.about == "api_server"
    if finding.status == "warning" and (finding.about in _GOOD_TO_KNOW or of_server):
        said = f"{finding.message} ({finding.remedy.hint})" if of_server and finding.remedy else finding.message
        return replace(finding, status="ok", message=said, hint=None)
    if finding.status == "failed" and finding.exit_code == ExitCode.FAILED:
        # As `issuer check` ends: the issuer is there, and cannot be used.
        return replace(finding, exit_code=ExitCode.REFUSED, hint=finding.remedy)
    return finding
