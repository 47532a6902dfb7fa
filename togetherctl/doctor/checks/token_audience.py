"""Whom the token is from and for, and how it is signed: what makes every API server refuse it."""

from __future__ import annotations

from collections.abc import Iterator

from togetherctl.auth.login_advice import check_command
from togetherctl.config.profile import Profile
from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.stored_token import token_of
from togetherctl.errors import ExitCode, run
from togetherctl.finding import Finding
from togetherctl.kube.token_rejection import (
    clock_doubts,
    faults,
    shown_claim,
    unusual_algorithm,
    wrong_source,
)


def _examine(facts: Facts, profile: Profile) -> Iterator[Finding]:
    _, token, claims, algorithm = token_of(facts, profile)
    as_id_token = run("togetherctl", "profile", "set", profile.name, "token=id", words="give clusters the ID token")
    if claims is None:
        message = "the token is no JWT, so no API server can read it by itself"
        yield Finding("warning", message, as_id_token if profile.token == "access" else None)  # noqa: S105 # a kind
        return
    # As it was when it came: that it expired since is no fault of it.
    came = token.obtained_at
    wrong = [*wrong_source(profile, claims), *faults(claims, algorithm=algorithm, now=came)]
    for clause in wrong:
        remedy = as_id_token if profile.token == "access" else check_command(profile)  # noqa: S105 # a kind
        yield Finding("failed", f"no API server takes this token: {clause}", remedy, exit_code=ExitCode.REFUSED)
    for clause in clock_doubts(claims, came):
        yield Finding("warning", f"when the token came, {clause}", "compare this machine's clock with the issuer's")
    if not wrong:
        more = "".join(f"; {clause}" for clause in unusual_algorithm(algorithm))
        yield Finding(
            "ok",
            f"it is from the issuer (iss) {shown_claim(claims, 'iss')} for the audience (aud) "
            f"{shown_claim(claims, 'aud')}, which an API server must be told just so{more}",
        )


CHECK = Check(
    name="token-audience",
    area="token",
    title="Issuer, audience and signature of the token",
    each="session",
    examine=_examine,
    signs=("oidc: expected audience … got … (in the API server's log)",),
    means="An API server takes a token only from the issuer and for the audience that it is told, to the letter, and "
    "signed with RS, ES or PS and 256, 384 or 512 bits.",
    helps="Compare `iss` and `aud` with `--oidc-issuer-url` and `--oidc-client-id` of the API server, or `url` and "
    "`audiences` of its AuthenticationConfiguration; `togetherctl setup` prints both. See [tokens](tokens.md).",
    place=30,
)
