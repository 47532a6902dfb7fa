"""`kubeconfig allowlist`: the kuberc that works, whatever stood in it before, and a word where it forbids us."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.engine import Policy
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run
    from tests.support.browser import ScriptedBrowser

HEAD = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n"
BUILT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "togetherctl-tests"

BEFORE = {
    "none": None,
    "empty": "",
    "a comment": "# mine\n",
    "nothing of plugins": HEAD + "# short\naliases:\n- name: getn\n  command: get\n",
    "everything is allowed": HEAD + "credentialPluginPolicy: AllowAll   # for now\n",
    "nothing is allowed": HEAD + "credentialPluginPolicy: DenyAll\n",
    "others are allowed": HEAD
    + "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- command: /usr/bin/aws   # ours\n",
    "others by name": HEAD + "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{name: /usr/bin/aws}]\n",
    "two documents": HEAD + "---\n" + HEAD + "credentialPluginPolicy: DenyAll\n",
    "CRLF": (HEAD + "aliases: []\n").replace("\n", "\r\n"),
    "the older head": "apiVersion: kubectl.config.k8s.io/v1alpha1\nkind: Preference\naliases: []\n",
}


@pytest.fixture
def kuberc(acme: Path, home: Path, cli: Run) -> Path:
    assert acme.exists()
    assert cli("kubeconfig", "write", "--no-shim").code == 0
    return home / ".kube" / "kuberc"


def called(home: Path) -> str:
    return str(load((home / ".kube" / "config").read_text())["users"][-1]["user"]["exec"]["command"])


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_what_is_written_lets_kubectl_run_us(before: str | None, kuberc: Path, home: Path, cli: Run) -> None:
    if before is not None:
        kuberc.write_bytes(before.encode())
    printed = cli("kubeconfig", "allowlist")
    assert printed.code == 0, printed.stderr
    assert (kuberc.read_bytes().decode() if kuberc.exists() else None) == before
    done = cli("kubeconfig", "allowlist", "--write")
    assert (done.code, done.stderr) == (0, "Wrote ~/.kube/kuberc.\n")
    written = kuberc.read_bytes().decode()
    assert printed.stdout.replace("\r\n", "\n").rstrip("\n") == written.replace("\r\n", "\n").rstrip("\n")
    data, old = load(written), load(before or "") or {}
    assert (data["apiVersion"], data["kind"]) == ("kubectl.config.k8s.io/v1beta1", "Preference")
    assert data["credentialPluginPolicy"] == "Allowlist"
    listed = [next(iter(item.values())) for item in data["credentialPluginAllowlist"]]
    assert called(home) in listed
    assert listed[: -len(listed) + len(old.get("credentialPluginAllowlist", []))] == [
        next(iter(item.values())) for item in old.get("credentialPluginAllowlist", [])
    ]
    assert all(os.path.normpath(path) == path for path in listed)
    for line in (before or "").splitlines():
        if "#" in line or "aliases" in line:
            assert line.partition("#")[2] in written
    if before and "---" in before:
        assert written.endswith(before.partition("---")[2])
    assert "says all of this already" in cli("kubeconfig", "allowlist", "--write").stderr
    assert kuberc.read_bytes().decode() == written
    heard = _kubectl(home)
    assert heard is None or not any(word in heard for word in ("preferences", "kuberc", "allowlist", "not allowed"))


def _kubectl(home: Path) -> str | None:
    """What kubectl with kuberc says when it is to run us; None where it is not built here."""
    for kubectl in sorted(BUILT.glob("kubernetes-*/kubectl")):
        words = [str(kubectl), "--context", "east", "get", "--raw", "/version", "--request-timeout=5s"]
        environ = {**os.environ, "HOME": str(home), "TOGETHERCTL_NO_INPUT": "1"}
        done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout + done.stderr
    return None


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (
            "apiVersion: kubectl.config.k8s.io/v1alpha1\nkind: Preference\noverrides: []\n",
            "overrides are called defaults",
        ),
        ("kind: Preference\n", "the first document of"),
        ("apiVersion: v1\nkind: Config\n---\n" + HEAD, "the first document of"),
        ("apiVersion: [\n", "cannot be understood: line 2"),
        (HEAD + "credentialPluginAllowlist: 5\n", "cannot be changed safely"),
    ],
)
def test_what_cannot_work_is_said(before: str, said: str, kuberc: Path, cli: Run) -> None:
    kuberc.write_text(before)
    for words in ((), ("--write",)):
        done = cli("kubeconfig", "allowlist", *words)
        assert (done.code, said in done.stderr) == (7, True), done.stderr
        assert kuberc.read_text() == before


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (HEAD + "credentialPluginPolicy: DenyAll\n", "says credentialPluginPolicy: DenyAll"),
        (
            HEAD + "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- command: /usr/bin/aws\n",
            "in its credentialPluginAllowlist",
        ),
        (HEAD + "credentialPluginPolicy: AllowAll\n", None),
        (HEAD + "---\n" + HEAD + "credentialPluginPolicy: DenyAll\n", None),
        ("kind: Preference\ncredentialPluginPolicy: DenyAll\n", None),
        ("a: [\n", None),
    ],
)
def test_writing_says_where_kubectl_may_not_run_us(
    before: str, why: str | None, kuberc: Path, home: Path, cli: Run
) -> None:
    kuberc.write_text(before)
    done = cli("kubeconfig", "write", "--no-shim")
    assert done.code == 0
    said = f"kubectl will not run {called(home)}: {kuberc} "
    assert (said in done.stderr, "togetherctl kubeconfig allowlist --write" in done.stderr) == (why is not None,) * 2
    if why is not None:
        assert why in done.stderr
        for changes in ({"KUBERC": "off"}, {"KUBECTL_KUBERC": "false"}, {"KUBERC": str(home / "other")}):
            assert said not in cli("kubeconfig", "write", "--no-shim", **changes).stderr
        assert cli("kubeconfig", "allowlist", "--write").code == 0
        assert said not in cli("kubeconfig", "write", "--no-shim").stderr


def test_whoami_says_it_too(
    kuberc: Path, home: Path, cli: Run, make_world: MakeWorld, browser: ScriptedBrowser
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    assert "kubectl will not run" not in cli("whoami").stderr
    kuberc.write_text(HEAD + "credentialPluginPolicy: DenyAll\n")
    assert f"kubectl will not run {called(home)}: {kuberc} says" in cli("whoami").stderr


def test_paths_are_normal_ones(home: Path, cli: Run, acme: Path) -> None:
    """kubectl ends every command with an error where its list has a path that is not."""
    config = home / ".config" / "togetherctl" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(acme.read_text())
    changes = {"TOGETHERCTL_HOME": "", "XDG_STATE_HOME": f"{home}/x/../state"}
    assert cli("kubeconfig", "write", **changes).code == 0
    listed = load(cli("kubeconfig", "allowlist", **changes).stdout)["credentialPluginAllowlist"]
    assert listed[0]["command"] == f"{home}/state/togetherctl/shim/togetherctl" == called(home)
