"""`whoami`: the issuer's view and each cluster's, whatever they answer."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cluster import ScriptedCluster
from tests.support.issuer import Reply, ScriptedIssuer
from tests.support.samples import LAB
from tests.support.terminal import terminal

if TYPE_CHECKING:
    import trustme

    from tests.conftest import CliIn, Run, WriteConfig
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock

    Put = Callable[..., None]


@pytest.fixture
def cli(cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock) -> Run:
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)


@pytest.fixture
def clusters(authority: trustme.CA) -> Iterator[list[ScriptedCluster]]:
    """Three of them."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedCluster(context) as east, ScriptedCluster(context) as west, ScriptedCluster(context) as north:
        yield [east, west, north]


@pytest.fixture
def put(write_config: WriteConfig, issuer: ScriptedIssuer, ca_file: Path, clusters: list[ScriptedCluster]) -> Put:
    """A configuration with the profile `acme` and a cluster for each server, the first of which has more keys."""

    def write(profile_keys: str = "", cluster_keys: str = "", *, servers: int = 3) -> None:
        text = (
            f'version = 1\n[issuers.acme]\nurl = "{issuer.url}"\n[profiles.acme]\nissuer = "acme"\n'
            f'client_id = "{issuer.client_id}"\nredirect_uris = ["http://localhost:0"]\n{profile_keys}\n'
        )
        for name, server in list(zip(("east", "west", "north"), clusters, strict=True))[:servers]:
            keys = cluster_keys if name == "east" else ""
            text += f'[clusters.{name}]\nprofile = "acme"\nserver = "{server.url}"\nca_file = "{ca_file}"\n{keys}\n'
        write_config(text)

    write()
    return write


def item(run: Run, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = run("whoami", *arguments, "-o", "json")
    assert done.code == code, done.stderr
    envelope = json.loads(done.stdout)
    assert envelope["version"] == 1
    found: dict[str, Any] = envelope["item"]
    return found


def test_both_views(cli: Run, put: Put, issuer: ScriptedIssuer, browser: ScriptedBrowser) -> None:
    put(servers=1)
    issuer.claims["groups"] = ["devs"]
    assert item(cli) == {
        "profile": "acme",
        "issuer": issuer.url,
        "subject": "user-1",
        "identity": "me@acme.com",
        "groups": ["devs"],
        "clusters": [
            {"cluster": "east", "username": "me@acme.com", "groups": ["devs", "system:authenticated"], "error": None}
        ],
        "error": None,
    }
    # It logged in as get-token would have, and the session serves from then on.
    item(cli, "acme")
    assert len(browser.opened) == 1


def test_for_people(cli: Run, put: Put) -> None:
    put(servers=2)
    cli("login")
    done = cli("whoami")
    assert (done.code, done.stderr) == (0, "")
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0] == "profile   acme"
    assert lines[2:] == [
        "subject   user-1",
        "identity  me@acme.com",
        "",
        "CLUSTER  USERNAME     GROUPS",
        "east     me@acme.com  devs, system:authenticated",
        "west     me@acme.com  devs, system:authenticated",
    ]
    assert cli("whoami", "-o", "name").stdout == "me@acme.com\n"
    assert '"email": "me@acme.com"' in cli("whoami", "--claims").stdout


def test_an_error_at_one_cluster_hides_nothing(cli: Run, put: Put, clusters: list[ScriptedCluster]) -> None:
    put()
    clusters[1].always = Reply(401, {"kind": "Status"})
    clusters[2].always = Reply(503, {})
    cli("login")
    found = item(cli, code=5)
    east, west, north = found["clusters"]
    assert (east["username"], east["error"]) == ("me@acme.com", None)
    assert (west["username"], west["groups"], west["error"]["code"], west["error"]["exit"]) == (None, [], "refused", 5)
    assert west["error"]["hint"] == "togetherctl setup --profile acme"
    assert (north["error"]["code"], north["error"]["exit"]) == ("unreachable", 4)
    done = cli("whoami")
    assert "togetherctl: cluster west: the API server at 127.0.0.1" in done.stderr
    assert "togetherctl setup --profile acme" in done.commands
    assert "togetherctl: cluster north: 127.0.0.1" in done.stderr
    assert done.code == 5
    # The first that failed decides.
    clusters[0].always = Reply(429, {})
    assert cli("whoami").code == 4


