"""`issuer check`, `issuer presets` and `issuer show`: what a person is told before anybody logs in."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.support.discovery import DOCUMENTS
from tests.support.issuer import Asked, Reply, ScriptedIssuer
from tests.support.proxy import ForwardProxy
from togetherctl.auth.issuer_check import check_issuer
from togetherctl.auth.issuer_findings import ClientNeeds
from togetherctl.transport import Connection

if TYPE_CHECKING:
    from tests.conftest import CliIn, Done, MakeConfig, MakeWorld, Run, WriteConfig

METADATA = "/.well-known/openid-configuration"


def checked(run: Run, *words: str, **changes: str) -> tuple[Done, dict[str, Any]]:
    done = run("issuer", "check", *words, "-o", "json", **changes)
    return done, json.loads(done.stdout)["item"]


def texts(item: dict[str, Any], level: str) -> str:
    return "\n".join(f"{each['text']} | {each['hint']}" for each in item["findings"] if each["level"] == level)


def lives_like(issuer: ScriptedIssuer, document: str, **changes: Any) -> None:
    """Let the issuer send a provider's metadata, as if the provider lived at its address."""
    metadata = dict(DOCUMENTS[document])
    home = metadata["issuer"].rstrip("/")
    issuer.metadata_changes = (
        dict.fromkeys(issuer.metadata())
        | {key: value.replace(home, issuer.url) if isinstance(value, str) else value for key, value in metadata.items()}
        | changes
    )
    keys = issuer.answer(Asked("GET", "/keys", {}, {}, {}, 0.0))
    issuer.always[urlsplit(issuer.metadata()["jwks_uri"]).path] = keys


class TestSound:
    def test_what_is_found(self, cli: Run, issuer: ScriptedIssuer) -> None:
        done, item = checked(cli, issuer.url)
        assert done.code == 0
        assert (item["issuer"], item["usable"], item["error"], item["preset"]) == (issuer.url, True, None, None)
        assert item["redirect_uris"] == ["http://localhost:8000", "http://localhost:18000"]
        assert item["metadata"]["token_endpoint"] == f"{issuer.url}/token"
        assert texts(item, "wrong") == ""
        good = texts(item, "good")
        for said in ("to the letter", "PKCE with S256", "signed with ES256", "1 key checks", "clock agrees"):
            assert said in good
        assert texts(item, "note") == (
            "kube-apiserver takes no issuer that is not https, so this one serves for a try at most | None\n"
            "an API server that is told by flags takes RS256 alone, unless they name another algorithm | "
            "on the API server: --oidc-signing-algs=ES256\n"
            "to be registered there, to the letter: http://localhost:8000 and http://localhost:18000 | None"
        )
        assert issuer.counts == {METADATA: 1, "/keys": 1}

    def test_as_a_person_reads_it(self, cli: Run, issuer: ScriptedIssuer) -> None:
        done = cli("issuer", "check", issuer.url)
        lines = done.stdout.splitlines()
        assert lines[0] == issuer.url
        assert f"good   it calls itself {issuer.url}, to the letter" in lines
        # What works comes first; what is to be done stands where it is seen.
        assert lines[-1].startswith("note   to be registered there, to the letter:")
        assert f"togetherctl profile add NAME --issuer {issuer.url} --client-id ID" in done.stderr
        # A login works, and no API server takes its tokens: that is not called usable without more.
        assert "no API server takes its tokens: it is not https" in done.stderr
        assert "It can be used" not in done.stderr
        assert cli("issuer", "check", issuer.url, "-o", "name").stdout == f"{issuer.url}\n"

    def test_an_issuer_of_the_config_as_its_profiles_use_it(
        self, cli: Run, issuer: ScriptedIssuer, config_at: MakeConfig
    ) -> None:
        config_at(issuer, 'preset = "okta"', 'scopes = ["groups"]')
        for given in ("acme", issuer.url):
            done, item = checked(cli, given)
            assert (done.code, item["preset"]) == (0, "okta")
            assert item["redirect_uris"] == ["http://localhost:0"]
            assert "which Okta does not take with localhost" in texts(item, "note")
            assert "not among the scopes it lists: groups" in texts(item, "note")
        assert "profile add" not in cli("issuer", "check", "acme").stderr

    def test_a_provider_that_only_its_metadata_tells(self, cli: Run, issuer: ScriptedIssuer) -> None:
        lives_like(issuer, "gitlab-self-managed")
        done, item = checked(cli, issuer.url)
        assert (done.code, item["preset"]) == (0, "gitlab")
        assert "this is GitLab, as its metadata shows" in texts(item, "good")
        assert "device codes, which the metadata does not list but GitLab has" in texts(item, "good")


