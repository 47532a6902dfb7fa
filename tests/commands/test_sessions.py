"""`login`, `logout`, `refresh` and `status` as a person and a script see them."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.auth.cache.login_record import LoginFile, LoginRecord
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock


@pytest.fixture
def cli(acme: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock) -> Run:
    """The command line in a world with a scripted browser and a stopped clock."""
    assert acme.exists()
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)


def two_profiles(config_at: MakeConfig, issuer: ScriptedIssuer) -> Path:
    return config_at(
        issuer,
        "",
        'scopes = ["email"]\n\n[profiles.shared]\nissuer = "acme"\nclient_id = "the-client"\nmargin = 30\n\n'
        '[profiles.other]\nissuer = "acme"\nclient_id = "the-client"\nscopes = ["email", "groups"]\n'
        'redirect_uris = ["http://localhost:0"]\n',
    )


def items(run: Run, *arguments: str) -> list[dict[str, object]]:
    done = run(*arguments, "-o", "json")
    assert done.code == 0, done.stderr
    envelope = json.loads(done.stdout)
    assert envelope["version"] == 1
    found: list[dict[str, object]] = envelope["items"]
    return found


def test_login_status_refresh_logout(
    cli: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser, clock: StoppedClock, home: Path
) -> None:
    assert items(cli, "status")[0]["state"] == "none"

    done = cli("login")
    assert done.code == 0
    assert done.stderr.startswith("Your browser has been opened at:\n\n  http://localhost:")
    assert "Waiting up to 180 s for the login in your browser.\n" in done.stderr
    assert done.stderr.endswith(
        "Logged in as me@acme.com with profile acme; the token is valid for 5m 00s, then refreshed by itself.\n"
        "note: Some API servers refuse this token: it is signed with ES256, and kube-apiserver's flags take RS256 "
        "alone unless --oidc-signing-algs=ES256 says otherwise.\n"
    )
    assert done.stdout == ""

    [item] = items(cli, "status", "acme")
    assert len(str(item.pop("session"))) == 64
    assert item == {
        "profile": "acme",
        "issuer": issuer.url,
        "client_id": "the-client",
        "state": "valid",
        "subject": "user-1",
        "identity": "me@acme.com",
        "expires_at": clock_text(clock, 300),
        "refreshable": True,
        "storage": "file",
        "last_error": None,
        "login": None,
        "clusters": ["east"],
        "current": False,
        "drift": [],
        "files_gone": [],
    }

    # A valid session is reported and nothing opens; --force opens.
    assert "Already logged in as me@acme.com" in cli("login", "acme").stderr
    assert len(browser.opened) == 1
    cli("login", "acme", "--force")
    assert len(browser.opened) == 2

    # Expired, but refreshable: refreshed.
    clock.advance(1000)
    assert items(cli, "status")[0]["state"] == "expired"
    assert "Session refreshed; logged in as me@acme.com" in cli("login").stderr
    assert len(browser.opened) == 2

    before = issuer.counts["/token"]
    done = cli("refresh")
    assert (done.code, issuer.counts["/token"]) == (0, before + 1)
    assert done.stderr == "Refreshed me@acme.com with profile acme; the token is valid for 5m 00s.\n"

    done = cli("logout")
    assert done.code == 0
    assert done.stderr == (
        "Logged me@acme.com out of profile acme; the issuer revoked the tokens.\n"
        "A token that was already handed out stays valid at the cluster for another 5m 00s.\n"
    )
    assert [hint for hint, _ in issuer.revoked] == ["refresh_token", "access_token"]
    assert not list((home / "tctl" / "state" / "sessions").glob("*.json"))
    assert items(cli, "status")[0]["state"] == "none"
    assert cli("logout").stderr == "Profile acme had no session.\n"


def clock_text(clock: StoppedClock, ahead: float) -> str:
    from togetherctl.cli.output import rfc3339

    return str(rfc3339(clock.now + ahead))


def test_status_never_touches_the_network(cli: Run, issuer: ScriptedIssuer) -> None:
    cli("login")
    before = issuer.counts.copy()
    for form in ("table", "json", "yaml", "name"):
        assert cli("status", "-o", form).code == 0
    assert issuer.counts == before


def test_status_for_people(cli: Run, clock: StoppedClock, issuer: ScriptedIssuer) -> None:
    cli("login")
    lines = [line.rstrip() for line in cli("status").stdout.splitlines()]
    assert lines == [
        "PROFILE  IDENTITY     STATE  EXPIRES    CLUSTERS",
        "acme     me@acme.com  valid  in 5m 00s  east",
    ]
    clock.advance(1000)
    issuer.stop()
    assert cli("refresh").code == 4
    done = cli("status")
    assert "expired  11m 42s ago" in done.stdout.splitlines()[1]
    assert re.fullmatch(r"acme: localhost:\d+ refused the connection \(\d+s ago\)\n", done.stderr)
    assert cli("status", "-o", "name").stdout == "acme\n"


def test_profiles_that_share_a_session_log_in_once(
    cli: Run, config_at: MakeConfig, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    two_profiles(config_at, issuer)
    done = cli("login", "--all")
    assert done.code == 0
    assert len(browser.opened) == 2
    assert "with profile acme (shared by shared)" in done.stderr
    states = {str(item["profile"]): item for item in items(cli, "status")}
    assert {name: item["state"] for name, item in states.items()} == dict.fromkeys(("acme", "shared", "other"), "valid")
    assert states["acme"]["session"] == states["shared"]["session"] != states["other"]["session"]

    done = cli("logout", "shared")
    assert "out of profile shared and of acme, which shared the session; the issuer revoked the tokens." in done.stderr
    assert [item["state"] for item in items(cli, "status", "acme", "other")] == ["none", "valid"]


def test_a_failure_does_not_stop_the_rest(
    cli: Run, config_at: MakeConfig, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    two_profiles(config_at, issuer)
    issuer.replies["/token"].append(Reply(400, {"error": "invalid_grant"}))
    done = cli("login", "--all")
    assert done.code == 5
    assert "1 of 2 failed." in done.stderr
    assert len(browser.opened) == 2
    assert [item["state"] for item in items(cli, "status")] == ["none", "none", "valid"]


@pytest.mark.parametrize(
    ("down", "code", "said"),
    [
        ("stopped", 4, "refused the connection"),
        ("refuses", 5, "the issuer refused: invalid_request"),
        ("a page", 4, "a web page"),
    ],
)
def test_logout_always_deletes_here(
    down: str, code: int, said: str, cli: Run, issuer: ScriptedIssuer, home: Path
) -> None:
    cli("login")
    if down == "stopped":
        issuer.stop()
    else:
        page = Reply(200, b"<h1>Log in</h1>", {"Content-Type": "text/html"})
        issuer.always["/revoke"] = page if down == "a page" else Reply(400, {"error": "invalid_request"})
    done = cli("logout")
    assert (done.code, said in done.stderr) == (code, True), done.stderr
    assert "deleted here, but the issuer may still accept them" in done.stderr
    assert not list((home / "tctl" / "state" / "sessions").glob("*.json"))


@pytest.mark.parametrize(
    ("changes", "reply"),
    [({"revocation_endpoint": None}, None), ({}, Reply(400, {"error": "unsupported_token_type"}))],
    ids=["no endpoint", "not these tokens"],
)
def test_logout_says_what_the_issuer_cannot_do(
    changes: dict[str, object], reply: Reply | None, cli: Run, issuer: ScriptedIssuer
) -> None:
    issuer.metadata_changes = changes
    if reply:
        issuer.always["/revoke"] = reply
    cli("login")
    done = cli("logout")
    assert done.code == 0
    assert "The issuer cannot revoke tokens; they were deleted here, and end by themselves." in done.stderr


def test_logout_local_tells_nobody(cli: Run, issuer: ScriptedIssuer) -> None:
    cli("login")
    before = issuer.counts.copy()
    assert cli("logout", "--local").code == 0
    assert issuer.counts == before
    assert cli("logout", "--local", "--sso").code == 2


def test_logout_sso_ends_the_session_at_the_issuer_without_a_token_in_the_url(
    cli: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    cli("login")
    done = cli("logout", "--sso")
    assert done.code == 0
    assert browser.opened[-1] == f"{issuer.url}/logout?client_id=the-client&logout_hint=me%40acme.com"
    assert f"  {browser.opened[-1]}\n" in done.stderr

    issuer.metadata_changes["end_session_endpoint"] = None
    cli("login")
    opened = len(browser.opened)
    assert "has no page to end its session at" in cli("logout", "--sso").stderr
    assert len(browser.opened) == opened


@pytest.mark.parametrize("variable", ["CI", "TOGETHERCTL_NO_INPUT"])
def test_logout_sso_that_may_not_open_a_browser_ends_nothing(variable: str, cli: Run, issuer: ScriptedIssuer) -> None:
    cli("login")
    done = cli("logout", "--sso", **{variable: "1"})
    assert (done.code, "--sso opens a browser, and this run may not" in done.stderr) == (2, True)
    assert issuer.revoked == []
    assert items(cli, "status")[0]["state"] == "valid"


@pytest.mark.parametrize("secret", ['{ env = "NOT_SET" }', '{ file = "/nonexistent" }', '{ command = ["false"] }'])
def test_logout_without_its_secret_says_what_it_could_not_do(
    secret: str, cli: Run, issuer: ScriptedIssuer, home: Path
) -> None:
    cli("login")
    cli("profile", "set", "acme", f"client_secret={secret}")
    done = cli("logout")
    assert (done.code, "the client secret" in done.stderr) == (2, True), done.stderr
    assert "the tokens are deleted here, but the issuer may still accept them" in done.stderr
    assert issuer.revoked == []
    assert not list((home / "tctl" / "state" / "sessions").glob("*.json"))
    # What was not deleted is not said to be.
    assert "deleted here" not in cli("logout", "--local").stderr


def test_refresh_never_opens_a_browser(cli: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser) -> None:
    done = cli("refresh")
    assert done.failure == (3, "login_required", "togetherctl login acme")
    assert "togetherctl login acme" in done.commands
    cli("login")
    issuer.refresh_tokens.clear()
    assert cli("refresh").code == 3
    assert items(cli, "status")[0]["state"] == "valid"  # the token itself still is
    before = issuer.counts["/token"]
    assert cli("refresh").code == 3
    assert issuer.counts["/token"] == before
    assert cli("refresh", "--force").code == 3
    assert issuer.counts["/token"] == before + 1
    assert len(browser.opened) == 1


def test_a_login_nobody_can_do_is_said(cli: Run, browser: ScriptedBrowser, clock: StoppedClock) -> None:
    done = cli("login", CI="1")
    assert (done.code, "togetherctl login acme" in done.commands) == (3, True)
    assert cli("login", "--force", TOGETHERCTL_NO_INPUT="1").code == 3
    assert browser.opened == []
    # What needs nobody is done all the same.
    cli("login")
    clock.advance(1000)
    assert cli("login", CI="1").code == 0
    assert len(browser.opened) == 1


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ({"error": "access_denied", "error_description": "not you"}, 5, "access_denied (not you)"),
        ({"error": "invalid_scope"}, 5, "togetherctl profile set acme offline_access=never"),
        ({"code": "made-up-code"}, 5, "the issuer refused: invalid_grant"),
        ({"code": "x", "iss": "https://evil.example"}, 5, "the answer comes from https://evil.example"),
        ({"error": "x", "iss": "https://evil.example"}, 5, "the answer comes from https://evil.example"),
        ({}, 5, "neither a code nor an error"),
    ],
)
def test_a_login_that_fails_says_so_in_both_places(
    answer: dict[str, str], code: int, said: str, cli: Run, browser: ScriptedBrowser
) -> None:
    from urllib.parse import urlencode

    browser.answer = lambda asked: f"{asked['redirect_uri']}/?{urlencode({'state': asked['state'], **answer})}"
    done = cli("login")
    assert (done.code, said in done.stderr) == (code, True), done.stderr
    assert "Login failed" in browser.last_page.text
    assert items(cli, "status")[0]["state"] == "none"


def test_an_issuer_that_promises_its_name_must_give_it(
    cli: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    issuer.sends_issuer = True
    assert cli("login").code == 0
    browser.answer = lambda asked: issuer.log_in(asked).replace("&iss=", "&was=")
    done = cli("login", "--force")
    assert (done.code, "does not name its issuer" in done.stderr) == (5, True)


def test_the_last_page_says_who_you_are_and_where_to_go(
    cli: Run, config_at: MakeConfig, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    issuer.claims = {"sub": "user-1", "email": "<script>alert(1)</script>@acme.com"}
    config_at(issuer, "", 'open_url_after = "https://docs.example.com/?a=1&b=2"')
    assert cli("login").code == 0
    text = browser.last_page.text
    assert "Logged in as &lt;script&gt;alert(1)&lt;/script&gt;@acme.com" in text
    assert 'content="0; url=https://docs.example.com/?a=1&amp;b=2"' in text
    assert "<script>alert" not in text


def test_a_browser_that_cannot_be_started_is_said_and_the_address_shown(
    cli_in: CliIn, acme: Path, issuer: ScriptedIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from togetherctl.auth.grants import authcode

    moments = iter(range(0, 10_000, 100))
    monkeypatch.setattr(authcode, "monotonic", lambda: next(moments))
    done = cli_in()("login", TOGETHERCTL_BROWSER="/nonexistent/browser --new")
    assert done.code == 3
    assert "warning: /nonexistent/browser could not be started: No such file or directory\n" in done.stderr
    assert f"Open this address in your browser:\n\n  {issuer.url}/authorize?" in done.stderr
    assert acme.exists()


def test_a_login_nobody_finishes_ends_in_time(
    cli: Run, config_at: MakeConfig, issuer: ScriptedIssuer, browser: ScriptedBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from togetherctl.auth.grants import authcode

    config_at(issuer, "", "login_timeout = 10")
    browser.answer = lambda _asked: ""
    moments = iter(range(0, 1000, 4))
    monkeypatch.setattr(authcode, "monotonic", lambda: next(moments))
    done = cli("login")
    assert (done.code, "the login was not finished within 10 s" in done.stderr) == (3, True)


def test_offline_access_is_asked_for_where_it_is_offered(
    cli: Run, config_at: MakeConfig, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    from tests.support.browser import parameters

    wanted = []
    for keys in ("", 'offline_access = "never"', 'offline_access = "always"'):
        for offered in (["openid", "offline_access"], ["openid"]):
            issuer.metadata_changes["scopes_supported"] = offered
            config_at(issuer, "", keys)
            cli("login", "--force")
            wanted.append("offline_access" in parameters(browser.opened[-1])["scope"].split())
    assert wanted == [True, False, False, False, True, True]


def test_without_a_refresh_token_it_is_said_when_to_come_back(cli: Run, issuer: ScriptedIssuer) -> None:
    issuer.token_changes["refresh_token"] = None
    done = cli("login")
    assert done.code == 0
    assert "The issuer gave no refresh token" in done.stderr
    assert "in 5m 00s, then login" in cli("status").stdout
    assert items(cli, "status")[0]["refreshable"] is False


def test_removing_a_profile_ends_its_session(cli: Run, home: Path) -> None:
    cli("login")
    cli("cluster", "remove", "east", "--yes")
    done = cli("profile", "remove", "acme", "--yes")
    assert done.code == 0
    assert "The session profile acme had (me@acme.com) was deleted; the issuer was not told." in done.stderr
    assert not list((home / "tctl" / "state" / "sessions").glob("*.json"))


@pytest.mark.parametrize("change", [("profile", "scopes=groups"), ("issuer", "proxy=http://127.0.0.1:1")])
def test_a_session_that_nothing_reaches_any_more_goes(change: tuple[str, str], cli: Run, home: Path) -> None:
    cli("login")
    kind, setting = change
    assert "was deleted" not in cli("profile", "set", "acme", "margin=30", "login=never").stderr
    done = cli(kind, "set", "acme", setting)
    assert done.code == 0
    assert "The session profile acme had (me@acme.com) was deleted; the issuer was not told." in done.stderr
    assert not list((home / "tctl" / "state" / "sessions").glob("*.json"))


def test_a_session_another_profile_shares_stays(cli: Run, config_at: MakeConfig, issuer: ScriptedIssuer) -> None:
    two_profiles(config_at, issuer)
    cli("login", "acme")
    done = cli("profile", "set", "acme", "scopes=groups,email")
    assert "was deleted" not in done.stderr
    assert [item["state"] for item in items(cli, "status", "acme", "shared")] == ["none", "valid"]


def test_an_exposed_session_is_revoked_before_it_goes(cli: Run, issuer: ScriptedIssuer, home: Path) -> None:
    cli("login")
    [path] = (home / "tctl" / "state" / "sessions").glob("*.json")
    path.chmod(0o644)
    assert cli("refresh").code == 6
    assert cli("logout").code == 0
    assert len(issuer.revoked) == 2
    assert not path.exists()


def test_logout_does_not_wait_for_a_login_to_end(cli: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from togetherctl.auth import time_limits
    from togetherctl.lock import hold_lock

    cli("login")
    [path] = (home / "tctl" / "state" / "sessions").glob("*.json")
    monkeypatch.setattr(time_limits, "LOCK_SECONDS", 0.2)
    with hold_lock(path.with_suffix(".lock"), seconds=1):
        done = cli("logout", "--local")
    assert (done.code, path.exists()) == (0, False)
    # One that says so is not even waited for.
    cli("login")
    monkeypatch.setattr(time_limits, "LOCK_SECONDS", "not asked for")
    record = LoginRecord(owner=1, opened_at=time.time() - 5)
    LoginFile(path.with_suffix(".login")).write(record)
    with hold_lock(path.with_suffix(".lock"), seconds=1):
        done = cli("logout", "--local")
    assert (done.code, path.exists()) == (0, False)


def test_a_newer_session_is_left_alone_by_logout_too(cli: Run, home: Path) -> None:
    cli("login")
    [path] = (home / "tctl" / "state" / "sessions").glob("*.json")
    newer = path.read_bytes().replace(b'"version": 1', b'"version": 2')
    path.write_bytes(newer)
    done = cli("logout")
    assert (done.code, "it is left alone" in done.stderr) == (6, True)
    assert "deleted here" not in done.stderr
    assert path.read_bytes() == newer


def test_output_for_scripts_holds_nothing_invisible(cli: Run, issuer: ScriptedIssuer) -> None:
    issuer.claims = {"sub": "user-1", "email": "m\u009b31m\u202e\u00fc@acme.com"}
    cli("login")
    for form in ("json", "yaml"):
        done = cli("status", "-o", form)
        assert "\u009b" not in done.stdout
        assert "\u202e" not in done.stdout
        assert load(done.stdout)["items"][0]["identity"] == "m\u009b31m\u202e\u00fc@acme.com"


def test_login_never_says_a_session_is_good_when_it_is_not(
    cli: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser, clock: StoppedClock
) -> None:
    cli("login")
    clock.advance(1000)
    issuer.token_changes["id_token"] = None
    assert cli("refresh").code == 3
    assert cli("login", CI="1").code == 3
    issuer.token_changes.clear()
    clock.advance(1000)
    assert "Session refreshed" in cli("login").stderr
    assert len(browser.opened) == 1


NOTE = "note: Some API servers refuse this token:"


def test_what_a_cluster_may_hold_against_the_token_is_said_once(cli: Run, acme: Path, issuer: ScriptedIssuer) -> None:
    issuer.claim_changes = {"email": None}
    acme.write_text(acme.read_text().replace("[clusters.east]", 'scopes = ["email"]\n\n[clusters.east]'))
    missing = f"{NOTE} it has no email, though the scope email was granted"
    assert missing in cli("login").stderr
    # What is known is not said again; what is new is.
    assert "note:" not in cli("login", "--force").stderr
    issuer.claim_changes = {"email": None, "groups": {"devs": True}}
    done = cli("login", "--force")
    assert (missing in done.stderr, f"{NOTE} its groups are no text" in done.stderr) == (False, True)
    # A configuration that says how the cluster names users knows better.
    acme.write_text(acme.read_text() + 'username_claim = "upn"\ngroups_claim = "groups"\n')
    done = cli("login", "--force")
    assert (done.code, NOTE in done.stderr) == (0, False)
    assert "note: Cluster east will refuse this token: the token has no claim upn that is text" in done.stderr
    assert "note: Cluster east will refuse this token: the claim groups is no text" in done.stderr


def test_a_clock_that_is_behind_is_said_at_login(
    cli: Run, acme: Path, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    assert acme.exists()
    issuer.claim_changes = {"iat": int(clock()) + 600, "exp": int(clock()) + 900}
    done = cli("login")
    assert (done.code, f"{NOTE} it was issued 600 s in the future by this machine's clock" in done.stderr) == (0, True)
