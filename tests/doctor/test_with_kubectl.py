"""What checks say of kubectl, held against a real kubectl 1.35 or later: its kuberc, and what it sends."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cluster import ScriptedCluster
from tests.support.findings import look, look_at
from tests.support.kubeconfigs import change
from tests.support.programs import CACHE, missing

if TYPE_CHECKING:
    import trustme

    from tests.conftest import MakeWorld, Run

HEAD = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n"
ALLOWLIST = HEAD + "credentialPluginPolicy: Allowlist\n"
PLUGIN_TEXT = """#!/bin/sh
touch "$0.was-run"
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"of-the-plugin"}}'
"""


@pytest.fixture
def cluster(authority: trustme.CA) -> Iterator[ScriptedCluster]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedCluster(context) as running:
        yield running


@pytest.fixture
def plugin(acme: Path, home: Path, cli: Run, cluster: ScriptedCluster, ca_file: Path) -> Path:
    """What the kubeconfig calls; it says that it was run. The cluster is there."""
    acme.write_text(acme.read_text().replace("https://127.0.0.1:6443", cluster.url) + f'ca_file = "{ca_file}"\n')
    assert cli("kubeconfig", "write", "--set-current", "--no-shim").code == 0
    path = home / "plugin"
    path.write_text(PLUGIN_TEXT)
    path.chmod(0o700)
    change_user(home, lambda user: user["exec"].update(command=str(path)))
    return path


def change_user(home: Path, how: Any) -> None:
    change(home / ".kube" / "config", lambda data: how(data["users"][0]["user"]))


def newest_kubectl() -> Path:
    """A kubectl that asks a kuberc; `make real-cluster` builds it."""
    built = sorted(CACHE.glob("kubernetes-*/kubectl"))
    return built[-1] if built else Path(missing("no kubectl of 1.35 or later is built", "cluster"))


def plugin_is_run(kubectl: Path, plugin: Path, home: Path, **changes: str) -> bool:
    """Whether kubectl gets as far as running the plugin."""
    mark = plugin.with_name("plugin.was-run")
    mark.unlink(missing_ok=True)
    subprocess.run(
        [kubectl, "get", "--raw", "/api", "--request-timeout=5s"],
        env={"PATH": os.environ["PATH"], "HOME": str(home), **changes},
        capture_output=True,
        check=False,
        timeout=60,
    )
    return mark.exists()


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        (None, "ok", "there is none"),
        (HEAD, "ok", "may run"),
        (HEAD + "credentialPluginPolicy: AllowAll\n", "ok", "may run"),
        (ALLOWLIST + "credentialPluginAllowlist: [{command: PLUGIN}]\n", "ok", "may run"),
        (HEAD + "credentialPluginPolicy: DenyAll\n", "failed", "says credentialPluginPolicy: DenyAll"),
        (ALLOWLIST + "credentialPluginAllowlist: [{command: /usr/bin/aws}]\n", "failed", "does not have PLUGIN"),
        (ALLOWLIST, "failed", "every kubectl command fails"),
        (ALLOWLIST + "credentialPluginAllowlist: []\n", "failed", "every kubectl command fails"),
        (ALLOWLIST + "credentialPluginAllowlist: [{command: /usr/../bin/x}]\n", "failed", "no normal path"),
        (HEAD + "credentialPluginPolicy: Some\n", "failed", "which kubectl does not know"),
        (HEAD + "credentialPluginAllowlist: [{command: PLUGIN}]\n", "failed", "goes with"),
        ("a: [", "warning", "goes on without it"),
    ],
)
def test_a_policy_is_judged_as_kubectl_judges_it(
    text: str | None, status: str, said: str, plugin: Path, home: Path, make_world: MakeWorld
) -> None:
    kubectl, kuberc = newest_kubectl(), home / ".kube" / "kuberc"
    if text is not None:
        kuberc.write_text(text.replace("PLUGIN", str(plugin)))
    path = os.pathsep.join([str(kubectl.parent), os.environ["PATH"]])
    found = look_at("kubeconfig-kuberc", make_world(PATH=path))
    assert (found.status, said.replace("PLUGIN", str(plugin)) in found.message) == (status, True), found
    assert plugin_is_run(kubectl, plugin, home) == (status != "failed")


def test_of_a_kuberc_that_a_variable_names_kubectl_makes_an_error(
    plugin: Path, home: Path, make_world: MakeWorld
) -> None:
    kubectl = newest_kubectl()
    named = home / "mine"
    named.write_text("a: [")
    path = os.pathsep.join([str(kubectl.parent), os.environ["PATH"]])
    found = look_at("kubeconfig-kuberc", make_world(PATH=path, KUBERC=str(named)))
    assert (found.status, found.subject) == ("failed", str(named))
    assert not plugin_is_run(kubectl, plugin, home, KUBERC=str(named))
    assert look_at("kubeconfig-kuberc", make_world(PATH=path, KUBERC="off")).status == "skipped"
    assert plugin_is_run(kubectl, plugin, home, KUBERC="off")


def test_an_older_kubectl_asks_no_list(plugin: Path, home: Path, make_world: MakeWorld, tmp_path: Path) -> None:
    assert plugin.exists()
    (home / ".kube" / "kuberc").write_text(HEAD + "credentialPluginPolicy: DenyAll\n")
    older = tmp_path / "bin" / "kubectl"
    older.parent.mkdir()
    older.write_text("""#!/bin/sh\necho '{"clientVersion": {"gitVersion": "v1.34.1"}}'\n""")
    older.chmod(0o700)
    found = look_at("kubeconfig-kuberc", make_world(PATH=f"{older.parent}{os.pathsep}{os.environ['PATH']}"))
    assert (found.status, "too old to ask it" in found.message) == ("warning", True)


@pytest.mark.parametrize(
    "extra",
    [
        {"token": "static"},
        {"tokenFile": "{home}/token"},
        {"username": "a", "password": "b"},
        {"client-certificate": "{home}/me.pem", "client-key": "{home}/me.pem"},
    ],
)
def test_kubectl_never_runs_the_plugin_beside_another_credential(
    extra: dict[str, str], plugin: Path, home: Path, make_world: MakeWorld, authority: trustme.CA
) -> None:
    kubectl = newest_kubectl()
    assert plugin_is_run(kubectl, plugin, home, KUBERC="off")
    (home / "token").write_text("static")
    authority.issue_cert("me.example.com").private_key_and_cert_chain_pem.write_to_path(str(home / "me.pem"))
    change_user(home, lambda user: user.update({key: value.format(home=home) for key, value in extra.items()}))
    [found] = [one for one in look("kubeconfig-other-credentials", make_world()) if one.status == "failed"]
    assert "togetherctl is never asked" in found.message
    assert not plugin_is_run(kubectl, plugin, home, KUBERC="off")
    assert found.remedy is not None
    assert found.remedy.command is not None
    words = [str(kubectl), *found.remedy.command[1:]]
    subprocess.run(words, env={**os.environ, "HOME": str(home)}, check=True, capture_output=True, timeout=60)
    assert plugin_is_run(kubectl, plugin, home, KUBERC="off")
