"""Tell why an API server refuses a token (401), as far as token and configuration show it.

The rules are those of kube-apiserver 1.37; `docs/tokens.md` has them in a table. Each cause is a clause that begins
with "it" or "its".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from togetherctl.errors import UsageError
from togetherctl.kube.api_server_setup import ALGORITHMS, DEFAULT_ALGORITHM, Naming, listed_groups, verified_email
from togetherctl.printable import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from togetherctl.config.config import Cluster
    from togetherctl.config.profile import Profile

    Claims = Mapping[str, Any]

# What kube-apiserver decodes into texts; anything else there ends in a 401, whatever it is used for.
_TEXTS = ("iss", "sub", "nonce", "at_hash")
# kube-apiserver's leeway for nbf; it has none for exp.
_NBF_LEEWAY = 60.0
# Clocks that differ by less are as good as the same.
_CLOCKS_DIFFER = 5.0
_SHORTLY = 30.0
NOT_HTTPS = "its issuer (iss) is not https, and kube-apiserver takes no other"


def faults(claims: Claims, *, algorithm: str, now: float) -> list[str]:
    """Why no API server takes this token, whatever it is told. `now` in seconds since 1970."""
    unsigned = f"it is signed with {printable(algorithm or 'nothing')}, which API servers do not take"
    not_text = [name for name in _TEXTS if not isinstance(claims.get(name, ""), (str, type(None)))]
    return [
        *([] if algorithm in ALGORITHMS else [unsigned]),
        *_wrong_audience(claims),
        *_wrong_times(claims, now),
        *(f"its {name} is no text" for name in not_text),
    ]


def doubts(
    claims: Claims,
    *,
    algorithm: str,
    granted: Collection[str],
    now: float,
    username_claim: str | None = None,
    groups_claim: str | None = None,
) -> list[str]:
    """Why some API servers do not take it. `granted` are scopes; the claims that name users are None where unknown."""
    return [
        *unusual_algorithm(algorithm),
        *naming_doubts(claims, granted=granted, username_claim=username_claim, groups_claim=groups_claim),
        *clock_doubts(claims, now),
    ]


def naming_doubts(
    claims: Claims, *, granted: Collection[str], username_claim: str | None, groups_claim: str | None
) -> Iterator[str]:
    """Why some API servers cannot name the user; the claims that they read are None where unknown."""
    if username_claim in (None, "email"):
        yield from _unusable_email(claims, granted)
    if groups_claim is None:
        yield from _unusable_groups(claims)
    if is_elsewhere(claims, groups_claim or "groups"):
        yield (
            f"its {groups_claim or 'groups'} are not in it but elsewhere (_claim_names), as Entra ID does for people "
            "in many groups, and an API server that reads them and cannot get them there refuses it"
        )


def is_elsewhere(claims: Claims, name: str) -> bool:
    """Whether the issuer left the claim out and names another place for it (OpenID Connect Core 1.0, 5.6.2)."""
    elsewhere = claims.get("_claim_names")
    return claims.get(name) is None and isinstance(elsewhere, dict) and name in elsewhere


def _wrong_audience(claims: Claims) -> Iterator[str]:
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if audience is None or audiences == []:
        yield "its audience (aud) is missing, and API servers take no token without one"
    elif not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):
        yield "its audience (aud) is no text and no list of texts"


def _wrong_times(claims: Claims, now: float) -> Iterator[str]:
    expires, begins = _time(claims.get("exp")), _time(claims.get("nbf"))
    if expires is None:
        yield "it does not say when it expires (exp)"
    elif expires <= now:
        yield "it has expired (exp)"
    if begins is not None and begins > now + _NBF_LEEWAY:
        yield f"it begins {begins - now:.0f} s in the future (nbf), by this machine's clock"
    for name, value in (("iat", claims.get("iat", 0)), ("nbf", claims.get("nbf") or 0)):
        if _time(value) is None:
            yield f"its {name} is not a time"


def unusual_algorithm(algorithm: str) -> Iterator[str]:
    """What API servers must be told of such a signature, if anything."""
    if algorithm in ALGORITHMS and algorithm != DEFAULT_ALGORITHM:
        yield (
            f"it is signed with {algorithm}, and kube-apiserver's flags take {DEFAULT_ALGORITHM} alone unless "
            f"--oidc-signing-algs={algorithm} says otherwise"
        )


def _unusable_email(claims: Claims, granted: Collection[str]) -> Iterator[str]:
    email = claims.get("email")
    if email is None:
        if "email" in granted:
            yield "it has no email, though the scope email was granted, so it cannot name a user where the email does"
    elif not isinstance(email, str):
        yield "its email is no text, so it cannot name a user where the email does"
    elif not verified_email(claims):
        yield "its email is not verified (email_verified), so it is refused where the email names the user"


def _unusable_groups(claims: Claims) -> Iterator[str]:
    groups = claims.get("groups")
    if groups is not None and listed_groups(groups) is None:
        yield "its groups are no text and no list of texts, so it is refused where they are read"


def clock_doubts(claims: Claims, now: float) -> Iterator[str]:
    """Why clocks may not agree on the token; `now` in seconds since 1970."""
    issued, expires = _time(claims.get("iat")), _time(claims.get("exp"))
    if issued is not None and issued > now + _CLOCKS_DIFFER:
        yield f"it was issued {issued - now:.0f} s in the future by this machine's clock, which seems to be behind"
    if expires is not None and now < expires <= now + _SHORTLY:
        yield f"it expires in {expires - now:.0f} s, and API servers give no leeway where clocks differ"


def _time(value: object) -> float | None:
    """A time of a token, in seconds since 1970; kube-apiserver takes it as a text, too."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def why_refused(cluster: Cluster, profile: Profile, claims: Mapping[str, Any], *, algorithm: str, now: float) -> str:
    """What is wrong with the token; else what may be, and what the API server must be told. `now` as in `misfits`."""
    wrong = misfits(cluster, profile, claims, algorithm=algorithm, now=now)
    if wrong == [NOT_HTTPS]:
        # Some take it all the same, such as the demo's: what must fit may be the cause, too.
        return f"{NOT_HTTPS}; if this one does, {what_must_fit(cluster, claims)}"
    if wrong:
        return "; ".join(wrong)
    may_be = doubts(
        claims,
        algorithm=algorithm,
        granted=profile.scopes if profile.token == "id" else (),  # noqa: S105 # a kind of token
        now=now,
        username_claim=cluster.username_claim,
        groups_claim=cluster.groups_claim,
    )
    return "; ".join([*may_be, what_must_fit(cluster, claims)])


