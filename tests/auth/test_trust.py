"""What an issuer, or whoever plays one, may not get past us."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import KeySet, OctKey

from tests.support.issuer import Reply, ScriptedIssuer, rsa_key, signing_key
from togetherctl.auth.claims import check_claims, check_same_person, identity
from togetherctl.auth.discovery import check_metadata
from togetherctl.auth.engine import Policy
from togetherctl.errors import Refused, Unreachable, Untrusted

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock
    from togetherctl.wiring import World

pytestmark = pytest.mark.usefixtures("acme")


def log_in(world: World) -> str:
    session, _ = world.engine.login(world.config.profile("acme"), Policy())
    return session.identity


CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://evil.example"}, "comes from https://evil.example"),
    "a slash more": ({"iss": "http://localhost/"}, "the ID token comes from"),
    "no issuer": ({"iss": None}, "comes from None"),
    "another audience": ({"aud": "somebody"}, "is for somebody"),
    "no audience": ({"aud": None}, "is for None"),
    "an odd audience": ({"aud": {"the-client": 1}}, "is for"),
    "another party": ({"aud": ["the-client", "other"], "azp": "other"}, "issued to other"),
    "another party alone": ({"azp": "other"}, "issued to other"),
    "no subject": ({"sub": None}, "names no subject"),
    "a number as subject": ({"sub": 7}, "names no subject"),
    "expired": ({"exp": 1}, "before it arrived"),
    "no expiry": ({"exp": None}, "does not say when"),
    "expiry as text": ({"exp": "tomorrow"}, "does not say when"),
    "a word as birth": ({"iat": "now"}, "not a time"),
    "an audience that is no text": ({"aud": ["the-client", 7]}, "is for"),
    "not before tomorrow": ({"nbf": 99_999_999_999}, "in the future"),
    "not before as text": ({"nbf": "later"}, "not a time"),
    "another nonce": ({"nonce": "guess"}, "answers another login"),
    "no nonce": ({"nonce": None}, "answers another login"),
    "a list as nonce": ({"nonce": ["x"]}, "answers another login"),
}


@pytest.mark.parametrize(("changes", "said"), CLAIMS.values(), ids=CLAIMS)
def test_a_login_with_wrong_claims_is_refused(
    changes: dict[str, Any], said: str, make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    issuer.claim_changes = changes
    world = make_world(browser=browser)
    with pytest.raises(Untrusted, match=said):
        log_in(world)
    assert world.engine.load(world.config.profile("acme")) is None
    assert (browser.last_page.status, "Login failed" in browser.last_page.text) == (200, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["other", "the-client"], "azp": "the-client"},
        {"aud": ["the-client", "the-client.app"]},
        {"iat": None},
        {"iat": 99_999_999_999},
        {"exp": 900_000_000_000},
        {"exp": 10**15},
        {"exp": "99999999999"},
    ],
    ids=str,
)
def test_unusual_claims_that_api_servers_take_are_taken(
    changes: dict[str, Any], make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    issuer.claim_changes = changes
    world = make_world(browser=browser)
    assert log_in(world) == "me@acme.com"
    # It is stored, and served to kubectl.
    token = world.reread(world.conversation).engine.credential(world.config.profile("acme"), Policy(ask=False)).token
    assert token.expires_at > world.clock()


def test_google_may_leave_the_scheme_out_of_its_name() -> None:
    claims = {"iss": "accounts.google.com", "aud": "the-client", "sub": "user-1", "exp": 2000}
    check_claims(claims, issuer="https://accounts.google.com", client_id="the-client", now=1000)
    check_same_person(claims, issuer="https://accounts.google.com", subject="user-1")
    with pytest.raises(Untrusted, match="comes from accounts"):
        check_claims(claims, issuer="https://issuer.example", client_id="the-client", now=1000)


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def unsigned(_issuer: ScriptedIssuer, claims: dict[str, Any]) -> str:
    return f"{_segment({'alg': 'none'})}.{_segment(claims)}."


def symmetric(issuer: ScriptedIssuer, claims: dict[str, Any]) -> str:
    """Signed with the public key as if it were a shared secret."""
    public = json.dumps(KeySet([issuer.key]).as_dict(private=False)).encode()
    return jwt.encode({"alg": "HS256", "kid": issuer.key.kid}, claims, OctKey.import_key(public), algorithms=["HS256"])


def encoded(encoding: str) -> Callable[[ScriptedIssuer, dict[str, Any]], str]:
    """Signed by the issuer as it should be, with claims that are text in another encoding."""

    def forge(issuer: ScriptedIssuer, claims: dict[str, Any]) -> str:
        header = {"alg": "ES256", "kid": issuer.key.kid}
        # One name that UTF-8 and the others spell differently.
        text = json.dumps({**claims, "name": "Zo\u00eb"}, ensure_ascii=False).encode(encoding)
        return jws.serialize_compact(header, text, issuer.key, algorithms=["ES256"])

    return forge


def foreign_key(issuer: ScriptedIssuer, claims: dict[str, Any]) -> str:
    """Signed with a key of one's own under the issuer's key ID."""
    return jwt.encode({"alg": "ES256", "kid": issuer.key.kid}, claims, signing_key("evil"), algorithms=["ES256"])


def unknown_key(_issuer: ScriptedIssuer, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "ES256", "kid": "evil"}, claims, signing_key("evil"), algorithms=["ES256"])


def embedded_key(_issuer: ScriptedIssuer, claims: dict[str, Any]) -> str:
    """Brings its own key along in the header."""
    key = signing_key("evil")
    header = {"alg": "ES256", "kid": "evil", "jwk": dict(key.as_dict(private=False))}
    return jwt.encode(header, claims, key, algorithms=["ES256"])


def another_kind_of_key(issuer: ScriptedIssuer, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": issuer.key.kid}, claims, rsa_key(), algorithms=["RS256"])


def changed(issuer: ScriptedIssuer, claims: dict[str, Any]) -> str:
    """Another subject under an honest signature."""
    header, _, signature = issuer.id_token(claims).split(".")
    return f"{header}.{_segment({**claims, 'sub': 'root'})}.{signature}"


def critical(issuer: ScriptedIssuer, claims: dict[str, Any]) -> str:
    header, payload, signature = issuer.id_token(claims).split(".")
    assert header
    return f"{_segment({'alg': 'ES256', 'kid': issuer.key.kid, 'crit': ['exp']})}.{payload}.{signature}"


SIGNATURES: dict[str, tuple[Callable[[ScriptedIssuer, dict[str, Any]], str], str]] = {
    "unsigned": (unsigned, "signed with none, which is not accepted"),
    "symmetric": (symmetric, "signed with HS256, which is not accepted"),
    "foreign key": (foreign_key, "signature of the ID token does not hold"),
    "unknown key": (unknown_key, "none of the issuer's keys fits"),
    "embedded key": (embedded_key, "none of the issuer's keys fits"),
    "another kind of key": (another_kind_of_key, "none of the issuer's keys fits"),
    "changed": (changed, "signature of the ID token does not hold"),
    "critical extension": (critical, "not understood"),
    "not a JWT": (lambda _issuer, _claims: "hello", "not a JWT"),
    "five parts": (lambda _issuer, _claims: "a.b.c.d.e", "not a JWT"),
    "not JSON": (lambda _issuer, _claims: "e30.e30x.e30", "not a JWT"),
    "Latin-1": (encoded("latin-1"), "an ID token that is not UTF-8 text"),
    "UTF-16": (encoded("utf-16"), "an ID token that is not UTF-8 text"),
    "UTF-16 without its mark": (encoded("utf-16-le"), "an ID token that is not UTF-8 text"),
    "UTF-32": (encoded("utf-32"), "an ID token that is not UTF-8 text"),
    "UTF-8 with a mark before it": (encoded("utf-8-sig"), "an ID token that is not a JWT"),
    "no claims": (lambda _issuer, _claims: f"{_segment({'alg': 'ES256'})}.{_segment([1])}.x", "without claims"),
    "without end": (lambda _issuer, _claims: "x" * 70_000, "larger than 64 KiB"),
}


@pytest.mark.parametrize(("forge", "said"), SIGNATURES.values(), ids=SIGNATURES)
def test_a_forged_id_token_is_refused(
    forge: Callable[[ScriptedIssuer, dict[str, Any]], str],
    said: str,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = issuer.tokens

    def forged(claims: dict[str, Any], scope: str, nonce: str | None = None) -> dict[str, Any]:
        now = int(issuer.clock())
        body = {"iss": issuer.url, "aud": issuer.client_id, "iat": now, "exp": now + 300, "nonce": nonce, **claims}
        return {**honest(claims, scope, nonce), "id_token": forge(issuer, body)}

    monkeypatch.setattr(issuer, "tokens", forged)
    world = make_world(browser=browser)
    with pytest.raises(Untrusted, match=said):
        log_in(world)
    assert world.engine.load(world.config.profile("acme")) is None


def test_a_rotated_key_is_fetched_once(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world = make_world(browser=browser)
    log_in(world)
    before = issuer.counts["/keys"]
    issuer.key = signing_key("second")
    clock.advance(1000)
    world.engine.credential(world.config.profile("acme"), Policy(ask=False))
    assert issuer.counts["/keys"] == before + 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"sub": "user-2"}, "another person's token"), ({"aud": "other"}, "is for other"), ({"exp": 1}, "before it")],
)
def test_a_refresh_must_answer_with_the_same_person_and_client(
    changes: dict[str, Any],
    said: str,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
) -> None:
    world = make_world(browser=browser)
    log_in(world)
    clock.advance(1000)
    issuer.claim_changes = changes
    with pytest.raises(Untrusted, match=said):
        world.engine.credential(world.config.profile("acme"), Policy())
    # The refresh token it sent along is kept: the old one is spent.
    issuer.claim_changes = {}
    assert world.engine.credential(world.config.profile("acme"), Policy(ask=False)).token.expires_at > clock.now


def test_a_pinned_account_accepts_nobody_else(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, acme: Path
) -> None:
    acme.write_text(acme.read_text().replace("[clusters.east]", 'account = "ME@acme.com"\n\n[clusters.east]'))
    assert log_in(make_world(browser=browser)) == "me@acme.com"
    assert "login_hint=ME%40acme.com" in browser.opened[0]
    issuer.claims = {"sub": "user-2", "email": "you@acme.com"}
    world = make_world(browser=browser)
    with pytest.raises(Untrusted, match=r"you logged in as you@acme.com, but only ME@acme.com is accepted here"):
        world.engine.login(world.config.profile("acme"), Policy(), force=True)
    session = world.engine.load(world.config.profile("acme"))
    assert session is not None
    assert session.identity == "me@acme.com"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issuer": "https://evil.example"}, "calls itself https://evil.example"),
        ({"issuer": None}, "calls itself None"),
        ({"token_endpoint": "http://example.com/token"}, "is not https"),
        ({"token_endpoint": "ftp://localhost/token"}, "is not https"),
        ({"token_endpoint": ["https://x"]}, "is not https"),
        ({"token_endpoint": " https://x/"}, "is not https"),
        ({"token_endpoint": "https://x/\u202e"}, "is not https"),
        ({"jwks_uri": "file:///etc/passwd"}, "is not https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "is not https"),
        ({"authorization_endpoint": "https://x/\x1b[31m"}, "is not https"),
        ({"authorization_endpoint": "https://x/'; calc '"}, "is not https"),
        ({"authorization_endpoint": None}, "names no authorization endpoint"),
        ({"token_endpoint": None}, "names no token endpoint"),
        ({"jwks_uri": None}, "names no keys"),
        ({"code_challenge_methods_supported": ["plain"]}, "does not offer PKCE"),
    ],
)
def test_metadata_that_cannot_be_trusted_is_refused(
    changes: dict[str, Any], said: str, make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    issuer.metadata_changes = changes
    from togetherctl.auth.browser import open_browser

    def real(url: str, profile: object) -> object:
        # The real one refuses an address before it starts anything.
        open_browser(url, False, {})  # noqa: FBT003 # as a profile has it
        return browser(url, profile)  # type: ignore[arg-type] # a profile, in truth

    with pytest.raises(Untrusted, match=said):
        log_in(make_world(browser=real))


def test_pkce_is_used_though_the_metadata_does_not_list_it(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    issuer.metadata_changes = {"code_challenge_methods_supported": None}
    log_in(make_world(browser=browser))
    assert "code_challenge_method=S256" in browser.opened[0]


@pytest.mark.parametrize(
    ("path", "reply", "said"),
    [
        ("/token", Reply(200, b"{"), "is not JSON"),
        ("/token", Reply(200, [1]), "not a JSON object"),
        ("/token", Reply(200, b"{" * 100_000), "is not JSON"),
        ("/token", Reply(200, b"x" * (2 * 1024 * 1024)), "larger than 1024 KiB"),
        ("/token", Reply(200, {"token_type": "mac", "id_token": "x"}), "type mac"),
        ("/token", Reply(200, {"id_token": 7}), "not text"),
        ("/token", Reply(200, {"access_token": "a\nb"}), "not text"),
        ("/token", Reply(200, {"access_token": "token-value"}), "gave no ID token"),
        ("/token", Reply(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}), "compressed"),
        ("/token", Reply(200, {"error": "invalid_grant"}), "refused: invalid_grant"),
        ("/keys", Reply(200, {"keys": "none"}), "not a JWK Set"),
        ("/keys", Reply(404, {}), "keys are not at"),
        ("/.well-known/openid-configuration", Reply(404, {}), "no OpenID provider"),
        ("/.well-known/openid-configuration", Reply(302, b"", {"Location": "http://example.com/"}), "not https"),
        (
            "/.well-known/openid-configuration",
            Reply(302, b"", {"Location": "openid-configuration"}),
            "redirects more than",
        ),
    ],
)
def test_an_answer_that_cannot_be_trusted_is_said(
    path: str, reply: Reply, said: str, make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    issuer.always[path] = reply
    with pytest.raises(Refused, match=said):
        log_in(make_world(browser=browser))


@pytest.mark.parametrize(
    ("path", "reply", "said"),
    [
        ("/token", Reply(307, b"", {"Location": "https://evil.example/token"}), "answered a POST with a redirect"),
        ("/token", Reply(200, b"<html>"), "answered with a web page"),
        ("/.well-known/openid-configuration", Reply(200, b"<html>"), "answered with a web page"),
    ],
)
def test_what_is_no_answer_of_an_issuer_ends_a_login(
    path: str, reply: Reply, said: str, make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    issuer.always[path] = reply
    with pytest.raises(Unreachable, match=said):
        log_in(make_world(browser=browser))
    assert issuer.counts[path] == 1  # nothing is sent where a redirect points to, and nothing again


def test_what_an_issuer_says_cannot_move_the_cursor(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    nasty = "\x1b[2J\x1b]0;owned\x07\u202eevil\u200b\r\n" + "x" * 5000
    issuer.always["/token"] = Reply(400, {"error": "nope", "error_description": nasty})
    with pytest.raises(Refused) as refused:
        log_in(make_world(browser=browser))
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 500
    assert "<" not in browser.last_page.text.split("<main")[1].split("nope")[1].split("</p>")[0]


def test_a_token_that_is_too_large_names_the_way_out(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    issuer.claims = {**issuer.claims, "groups": [f"group-{number}" for number in range(8000)]}
    with pytest.raises(Untrusted, match="larger than 64 KiB") as refused:
        log_in(make_world(browser=browser))
    assert "can leave claims out, such as groups" in (str(refused.value.remedy or ""))


def test_an_identity_is_the_email_then_the_name_then_the_subject() -> None:
    assert identity({"email": "e", "preferred_username": "p", "sub": "s"}) == "e"
    assert identity({"email": "", "preferred_username": "p", "sub": "s"}) == "p"
    assert identity({"email": None, "sub": "s"}) == "s"


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:9/token", "HTTP://127.0.0.1:9/token", "http://localhost:9/token", " https://x/token"]
)
def test_an_https_issuer_has_https_endpoints_only(endpoint: str) -> None:
    document = {"issuer": "https://login.example.com", "token_endpoint": endpoint}
    with pytest.raises(Untrusted, match="is not https"):
        check_metadata(document, "https://login.example.com")
    check_metadata({**document, "token_endpoint": "https://elsewhere.example/token"}, "https://login.example.com")


@pytest.mark.parametrize(
    "changes",
    [
        {"token_type": "DPoP"},
        {"access_token": "a\nb"},
        {"scope": ["openid"]},
        {"id_token": 7},
        {"expires_in": "9" * 5000},
        {"expires_in": 10**400},
    ],
)
def test_an_odd_answer_to_a_refresh_costs_no_refresh_token(
    changes: dict[str, Any],
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
) -> None:
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    log_in(world)
    clock.advance(1000)
    issuer.token_changes = changes
    with suppress(Untrusted):
        world.engine.credential(profile, Policy(ask=False))
    issuer.token_changes = {}
    clock.advance(1000)
    assert world.engine.credential(profile, Policy(ask=False)).token.expires_at == clock.now + 300


def test_a_key_of_an_unknown_curve_is_no_bug(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    key = {**issuer.key.as_dict(private=False), "crv": "P-999"}
    issuer.always["/keys"] = Reply(200, {"keys": [key, "text", 7, {"kty": "EC", "kid": issuer.key.kid}]})
    with pytest.raises(Untrusted, match="signature of the ID token does not hold"):
        log_in(make_world(browser=browser))


def test_a_refreshed_id_token_that_is_not_utf_8_is_refused(
    tls_config: Path,
    tls_issuer: ScriptedIssuer,
    make_world: MakeWorld,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over TLS its signature is not looked at, so nothing else would notice."""
    from tests.support.browser import ScriptedBrowser
    from togetherctl.errors import ExitCode

    assert tls_config.exists()
    world = make_world(browser=ScriptedBrowser(tls_issuer))
    log_in(world)
    clock.advance(1000)
    honest = tls_issuer.id_token

    def in_latin_1(claims: dict[str, Any], _nonce: str | None = None) -> str:
        now = int(clock())
        body = {"iss": tls_issuer.url, "aud": tls_issuer.client_id, "iat": now, "exp": now + 300, **claims}
        return encoded("latin-1")(tls_issuer, body)

    monkeypatch.setattr(tls_issuer, "id_token", in_latin_1)
    with pytest.raises(Untrusted, match="not UTF-8 text") as raised:
        world.engine.credential(world.config.profile("acme"), Policy(ask=False))
    assert raised.value.exit_code == ExitCode.REFUSED
    monkeypatch.setattr(tls_issuer, "id_token", honest)
    assert world.engine.credential(world.config.profile("acme"), Policy(ask=False)).token.expires_at > clock.now


def test_an_answer_that_is_not_utf_8_is_refused(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    """JSON between programs is UTF-8 (RFC 8259, 8.1)."""
    issuer.always["/token"] = Reply(body=json.dumps({"token_type": "Bearer", "access_token": "x"}).encode("utf-16"))
    with pytest.raises(Untrusted, match="is not JSON"):
        log_in(make_world(browser=browser))
