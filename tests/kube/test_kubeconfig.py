"""`kubeconfig write`: locks, ownership, several files, and never harming what is not ours."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.kube import kubeconfig
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.usefixtures("acme")

THEIRS = """\
apiVersion: v1
kind: Config
# do not touch
clusters:
- name: prod
  cluster:
    server: https://prod
contexts:
- name: prod
  context: {cluster: prod, user: admin}
users:
- name: admin
  user:
    client-certificate: certs/admin.pem
current-context: prod
"""


@pytest.fixture
def config(home: Path) -> Path:
    path = home / ".kube" / "config"
    path.parent.mkdir()
    path.write_text(THEIRS)
    path.chmod(0o640)
    return path


def test_a_new_file_is_private_and_complete(home: Path, cli: Run) -> None:
    done = cli("kubeconfig", "write")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == "Wrote east to ~/.kube/config.\n  kubectl --context east get pods\n"
    path = home / ".kube" / "config"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = load(path.read_text())
    assert "current-context" not in written
    assert written["contexts"][0]["context"]["user"] == "togetherctl:acme"
    [user] = written["users"]
    stanza = user["user"]["exec"]
    assert user["name"] == "togetherctl:acme"
    assert stanza["apiVersion"] == "client.authentication.k8s.io/v1"
    assert stanza["args"] == ["get-token", "--profile", "acme"]
    assert (stanza["interactiveMode"], stanza["provideClusterInfo"]) == ("IfAvailable", False)
    assert stanza["command"].startswith(os.sep)
    assert os.access(stanza["command"], os.X_OK)
    assert "togetherctl kubeconfig write" in stanza["installHint"]


def test_it_holds_no_secret_no_issuer_and_no_client_id(home: Path, cli: Run, acme: Path) -> None:
    cli("kubeconfig", "write")
    text = (home / ".kube" / "config").read_text() + cli("kubeconfig", "show").stdout
    assert "the-client" in acme.read_text()
    assert "the-client" not in text
    assert "localhost" not in text


def test_everything_else_stays_as_it_is(config: Path, cli: Run) -> None:
    assert cli("kubeconfig", "write").code == 0
    text = config.read_text()
    for line in THEIRS.splitlines():
        assert line in text.splitlines()
    assert load(text)["current-context"] == "prod"
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert sorted(path.name for path in config.parent.iterdir()) == ["config"]
    again = cli("kubeconfig", "write")
    assert (again.code, config.read_text()) == (0, text)
    assert "says all of this already" in again.stderr


def test_set_current_switches_on_purpose(config: Path, cli: Run) -> None:
    assert cli("kubeconfig", "write", "east", "--set-current").code == 0
    assert load(config.read_text())["current-context"] == "east"


def test_dry_run_prints_the_difference_and_writes_nothing(config: Path, cli: Run) -> None:
    done = cli("kubeconfig", "write", "--dry-run")
    assert done.code == 0
    assert f"--- {config}\n+++ {config}\n" in done.stdout
    added = [line for line in done.stdout.splitlines() if line.startswith("+") and not line.startswith("+++")]
    removed = [line for line in done.stdout.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert "+    user: togetherctl:acme" in added
    assert removed == []
    assert config.read_text() == THEIRS
    assert sorted(path.name for path in config.parent.iterdir()) == ["config"]


def test_what_togetherctl_did_not_write_is_left_alone(config: Path, cli: Run) -> None:
    config.write_text(THEIRS.replace("prod", "east"))
    before = config.read_text()
    done = cli("kubeconfig", "write")
    assert done.code == 7
    assert f"did not write cluster east in {config}, context east in {config}, and leaves them alone" in done.stderr
    assert "--overwrite" in done.stderr
    assert config.read_text() == before
    assert cli("kubeconfig", "write", "--overwrite").code == 0
    written = load(config.read_text())
    assert written["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
    assert [user["name"] for user in written["users"]] == ["admin", "togetherctl:acme"]


def test_our_own_entries_are_brought_up_to_date(config: Path, cli: Run) -> None:
    cli("kubeconfig", "write")
    edited = config.read_text().replace(
        "    cluster: east\n    user: togetherctl:acme\n",
        "    cluster: east\n    user: togetherctl:acme\n    namespace: mine   # chosen by hand\n",
    )
    config.write_text(
        edited.replace("      interactiveMode", "      env:\n      - {name: A, value: b}\n      interactiveMode")
    )
    cli("cluster", "set", "east", "server=https://elsewhere:6443", "tls_server_name=kube", "proxy_url=http://p:1")
    assert cli("kubeconfig", "write").code == 0
    written = load(config.read_text())
    body = written["clusters"][-1]["cluster"]
    assert (body["server"], body["tls-server-name"], body["proxy-url"]) == (
        "https://elsewhere:6443",
        "kube",
        "http://p:1",
    )
    assert written["contexts"][-1]["context"]["namespace"] == "mine"
    assert "# chosen by hand" in config.read_text()
    assert written["users"][-1]["user"]["exec"]["env"] == [{"name": "A", "value": "b"}]
    cli("cluster", "unset", "east", "tls_server_name", "proxy_url")
    cli("cluster", "set", "east", "namespace=ours", "insecure_skip_tls_verify=true")
    cli("kubeconfig", "write")
    written = load(config.read_text())
    assert "tls-server-name" not in written["clusters"][-1]["cluster"]
    assert written["clusters"][-1]["cluster"]["insecure-skip-tls-verify"] is True
    assert written["contexts"][-1]["context"]["namespace"] == "ours"


def test_contexts_bear_the_name_the_config_gives_them(home: Path, cli: Run) -> None:
    cli("cluster", "set", "east", "context=gpu-east")
    cli("kubeconfig", "write")
    written = load((home / ".kube" / "config").read_text())
    assert written["contexts"][0]["name"] == written["clusters"][0]["name"] == "gpu-east"
    assert written["contexts"][0]["context"]["cluster"] == "gpu-east"


def test_an_authority_file_is_named_absolutely(home: Path, cli: Run) -> None:
    cli("cluster", "set", "east", "ca_file=east.pem")
    assert f"certificate-authority: {home}/tctl/east.pem" in cli("kubeconfig", "show").stdout


def test_several_files_each_keep_what_they_hold(home: Path, cli: Run) -> None:
    one, two, three = (home / name for name in ("one", "two", "three"))
    two.write_text(THEIRS)
    three.write_text("contexts:\n- name: east\n  context: {user: 'togetherctl:acme', cluster: old}\n")
    files = os.pathsep.join(map(str, (one, two, three)))
    assert cli("kubeconfig", "write", "east", "--set-current", KUBECONFIG=files).code == 0
    assert not one.exists()
    # What is nowhere yet goes to the first file that exists; the context stays where it was.
    assert [entry["name"] for entry in load(two.read_text())["clusters"]] == ["prod", "east"]
    assert [entry["name"] for entry in load(two.read_text())["contexts"]] == ["prod"]
    assert load(three.read_text())["contexts"][0]["context"]["cluster"] == "east"
    assert load(two.read_text())["current-context"] == "east"


def test_files_that_do_not_exist_yet_mean_the_last(home: Path, cli: Run) -> None:
    one, two = home / "one", home / "deep" / "two"
    assert cli("kubeconfig", "write", KUBECONFIG=f"{one}{os.pathsep}{two}").code == 0
    assert (one.exists(), two.exists()) == (False, True)


def test_kubeconfig_names_the_file(config: Path, home: Path, cli: Run) -> None:
    other = home / "other"
    assert cli("kubeconfig", "write", "--kubeconfig", str(other), KUBECONFIG=str(config)).code == 0
    assert config.read_text() == THEIRS
    assert other.exists()


def test_a_symlink_stays_one(config: Path, home: Path, cli: Run) -> None:
    link = home / "link"
    link.symlink_to(config)
    assert cli("kubeconfig", "write", "--kubeconfig", str(link)).code == 0
    assert link.is_symlink()
    assert "togetherctl:acme" in config.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"clusters: [", "cannot be understood: line 1:"),
        (b"- a\n", "is not a kubeconfig: it holds a list"),
        (b"a: \xff\n", "is neither UTF-8 text nor UTF-16"),
        (b"kind: Config\nclusters: 5\n", "cannot be understood: line 2: clusters is not a list"),
        (b'{"users": 1.5}', "cannot be understood: line 1: users is not a list"),
        (b"contexts: true", "cannot be understood: line 1: contexts is not a list"),
        (b"kind: Config\n? [a]\n: b\n", "cannot be understood: line 2: a key that is no text"),
        (b"kind: Config\ncontexts:\n- *x\n", "cannot be understood: line 3: there is no anchor x"),
        (b"kind: Config\nusers:\n- name: yes\n", "kubectl cannot read CONFIG: line 3: name must be text, in quotes"),
        (b"users:\n- name: a\n- name: a\n", "line 3: there are two users called a, which kubectl refuses"),
        (b"users:\n- name: a\n  user: {exec: {args: [1]}}\n", "line 3: an entry of args must be text"),
        (b"clusters:\n- name: a\n  cluster: {insecure-skip-tls-verify: 'true'}\n", "line 3: insecure-skip-tls-verify"),
        (b"clusters:\n- name: a\n  cluster:\n    certificate-authority-data: A A\n", "line 4: certificate-authority"),
        (b"kind: Config\napiVersion: v2\n", "line 2: apiVersion must be v1"),
        (b"x: .nan\n", "line 1: a number that JSON cannot hold"),
        (b'{"current-context": "a\\/b"}', "line 1: an escape that kubectl does not know"),
        (b"%YAML 1.2\n---\nkind: Config\n", "%YAML 1.2 is no version that kubectl reads"),
    ],
)
def test_a_broken_file_is_never_rewritten(text: bytes, said: str, config: Path, cli: Run) -> None:
    config.write_bytes(text)
    done = cli("kubeconfig", "write")
    assert (done.code, said.replace("CONFIG", str(config)) in done.stderr) == (7, True), done.stderr
    assert config.read_bytes() == text
    assert sorted(path.name for path in config.parent.iterdir()) == ["config"]


def test_a_folder_in_its_place_is_said(home: Path, cli: Run) -> None:
    done = cli("kubeconfig", "write", "--kubeconfig", str(home))
    assert (done.code, "Is a directory" in done.stderr) == (7, True)


def test_a_lock_is_waited_for_and_then_named(config: Path, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "LOCK_SECONDS", 0.3)
    lock = config.with_name("config.lock")
    for content in ("", f"{os.getpid()}\n", "not a pid"):
        lock.write_text(content)
        done = cli("kubeconfig", "write")
        assert done.code == 7
        assert f"{lock} has been there for" in done.stderr
        assert f"rm {lock}" in done.stderr
        assert lock.read_text() == content
    assert config.read_text() == THEIRS


@pytest.fixture
def dead_lock(config: Path) -> Path:
    """A lock of ours whose process has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    lock = config.with_name("config.lock")
    lock.write_text(f"{dead.pid}\n")
    return lock


