"""What the issuer refuses, at the redirect URI and at its token endpoint, ends in what a person can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.support.browser import ScriptedBrowser
from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.auth.login_environment import LoginEnvironment
from togetherctl.errors import Refused

if TYPE_CHECKING:
    from tests.auth.grants.conftest import LogIn

CHECK = "togetherctl issuer check acme --client-id the-client"
SET = "togetherctl profile set acme "

INVALID = [
    ("invalid_client", "", "", "togetherctl profile secret acme", "wants its secret"),
    ("unauthorized_client", "", "", CHECK, "log in in this way"),
    ("invalid_scope", "no scope groups here", 'scopes = ["email", "groups"]', SET + "scopes=openid,email", "groups"),
    ("invalid_scope", "offline_access", "", SET + "offline_access=never", "the scope offline_access"),
    ("invalid_scope", "", "", SET + "offline_access=never", "refused most often"),
    ("invalid_scope", "", 'offline_access = "never"', CHECK, "one of the scopes openid, email"),
    ("invalid_grant", "", "", "togetherctl login acme", "used before"),
    ("redirect_uri_mismatch", "", "", CHECK, "must be registered there with the redirect URI http://localhost:"),
    ("invalid_grant", "bad redirect_uri", "", CHECK, "must be registered there with the redirect URI"),
]


@pytest.mark.parametrize("of", ["callback", "token endpoint"])
@pytest.mark.parametrize(("error", "description", "keys", "command", "words"), INVALID)
def test_a_refusal_says_what_to_do(
    of: str,
    error: str,
    description: str,
    keys: str,
    command: str,
    words: str,
    log_in: LogIn,
    issuer: ScriptedIssuer,
) -> None:
    browser = ScriptedBrowser(issuer)
    if of == "callback":
        answer = {"error": error, "error_description": description}
        browser.answer = lambda asked: f"{asked['redirect_uri']}/?{urlencode({'state': asked['state'], **answer})}"
    else:
        issuer.replies["/token"].append(Reply(400, {"error": error, "error_description": description}))
    with pytest.raises(Refused) as refused:
        log_in(keys, place=LoginEnvironment(), browser=browser)
    assert refused.value.hint_command == command
    assert words in (refused.value.hint or "")
    # The browser's last page says it too.
    assert words.partition("http")[0] in browser.last_page.text
