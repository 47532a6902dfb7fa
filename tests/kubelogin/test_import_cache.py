"""`--import-cache`: sessions from kubelogin's tokens, and nothing that has not been checked is served."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kubelogin.test_convert import stanza, written
from tests.support.browser import NoBrowser
from tests.support.issuer import ScriptedIssuer, signing_key
from togetherctl.auth.cache.record import decode

if TYPE_CHECKING:
    from tests.conftest import CliIn, Run
    from tests.support.clock import StoppedClock
    from togetherctl.auth.session import Session

Keep = Callable[..., dict[str, Any]]


@pytest.fixture
def here(cli_in: CliIn, clock: StoppedClock) -> Run:
    """The command line at the stopped clock, where no browser may open."""
    return cli_in(clock=clock, open_browser=NoBrowser())


@pytest.fixture
def cache(folder: Path) -> Path:
    path = folder / "oidc-login"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def keep(cache: Path, issuer: ScriptedIssuer) -> Keep:
    """Put tokens into the old cache, as kubelogin does."""

    def keep(name: str = "3f9a", *, claims: dict[str, Any] | None = None, **changes: object) -> dict[str, Any]:
        tokens = issuer.tokens(claims or issuer.claims, "openid email")
        record = {"id_token": tokens["id_token"], "refresh_token": tokens["refresh_token"], **changes}
        path = cache / name
        path.write_text(json.dumps({key: value for key, value in record.items() if value is not None}))
        path.chmod(0o600)
        (cache / f"{name}.lock").touch()
        return tokens

    return keep


@pytest.fixture
def converted(kubeconfig: Path, issuer: ScriptedIssuer, folder: Path) -> Path:
    """A kubeconfig that is about to be converted."""
    flags = [f"--token-cache-dir={folder / 'oidc-login'}", "--oidc-extra-scope=email"]
    kubeconfig.write_text(written(east=stanza(*flags, issuer=issuer.url, client=issuer.client_id)))
    return kubeconfig


def token_of(done: Any) -> str:
    return str(json.loads(done.stdout)["status"]["token"])


def session(home: Path) -> Session | None:
    found = list((home / "tctl" / "state" / "sessions").glob("*.json"))
    return decode(found[0].read_bytes()) if found else None


@pytest.mark.usefixtures("converted")
def test_a_token_that_is_good_is_served_once_its_signature_was_checked(
    here: Run, keep: Keep, issuer: ScriptedIssuer, cache: Path
) -> None:
    tokens = keep()
    done = here("kubeconfig", "convert", "--import-cache")
    assert done.code == 0, done.stderr
    assert f"profile localhost takes over the session of me@acme.com from {cache / '3f9a'}\n" in done.stderr
    assert issuer.counts["/keys"] == 1
    assert token_of(here("get-token", "--profile", "localhost")) == tokens["id_token"]
    assert issuer.counts["/token"] == 0
    assert (cache / "3f9a").exists(), "the old cache is left alone"
    assert f"What is in {cache} was left there; kubectl together-login clean --token-cache-dir {cache}" in done.stderr


@pytest.mark.usefixtures("converted")
def test_an_expired_token_is_refreshed_first(
    here: Run, keep: Keep, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    keep()
    clock.advance(1000)
    done = here("kubeconfig", "convert", "--import-cache")
    assert "it is refreshed first when it is used" in done.stderr
    assert "expired" in here("status").stdout
    token = token_of(here("get-token", "--profile", "localhost"))
    assert issuer.counts["/token"] == 1
    [asked] = [asked for asked in issuer.asked if asked.path == "/token"]
    assert (asked.form["grant_type"], asked.form["scope"]) == ("refresh_token", "openid email")
    assert token == token_of(here("get-token", "--profile", "localhost"))


@pytest.mark.usefixtures("converted")
def test_offline_the_session_begins_expired(here: Run, keep: Keep, issuer: ScriptedIssuer, home: Path) -> None:
    keep()
    issuer.stop()
    assert here("kubeconfig", "convert", "--import-cache").code == 0
    taken = session(home)
    assert taken is not None
    assert (taken.id_token, taken.refreshable, taken.subject) == (None, True, "user-1")
    assert here("get-token", "--profile", "localhost").code == 4
    issuer.start()
    assert here("get-token", "--profile", "localhost").code == 0
    assert issuer.counts["/token"] == 1


@pytest.mark.usefixtures("converted")
def test_a_token_of_another_signer_is_not_taken_over(here: Run, keep: Keep, issuer: ScriptedIssuer, home: Path) -> None:
    honest, issuer.key = issuer.key, signing_key("somebody-else")
    keep()
    issuer.key = honest
    done = here("kubeconfig", "convert", "--import-cache")
    assert done.code == 0
    assert "no session was taken over, because the token in it cannot be trusted" in done.stderr
    assert session(home) is None


@pytest.mark.usefixtures("converted")
def test_a_refresh_that_brings_somebody_else_is_refused(
    here: Run, keep: Keep, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    tokens = keep()
    clock.advance(1000)
    here("kubeconfig", "convert", "--import-cache")
    issuer.refresh_tokens[tokens["refresh_token"]]["claims"] = {"sub": "user-2", "email": "you@acme.com"}
    refused = here("get-token", "--profile", "localhost")
    assert (refused.code, refused.stdout) == (5, "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iss": "https://elsewhere.example.com"}, "no tokens of its issuer and client"),
        ({"aud": "another-client"}, "no tokens of its issuer and client"),
        ({"azp": "another-client"}, "no tokens of its issuer and client"),
    ],
)
@pytest.mark.usefixtures("converted")
def test_tokens_of_others_are_not_taken_over(
    change: dict[str, str], reason: str, here: Run, keep: Keep, issuer: ScriptedIssuer, home: Path
) -> None:
    keep(claims={**issuer.claims, **change})
    assert reason in here("kubeconfig", "convert", "--import-cache").stderr
    assert session(home) is None


@pytest.mark.usefixtures("converted")
def test_of_several_the_newest_counts_and_several_people_none(
    here: Run, keep: Keep, issuer: ScriptedIssuer, clock: StoppedClock, home: Path, kubeconfig: Path
) -> None:
    keep("a")
    clock.advance(10)
    newest = keep("b")
    clock.advance(-10)
    keep("c")
    before = kubeconfig.read_text()
    keep("d", claims={"sub": "user-2"})
    assert "tokens of several people" in here("kubeconfig", "convert", "--import-cache").stderr
    assert session(home) is None
    (kubeconfig.parent / "oidc-login" / "d").unlink()
    kubeconfig.write_text(before)
    assert here("kubeconfig", "convert", "--import-cache").code == 0
    taken = session(home)
    assert taken is not None
    assert taken.refresh_token == newest["refresh_token"]
    assert issuer.counts["/token"] == 0


@pytest.mark.usefixtures("converted")
def test_what_is_no_session_is_passed_over(here: Run, keep: Keep, cache: Path, home: Path, clock: StoppedClock) -> None:
    for name, text in {
        "notes.txt": "hello",
        "list": "[]",
        "number": '{"id_token": 7}',
        "no-jwt": '{"id_token": "x"}',
    }.items():
        (cache / name).write_text(text)
    keep("open")
    (cache / "open").chmod(0o644)
    (cache / "link").symlink_to(cache / "open")
    done = here("kubeconfig", "convert", "--import-cache")
    assert done.code == 0
    assert f"{cache / 'open'} can be read by others, so it was not taken over" in done.stderr
    assert session(home) is None
    (cache / "open").unlink()
    keep("spent", refresh_token=None)
    clock.advance(1000)
    assert "there is no refresh token with it" in here("kubeconfig", "convert", "--import-cache", str(cache)).stderr
    assert session(home) is None


@pytest.mark.usefixtures("converted")
def test_a_session_that_is_there_stays(here: Run, keep: Keep, home: Path, cache: Path) -> None:
    first = keep()
    assert here("kubeconfig", "convert", "--import-cache").code == 0
    keep()
    done = here("kubeconfig", "convert", "--import-cache", str(cache))
    assert "because it has one already" in done.stderr
    taken = session(home)
    assert taken is not None
    assert taken.refresh_token == first["refresh_token"]


@pytest.mark.usefixtures("converted")
def test_a_dry_run_takes_nothing_over(here: Run, keep: Keep, home: Path) -> None:
    keep()
    assert here("kubeconfig", "convert", "--import-cache", "--dry-run").code == 0
    assert session(home) is None


def test_tokens_that_fit_two_identities_are_left(
    here: Run, keep: Keep, kubeconfig: Path, issuer: ScriptedIssuer, cache: Path, home: Path
) -> None:
    keep()
    both = {"issuer": issuer.url, "client": issuer.client_id}
    kubeconfig.write_text(written(a=stanza(**both), b=stanza("--oidc-extra-scope=groups", **both)))
    done = here("kubeconfig", "convert", "--all", "--import-cache", str(cache))
    assert "the tokens would fit localhost, b alike" in done.stderr
    assert session(home) is None


def test_where_tokens_are_looked_for(
    here: Run, keep: Keep, kubeconfig: Path, issuer: ScriptedIssuer, folder: Path, home: Path
) -> None:
    keep()
    kubeconfig.write_text(written(a=stanza(issuer=issuer.url, client=issuer.client_id)))
    assert "no tokens of its issuer" in here("kubeconfig", "convert", "--import-cache").stderr
    # Nothing is left to convert, and the cache is where the variable says.
    done = here("kubeconfig", "convert", "--import-cache", KUBECACHEDIR=str(folder))
    assert "profile localhost takes over the session" in done.stderr
    assert session(home) is not None


def test_an_access_token_is_fetched_anew(
    here: Run, keep: Keep, kubeconfig: Path, issuer: ScriptedIssuer, cache: Path, home: Path
) -> None:
    keep()
    flags = ["--oidc-use-access-token", f"--token-cache-dir={cache}"]
    kubeconfig.write_text(written(a=stanza(*flags, issuer=issuer.url, client=issuer.client_id)))
    assert here("kubeconfig", "convert", "--import-cache").code == 0
    taken = session(home)
    assert taken is not None
    assert (taken.access_token, taken.id_token, taken.subject) == (None, None, "")
    assert token_of(here("get-token", "--profile", "localhost")).startswith("access-")
    assert issuer.counts["/token"] == 1


def test_profiles_that_share_a_session_take_it_over_once(
    here: Run, keep: Keep, kubeconfig: Path, issuer: ScriptedIssuer, cache: Path
) -> None:
    tokens = keep()
    both = {"issuer": issuer.url, "client": issuer.client_id}
    flags = ["--oidc-extra-scope=email", f"--token-cache-dir={cache}"]
    kubeconfig.write_text(written(a=stanza("--oidc-use-access-token", *flags, **both), b=stanza(*flags, **both)))
    done = here("kubeconfig", "convert", "--all", "--import-cache")
    assert done.stderr.count("takes over the session") == 1
    assert token_of(here("get-token", "--profile", "b")) == tokens["id_token"]


def test_a_client_that_needs_nobody_takes_nothing_over(
    here: Run, keep: Keep, kubeconfig: Path, issuer: ScriptedIssuer, cache: Path, home: Path
) -> None:
    keep()
    flags = ["--grant-type=client-credentials", f"--token-cache-dir={cache}"]
    kubeconfig.write_text(written(a=stanza(*flags, issuer=issuer.url, client=issuer.client_id)))
    assert "because it needs no person to log in" in here("kubeconfig", "convert", "--import-cache").stderr
    assert session(home) is None


@pytest.mark.usefixtures("converted")
def test_a_token_that_is_not_utf_8_is_not_taken_over(
    here: Run, cache: Path, issuer: ScriptedIssuer, home: Path
) -> None:
    from joserfc import jws

    claims = {"iss": issuer.url, "aud": issuer.client_id, "sub": "user-1", "iat": 1, "exp": 2, "name": "Zo\u00eb"}
    text = json.dumps(claims, ensure_ascii=False).encode("latin-1")
    token = jws.serialize_compact({"alg": "ES256", "kid": "first"}, text, signing_key(), algorithms=["ES256"])
    (cache / "3f9a").write_text(json.dumps({"id_token": token}))
    (cache / "3f9a").chmod(0o600)
    done = here("kubeconfig", "convert", "--import-cache")
    assert f"{cache / '3f9a'} was not taken over: the issuer sent an ID token that is not UTF-8 text" in done.stderr
    assert session(home) is None
