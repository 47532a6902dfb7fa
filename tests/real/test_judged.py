"""What we say of API servers, before kube-apiserver's own code: `setup` taken at its word, and `whoami` at a 401."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT, CliIn, MakeConfig, Run
from tests.support.browser import ScriptedBrowser
from tests.support.issuer import Reply, ScriptedIssuer
from tests.support.programs import need
from tests.support.token_shapes import key
from togetherctl.auth.cache.files import FileSessions
from togetherctl.kube.api_server_setup import CA_FILE

if TYPE_CHECKING:
    import trustme

    from tests.support.clock import StoppedClock
    from tests.support.judge import Judge


@dataclass
class Variant:
    """One way to set up an API server, by `setup`'s own flags, and who it then sees."""

    arguments: list[str]
    username: str
    groups: tuple[str, ...] = ()
    claims: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    token: str = "id"
    cluster_keys: str = ""


ACCESS = {"aud": ["api://cluster", "api://other"], "email": None}
VARIANTS = {
    "email": Variant([], "me@acme.com"),
    "email, with a prefix": Variant(["--username-prefix=oidc:"], "oidc:me@acme.com"),
    "email, verified": Variant([], "me@acme.com", claims={"email_verified": True}),
    "email, not verified": Variant([], "{issuer}#user-1", claims={"email_verified": False}),
    "sub": Variant(["--username-claim=sub"], "{issuer}#user-1"),
    "sub, with no prefix": Variant(["--username-claim=sub", "--username-prefix=-"], "user-1"),
    "sub, with a prefix": Variant(["--username-claim=sub", "--username-prefix=o:"], "o:user-1"),
    "another claim": Variant(["--username-claim=upn"], "{issuer}#me", claims={"upn": "me"}),
    "groups": Variant([], "me@acme.com", ("a", "b c"), {"groups": ["a", "b c"]}),
    "groups, with a prefix": Variant(["--groups-prefix=g:"], "me@acme.com", ("g:a",), {"groups": "a"}),
    "groups of another claim": Variant(["--groups-claim=roles"], "me@acme.com", ("r",), {"roles": ["r"]}),
    "groups that are not there": Variant(["--groups-claim=roles"], "me@acme.com"),
    "ES256": Variant([], "me@acme.com", algorithm="ES256"),
    "PS256": Variant([], "me@acme.com", algorithm="PS256"),
    "ES512": Variant([], "me@acme.com", algorithm="ES512"),
    "several audiences": Variant([], "me@acme.com", claims={"aud": ["the-client", "other"]}),
    "an access token": Variant([], "{issuer}#user-1", claims=ACCESS, token="access"),
    "as the configuration says": Variant(
        [], "x:me", ("r",), {"upn": "me", "roles": ["r"]},
        cluster_keys='username_claim = "upn"\nusername_prefix = "x:"\ngroups_claim = "roles"\n',
    ),
}  # fmt: skip


@pytest.fixture
def run(cli_in: CliIn, clock: StoppedClock, tls_issuer: ScriptedIssuer) -> Run:
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=ScriptedBrowser(tls_issuer))


def signs(issuer: ScriptedIssuer, algorithm: str) -> None:
    """Let the issuer sign with another key from now on."""
    issuer.key, issuer.algorithm = key(algorithm, algorithm), algorithm  # type: ignore[assignment] # any kind of key
    issuer.always["/keys"] = Reply(body={"keys": [dict(issuer.key.as_dict(private=False))]})


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_setup_at_its_word(
    variant: Variant,
    run: Run,
    judge: Judge,
    tls_issuer: ScriptedIssuer,
    ca_file: Path,
    config_at: MakeConfig,
    home: Path,
) -> None:
    signs(tls_issuer, variant.algorithm)
    tls_issuer.claim_changes = variant.claims
    tls_issuer.claims["sub"] = "user-1"
    if variant.token == "access":
        access = tls_issuer.id_token(tls_issuer.claims)
        tls_issuer.claim_changes, tls_issuer.token_changes = {}, {"access_token": access}
    path = config_at(tls_issuer, f'ca_file = "{ca_file}"', f'token = "{variant.token}"')
    path.write_text(path.read_text() + variant.cluster_keys)
    done = run("setup", "--profile", "acme", "-o", "json", *variant.arguments)
    assert done.code == 0, done.stderr
    item = json.loads(done.stdout)["item"]
    assert (item["username"], tuple(item["groups"])) == (variant.username.format(issuer=tls_issuer.url), variant.groups)
    page = run("setup", "--profile", "acme", *variant.arguments).stdout
    printed = [shlex.split(line)[0] for line in page.splitlines() if line.startswith("  --oidc-")]
    assert printed == item["api_server_flags"]

    token = value(home, variant.token)
    start = page.index("apiVersion: apiserver.config.k8s.io/v1\n")
    files = {CA_FILE: ca_file.read_text()}
    for trust in (
        {"flags": printed, "files": files},
        {"configuration": page[start : page.index("\n\n", start)]},
        {"configuration": json.dumps(item["authentication_configuration"])},
    ):
        [verdict] = judge.verdicts([token], **trust)
        assert (verdict.error, verdict.username, verdict.groups) == ("", item["username"], variant.groups), trust


