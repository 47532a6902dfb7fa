"""A change of a cluster reaches the kubeconfig entries that are ours, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kube.test_kubeconfig import THEIRS
from tests.support.programs import need
from tests.support.terminal import terminal
from togetherctl.kube.yaml_text import load
from togetherctl.usecases.kubeconfig_state import read_kubeconfig_state
from togetherctl.usecases.kubeconfig_update import update_entries

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run

WEST = '\n[clusters.west]\nprofile = "acme"\nserver = "https://127.0.0.1:6444"\nnamespace = "gpu"\n'
SECOND = '\n[profiles.second]\nissuer = "acme"\nclient_id = "second"\n'


@pytest.fixture
def config(acme: Path, home: Path, cli: Run) -> Path:
    """The kubeconfig of two clusters of ours, beside a foreign one that is current."""
    acme.write_text(acme.read_text() + WEST + SECOND)
    path = home / ".kube" / "config"
    path.parent.mkdir()
    path.write_text(THEIRS)
    assert cli("kubeconfig", "write", "--portable").code == 0
    return path


def entries(path: Path, section: str) -> dict[str, Any]:
    return {entry["name"]: entry[section[:-1]] for entry in load(path.read_text())[section]}


def kubectl(*words: str) -> str:
    done = subprocess.run([need("kubectl"), *words], capture_output=True, check=True, timeout=60, text=True)
    return done.stdout


def test_a_set_server_is_the_one_that_kubectl_asks(config: Path, cli: Run) -> None:
    before = config.read_text()
    done = cli("cluster", "set", "west", "server=https://127.0.0.1:7777")
    assert (done.code, done.stderr) == (0, "Changed server of cluster west.\nWrote west to ~/.kube/config.\n")
    assert config.read_text() == before.replace("https://127.0.0.1:6444", "https://127.0.0.1:7777")
    assert kubectl("config", "view", "-o", 'jsonpath={.clusters[?(@.name=="west")].cluster.server}') == (
        "https://127.0.0.1:7777"
    )


def test_what_kubectl_wrote_into_the_file_stays(config: Path, cli: Run) -> None:
    """kubectl sorts every key when it changes a kubeconfig, and writes `env: null` into each stanza."""
    kubectl("config", "use-context", "west", "--kubeconfig", str(config))
    before = config.read_text()
    assert "env: null" in before
    done = cli("cluster", "set", "west", "server=https://127.0.0.1:7777")
    assert done.code == 0
    assert config.read_text() == before.replace("https://127.0.0.1:6444", "https://127.0.0.1:7777")
    assert cli("kubeconfig", "write", "--portable").stderr.startswith("Nothing to write")


def test_the_way_out_of_an_unknown_authority_is_one_command(
    acme: Path, config: Path, cli: Run, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ca_file.parent)
    # Typed as a person types it: a file of this folder, where the configuration had other certificates.
    done = cli("cluster", "set", "east", f"ca_file={ca_file.name}")
    assert done.code == 0, done.stderr
    assert f'ca_file = "{ca_file}"' in acme.read_text()
    assert "ca_data" not in acme.read_text()
    written = entries(config, "clusters")["east"]
    assert written["certificate-authority"] == str(ca_file)
    assert "certificate-authority-data" not in written


def test_a_ca_file_takes_the_place_of_certificates_in_the_configuration(
    acme: Path, config: Path, cli: Run, ca_file: Path
) -> None:
    from base64 import b64encode

    data = b64encode(ca_file.read_bytes()).decode()
    assert cli("cluster", "set", "east", f"ca_data={data}").code == 0
    assert entries(config, "clusters")["east"]["certificate-authority-data"] == data
    done = cli("cluster", "set", "east", f"ca_file={ca_file}")
    assert "Changed ca_file of cluster east, instead of ca_data." in done.stderr
    assert "ca_data" not in acme.read_text()
    assert "certificate-authority-data" not in entries(config, "clusters")["east"]


def test_a_file_that_is_not_there_is_said_at_once(config: Path, home: Path, cli: Run) -> None:
    assert config.exists()
    done = cli("cluster", "set", "east", f"ca_file={home}/gone.pem")
    assert (done.code, f"clusters.east.ca_file: {home}/gone.pem: No such file" in done.stderr) == (0, True)
    broken = home / "broken.pem"
    broken.write_text("no certificate")
    assert "it holds no PEM certificate" in cli("cluster", "set", "east", f"ca_file={broken}").stderr


def test_another_profile_comes_with_its_user_and_the_same_command(config: Path, cli: Run) -> None:
    assert cli("cluster", "set", "west", "profile=second").code == 0
    assert entries(config, "contexts")["west"]["user"] == "togetherctl:second"
    assert entries(config, "contexts")["east"]["user"] == "togetherctl:acme"
    stanza = entries(config, "users")["togetherctl:second"]["exec"]
    # The file was written with --portable, and stays so.
    assert (stanza["command"], stanza["args"]) == ("togetherctl", ["get-token", "--profile", "second"])


def test_a_context_follows_its_name_and_stays_current(config: Path, cli: Run, make_world: MakeWorld) -> None:
    assert cli("use", "west").code == 0
    assert "The context west is called gpus now." in cli("cluster", "set", "west", "context=gpus").stderr
    assert list(entries(config, "contexts")) == ["prod", "east", "gpus"]
    assert load(config.read_text())["current-context"] == "gpus"
    assert list(entries(config, "clusters")) == ["prod", "east", "gpus"]
    assert not read_kubeconfig_state(make_world()).drift
    # One that its owner called something else keeps that name.
    kubectl("config", "rename-context", "gpus", "mine")
    assert cli("cluster", "set", "west", "server=https://127.0.0.1:8").code == 0
    assert set(entries(config, "contexts")) == {"prod", "east", "mine"}
    assert not read_kubeconfig_state(make_world()).drift


def test_a_cluster_that_other_contexts_use_keeps_its_name(config: Path, cli: Run) -> None:
    kubectl("config", "set-context", "debug", "--cluster=west", "--user=togetherctl:acme")
    assert cli("cluster", "set", "west", "context=gpus").code == 0
    assert entries(config, "contexts")["gpus"]["cluster"] == entries(config, "contexts")["debug"]["cluster"] == "west"
    assert "west" in entries(config, "clusters")


def test_a_context_named_by_a_template_follows_it(config: Path, cli: Run) -> None:
    assert cli("kubeconfig", "write", "--portable", "--context-template", "{cluster}/{namespace}").code == 0
    assert cli("cluster", "set", "west", "namespace=train").code == 0
    assert list(entries(config, "contexts")) == ["prod", "east/default", "west/train"]


def test_a_namespace_of_the_configuration_goes_and_one_of_a_person_stays(config: Path, cli: Run) -> None:
    assert cli("cluster", "unset", "west", "namespace").code == 0
    assert "namespace" not in entries(config, "contexts")["west"]
    kubectl("config", "set-context", "east", "--namespace=mine")
    assert cli("cluster", "set", "east", "server=https://127.0.0.1:8").code == 0
    assert entries(config, "contexts")["east"]["namespace"] == "mine"


def test_what_is_not_in_the_kubeconfig_stays_out_of_it(config: Path, cli: Run) -> None:
    assert cli("kubeconfig", "remove", "west", "--yes").code == 0
    before = config.read_text()
    done = cli("cluster", "set", "west", "server=https://127.0.0.1:8")
    assert (done.code, done.stderr, config.read_text()) == (0, "Changed server of cluster west.\n", before)


def test_a_kubeconfig_that_is_kept_or_cannot_be_written_is_said_with_the_command(
    acme: Path, config: Path, cli: Run
) -> None:
    before = config.read_bytes()
    done = cli("cluster", "set", "west", "server=https://127.0.0.1:8", "--keep-kubeconfig")
    assert done.code == 0
    assert "note: Cluster west differs in the kubeconfig: server. kubectl goes by the kubeconfig." in done.stderr
    assert done.commands == ["togetherctl kubeconfig write west"]
    config.write_text("clusters: [")
    done = cli("cluster", "set", "west", "server=https://127.0.0.1:9")
    assert (done.code, "https://127.0.0.1:9" in acme.read_text()) == (0, True)
    assert "The kubeconfig stays as it was: " in done.stderr
    assert done.commands == ["togetherctl kubeconfig write west"]
    config.write_bytes(before)
    assert cli("kubeconfig", "write", "west", "--portable").code == 0
    assert entries(config, "clusters")["west"]["server"] == "https://127.0.0.1:9"


def test_a_profile_renamed_alone_leaves_a_difference_that_is_said(config: Path, cli: Run) -> None:
    assert config.exists()
    done = cli("profile", "rename", "acme", "work", "--keep-kubeconfig")
    assert "Cluster west differs in the kubeconfig: profile." in done.stderr
    assert "togetherctl kubeconfig write west" in done.commands


def test_a_wrong_configuration_can_be_mended_without_a_kubeconfig(acme: Path, config: Path, cli: Run) -> None:
    before = config.read_bytes()
    acme.write_text(f"colour = 1\n{acme.read_text()}")
    assert cli("cluster", "set", "west", "server=https://127.0.0.1:9").code == 0
    assert ("https://127.0.0.1:9" in acme.read_text(), config.read_bytes()) == (True, before)


def test_the_use_case_says_what_it_changed(acme: Path, config: Path, make_world: MakeWorld) -> None:
    world = make_world()
    before = world.config
    acme.write_text(acme.read_text().replace("6444", "6555"))
    done = update_entries(world, ["east", "west"], before=before)
    assert (done.updated.keys, done.updated.contexts) == ({"west": ("server",)}, {"west": "west"})
    assert "6555" in config.read_text()
    assert update_entries(world, ["west"]).changed == []


@pytest.mark.parametrize("keys", [["Enter"], ["n", "Enter"]])
def test_at_a_terminal_it_shows_what_changes_and_asks(
    keys: list[str], acme: Path, config: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    environ, written = {**environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}, keys == ["Enter"]
    words = [sys.executable, "-m", "togetherctl", "cluster", "set", "west", "server=https://127.0.0.1:7777"]
    with terminal(words, environ, tmp_path) as window:
        seen = window.until("Write this? (Y/n)")
        assert "In ~/.kube/config, server of context west changes." in seen
        assert "+    server: https://127.0.0.1:7777" in seen
        assert "7777" in acme.read_text()
        assert "7777" not in config.read_text()
        for key in keys:
            window.press(key)
        window.until("ended with 0")
        said = " ".join(window.everything().split())
    assert ("7777" in config.read_text()) == written
    assert ("Wrote west to ~/.kube/config." in said) == written
    assert ("run: togetherctl kubeconfig write west" in said) != written


def test_the_list_of_clusters_tells_the_current_one_and_what_differs(acme: Path, config: Path, cli: Run) -> None:
    assert cli("use", "east").code == 0
    acme.write_text(
        acme.read_text().replace("6444", "6555") + '\n[clusters.new]\nprofile = "acme"\nserver = "https://n"\n'
    )
    listed = cli("cluster", "list")
    cells = {line.split()[0]: line.split()[4:] for line in listed.stdout.splitlines()}
    assert cells == {
        "NAME": ["KUBECONFIG"],
        "east": ["current"],
        "west": ["differs:", "server"],
        "new": ["missing"],
    }
    assert "togetherctl kubeconfig write west" in listed.commands
    items = json.loads(cli("cluster", "list", "-o", "json").stdout)["items"]
    assert [(one["name"], one["current"], one["drift"], one["missing"]) for one in items] == [
        ("east", True, [], False),
        ("west", False, ["server"], False),
        ("new", False, [], True),
    ]
    # A kubeconfig that cannot be read is no reason to list nothing.
    config.write_text("clusters: [")
    broken = cli("cluster", "list")
    assert (broken.code, broken.stdout.count("https://"), "warning: " in broken.stderr) == (0, 3, True)


NEW = ["cluster", "add", "new", "--profile", "acme", "--server", "https://127.0.0.1:7777"]


@pytest.mark.parametrize("keys", [["Enter"], ["n", "Enter"]])
def test_at_a_terminal_a_new_cluster_is_offered_to_kubectl(
    keys: list[str], acme: Path, config: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    environ, written = {**environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}, keys == ["Enter"]
    with terminal([sys.executable, "-m", "togetherctl", *NEW], environ, tmp_path) as window:
        seen = window.until("Write this? (Y/n, d: show the difference)")
        assert "Added cluster new." in seen
        assert "[clusters.new]" in acme.read_text()
        assert "7777" not in config.read_text()
        for key in keys:
            window.press(key)
        window.until("ended with 0")
        said = " ".join(window.everything().split())
    assert ("new" in entries(config, "contexts")) == written
    assert ("Wrote new to ~/.kube/config." in said) == written
    assert ("togetherctl kubeconfig write new" in said) != written


def test_without_a_terminal_a_new_cluster_names_the_command(config: Path, cli: Run) -> None:
    before = config.read_bytes()
    done = cli(*NEW)
    assert (done.code, done.stderr) == (0, "Added cluster new. Next:\n  togetherctl kubeconfig write new\n")
    assert config.read_bytes() == before


def test_yes_writes_a_new_cluster_too(config: Path, cli: Run) -> None:
    done = cli(*NEW, "--yes")
    assert (done.code, done.stderr) == (0, "Added cluster new.\nWrote new to ~/.kube/config.\n")
    assert "new" in entries(config, "contexts")


def test_a_kubeconfig_that_cannot_be_read_holds_back_no_new_cluster(acme: Path, config: Path, cli: Run) -> None:
    config.write_text("clusters: [")
    done = cli(*NEW, "--yes")
    assert done.code == 0
    assert "note: The kubeconfig stays as it was: " in done.stderr
    assert "[clusters.new]" in acme.read_text()


def test_a_write_after_a_no_replaces_our_context(config: Path, cli: Run) -> None:
    """The configuration names another context, and the kubeconfig was left alone then."""
    assert cli("use", "west").code == 0
    before = {section: len(entries(config, section)) for section in ("clusters", "contexts", "users")}
    assert cli("cluster", "set", "west", "context=gpu", "--keep-kubeconfig").code == 0
    assert "gpu" not in entries(config, "contexts")
    done = cli("kubeconfig", "write", "west", "--portable")
    assert done.code == 0, done.stderr
    assert "The context west is called gpu now." in done.stderr
    contexts = entries(config, "contexts")
    assert ("gpu" in contexts, "west" in contexts, contexts["gpu"]["cluster"]) == (True, False, "gpu")
    assert {section: len(entries(config, section)) for section in before} == before
    assert kubectl("config", "current-context").strip() == "gpu"
    assert cli("kubeconfig", "write", "--portable").stderr.startswith("Nothing to write")


def test_a_name_that_its_owner_gave_a_context_stays(config: Path, cli: Run) -> None:
    kubectl("config", "rename-context", "west", "mine")
    assert cli("kubeconfig", "write", "west", "--portable").code == 0
    assert {"mine", "west"} <= entries(config, "contexts").keys()


def test_an_entry_that_another_context_uses_stays_when_ours_is_renamed(config: Path, cli: Run) -> None:
    kubectl("config", "set-context", "own", "--cluster=west", "--user=togetherctl:acme")
    assert cli("cluster", "set", "west", "context=gpu", "--keep-kubeconfig").code == 0
    assert cli("kubeconfig", "write", "west", "--portable").code == 0
    contexts, clusters = entries(config, "contexts"), entries(config, "clusters")
    assert contexts["own"]["cluster"] == "west"
    assert {"west", "gpu"} <= clusters.keys()
    assert ("gpu" in contexts, "west" in contexts) == (True, False)