class TestSpelling:
    def test_a_slash_that_differs(self, cli: Run, issuer: ScriptedIssuer) -> None:
        done, item = checked(cli, f"{issuer.url}/")
        assert (done.code, item["usable"], item["issuer"]) == (5, False, issuer.url)
        assert item["error"] == {
            "code": "untrusted",
            "exit": 5,
            "message": f"the issuer calls itself {issuer.url}, not {issuer.url}/",
            "hint": f'only a slash differs; write url = "{issuer.url}"',
            "hint_command": None,
        }
        # The rest is looked at all the same.
        assert "PKCE with S256" in texts(item, "good")
        assert "to the letter |" not in texts(item, "good")

    def test_the_address_of_the_metadata(self, cli: Run, issuer: ScriptedIssuer) -> None:
        done, item = checked(cli, f"{issuer.url}{METADATA}")
        assert (done.code, item["issuer"]) == (0, issuer.url)
        assert f"that is the address of the metadata; the issuer is {issuer.url}" in texts(item, "note")
        # Whoever pastes it has not spelled the slash that the issuer has.
        issuer.metadata_changes["issuer"] = f"{issuer.url}/"
        done, item = checked(cli, f"{issuer.url}{METADATA}")
        assert (done.code, item["issuer"], item["usable"]) == (0, f"{issuer.url}/", True)
        assert f"the issuer is {issuer.url}/" in texts(item, "note")

    @pytest.mark.parametrize(
        ("typed", "said", "hint"),
        [
            ("acme.okta.com", "an issuer is a URL that begins with https://", "did you mean https://acme.okta.com?"),
            ("http://acme.okta.com", "must begin with https://", "did you mean https://acme.okta.com?"),
            ("https://acme.okta.com/?a=b#c", "no query and no fragment", "did you mean https://acme.okta.com/?"),
            ("https://acme.okta.com#", "no query and no fragment", "did you mean https://acme.okta.com?"),
            ("ftp://acme.okta.com", "must be a URL like https://", "did you mean https://acme.okta.com?"),
            ("https://", "must be a URL like https://", ""),
            ("https://[::1", "must be a URL", ""),
            ("acme", "there is no issuer acme", "togetherctl issuer list"),
        ],
    )
    def test_what_is_no_issuer(self, cli: Run, typed: str, said: str, hint: str) -> None:
        done = cli("issuer", "check", typed)
        assert done.code == 2
        assert said in done.stderr
        assert hint in done.stderr

    def test_a_password_in_the_url_is_not_shown(self, cli: Run) -> None:
        done = cli("issuer", "check", "https://me:opensesame@acme.okta.com/oauth2/default")
        assert done.code == 2
        assert "must not hold a user name or password" in done.stderr
        assert "did you mean https://acme.okta.com/oauth2/default?" in done.stderr
        done = cli("issuer", "check", "me:opensesame@acme.okta.com")
        assert done.code == 2
        assert "opensesame" not in done.stderr

    def test_entra_for_many_tenants(self, make_world: MakeWorld, issuer: ScriptedIssuer) -> None:
        issuer.metadata_changes = dict(DOCUMENTS["entra-common"])
        report = check_issuer(make_world().issuers, issuer.url, Connection())
        assert (report.usable, report.preset) == (False, "entra")
        assert (
            str(report.findings[0].remedy)
            == "put your tenant's ID in the URL instead of common, organizations or consumers"
        )

    def test_another_issuer_altogether(self, cli: Run, issuer: ScriptedIssuer) -> None:
        issuer.metadata_changes["issuer"] = "https://other.example\x1b[2J"
        done, item = checked(cli, issuer.url)
        assert (done.code, item["usable"]) == (5, False)
        assert "calls itself https://other.example\\x1b[2J" in texts(item, "wrong")
        assert len(item["findings"]) == 1


