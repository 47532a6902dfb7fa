"""`setup`: the claims of a token, and the next steps that follow from them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import NoBrowser, ScriptedBrowser
from togetherctl.kube.yaml_text import load
from togetherctl.kubelogin import PLUGIN

if TYPE_CHECKING:
    import trustme

    from tests.conftest import CliIn, Done, Run
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer


@pytest.fixture
def cli(cli_in: CliIn, clock: StoppedClock, browser: ScriptedBrowser) -> Run:
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)


@pytest.fixture
def setup(cli: Run, issuer: ScriptedIssuer) -> Run:
    """`togetherctl setup` with flags for the scripted issuer."""

    def call(*arguments: str, **changes: str) -> Done:
        flags = [f"--oidc-issuer-url={issuer.url}", "--oidc-client-id=the-client", "--listen-address=127.0.0.1:0"]
        return cli("setup", *flags, *arguments, **changes)

    return call


def record(done: Done) -> dict[str, Any]:
    assert done.code == 0, done.stderr
    item: dict[str, Any] = json.loads(done.stdout)["item"]
    return item


def configuration(text: str) -> Any:
    start = text.index("apiVersion: apiserver")
    return load(text[start : text.index("\n\n", start)])


def test_the_page(setup: Run, issuer: ScriptedIssuer, home: Path) -> None:
    issuer.claims["groups"] = ["gpu-users", "admins"]
    done = setup("--oidc-extra-scope=email,groups")
    assert done.code == 0, done.stderr
    text = done.stdout
    claims = json.loads(text[text.index("{") : text.index("\n}\n") + 2])
    assert (claims["email"], claims["groups"]) == ("me@acme.com", ["gpu-users", "admins"])
    for line in (
        f"  --oidc-issuer-url={issuer.url}",
        "  --oidc-client-id=the-client",
        "  --oidc-username-claim=email",
        "  --oidc-groups-claim=groups",
        "  --oidc-signing-algs=ES256",
        "  user    me@acme.com",
        "  group   gpu-users",
        "  kubectl create clusterrolebinding oidc-cluster-admin --clusterrole=cluster-admin --user=me@acme.com",
        "  kubectl create clusterrolebinding oidc-group-admins --clusterrole=view --group=admins",
        (
            f"  togetherctl profile add localhost --issuer {issuer.url} --client-id the-client --scope email "
            "--scope groups 'redirect_uris=[\"http://localhost:0\"]'"
        ),
        (
            "  togetherctl cluster add CLUSTER --profile localhost --server https://API_SERVER:6443 "
            "--ca-file API_SERVER_CA.pem username_claim=email groups_claim=groups"
        ),
        "  togetherctl kubeconfig write CLUSTER --set-current",
        "  - API servers take https issuers only, so this one serves for a try at most.",
    ):
        assert line in text.splitlines(), line
    [jwt] = configuration(text)["jwt"]
    assert jwt["issuer"] == {"url": issuer.url, "audiences": ["the-client"]}
    assert jwt["claimMappings"] == {
        "username": {"claim": "email", "prefix": ""},
        "groups": {"claim": "groups", "prefix": ""},
    }
    assert not (home / "tctl" / "state").exists()


def test_the_record(setup: Run, issuer: ScriptedIssuer) -> None:
    item = record(setup("-o", "json", "--username-claim=sub"))
    assert list(item) == [
        "issuer",
        "client_id",
        "token",
        "claims",
        "username",
        "groups",
        "api_server_flags",
        "authentication_configuration",
        "rbac",
        "togetherctl",
        "remarks",
    ]
    assert (item["username"], item["groups"]) == (f"{issuer.url}#user-1", [])
    assert item["authentication_configuration"]["jwt"][0]["claimMappings"] == {
        "username": {"claim": "sub", "prefix": f"{issuer.url}#"}
    }
    assert shlex.split(item["rbac"][0])[-1] == f"--user={issuer.url}#user-1"
    assert setup("-o", "name").stdout == "me@acme.com\n"
    assert load(setup("-o", "yaml").stdout)["item"]["username"] == "me@acme.com"


@pytest.mark.parametrize(
    ("arguments", "username", "groups"),
    [
        ([], "me@acme.com", ["a"]),
        (["--username-claim=sub"], "{issuer}#user-1", ["a"]),
        (["--username-claim=sub", "--username-prefix=-"], "user-1", ["a"]),
        (["--username-prefix", "x:", "--groups-prefix", "y:"], "x:me@acme.com", ["y:a"]),
        (["--groups-claim=roles"], "me@acme.com", ["r"]),
    ],
)
def test_claims_and_prefixes_that_are_chosen(
    setup: Run, issuer: ScriptedIssuer, arguments: list[str], username: str, groups: list[str]
) -> None:
    issuer.claims |= {"groups": ["a"], "roles": "r"}
    item = record(setup("--output=json", *arguments))
    assert (item["username"], item["groups"]) == (username.format(issuer=issuer.url), groups)


def test_a_token_that_an_api_server_would_refuse(setup: Run, issuer: ScriptedIssuer) -> None:
    issuer.claims["email_verified"] = False
    assert record(setup("--output=json"))["username"] == f"{issuer.url}#user-1"
    done = setup("--username-claim=email")
    assert (done.code, "the email is not verified" in done.stderr) == (2, True)
    done = setup("--username-claim=upn")
    assert (done.code, "its claims are" in done.stderr) == (2, True)


HOSTILE = "'; touch oops; $(id) \"\n- prefix: x\x1b[2J\u202e"


def test_nothing_in_a_claim_breaks_out(setup: Run, issuer: ScriptedIssuer) -> None:
    issuer.claims |= {"email": HOSTILE, "groups": [HOSTILE, "$(id) 'x'"], "name": HOSTILE}
    done = setup("--oidc-extra-scope=groups")
    assert done.code == 0, done.stderr
    assert all(line.isprintable() for line in done.stdout.splitlines())
    assert configuration(done.stdout)["jwt"][0]["claimMappings"]["username"] == {"claim": "email", "prefix": ""}
    commands = [line for line in done.stdout.splitlines() if line.startswith("  kubectl create")]
    [command] = commands
    assert shlex.split(command)[-1] == "--group=$(id) 'x'"
    assert "touch" not in command
    assert setup("-o", "name").stdout.rstrip("\n").isprintable()
    item = record(setup("--output=json"))
    assert (item["username"], item["groups"][0], len(item["rbac"])) == (HOSTILE, HOSTILE, 1)


@pytest.mark.usefixtures("acme")
def test_a_profile_is_not_logged_in_twice(cli: Run, cli_in: CliIn, clock: StoppedClock, issuer: ScriptedIssuer) -> None:
    assert cli("login").code == 0
    quiet = cli_in(clock=clock, sleep=clock.sleep, open_browser=NoBrowser())
    for arguments in (["--profile", "acme"], []):
        item = record(quiet("setup", *arguments, "-o", "json"))
        assert item["togetherctl"] == [
            (
                f"togetherctl profile add acme --issuer {issuer.url} --client-id the-client "
                "'redirect_uris=[\"http://localhost:0\"]'"
            ),
            "togetherctl kubeconfig write east --set-current",
            "kubectl auth whoami",
        ]


def test_the_certificates_alone_are_shown(
    cli_in: CliIn, clock: StoppedClock, tls_issuer: ScriptedIssuer, ca_file: Path, authority: trustme.CA, canary: Canary
) -> None:
    certificate = ca_file.read_text()
    key = authority.private_key_pem.bytes().decode()
    canary.watch("a private key", key.splitlines()[1])
    secrets = ca_file.parent / "secrets"
    secrets.mkdir()
    both = secrets / "both.pem"
    both.write_text(f"# ours\n{certificate}{key}")
    cli = cli_in(clock=clock, sleep=clock.sleep, open_browser=ScriptedBrowser(tls_issuer))
    flags = [f"--oidc-issuer-url={tls_issuer.url}", "--oidc-client-id=the-client", "--listen-address=127.0.0.1:0"]
    done = cli("setup", *flags, f"--certificate-authority={both}")
    assert done.code == 0, done.stderr
    [jwt] = configuration(done.stdout)["jwt"]
    assert jwt["issuer"]["certificateAuthority"] == certificate
    assert "  --oidc-ca-file=/etc/kubernetes/pki/oidc-ca.pem" in done.stdout.splitlines()
    assert f"--ca-file {both}" in done.stdout
    assert "https issuers only" not in done.stdout


def test_an_opaque_access_token_is_none_for_an_api_server(setup: Run) -> None:
    done = setup("--oidc-use-access-token")
    assert (done.code, "no API server can read them" in done.stderr) == (1, True)
    assert "leave out --oidc-use-access-token" in done.stderr


def test_an_access_token_for_no_audience_is_none_either(setup: Run, issuer: ScriptedIssuer) -> None:
    issuer.claim_changes = {"aud": None}
    issuer.token_changes["access_token"] = issuer.id_token({"sub": "user-1"})
    issuer.claim_changes = {}
    done = setup("--oidc-use-access-token")
    assert (done.code, done.stdout) == (1, "")
    assert "are for no audience (aud), and no API server takes such a token" in done.stderr
    assert "leave out --oidc-use-access-token" in done.stderr


def test_what_may_be_held_against_the_token_is_a_note(setup: Run, issuer: ScriptedIssuer) -> None:
    issuer.claim_changes = {"email": None, "groups": [7]}
    remarks = record(setup("--output=json", "--oidc-extra-scope=email", "--groups-claim=roles"))["remarks"]
    may_be = "Some API servers refuse this token: it"
    assert [remark.partition(may_be)[2] for remark in remarks if may_be in remark] == [
        " has no email, though the scope email was granted, so it cannot name a user where the email does.",
        "s groups are no text and no list of texts, so it is refused where they are read.",
    ]
    # That one is among the flags.
    assert not [remark for remark in remarks if "--oidc-signing-algs" in remark]


CLUSTER_KEYS = {
    "username_claim": "upn",
    "username_prefix": "oidc:",
    "groups_claim": "roles",
    "groups_prefix": "oidc-",
}


@pytest.mark.parametrize(
    ("arguments", "username", "groups"),
    [
        ([], "oidc:me", ["oidc-ops"]),
        (["--username-claim=sub"], "{issuer}#user-1", ["oidc-ops"]),
        (["--username-claim=upn", "--username-prefix=x:"], "x:me", ["oidc-ops"]),
        (["--groups-claim=groups"], "oidc:me", ["devs"]),
        (["--groups-prefix="], "oidc:me", ["ops"]),
    ],
)
def test_the_config_says_how_its_clusters_name_users(
    cli: Run, acme: Path, issuer: ScriptedIssuer, arguments: list[str], username: str, groups: list[str]
) -> None:
    issuer.claims |= {"upn": "me", "roles": ["ops"], "groups": ["devs"]}
    keys = "".join(f'{name} = "{value}"\n' for name, value in CLUSTER_KEYS.items())
    acme.write_text(acme.read_text() + keys)
    done = cli("setup", "--profile", "acme", "-o", "json", *arguments)
    item = record(done)
    assert (item["username"], item["groups"]) == (username.format(issuer=issuer.url), groups)
    assert "in different ways" not in done.stderr
    # A cluster of which nothing is said does not matter; one that differs is named.
    other = '\n[clusters.{name}]\nprofile = "acme"\nserver = "https://127.0.0.1:6444"\n'
    acme.write_text(acme.read_text() + other.format(name="plain"))
    assert record(cli("setup", "--profile", "acme", "-o", "json", *arguments))["username"] == item["username"]
    acme.write_text(acme.read_text() + other.format(name="west") + 'username_claim = "sub"\n')
    done = cli("setup", "--profile", "acme", "-o", "json", *arguments)
    assert "clusters east, west name users in different ways; this is for east" in done.stderr


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "acme", "--oidc-client-id=x"], "--profile already sets what --oidc-client-id sets"),
        (["--oidc-client-id=x"], "--oidc-issuer-url is missing"),
        (["--profile", "nope"], "nope"),
        (["--oidc-issuer=x"], "did you mean --oidc-issuer-url"),
    ],
)
def test_what_makes_no_sense(cli: Run, arguments: list[str], said: str) -> None:
    done = cli("setup", *arguments)
    assert (done.code, said in done.stderr) == (2, True), done.stderr


def test_where_nobody_can_be_asked(setup: Run) -> None:
    done = setup(CI="1")
    assert done.code == 3
    assert re.search(r"run: togetherctl setup --oidc-issuer-url=\S+ --oidc-client-id=the-client", done.stderr)


def test_the_plugin_alone_shows_how(cli_in: CliIn) -> None:
    done = cli_in(program=PLUGIN)("setup")
    assert (done.code, "--oidc-issuer-url" in done.stdout) == (0, True)