@pytest.mark.usefixtures("dead_lock")
def test_a_lock_of_ours_whose_process_is_dead_is_removed(config: Path, cli: Run) -> None:
    assert cli("kubeconfig", "write").code == 0
    assert sorted(path.name for path in config.parent.iterdir()) == ["config"]


def test_a_dead_lock_that_cannot_be_removed_is_said_at_once(
    dead_lock: Path, config: Path, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    def refuse(_path: Path, _target: Path) -> None:
        nonlocal tries
        tries += 1
        assert tries < 100, "it would be asked for ever"
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "rename", refuse)
    done = cli("kubeconfig", "write")
    assert done.code == 7
    assert f"{dead_lock} was left behind by a togetherctl that is gone, and cannot be removed" in done.stderr
    assert (tries, config.read_text()) == (1, THEIRS)


def test_a_dead_lock_that_comes_back_is_not_waited_for_longer_than_others(
    dead_lock: Path, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubeconfig, "LOCK_SECONDS", 0.3)
    content = dead_lock.read_text()
    rename = pathlib.Path.rename

    def and_back(path: Path, target: Path) -> Path:
        moved = rename(path, target)
        path.write_text(content)
        return moved

    monkeypatch.setattr(pathlib.Path, "rename", and_back)
    done = cli("kubeconfig", "write")
    assert (done.code, f"{dead_lock} has been there for" in done.stderr) == (7, True)