class TestTrouble:
    @pytest.mark.parametrize(
        ("path", "reply", "code", "said"),
        [
            (METADATA, Reply(404, {}), 5, "there is no OpenID provider at"),
            (METADATA, Reply(503, {}), 4, "answered HTTP 503"),
            (METADATA, Reply(200, b"<html>"), 4, "answered with a web page"),
            (METADATA, Reply(200, b"{"), 5, "is not JSON"),
            (METADATA, Reply(200, {"issuer": 7}), 5, "calls itself 7"),
            ("/keys", Reply(404, {}), 5, "the issuer's keys are not at"),
            ("/keys", Reply(503, {}), 4, "answered HTTP 503"),
            ("/keys", Reply(200, {"keys": []}), 5, "none of its keys can check an ID token"),
            ("/keys", Reply(200, {"keys": [7, {"kty": "oct"}, {"kty": "RSA", "use": "enc"}]}), 5, "none of its keys"),
        ],
        ids=str,
    )
    def test_an_answer_that_helps_nobody(
        self, path: str, reply: Reply, code: int, said: str, cli: Run, issuer: ScriptedIssuer
    ) -> None:
        issuer.always[path] = reply
        done, item = checked(cli, issuer.url)
        assert (done.code, item["usable"], item["error"]["exit"]) == (code, False, code)
        assert said in texts(item, "wrong")
        assert "It cannot be used as it is." in cli("issuer", "check", issuer.url).stderr

    def test_an_endpoint_over_plain_http(self, cli: Run, issuer: ScriptedIssuer) -> None:
        issuer.metadata_changes["token_endpoint"] = "http://elsewhere.example/token"
        done, item = checked(cli, issuer.url)
        assert done.code == 5
        assert "the issuer's token_endpoint is http://elsewhere.example/token, which is not https" in texts(
            item, "wrong"
        )
        # A slash that differs, too, changes nothing about that.
        assert checked(cli, f"{issuer.url}/")[0].code == 5

    def test_nobody_there(self, cli: Run, issuer: ScriptedIssuer) -> None:
        issuer.stop()
        done, item = checked(cli, issuer.url)
        assert (done.code, item["error"]["code"]) == (4, "unreachable")
        assert "refused the connection | check the address; if it is right, try again later" in texts(item, "wrong")

    def test_a_certificate_nobody_knows(self, cli: Run, tls_issuer: ScriptedIssuer, ca_file: Path) -> None:
        done, item = checked(cli, tls_issuer.url)
        assert done.code == 4
        assert "cannot be verified" in texts(item, "wrong")
        assert "--ca-file" in texts(item, "wrong")
        assert "the certificate is signed by Testing CA #" in texts(item, "note")
        done, item = checked(cli, tls_issuer.url, "--ca-file", str(ca_file))
        assert (done.code, item["usable"]) == (0, True)
        assert cli("issuer", "check", tls_issuer.url, "--ca-file", f"{ca_file}.old").code == 2

    def test_a_certificate_that_is_not_looked_at(
        self, cli: Run, tls_issuer: ScriptedIssuer, config_at: MakeConfig
    ) -> None:
        config_at(tls_issuer, "insecure_skip_tls_verify = true")
        done, item = checked(cli, "acme")
        assert done.code == 0
        assert "its certificate is not verified" in texts(item, "note")

    def test_a_proxy(self, cli: Run, tls_issuer: ScriptedIssuer, ca_file: Path) -> None:
        url = tls_issuer.url.replace("localhost", "issuer.test")
        tls_issuer.metadata_changes = {
            key: value.replace("localhost", "issuer.test") if isinstance(value, str) else value
            for key, value in tls_issuer.metadata().items()
        }
        with ForwardProxy() as proxy:
            done, item = checked(cli, url, "--ca-file", str(ca_file), HTTPS_PROXY=proxy.url)
            assert (done.code, f"reached through the proxy {proxy.url[7:]}" in texts(item, "good")) == (0, True)
        with ForwardProxy(refuses=True) as proxy:
            done, item = checked(cli, url, "--ca-file", str(ca_file), HTTPS_PROXY=proxy.url)
            assert (done.code, "the proxy to issuer.test" in texts(item, "wrong")) == (4, True)
            assert f"it was asked through the proxy {proxy.url[7:]} | NO_PROXY excepts hosts" in texts(item, "note")

    @pytest.mark.parametrize(
        ("off", "said"),
        [
            (-30, "30 s behind the issuer's | set this machine's clock"),
            (-90, "90 s behind the issuer's: a token that has just begun (nbf) is refused here"),
            (3600, "3600 s ahead of the issuer's | set this machine's clock"),
        ],
    )
    def test_a_clock_that_is_wrong(self, off: int, said: str, cli_in: CliIn, issuer: ScriptedIssuer) -> None:
        now = int(time.time())
        issuer.always[METADATA] = Reply(body=issuer.metadata(), headers={"Date": formatdate(now, usegmt=True)})
        done, item = checked(cli_in(clock=lambda: float(now + off)), issuer.url)
        assert done.code == 0
        assert said in texts(item, "note")

    def test_an_answer_from_a_cache_is_as_old_as_it_says(self, cli_in: CliIn, issuer: ScriptedIssuer) -> None:
        now = int(time.time())
        headers = {"Date": formatdate(now - 600, usegmt=True), "Age": "600"}
        issuer.always[METADATA] = Reply(body=issuer.metadata(), headers=headers)
        _, item = checked(cli_in(clock=lambda: float(now)), issuer.url)
        assert "clock agrees" in texts(item, "good")
        issuer.always[METADATA] = Reply(body=issuer.metadata(), headers={"Date": "yesterday"})
        _, item = checked(cli_in(clock=lambda: float(now)), issuer.url)
        assert item["clock_ahead"] is None


