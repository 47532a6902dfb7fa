"""The device authorization grant (RFC 8628): a code is entered in a browser on any device."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from togetherctl.auth.grants import GrantSpec
from togetherctl.auth.login_advice import put_before
from togetherctl.auth.prompter import DeviceCode
from togetherctl.auth.token_response import NoIssuer, NotYet, TokenAnswer, fields
from togetherctl.errors import LoginRequired, Refused, Remedy, TogetherctlError, Unreachable, Untrusted
from togetherctl.loopback import is_safe
from togetherctl.printable import printable

if TYPE_CHECKING:
    from togetherctl.auth.login import Login
    from togetherctl.auth.oidc_client import OidcClient
    from togetherctl.auth.session import Session
    from togetherctl.config.profile import Profile

_INTERVAL = 5.0
_SLOW_DOWN = 5.0
_LONGEST_PAUSE = 60.0
_LONGEST_CODE = 64
_LONGEST_PAGE = 2048
# RFC 3986, 2, without the apostrophe, which shells read as an end; a backslash is a slash to browsers alone.
_PLAIN = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&()*+,;=%._~-]+")
# Neither a user name before the host nor percent signs in it: both are there to look like another host.
_PLAIN_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
_BYTES = 32
_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_EXPIRED = "the code expired before it was entered"
# Google says verification_url.
_PAGES = ("verification_uri", "verification_url")
_NEEDED = {("user_code",): "a code to enter", _PAGES: "a page to enter it at"}
_REFUSALS = frozenset({"unauthorized_client", "invalid_client", "unsupported_grant_type"})


class DeviceCodesRefused(Refused):
    """The issuer does not do this grant for this client, for any person."""


@dataclass(frozen=True)
class _Device:
    """What the issuer answered: the secret to poll with, and seconds to wait between polls and in all."""

    secret: str
    shown: DeviceCode
    interval: float
    lifetime: float | None


def log_in(login: Login) -> Session:
    """Raises DeviceCodesRefused, LoginRequired where the code was not entered in time, and other ways to fail."""
    provider = login.provider
    verifier = secrets.token_urlsafe(_BYTES) if provider.does_pkce() else None
    device, scopes = provider.ask_for_scopes(lambda scopes: _request_device(provider, scopes, verifier))
    page = device.shown.complete or device.shown.uri
    opened = None if login.place.without_browser else login.open_browser(page)
    login.opened_at(device.shown.uri)
    login.conversation.device_code(device.shown, opened=opened is not None)
    return login.accept(_wait(login, device, verifier), scopes)


def _request_device(provider: OidcClient, scopes: Sequence[str], verifier: str | None) -> _Device:
    """Ask for a device code (RFC 8628, 3.1), with PKCE as of RFC 7636. Raises Unreachable, Refused and Untrusted."""
    if provider.device_endpoint is None:
        raise _refuse(Refused("the issuer offers no device codes"), provider.profile)
    form = {
        **provider.login_parameters,
        # Some issuers look for it here even where the client has proven who it is.
        "client_id": provider.profile.client_id,
        "scope": " ".join(scopes),
        **provider.challenge(verifier),
    }
    try:
        answer = fields(provider.post(provider.device_endpoint, form), ("device_code",), wanted="a device code")
    except Untrusted:
        raise
    except NoIssuer as error:
        # The issuer is there, or its metadata would not be: it only does not offer this.
        raise _refuse(Refused(error.message, status=error.status), provider.profile) from None
    except Refused as error:
        if error.error == "invalid_scope":
            raise
        raise _refuse(error, provider.profile) from None
    missing = next((what for names, what in _NEEDED.items() if not any(answer.get(name) for name in names)), None)
    if missing:
        # Half switched on, as where an operator has named no page yet.
        raise _refuse(Refused(f"the issuer gave a device code without {missing}"), provider.profile)
    return _read(answer, local=provider.profile.issuer.url.startswith("http:"))


def _wait(login: Login, device: _Device, verifier: str | None) -> TokenAnswer:
    """Poll until the person is done; an issuer that cannot be reached is asked ever more rarely (3.5)."""
    profile, clock = login.provider.profile, login.clock
    seconds = profile.login_timeout
    expires_first = device.lifetime is not None and device.lifetime < seconds
    if device.lifetime is not None:
        seconds = min(seconds, device.lifetime)
    if device.interval > seconds:
        raise Untrusted(
            f"the issuer wants to be asked every {device.interval:.0f} s only, of {seconds:.0f} s in all",
            hint=f"{profile.ways.setting('login_timeout', place=' of the profile')} is how long a login may take",
        )
    # RFC 8628, 3.4, and the proof of RFC 7636.
    form = {"grant_type": _DEVICE_CODE, "device_code": device.secret, **login.provider.prove(verifier)}
    ends = clock() + seconds
    interval, pause, trouble = device.interval, device.interval, None
    with login.conversation.waiting("the login on your device", seconds):
        while clock() + pause <= ends:
            login.sleep(pause)
            try:
                return login.provider.request_tokens(form)
            except NotYet as error:
                interval = pause = interval + (_SLOW_DOWN if error.slower else 0.0)
                trouble = None
            except Unreachable as error:
                if trouble is None:
                    login.conversation.warn(f"{error.message}; trying again until the time is over")
                trouble = error
                pause = min(max(2 * pause, error.retry_after or 0.0), max(_LONGEST_PAUSE, interval))
            except Refused as error:
                raise _explain(error, profile) from None
    if trouble is not None:
        raise trouble
    if expires_first:
        raise _login_required(profile, _EXPIRED)
    raise _login_required(profile, f"the login was not finished within {seconds:.0f} s")


def _explain(error: Refused, profile: Profile) -> TogetherctlError:
    """What a refusal while polling means (3.5)."""
    if error.error == "expired_token":
        return _login_required(profile, _EXPIRED)
    if error.error == "access_denied":
        error.remedy = Remedy("it was refused: by you in the browser, or by the issuer's rules for this account")
    return _refuse(error, profile) if error.error in _REFUSALS else error


def _login_required(profile: Profile, reason: str) -> LoginRequired:
    return LoginRequired(f"login required: {reason}", hint=profile.ways.login)


def _refuse(error: Refused, profile: Profile) -> DeviceCodesRefused:
    words = f"the issuer's operator can allow device codes for client {profile.client_id}; pasting needs none"
    return DeviceCodesRefused(
        error.message,
        # A client that is not known at all is explained as everywhere.
        hint=None if error.error == "invalid_client" else put_before(words, profile.ways.by_grant("paste")),
        error=error.error,
        description=error.description,
        status=error.status,
    )


def _read(answer: dict[str, Any], *, local: bool) -> _Device:
    """The answer to a device authorization request (3.2); `local`: the issuer itself is on this machine.

    Raises Untrusted.
    """
    secret, code = answer.get("device_code"), answer.get("user_code")
    if not isinstance(secret, str) or not secret or not isinstance(code, str) or not code.strip():
        raise Untrusted("the issuer's answer has no device code and no code to enter")
    code = code.strip(" ")
    if len(code) > _LONGEST_CODE or not code.isprintable() or not code.isascii():
        raise Untrusted("the issuer wants a code entered that no person could type")
    uri = next((answer[name] for name in _PAGES if answer.get(name)), None)
    page = _check_page(uri, local=local)
    complete = answer.get("verification_uri_complete") or None
    filled_in = _check_page(complete, local=local) if complete else None
    if filled_in is not None and _split_origin(filled_in) != _split_origin(page):
        # The person reads one address and would be sent to another.
        filled_in = None
    return _Device(
        secret,
        DeviceCode(page, code, filled_in),
        interval=max(_seconds(answer.get("interval")) or _INTERVAL, 1.0),
        lifetime=_seconds(answer.get("expires_in")),
    )


def _check_page(uri: object, *, local: bool) -> str:
    """A page that is safe to send a person to. Raises Untrusted."""
    if not isinstance(uri, str) or len(uri) > _LONGEST_PAGE or not _PLAIN.fullmatch(uri):
        raise Untrusted(f"the issuer wants a page opened that is not an address: {printable(uri)}")
    if not is_safe(uri, http=local) or not _PLAIN_HOST.fullmatch(urlsplit(uri).netloc):
        raise Untrusted(f"the issuer wants a page opened that is not a plain https address: {printable(uri)}")
    return uri


def _split_origin(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.scheme, parts.netloc.lower()


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e6:
        return None
    return float(value)


SPEC = GrantSpec("in a browser on any device; a code is entered there", "device code", log_in, needs_device_codes=True)