def value(home: Path, kind: str) -> str:
    """The token that the profile's session gives to clusters."""
    folder = home / "tctl" / "state" / "sessions"
    [path] = folder.glob("*.json")
    session = FileSessions(folder).load(path.stem)
    assert session is not None
    token = session.id_token if kind == "id" else session.access_token
    assert token is not None
    return token.value


def test_a_claim_without_a_prefix_keeps_an_api_server_from_starting(judge: Judge) -> None:
    """Why the page always says `prefix`, be it empty."""
    text = (
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt:\n"
        "- issuer: {url: 'https://issuer.example', audiences: [kube]}\n"
        "  claimMappings: {username: {claim: email%s}}\n"
    )
    with pytest.raises(ValueError, match="prefix is required when claim is set"):
        judge.verdicts([], configuration=text % "")


@dataclass
class Cluster:
    """An API server, a session for it, and a kubeconfig that kubectl reads."""

    environ: dict[str, str]
    run: Run
    told: Callable[..., None]

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [need("kubectl"), *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def cluster(
    run: Run,
    judge: Judge,
    authority: trustme.CA,
    tls_issuer: ScriptedIssuer,
    tls_config: Path,
    ca_file: Path,
    environ: dict[str, str],
    home: Path,
) -> Cluster:
    signs(tls_issuer, "RS256")
    environ |= {"KUBECONFIG": str(home / "kubeconfig"), "PYTHONPATH": str(ROOT)}
    issued = authority.issue_cert("127.0.0.1")
    certificate = issued.cert_chain_pems[0].bytes().decode()

    def told(**flags: str) -> None:
        """Start an API server that is told so of the issuer, and make it the cluster's."""
        words = {"issuer-url": tls_issuer.url, "client-id": "the-client", "ca-file": CA_FILE, **flags}
        url = judge.api_server(
            certificate,
            issued.private_key_pem.bytes().decode(),
            flags=[f"--oidc-{name.replace('_', '-')}={word}" for name, word in words.items()],
            files={CA_FILE: ca_file.read_text()},
        )
        assert run("cluster", "set", "east", f"server={url}", f"ca_file={ca_file}").code == 0
        assert run("kubeconfig", "write", "east", "--set-current").code == 0

    assert tls_config.exists()
    return Cluster(environ, run, told)


def test_kubectl_and_whoami_at_an_api_server_that_takes_the_token(cluster: Cluster, tls_issuer: ScriptedIssuer) -> None:
    tls_issuer.claims |= {"groups": ["devs"], "aud": ["the-client", "the-client.app"]}
    cluster.told(username_claim="email", groups_claim="groups")
    done = cluster.run("login")
    assert (done.code, "note:" in done.stderr) == (0, False), done.stderr
    answer = cluster.kubectl("auth", "whoami", "-o", "json")
    assert answer.returncode == 0, answer.stderr
    user = json.loads(answer.stdout)["status"]["userInfo"]
    assert (user["username"], user["groups"]) == ("me@acme.com", ["devs", "system:authenticated"])
    pods = cluster.kubectl("get", "pods")
    assert (pods.returncode, "No resources found" in pods.stderr) == (0, True), pods.stderr
    item = json.loads(cluster.run("whoami", "-o", "json").stdout)["item"]
    assert item["clusters"] == [
        {"cluster": "east", "username": "me@acme.com", "groups": ["devs", "system:authenticated"], "error": None}
    ]


CAUSES: dict[str, tuple[dict[str, Any], str, dict[str, str], str]] = {
    "algorithm": ({}, "ES256", {}, "it is signed with ES256, and kube-apiserver's flags take RS256 alone"),
    "unverified": ({"email_verified": False}, "RS256", {"username_claim": "email"}, "its email is not verified"),
    "groups": ({"groups": [7]}, "RS256", {"groups_claim": "groups"}, "its groups are no text and no list of texts"),
    "at_hash": ({"at_hash": 7}, "RS256", {}, "its at_hash is no text"),
    "no email": ({"email": None}, "RS256", {"username_claim": "email"}, "it has no email"),
    "told otherwise": ({}, "RS256", {"client_id": "another"}, "for the audience (aud) the-client"),
}


@pytest.mark.parametrize(("claims", "algorithm", "told", "said"), CAUSES.values(), ids=CAUSES)
def test_whoami_names_the_cause_of_a_401(
    cluster: Cluster,
    tls_issuer: ScriptedIssuer,
    claims: dict[str, Any],
    algorithm: str,
    told: dict[str, str],
    said: str,
) -> None:
    signs(tls_issuer, algorithm)
    tls_issuer.claim_changes = claims
    cluster.told(**{name.replace("_", "-"): word for name, word in told.items()})
    assert cluster.run("login").code == 0
    answer = cluster.kubectl("auth", "whoami")
    assert (answer.returncode, "must be logged in to the server" in answer.stderr) == (1, True), answer.stderr
    done = cluster.run("whoami", "-o", "json")
    [one] = json.loads(done.stdout)["item"]["clusters"]
    assert (done.code, one["error"]["code"], said in one["error"]["message"]) == (5, "refused", True), one
    # The doctor finds it at the same place.
    done = cluster.run("doctor", "acme", "-o", "json")
    [found] = [item for item in json.loads(done.stdout)["items"] if item["check"] == "cluster-access"]
    assert (found["subject"], found["status"], said in found["message"]) == ("east", "failed", True), found
    assert found["hint_command"] == "togetherctl setup --profile acme"
    other = [item for item in json.loads(done.stdout)["items"] if item["check"] in ("cluster-tcp", "cluster-tls")]
    assert [item["status"] for item in other] == ["ok", "ok"]


def test_doctor_at_an_api_server_that_takes_the_token(cluster: Cluster, tls_issuer: ScriptedIssuer) -> None:
    tls_issuer.claims |= {"groups": ["devs"]}
    cluster.told(username_claim="email", groups_claim="groups")
    assert cluster.run("cluster", "set", "east", "username_claim=email", "groups_claim=groups").code == 0
    assert cluster.run("login").code == 0
    found = _examined(cluster)
    assert {name: item["status"] for name, item in found.items() if name.startswith(("token-", "cluster-"))} == {
        f"token-{name}": "ok" for name in ("state", "refresh", "audience", "claims", "size")
    } | {f"cluster-{name}": "ok" for name in ("name", "tcp", "tls", "access")}
    assert found["cluster-access"]["message"] == "it knows you as me@acme.com, in 1 group"
    # What the configuration says of the cluster is not what its API server is told.
    assert cluster.run("cluster", "set", "east", "username_claim=sub").code == 0
    found = _examined(cluster)
    assert found["cluster-access"]["status"] == "warning"
    assert "though token and configuration make it " in found["cluster-access"]["message"]


def _examined(cluster: Cluster) -> dict[str, dict[str, Any]]:
    items = json.loads(cluster.run("doctor", "acme", "-o", "json").stdout)["items"]
    return {item["check"]: item for item in items}


def test_groups_that_the_issuer_left_out_as_too_large(cluster: Cluster, tls_issuer: ScriptedIssuer) -> None:
    """A claim that is elsewhere (OpenID Connect Core 1.0, 5.6.2): the API server goes there, and else refuses."""
    elsewhere = {"src1": {"endpoint": f"{tls_issuer.url}/nowhere"}}
    tls_issuer.claims |= {"_claim_names": {"groups": "src1"}, "_claim_sources": elsewhere}
    cluster.told(username_claim="email", groups_claim="groups")
    assert cluster.run("cluster", "set", "east", "username_claim=email", "groups_claim=groups").code == 0
    assert cluster.run("login").code == 0
    items = json.loads(cluster.run("doctor", "acme", "-o", "json").stdout)["items"]
    claims = [item["message"] for item in items if item["check"] == "token-claims" and item["status"] == "warning"]
    assert ["its groups are not in it but elsewhere" in message for message in claims] == [True], claims
    [access] = [item for item in items if item["check"] == "cluster-access"]
    assert (access["status"], "its groups are not in it but elsewhere" in access["message"]) == ("failed", True), access
