"""Where the browser comes back to, by kubelogin's flags: redirect URIs and the addresses to listen at."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from togetherctl.errors import UsageError
from togetherctl.store import checks
from togetherctl.store.profile import Loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.kubelogin.flags import Flags

_LOCALHOST = "localhost"


def loopbacks(flags: Flags) -> tuple[Loopback, ...]:
    """Redirect URIs, and where to listen for each. Raises UsageError.

    The addresses that kubelogin listens at by default become both families of `localhost`, so that nobody else can
    own the other half; what is typed is listened at as it is.
    """
    host = flags.oidc_redirect_url_hostname or _LOCALHOST
    as_given = "listen-address" in flags.typed or bool(flags.oidc_redirect_url) or host != _LOCALHOST
    scheme = "https" if has_certificate(flags) else "http"
    return tuple(
        Loopback(
            flags.oidc_redirect_url or f"{scheme}://{host}:{address.rpartition(':')[2]}", address if as_given else None
        )
        for address in map(_address, flags.listen_address or ("127.0.0.1:0",))
    )


def has_certificate(flags: Flags) -> bool:
    """Whether the redirect URI is https; as in kubelogin, a certificate without its key counts for nothing."""
    return bool(flags.local_server_cert and flags.local_server_key)


def check_redirect_url(flags: Flags, *, browser: bool) -> None:
    """Any URI without a fragment (RFC 6749, 3.1.2) will do: what is registered is the issuer's matter.

    A `browser` on this machine has to find its way back. Raises UsageError.
    """
    url = flags.oidc_redirect_url
    if not url:
        return
    checked("--oidc-redirect-url", _uri, url)
    if browser and urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(
            "--oidc-redirect-url is no address that a browser could come back to",
            hint="with --grant-type=authcode-keyboard the code is pasted",
        )


def checked(flag: str, check: Callable[[str], str], value: str) -> str:
    """The value, if it stands the check. Raises UsageError, naming the flag."""
    try:
        return check(value)
    except ValueError as error:
        raise UsageError(f"{flag} {error}") from None


def _uri(value: str) -> str:
    if not value.isprintable() or " " in value or "#" in value:
        raise ValueError("must be a URI without spaces and without a fragment")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if not parts.scheme or (parts.scheme in ("http", "https") and not parts.hostname):
        raise ValueError("must look like http://localhost:8000")
    return value


def _address(address: str) -> str:
    """An address to listen at; without a host it is every address of this machine, as in Go. Raises UsageError."""
    whole = f"0.0.0.0{address}" if address.startswith(":") else address  # noqa: S104 # as the person wrote it
    return checked("--listen-address", checks.listen_address, whole)