class TestClient:
    """With a client ID the issuer is asked whether it is registered."""

    def authorize(self, issuer: ScriptedIssuer, *replies: Reply) -> None:
        issuer.replies["/authorize"].extend(replies)

    def test_it_is(self, cli: Run, issuer: ScriptedIssuer) -> None:
        self.authorize(
            issuer,
            Reply(303, b"", {"Location": "http://localhost:8000?error=login_required&state=x"}),
            Reply(303, b"", {"Location": "http://localhost:18000/?error=invalid_scope"}),
        )
        done, item = checked(cli, issuer.url, "--client-id", "the-client")
        assert done.code == 0
        assert "client the-client with http://localhost:8000 is registered" in texts(item, "good")
        assert "http://localhost:18000 is registered, but a login is answered with invalid_scope" in texts(item, "note")
        first = next(asked for asked in issuer.asked if asked.path == "/authorize").query
        assert (first["client_id"], first["prompt"], first["scope"]) == ("the-client", "none", "openid email")
        assert first["code_challenge_method"] == "S256"

    def test_another_redirect_uri(self, cli: Run, issuer: ScriptedIssuer, config_at: MakeConfig) -> None:
        config_at(issuer)
        uris = ("http://localhost:9999/callback", "https://acme.example/back")
        self.authorize(issuer, Reply(303, b"", {"Location": f"{uris[0]}?error=login_required"}), Reply(400, b""))
        words = [word for uri in uris for word in ("--redirect-uri", uri)]
        done, item = checked(cli, "acme", "--client-id", "the-client", *words)
        assert (done.code, item["redirect_uris"]) == (5, list(uris))
        assert f"client the-client with {uris[0]} is registered" in texts(item, "good")
        assert f"{uris[1]}: one of the two is not registered (HTTP 400)" in texts(item, "wrong")
        assert issuer.counts["/authorize"] == len(uris)

    @pytest.mark.parametrize("status", [400, 404])
    def test_it_is_not(self, status: int, cli: Run, issuer: ScriptedIssuer) -> None:
        self.authorize(issuer, Reply(status, b"<h1>Invalid redirect_uri</h1>"), Reply(status, b""))
        done, item = checked(cli, issuer.url, "--client-id", "the-client")
        assert done.code == 5
        assert f"http://localhost:8000: one of the two is not registered (HTTP {status})" in texts(item, "wrong")

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(200, b"<h1>Log in</h1>"),
            Reply(302, b"", {"Location": "/login"}),
            Reply(302, b"", {"Location": "http://localhost:8000.evil.example/?error=login_required"}),
            Reply(302, b"", {"Location": "http://[::1"}),
            Reply(403, b""),
        ],
        ids=str,
    )
    def test_a_page_of_its_own_tells_nothing(self, reply: Reply, cli: Run, issuer: ScriptedIssuer) -> None:
        self.authorize(issuer, reply, reply)
        done, item = checked(cli, issuer.url, "--client-id", "the-client")
        assert done.code == 0
        assert "so only a login tells" in texts(item, "note")
        # Nobody went where it pointed.
        assert issuer.counts["/login"] == 0

    def test_an_endpoint_that_does_not_answer(self, cli: Run, issuer: ScriptedIssuer) -> None:
        issuer.metadata_changes["authorization_endpoint"] = "http://127.0.0.1:9/authorize"
        done, item = checked(cli, issuer.url, "--client-id", "the-client")
        assert done.code == 0
        assert "could not be tried" in texts(item, "note")