@pytest.mark.parametrize(
    ("claims", "keys", "said"),
    [
        ({"email": None}, 'username_claim = "email"', "the token has no claim email"),
        ({"email_verified": False}, 'username_claim = "email"', "the issuer says that the email is not verified"),
        ({"name": 7}, 'username_claim = "name"', "the token has no claim name that is text"),
        ({"groups": 7}, 'groups_claim = "groups"', "the claim groups is no text and no list of texts"),
    ],
)
def test_a_token_that_is_not_taken_is_looked_at(
    claims: dict[str, Any],
    keys: str,
    said: str,
    cli: Run,
    put: Put,
    issuer: ScriptedIssuer,
    clusters: list[ScriptedCluster],
) -> None:
    put("", keys, servers=1)
    issuer.claim_changes = claims
    clusters[0].always = Reply(401, {})
    message = item(cli, code=5)["clusters"][0]["error"]["message"]
    # The scripted issuer speaks plain http, which no API server takes: that is said as well.
    assert "is not https, and kube-apiserver takes no other" in message
    assert said in message


def test_what_the_api_server_must_be_told_where_all_fits(
    cli_in: CliIn,
    clock: StoppedClock,
    tls_config: Path,
    tls_issuer: ScriptedIssuer,
    clusters: list[ScriptedCluster],
    ca_file: Path,
) -> None:
    from tests.support.browser import ScriptedBrowser

    run = cli_in(clock=clock, sleep=clock.sleep, open_browser=ScriptedBrowser(tls_issuer))
    run("cluster", "set", "east", f"server={clusters[0].url}", f"ca_file={ca_file}")
    clusters[0].always = Reply(401, {})
    assert tls_config.exists()
    message = item(run, code=5)["clusters"][0]["error"]["message"]
    assert message.endswith(
        "does not take this token (HTTP 401): it is signed with ES256, and kube-apiserver's flags take RS256 alone "
        f"unless --oidc-signing-algs=ES256 says otherwise; it is from the issuer (iss) {tls_issuer.url} for the "
        "audience (aud) the-client, and its email is me@acme.com; the API server must be told just that"
    )


def test_access_tokens(cli: Run, put: Put, issuer: ScriptedIssuer, clusters: list[ScriptedCluster]) -> None:
    put('token = "access"', servers=1)
    issuer.token_changes["id_token"] = None
    done = cli("whoami", "--claims", "-o", "json")
    assert done.code == 0, done.stderr
    found = json.loads(done.stdout)["item"]
    assert (found["identity"], found["groups"], found["claims"]) == ("unknown", [], {})
    assert "no ID token" in done.stderr
    # An opaque token that is refused.
    clusters[0].always = Reply(401, {})
    assert "it is no JWT" in item(cli, code=5)["clusters"][0]["error"]["message"]
    # One that is a JWT shows its claims.
    issuer.token_changes["access_token"] = issuer.id_token({"sub": "user-1", "groups": "ops"})
    cli("login", "--force")
    found = item(cli, "--claims", code=5)
    assert (found["groups"], found["claims"]["groups"]) == (["ops"], "ops")


def test_hostile_claims_and_clusters_move_nothing_on_the_screen(
    cli: Run, put: Put, issuer: ScriptedIssuer, clusters: list[ScriptedCluster]
) -> None:
    put(servers=1)
    issuer.claims |= {"email": "me\x1b[2J\u202e@acme.com", "groups": ["a\nb", 7], "\x1b]0;": "\x07"}
    clusters[0].info = {"username": "u\x1b[2J", "groups": ["g\r\u2066"]}
    for arguments in ([], ["--claims"], ["-o", "json"], ["-o", "yaml"], ["-o", "name"], ["--claims", "-o", "json"]):
        done = cli("whoami", *arguments)
        assert done.code == 0, done.stderr
        assert all(char.isprintable() or char == "\n" for char in done.stdout + done.stderr), arguments
    assert item(cli)["clusters"][0]["username"] == "u\x1b[2J"
    assert item(cli)["groups"] == ["a\nb"]


def test_one_cluster_alone(cli: Run, put: Put, clusters: list[ScriptedCluster]) -> None:
    put()
    assert [one["cluster"] for one in item(cli, "--cluster", "west")["clusters"]] == ["west"]
    assert [server.asked.total() for server in clusters] == [0, 1, 0]
    done = cli("whoami", "--cluster", "nowhere")
    assert done.failure == (2, "usage", "togetherctl cluster list"), done.stderr