def misfits(cluster: Cluster, profile: Profile, claims: Mapping[str, Any], *, algorithm: str, now: float) -> list[str]:
    """What is wrong with a token for this cluster, a clause each; none where all that can be seen from here fits.

    `now` in seconds since 1970. How the API server names the user is known where the configuration says so. An access
    token is for an audience of its own, and its issuer may call itself otherwise: only the API server knows what is
    right there.
    """
    return [
        *wrong_source(profile, claims),
        *([] if is_from_https(claims) else [NOT_HTTPS]),
        *faults(claims, algorithm=algorithm, now=now),
        *unnamed(cluster, claims),
    ]


def is_from_https(claims: Claims) -> bool:
    """Whether its issuer is one that API servers take; else `NOT_HTTPS` says so."""
    return str(claims.get("iss")).startswith("https://")


def what_must_fit(cluster: Cluster, claims: Mapping[str, Any]) -> str:
    """What the API server has to be told for this token, to be held against what it is told."""
    naming = naming_of(cluster, claims)
    who = _show(claims.get(naming.username_claim))
    return (
        f"it is from the issuer (iss) {_show(claims.get('iss'))} for the audience (aud) {_show(claims.get('aud'))}, "
        f"and its {naming.username_claim} is {who}; the API server must be told just that"
    )


def unnamed(cluster: Cluster, claims: Mapping[str, Any]) -> Iterator[str]:
    """Why the API server cannot name the user as the configuration says that it does."""
    naming = naming_of(cluster, claims)
    for read in (lambda: naming.username(claims, ""), lambda: naming.groups(claims)):
        try:
            read()
        except UsageError as error:
            yield error.message


def wrong_source(profile: Profile, claims: Claims) -> Iterator[str]:
    """What an ID token of this profile would not say of its issuer and audience; an access token may say anything."""
    if profile.token != "id":  # noqa: S105 # a kind of token
        return
    named, audience = claims.get("iss"), claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if named != profile.issuer.url:
        yield f"its issuer (iss) is {_show(named)}, not {profile.issuer.url}"
    if isinstance(audiences, list) and audiences and profile.client_id not in audiences:
        yield f"its audience (aud) is {_show(audience)}, not the client {profile.client_id}"


def naming_of(cluster: Cluster, claims: Mapping[str, Any]) -> Naming:
    """How the API server names the user, as far as the configuration says, else as it is suggested to."""
    return Naming.suggested(
        claims,
        username_claim=cluster.username_claim,
        username_prefix=cluster.username_prefix,
        groups_claim=cluster.groups_claim,
        groups_prefix=cluster.groups_prefix,
    )


def shown_claim(claims: Claims, name: str) -> str:
    """The value of a claim for people."""
    return _show(claims.get(name))


def _show(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(printable(part, limit=100) for part in value[:5]) or "missing"
    return "missing" if value is None else printable(value, limit=200)
