"""How a client proves who it is at the token and revocation endpoints (RFC 6749, 2.3.1)."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from collections.abc import Sequence

Method = Literal["none", "client_secret_basic", "client_secret_post"]


def choose_method(
    configured: Literal["auto", "basic", "post"], supported: Sequence[str], *, has_secret: bool
) -> Method:
    """What the profile says; with `auto` what the metadata lists, basic first, which is also what silence means.

    A public client never authenticates, whatever the metadata lists: most issuers that accept one do not list "none".
    """
    if not has_secret:
        return "none"
    if configured == "auto":
        post_only = "client_secret_post" in supported and "client_secret_basic" not in supported
        return "client_secret_post" if post_only else "client_secret_basic"
    return "client_secret_basic" if configured == "basic" else "client_secret_post"


def authentication(method: Method, client_id: str, secret: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """The form fields and the headers to add to a request."""
    if method == "client_secret_basic" and secret is not None:
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
        return {}, {"Authorization": f"Basic {b64encode(pair.encode('ascii')).decode('ascii')}"}
    if method == "client_secret_post" and secret is not None:
        return {"client_id": client_id, "client_secret": secret}, {}
    return {"client_id": client_id}, {}