def test_a_cluster_of_another_profile(cli: Run, put: Put, issuer: ScriptedIssuer) -> None:
    put(f'[profiles.other]\nissuer = "acme"\nclient_id = "{issuer.client_id}"\n')
    done = cli("whoami", "other", "--cluster", "east")
    assert (done.code, "is opened by profile acme, not by other" in done.stderr) == (2, True), done.stderr
    assert item(cli, "--cluster", "east")["profile"] == "acme"


def test_without_clusters(cli: Run, put: Put) -> None:
    put(servers=0)
    assert item(cli)["clusters"] == []
    assert "CLUSTER" not in cli("whoami").stdout


@pytest.mark.parametrize("variable", ["CI", "TOGETHERCTL_NO_INPUT"])
def test_a_run_that_may_not_ask_opens_nothing(variable: str, cli: Run, put: Put, browser: ScriptedBrowser) -> None:
    put()
    done = cli("whoami", "-o", "json", **{variable: "1"})
    assert (done.code, json.loads(done.stdout)["error"]["code"]) == (3, "login_required")
    assert browser.opened == []


def test_insecure_is_said_aloud(cli: Run, put: Put, home: Path) -> None:
    put("", "insecure_skip_tls_verify = true", servers=1)
    # Beside a certificate authority, which kubectl refuses, it is not in force.
    assert "is not verified" not in cli("whoami").stderr
    path = home / "tctl" / "config.toml"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "ca_file" not in line))
    assert "warning: the certificate of cluster east is not verified" in cli("whoami").stderr


def test_clusters_are_asked_side_by_side_and_with_a_bound(
    cli: Run, put: Put, clusters: list[ScriptedCluster], issuer: ScriptedIssuer, home: Path
) -> None:
    put(servers=1)
    path = home / "tctl" / "config.toml"
    text = path.read_text()
    head, _, east = text.partition("[clusters.east]")
    path.write_text(head + "".join(f"[clusters.c{number}]{east}" for number in range(30)))
    clusters[0].seconds = 0.1
    cli("login")
    before = issuer.counts.copy()
    assert len(item(cli)["clusters"]) == 30
    assert 2 <= clusters[0].most_at_once <= 8
    assert issuer.counts == before
    assert len(set(clusters[0].bearers)) == 1


def test_an_access_token_without_an_audience_is_not_sent_back_to_setup(
    cli: Run, put: Put, issuer: ScriptedIssuer, clusters: list[ScriptedCluster]
) -> None:
    put('token = "access"', servers=1)
    issuer.claim_changes = {"aud": None}
    issuer.token_changes = {"access_token": issuer.id_token({"sub": "user-1"}), "id_token": None}
    clusters[0].always = Reply(401, {})
    error = item(cli, code=5)["clusters"][0]["error"]
    assert "its audience (aud) is missing" in error["message"]
    assert (error["hint"], error["hint_command"]) == (
        "give the cluster the ID token",
        "togetherctl profile set acme token=id",
    )


def test_what_clusters_may_hold_against_a_token_is_said_where_no_cluster_answered(
    cli: Run, put: Put, issuer: ScriptedIssuer, clusters: list[ScriptedCluster]
) -> None:
    put(servers=1)
    issuer.claims["email_verified"] = False
    unverified = "note: Some API servers refuse this token: its email is not verified"
    # One that takes the token says more than a rule does.
    assert "note:" not in cli("whoami").stderr
    clusters[0].always = Reply(503, {})
    assert unverified in cli("whoami").stderr
    # A refusal has the cause in its own sentence.
    clusters[0].always = Reply(401, {})
    assert "note:" not in cli("whoami").stderr
    put(servers=0)
    assert unverified in cli("whoami").stderr


GPU = """
[clusters.gpu]
profile = "lab"
server = "{server}"
ca_file = "{ca_file}"
"""


@pytest.fixture
def two(put: Put, write_config: WriteConfig, home: Path, clusters: list[ScriptedCluster], ca_file: Path) -> None:
    """Clusters east and west of profile acme, and gpu of profile lab."""
    put(servers=2)
    path = home / "tctl" / "config.toml"
    write_config(path.read_text() + LAB + GPU.format(server=clusters[2].url, ca_file=ca_file))


