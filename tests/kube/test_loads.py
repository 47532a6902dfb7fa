"""What is written, kubectl loads:

by client-go's rules, whatever a source, a configuration or a kubeconfig brings along.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kubelogin.test_convert import HEAD
from tests.support.programs import need
from togetherctl.config.config import Config
from togetherctl.kube.client_go_rules import unusable
from togetherctl.kube.yaml_text import load
from togetherctl.usecases.edit_entry import Edit, problems_with_edit

if TYPE_CHECKING:
    import trustme

    from tests.conftest import Run

STANZA = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "interactiveMode": "IfAvailable",
    "command": "kubelogin",
    "args": ["get-token", "--oidc-issuer-url=https://id.acme.com", "--oidc-client-id=k8s"],
}
PAIR = "insecure-skip-tls-verify: true, certificate-authority: ca.pem"


@pytest.fixture
def config(home: Path) -> Path:
    return home / ".kube" / "config"


def heard(config: Path, home: Path) -> str:
    """What kubectl says of the context east, whose server answers nobody; asked without a plugin, which comes first."""
    words = [need("kubectl"), "--kubeconfig", str(config), "--context", "east", "--token=x", "get", "--raw", "/version"]
    done = subprocess.run(
        words, env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False, timeout=60
    )
    return done.stderr


def sent(home: Path, authority: trustme.CA, more: str) -> Path:
    folder = home / "sent"
    folder.mkdir()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    path = folder / "config"
    path.write_text(
        f"{HEAD}clusters:\n- {{name: east, cluster: {{server: 'https://127.0.0.1:1', {more}}}}}\n"
        "contexts:\n- {name: east, context: {cluster: east, user: me}}\n"
        f"users:\n- {{name: me, user: {json.dumps({'exec': STANZA})}}}\n"
    )
    return path


def test_joining_leaves_out_what_kubectl_refuses(home: Path, config: Path, cli: Run, authority: trustme.CA) -> None:
    path = sent(home, authority, PAIR)
    done = cli("profile", "import", str(path), "--yes")
    said = "east leaves out insecure-skip-tls-verify, which kubectl refuses beside certificate-authority"
    assert (done.code, said in done.stderr) == (0, True), done.stderr
    assert cli("kubeconfig", "write", "--portable").code == 0
    assert "insecure" not in config.read_text()
    assert "was refused" in heard(config, home)


def test_converting_does_so_in_place(home: Path, cli: Run, authority: trustme.CA) -> None:
    path = sent(home, authority, PAIR)
    assert "root certificates file with the insecure flag" in heard(path, home)
    done = cli("kubeconfig", "convert", "--all", "--portable", "--kubeconfig", str(path))
    assert (done.code, "context east leaves out insecure-skip-tls-verify" in done.stderr) == (0, True), done.stderr
    assert "was refused" in heard(path, home)


def test_a_config_that_has_such_a_pair_still_works(
    acme: Path, home: Path, config: Path, cli: Run, authority: trustme.CA
) -> None:
    authority.cert_pem.write_to_path(str(acme.parent / "ca.pem"))
    text = acme.read_text().replace("[clusters.east]\n", '[clusters.east]\nca_file = "ca.pem"\n')
    acme.write_text(text.replace("[clusters.east]\n", "[clusters.east]\ninsecure_skip_tls_verify = true\n"))
    done = cli("kubeconfig", "write", "--portable")
    assert (done.code, "which kubectl refuses together: the kubeconfig goes without" in done.stderr) == (0, True)
    assert "insecure" not in config.read_text()
    assert not Config.load(acme, {"HOME": str(home)}).cluster("east").insecure
    assert "root certificates file" not in heard(config, home)
    # It may be mended, and everything else may be changed.
    assert cli("cluster", "set", "east", "namespace=lab").code == 0
    assert cli("cluster", "unset", "east", "insecure_skip_tls_verify").code == 0


def test_no_change_brings_such_a_pair(acme: Path, cli: Run, authority: trustme.CA) -> None:
    authority.cert_pem.write_to_path(str(acme.parent / "ca.pem"))
    assert cli("cluster", "set", "east", "insecure_skip_tls_verify=true").code == 0
    before = acme.read_text()
    done = cli("cluster", "set", "east", "ca_file=ca.pem")
    assert (done.code, "goes with no ca_file: kubectl refuses both together" in done.stderr) == (2, True), done.stderr
    words = ("insecure_skip_tls_verify=true", "ca_file=ca.pem")
    done = cli("cluster", "add", "far", "--profile", "acme", "--server", "https://far:6443", *words)
    assert (done.code, "goes with no ca_file" in done.stderr) == (2, True), done.stderr
    assert acme.read_text() == before


def test_an_authority_that_is_none_is_said(acme: Path, cli: Run) -> None:
    assert acme.exists()
    pem = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
    assert cli("cluster", "set", "east", f"ca_data={pem}").code == 0
    done = cli("kubeconfig", "write", "--portable")
    assert (done.code, "ca_data of cluster east holds no certificate that can be read" in done.stderr) == (0, True)


SERVER = {"server": "https://a"}
EXEC = {"command": "x", "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}


@pytest.mark.parametrize(
    ("section", "body", "said"),
    [
        ("clusters", SERVER, None),
        ("clusters", {}, "no server"),
        ("clusters", SERVER | {"tls-server-name": "a", "insecure-skip-tls-verify": True}, None),
        ("clusters", SERVER | {"certificate-authority": "a", "certificate-authority-data": "QQ=="}, "keep one"),
        ("clusters", SERVER | {"certificate-authority-data": "QQ==", "insecure-skip-tls-verify": True}, "keep one"),
        ("clusters", SERVER | {"proxy-url": "socks5://p:1"}, None),
        ("clusters", SERVER | {"proxy-url": "socks5h://p:1"}, "proxy-url must begin with http://, https://, socks5://"),
        ("clusters", SERVER | {"proxy-url": "ftp://p:1"}, "proxy-url must begin"),
        ("contexts", {"cluster": "a", "user": "b", "namespace": "lab"}, None),
        ("contexts", {"cluster": "a"}, "names no user"),
        ("contexts", {"cluster": "a", "user": "b", "namespace": "A_B"}, None),
        ("users", {"exec": EXEC}, None),
        ("users", {"token": "x"}, None),
        ("users", {"exec": EXEC | {"command": ""}}, "no command"),
        ("users", {"exec": EXEC | {"apiVersion": "v1"}}, "the apiVersion of its exec"),
        ("users", {"exec": {**EXEC, "interactiveMode": None}}, "the interactiveMode of its exec"),
        ("users", {"exec": EXEC | {"apiVersion": "client.authentication.k8s.io/v1beta1", "interactiveMode": ""}}, None),
        ("users", {"exec": EXEC | {"env": [{"value": "x"}]}}, "has no name"),
        ("users", {"exec": EXEC, "auth-provider": {"name": "oidc"}}, "keep one"),
    ],
)
def test_an_entry_is_what_client_go_uses(
    section: str, body: dict[str, object], said: str | None, tmp_path: Path
) -> None:
    """The same is asked of kubectl itself, so that the rules stay its own."""
    entry = {"name": "a", section[:-1]: body}
    why = unusable(section, entry)  # type: ignore[arg-type] # one of the three
    assert (why is None) == (said is None)
    assert said is None or said in str(why)
    whole = {
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {"token": "x"}}],
        "current-context": "a",
        section: [entry],
    }
    if section == "contexts" and body.get("user"):
        whole |= {"users": [{"name": "b", "user": {"token": "x"}}]}
    path = tmp_path / "config"
    from togetherctl.kube.yaml_values import dump

    path.write_text(dump(whole))
    words = [need("kubectl"), "--kubeconfig", str(path), "get", "--raw", "/version", "--request-timeout=2s"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    # "error:" is kubectl's own; a server or a plugin that is not there is another matter.
    reached = ("was refused", "executable x not found", "no such host", "unable to parse bytes as PEM", "dial tcp")
    taken = any(sentence in done.stderr for sentence in reached) or "Unable to connect" in done.stderr
    # A context without a user is used without credentials, and none of ours is meant to be.
    # And one without a server goes to localhost:8080, where none of ours is.
    if body not in ({"cluster": "a"}, {}):
        assert taken == (said is None), done.stderr
    assert load(path.read_text())[section] == [entry]


def test_the_terminal_interface_hears_of_it_before_it_is_saved() -> None:
    cluster = {"profile": "acme", "server": "https://a:6443", "insecure_skip_tls_verify": True}
    data = {
        "issuers": {"acme": {"url": "https://id.acme.com"}},
        "profiles": {"acme": {"issuer": "acme", "client_id": "k8s"}},
        "clusters": {"east": cluster},
    }
    said = problems_with_edit(data, Edit("cluster", "east", cluster, {"ca_file": "ca.pem"}))
    assert "kubectl refuses both together" in said["insecure_skip_tls_verify"]
    assert problems_with_edit(data, Edit("cluster", "east", cluster, {"namespace": "lab"})) == {}