class TestAdding:
    def test_a_provider_is_written_down_where_only_metadata_tells(
        self, cli: Run, issuer: ScriptedIssuer, home: Path
    ) -> None:
        lives_like(issuer, "gitlab-self-managed")
        assert cli("issuer", "add", "git", "--url", issuer.url).code == 0
        assert (
            f'[issuers.git]\nurl = "{issuer.url}"\npreset = "gitlab"\n' in (home / "tctl" / "config.toml").read_text()
        )
        shown = json.loads(cli("issuer", "show", "git", "-o", "json").stdout)["item"]
        assert shown["from_preset"] == {
            "preset": "gitlab",
            "offline_access": "never",
            "device_authorization_endpoint": f"{issuer.url}/oauth/authorize_device",
        }

    def test_what_to_know_is_said_at_once(self, cli: Run, issuer: ScriptedIssuer, home: Path) -> None:
        issuer.metadata_changes["scopes_supported"] = ["openid", "email"]
        pasted = f"{issuer.url}{METADATA}"
        done = cli("profile", "add", "acme", "--issuer", pasted, "--client-id", "x")
        assert done.code == 0
        assert f"note: that is the address of the metadata; the issuer is {issuer.url}\n" in done.stderr
        assert (
            "note: the scope offline_access is not listed: the first login tells whether a refresh token comes"
            in done.stderr
        )
        assert "to be registered" not in done.stderr
        assert f'url = "{issuer.url}"\n' in (home / "tctl" / "config.toml").read_text()
        # The same issuer, pasted again, is the one that is there.
        assert cli("profile", "add", "two", "--issuer", pasted, "--client-id", "y").code == 0
        assert [each["name"] for each in json.loads(cli("issuer", "list", "-o", "json").stdout)["items"]] == ["acme"]

    def test_what_a_setting_may_mend_is_said_and_added(self, cli: Run, issuer: ScriptedIssuer) -> None:
        issuer.metadata_changes["code_challenge_methods_supported"] = ["plain"]
        said = 'warning: it does not offer PKCE with S256, only plain; pkce = "no" in the profile goes without'
        done = cli("issuer", "add", "acme", "--url", issuer.url)
        assert (done.code, said in done.stderr) == (0, True)
        assert checked(cli, "acme")[0].code == 5
        add = ("profile", "add", "two", "--issuer", f"{issuer.url}{METADATA}", "--client-id", "x")
        done = cli(*add, "pkce=no")
        assert (done.code, said in done.stderr) == (0, False)
        done, item = checked(cli, "acme")
        assert (done.code, 'pkce = "no" in the profile' in texts(item, "note")) == (0, True)

    def test_a_client_that_needs_no_browser(self, cli: Run, issuer: ScriptedIssuer) -> None:
        issuer.metadata_changes |= {"authorization_endpoint": None, "response_types_supported": ["none"]}
        assert checked(cli, issuer.url)[0].code == 5
        words = ("--issuer", issuer.url, "--client-id", "ci", "grant=client-credentials", "token=access")
        done = cli("profile", "add", "robot", *words)
        assert (done.code, "warning" in done.stderr) == (0, False), done.stderr
        done, item = checked(cli, "robot")
        assert (done.code, item["usable"]) == (0, True)
        assert "to be registered" not in texts(item, "note")

    def test_a_secret_that_the_profile_brings_is_not_asked_for(
        self, make_world: MakeWorld, issuer: ScriptedIssuer
    ) -> None:
        for has_secret in (True, False):
            report = check_issuer(
                make_world().issuers,
                issuer.url,
                Connection(),
                preset="google",
                wishes=ClientNeeds(has_secret=has_secret),
            )
            assert [note.about for note in report.notes_at_once] == ([] if has_secret else ["client_secret"])