def records(run: Run, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    done = run("whoami", *arguments, "-o", "json")
    assert done.code == code, done.stderr
    envelope = json.loads(done.stdout)
    assert envelope["version"] == 1
    found: list[dict[str, Any]] = envelope["items"]
    return found


@pytest.mark.usefixtures("two")
def test_every_cluster_of_every_profile(cli: Run, clusters: list[ScriptedCluster], browser: ScriptedBrowser) -> None:
    assert cli("login", "--all").code == 0
    acme, lab = records(cli, "--all")
    assert acme == item(cli, "acme")
    assert lab == item(cli, "gpu")
    assert [one["cluster"] for one in acme["clusters"]] == ["east", "west"]
    done = cli("whoami", "--all")
    assert (done.code, [line.split() for line in done.stdout.splitlines()]) == (
        0,
        [
            ["PROFILE", "IDENTITY", "CLUSTER", "USERNAME", "GROUPS"],
            ["acme", "me@acme.com", "east", "me@acme.com", "devs,", "system:authenticated"],
            ["acme", "me@acme.com", "west", "me@acme.com", "devs,", "system:authenticated"],
            ["lab", "me@acme.com", "gpu", "me@acme.com", "devs,", "system:authenticated"],
        ],
    )
    assert cli("whoami", "--all", "-o", "name").stdout == "me@acme.com\nme@acme.com\n"
    assert {one["claims"]["email"] for one in records(cli, "--all", "--claims")} == {"me@acme.com"}
    assert cli("whoami", "--all", "--claims").stdout.count('"email": "me@acme.com"') == 2
    clusters[2].always = Reply(503, {})
    assert records(cli, "--all", code=4)[1]["clusters"][0]["error"]["exit"] == 4
    assert cli("whoami", "--all", "acme").failure == (2, "usage", None)
    assert len(browser.opened) == 2


@pytest.mark.usefixtures("two")
def test_clusters_of_two_profiles(cli: Run, clusters: list[ScriptedCluster]) -> None:
    assert cli("login", "--all").code == 0
    found = records(cli, "--cluster", "gpu", "--cluster", "west")
    assert [(one["profile"], [each["cluster"] for each in one["clusters"]]) for one in found] == [
        ("lab", ["gpu"]),
        ("acme", ["west"]),
    ]
    assert [server.asked.total() for server in clusters] == [0, 1, 1]


@pytest.mark.usefixtures("two")
def test_a_session_that_is_gone_hides_no_other_and_opens_nothing(
    cli: Run, clusters: list[ScriptedCluster], browser: ScriptedBrowser
) -> None:
    assert cli("login", "acme").code == 0
    acme, lab = records(cli, "--all", code=3)
    assert [one["error"] for one in acme["clusters"]] == [None, None]
    assert (lab["identity"], lab["error"]["hint_command"]) == (None, "togetherctl login lab")
    assert lab["clusters"][0]["error"]["code"] == "login_required"
    done = cli("whoami", "--all")
    assert (done.code, done.commands) == (3, ["togetherctl login lab"])
    assert cli("whoami", "--all", "-o", "name").stdout == "me@acme.com\n"
    assert (clusters[2].asked.total(), len(browser.opened)) == (0, 1)
    assert [one["error"] for one in records(cli, "--all", "--login")] == [None, None]
    assert len(browser.opened) == 2


def test_a_script_says_whether_whoami_may_log_in(cli: Run, put: Put, browser: ScriptedBrowser) -> None:
    put(servers=1)
    assert cli("whoami", "--no-login").failure == (3, "login_required", "togetherctl login acme")
    assert browser.opened == []
    # As before: what get-token may do.
    assert cli("whoami").code == 0
    assert len(browser.opened) == 1
    assert cli("logout").code == 0
    done = cli("whoami", "--login", TOGETHERCTL_NO_INPUT="1")
    assert done.failure == (3, "login_required", "togetherctl login acme")
    assert cli("whoami", "--login").code == 0


def test_a_terminal_is_asked_before_a_tab_opens(put: Put, environ: dict[str, str], tmp_path: Path) -> None:
    put(servers=1)
    trace = tmp_path / "opened"
    environ = {**environ, "TERM": "xterm", "TOGETHERCTL_BROWSER": f"touch {trace}"}
    words = [sys.executable, "-m", "togetherctl", "whoami"]
    with terminal(words, environ, tmp_path, columns=100) as opened:
        assert "? acme needs a login. Log in now? (Y/n)" in opened.until("(Y/n)")
        opened.press("n")
        opened.press("Enter")
        screen = opened.until("ended with")
        assert "ended with 3" in screen
        assert "togetherctl login acme" in screen
    assert not trace.exists()
    with terminal(words, environ, tmp_path, columns=100) as opened:
        opened.until("(Y/n)")
        opened.press("Enter")
        opened.until("Your browser has been opened at")
        opened.press("C-c")
        opened.until("ended with 130")
    assert trace.exists()
