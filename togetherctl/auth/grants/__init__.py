"""Ways to a first token, one file each, which ends with its GrantSpec (RFC 6749, 1.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from togetherctl.auth.login import Login
    from togetherctl.auth.session import Session
    from togetherctl.config.profile import Profile


def _asks_a_person(_profile: Profile) -> bool:
    return False


@dataclass(frozen=True)
class GrantSpec:
    """What the rest of togetherctl must know of one grant; whose session it makes is in `config.types`.

    `title` describes it in a menu, `noun` in "Logging in by …"; `log_in` gives a verified session, not yet stored;
    `needs_browser`: the issuer must have an authorization endpoint and know the redirect URIs; `is_non_interactive`: a
    login for this profile asks no person and opens nothing, so that it may happen anywhere, like a refresh.
    `listens`: the browser comes back to a port of this machine; `needs_device_codes`: the issuer must offer them;
    `for_client`: the client logs in as itself, with its secret, and gets no refresh token.
    """

    title: str
    noun: str
    log_in: Callable[[Login], Session]
    needs_browser: bool = True
    is_non_interactive: Callable[[Profile], bool] = _asks_a_person
    listens: bool = False
    needs_device_codes: bool = False
    for_client: bool = False
