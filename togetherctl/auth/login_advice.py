"""What helps where a login by browser gets no answer, or the issuer refuses it: words, and the command to run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from togetherctl.config.types import DEFAULT_REDIRECT_URIS
from togetherctl.errors import Refused, Remedy, run

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile

# What issuers say of a redirect URI, beside descriptions: RFC 9126, 2.3 and Google.
_REDIRECT_URI_ERRORS = frozenset({"invalid_redirect_uri", "redirect_uri_mismatch"})
_OF_REDIRECT_URIS = frozenset({"invalid_request", "invalid_grant"})


def check_command(profile: Profile, redirect_uri: str | None = None, *, words: str = "") -> Remedy:
    """The command that asks the issuer whether it knows the profile's client and redirect URIs."""
    issuer, more = profile.issuer, []
    if not profile.name:
        # The configuration knows neither the certificates nor the redirect URI that flags name.
        more = [word for path in issuer.connection.ca_files for word in ("--ca-file", str(path))]
        if redirect_uri not in (None, *DEFAULT_REDIRECT_URIS):
            more += ["--redirect-uri", str(redirect_uri)]
    name = issuer.name if profile.name else issuer.url
    return run("togetherctl", "issuer", "check", name, "--client-id", profile.client_id, *more, words=words)


def compare_registration(profile: Profile, redirect_uri: str, *, when: str = "", otherwise: str = "") -> Remedy:
    """What must be registered at the issuer, and the command that checks it.

    `when` says in which case that helps, `otherwise` what does in another.
    """
    # One that is not as the profile says has a port of its own each time.
    fixed = any(loopback.redirect_uri == redirect_uri for loopback in profile.loopbacks)
    how = "to the letter" if fixed else "whatever the port"
    needed = f"client {profile.client_id} must be registered there with the redirect URI {redirect_uri}, {how}"
    return check_command(profile, redirect_uri, words=f"{when}{needed}{otherwise}")


@contextmanager
def naming_redirect_uri(profile: Profile, redirect_uri: str) -> Iterator[None]:
    """Say of a refusal that passes through what must be registered, where the redirect URI is what is wrong."""
    try:
        yield
    except Refused as error:
        if is_about_redirect_uri(error):
            error.remedy = compare_registration(profile, redirect_uri)
        raise


def put_before(words: str, remedy: Remedy) -> Remedy:
    """These words, then the command, or what the remedy says in its place."""
    return replace(remedy, text=words if remedy.command else f"{words}: {remedy.text}")


def explain_refusal(error: Refused, profile: Profile, asked: Sequence[str] = ()) -> Remedy | None:
    """What a person does about the OAuth error (RFC 6749, 4.1.2.1 and 5.2); None where nothing certain is known.

    `asked` are the scopes that were asked for, if not the profile's alone.
    """
    if error.error == "invalid_scope":
        return _leave_out(error, profile, asked or profile.scopes)
    answer = _ANSWERS.get(error.error)
    return answer(profile) if answer else None


def is_about_redirect_uri(error: Refused) -> bool:
    """Whether the issuer refused because of the redirect URI."""
    if error.error in _REDIRECT_URI_ERRORS:
        return True
    return error.error in _OF_REDIRECT_URIS and re.search(r"redirect", error.description, re.IGNORECASE) is not None


def _leave_out(error: Refused, profile: Profile, asked: Sequence[str]) -> Remedy:
    """The scope that the issuer names is left out, else the one that no person asked for."""
    if not profile.name:
        return Remedy("leave out the --oidc-extra-scope that this client may not have")
    may_go = {scope for scope in asked if scope != "openid"}
    named = {scope for scope in may_go if _mentions(error.description, scope)}
    if named == may_go and len(named) > 1:
        # It repeats the request, and names none.
        named = set()
    if not named and "offline_access" in asked and "offline_access" not in profile.scopes:
        words = (
            "the scope that is refused most often is offline_access, which brings a refresh token; this leaves it out"
        )
        return run("togetherctl", "profile", "set", profile.name, "offline_access=never", words=words)
    if not named:
        words = f"this client may not have one of the scopes {', '.join(asked)}; this shows those that the issuer lists"
        return check_command(profile, words=words)
    changes = ["offline_access=never"] if "offline_access" in named else []
    left = [scope for scope in profile.scopes if scope not in named]
    if len(left) < len(profile.scopes):
        changes.append(f"scopes={','.join(left)}")
    words = f"this client may not have the scope {' or '.join(sorted(named))}; this leaves it out"
    return run("togetherctl", "profile", "set", profile.name, *changes, words=words)


def _mentions(description: str, scope: str) -> bool:
    return re.search(rf"(?<![\w.:/-]){re.escape(scope)}(?![\w:/-])", description) is not None


def _client(profile: Profile) -> Remedy:
    said = f"the issuer does not know client {profile.client_id}, or "
    if profile.secret is None:
        said += "wants its secret; compare client_id with the issuer's, or give the secret"
    else:
        said += "not by this secret; give the right one, or see client_auth of the issuer for how it travels"
    return put_before(said, profile.ways.secret)


def _grant(profile: Profile) -> Remedy:
    words = (
        f"the issuer does not let client {profile.client_id} log in in this way; its operator allows it there, "
        "or grant of the profile chooses another way"
    )
    return check_command(profile, words=words)


def _code(profile: Profile) -> Remedy:
    return put_before("the code was used before, has expired or is not whole; log in once more", profile.ways.login)


def _denied(_profile: Profile) -> Remedy:
    return Remedy("it was refused: by you in the browser, or by the issuer's rules for this account")


def _silent(_profile: Profile) -> Remedy:
    return Remedy("this profile asks for prompt=none, and the browser has no session at the issuer")


_ANSWERS: Mapping[str, Callable[[Profile], Remedy]] = {
    "invalid_client": _client,
    "unauthorized_client": _grant,
    "unsupported_grant_type": _grant,
    "invalid_grant": _code,
    "access_denied": _denied,
    "login_required": _silent,
}