class TestPresets:
    def test_the_list(self, cli: Run) -> None:
        done = cli("issuer", "presets")
        assert done.stdout.splitlines()[0].split() == ["NAME", "PROVIDER", "ISSUER"]
        assert len(done.stdout.splitlines()) == 18
        items = json.loads(cli("issuer", "presets", "-o", "json").stdout)["items"]
        assert {item["name"]: item["refresh_token"]["by"] for item in items} == {
            "auth0": "offline_access",
            "authelia": "offline_access",
            "authentik": "offline_access",
            "casdoor": "always",
            "dex": "offline_access",
            "django-oauth-toolkit": "always",
            "entra": "offline_access",
            "gitlab": "always",
            "google": "parameter",
            "hydra": "offline_access",
            "keycloak": "always",
            "oidc-provider": "offline_access",
            "okta": "offline_access",
            "pocket-id": "always",
            "spring": "client_secret",
            "together": "offline_access",
            "zitadel": "offline_access",
        }
        assert cli("issuer", "presets", "-o", "name").stdout.split() == [item["name"] for item in items]

    def test_one(self, cli: Run) -> None:
        shown = cli("issuer", "presets", "google").stdout
        for said in (
            "Google\n",
            "Desktop app",
            "access_type=offline",
            "(not certain)",
            "togetherctl profile secret NAME",
        ):
            assert said in shown
        item = json.loads(cli("issuer", "presets", "okta", "-o", "json").stdout)["item"]
        assert item["register"]["redirect_uris"] == ["http://localhost:8000", "http://localhost:18000"]
        done = cli("issuer", "presets", "oktaa")
        assert (done.code, "there is no preset oktaa; did you mean okta?" in done.stderr) == (2, True)

    def test_what_an_issuer_takes_from_the_catalogue(self, cli: Run, write_config: WriteConfig) -> None:
        write_config(
            '[issuers.google]\nurl = "https://accounts.google.com"\n[issuers.plain]\nurl = "https://id.acme.com"\n'
            '[issuers.okta]\nurl = "https://acme.okta.com/oauth2/default"\n'
        )
        shown = cli("issuer", "show", "google").stdout
        assert "preset=google, offline_access=never, auth_params=access_type=offline" in shown
        assert "from_preset" not in cli("issuer", "show", "plain").stdout
        assert json.loads(cli("issuer", "show", "okta", "-o", "json").stdout)["item"]["from_preset"] == {
            "preset": "okta"
        }
        assert "from_preset" not in cli("cluster", "list", "-o", "json").stdout