def test_a_pipe_in_the_locks_place_is_not_read(config: Path, process: Run) -> None:
    lock = config.with_name("config.lock")
    os.mkfifo(lock)
    done = process("kubeconfig", "write", "--no-shim", seconds=30)
    assert (done.code, f"{lock} has been there for" in done.stderr) == (7, True)


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP])
def test_a_folder_without_hard_links_has_locks_too(
    code: int, config: Path, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", link)
    assert cli("kubeconfig", "write", "east").code == 0
    assert [path.name for path in config.parent.iterdir() if "lock" in path.name] == []
    lock = config.with_name("config.lock")
    lock.write_text("")
    monkeypatch.setattr(kubeconfig, "LOCK_SECONDS", 0.1)
    config.unlink()
    assert cli("kubeconfig", "write", "east").code == 7, "one that is there still counts"
    assert lock.read_text() == ""


def test_a_full_disk_leaves_no_lock_behind(config: Path, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "getpid", full)
    done = cli("kubeconfig", "write", "--no-shim")
    assert (done.code, "No space left on device" in done.stderr) == (7, True)
    assert sorted(path.name for path in config.parent.iterdir()) == ["config"]


def test_many_writers_at_once_lose_nothing(config: Path, acme: Path, environ: dict[str, str]) -> None:
    names = [f"c{number}" for number in range(6)]
    acme.write_text(
        acme.read_text()
        + "".join(f'\n[clusters.{name}]\nprofile = "acme"\nserver = "https://{name}"\n' for name in names)
    )
    writing = [
        subprocess.Popen(
            [sys.executable, "-m", "togetherctl", "kubeconfig", "write", name], env=environ, stderr=subprocess.DEVNULL
        )
        for name in names
    ]
    assert [process.wait(60) for process in writing] == [0] * 6
    assert {entry["name"] for entry in load(config.read_text())["contexts"]} == {"prod", *names}
    assert sorted(path.name for path in config.parent.iterdir()) == ["config"]


def test_show_is_a_kubeconfig_of_its_own(cli: Run) -> None:
    shown = cli("kubeconfig", "show", "east")
    data = load(shown.stdout)
    assert data["current-context"] == "east"
    assert json.loads(cli("kubeconfig", "show", "-o", "json").stdout) == data
    assert load(cli("kubeconfig", "show", "--portable").stdout)["users"][0]["user"]["exec"]["command"] == "togetherctl"


def test_two_hundred_clusters_of_one_profile_share_one_user(acme: Path, home: Path, cli: Run) -> None:
    acme.write_text(
        acme.read_text()
        + "".join(f'\n[clusters.c{n}]\nprofile = "acme"\nserver = "https://c{n}"\n' for n in range(200))
    )
    assert cli("kubeconfig", "write").code == 0
    written = load((home / ".kube" / "config").read_text())
    assert (len(written["contexts"]), len(written["users"])) == (201, 1)
    assert cli("kubeconfig", "write").code == 0


def test_there_must_be_a_cluster(acme: Path, cli: Run) -> None:
    acme.write_text(acme.read_text().partition("[clusters")[0])
    done = cli("kubeconfig", "write")
    assert done.failure == (2, "usage", "togetherctl init")
    done = cli("kubeconfig", "write", "nobody")
    assert done.failure == (2, "usage", "togetherctl cluster list")


def test_a_difference_shows_nobodys_credentials(config: Path, cli: Run) -> None:
    config.write_text(THEIRS.replace("client-certificate: certs/admin.pem", "token: somebody-elses-token"))
    done = cli("kubeconfig", "write", "--dry-run")
    assert done.code == 0
    assert "token: (hidden)" in done.stdout
    assert "somebody-elses-token" not in done.stdout
    assert cli("kubeconfig", "write").code == 0
    assert "token: somebody-elses-token" in config.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_leaves_a_file_with_its_owner_and_follows_nobody(config: Path, cli: Run, tmp_path: Path) -> None:
    os.chown(config, 12345, 12345)
    assert cli("kubeconfig", "write").code == 0
    assert (config.stat().st_uid, config.stat().st_gid) == (12345, 12345)
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert tmp_path.stat().st_uid == 0


@pytest.mark.parametrize("name", ["no", "on", "1e3"])
def test_odd_names_are_text_to_kubectl_too(name: str, cli: Run, home: Path) -> None:
    from tests.support.programs import need

    cli("cluster", "set", "east", f'context="{name}"')
    assert cli("kubeconfig", "write", "--set-current").code == 0
    done = subprocess.run(
        [need("kubectl"), "config", "view", "--kubeconfig", home / ".kube" / "config", "-o", "json"],
        env={**os.environ, "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["current-context"] == name
