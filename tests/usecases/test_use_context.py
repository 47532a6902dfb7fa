"""Switching the current context: by cluster, by context, back again, and chosen from a list."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.programs import need
from tests.support.samples import write_east_and_west
from tests.support.terminal import terminal
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import Run


@pytest.fixture
def config(acme: Path, home: Path, cli: Run) -> Path:
    return write_east_and_west(acme, home, cli, "--portable")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"x": 1}', "[" * 100_000], ids=["empty", "cut", "list", "odd", "deep"]
)
def test_a_damaged_note_of_the_context_before_costs_the_way_back_alone(
    content: str, config: Path, cli: Run, home: Path
) -> None:
    note = home / "tctl" / "state" / "contexts.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(content)
    assert cli("use", "-").code == 2
    assert (cli("use", "west").code, current(config)) == (0, "west")
    assert (cli("use", "east").code, cli("use", "-").code, current(config)) == (0, 0, "west")


def test_what_differed_is_said(config: Path, cli: Run) -> None:
    config.write_text(config.read_text().replace("https://127.0.0.1:6444", "https://127.0.0.1:9999"))
    assert "It differed from the configuration: server.\n" in cli("use", "west").stderr


def test_a_name_that_is_another_clusters_context_is_refused(config: Path, acme: Path, cli: Run) -> None:
    acme.write_text(
        acme.read_text()
        .replace("[clusters.west]", '[clusters.west]\ncontext = "east"')
        .replace("[clusters.east]", '[clusters.east]\ncontext = "west"')
    )
    before = config.read_bytes()
    for words in (["use", "east"], ["logout", "east"], ["run", "east", "--", "true"]):
        done = cli(*words)
        assert (done.code, config.read_bytes()) == (2, before), words
        assert "east is the name of one cluster, and the context of another, west" in done.stderr
    assert cli("use", "-").code == 2


def test_a_profiles_name_is_told_from_a_clusters(config: Path, cli: Run) -> None:
    before = config.read_bytes()
    done = cli("use", "acme")
    assert (done.code, config.read_bytes()) == (2, before)
    assert "acme is a profile; its clusters are east, west\n  run: togetherctl use east\n" in done.stderr


def current(path: Path) -> object:
    return load(path.read_text()).get("current-context")


def server(path: Path, name: str) -> Any:
    return next(one["cluster"]["server"] for one in load(path.read_text())["clusters"] if one["name"] == name)


def kubectl(*words: str) -> None:
    subprocess.run([need("kubectl"), *words], capture_output=True, check=True, timeout=60)


def test_back_and_forth(config: Path, cli: Run) -> None:
    assert cli("use", "-").failure == (2, "usage", "togetherctl use")
    cli("use", "east")
    assert "The current context is prod; it was east." in cli("use", "-").stderr
    assert "The current context is east; it was prod." in cli("use", "-").stderr
    assert current(config) == "east"


def test_back_leads_to_what_use_chose_where_kubectl_switched_since(config: Path, cli: Run) -> None:
    cli("use", "east")
    kubectl("config", "use-context", "prod")
    assert "The current context is east; it was prod." in cli("use", "-").stderr
    # The same once more changes nothing that is remembered.
    cli("use", "east")
    cli("use", "-")
    assert current(config) == "prod"


def test_back_to_a_context_that_is_gone_is_said(config: Path, cli: Run) -> None:
    cli("use", "west")
    cli("use", "east")
    kubectl("config", "delete-context", "west")
    done = cli("use", "-")
    assert (done.code, "the context before was west, and the kubeconfig has none of that name now" in done.stderr) == (
        2,
        True,
    )
    assert current(config) == "east"


def test_each_list_of_kubeconfigs_has_a_way_back_of_its_own(config: Path, home: Path, cli: Run) -> None:
    other = home / "other"
    cli("use", "east")
    cli("use", "west", "--kubeconfig", str(other))
    cli("use", "-")
    assert (current(config), current(other)) == ("prod", "west")


def test_a_context_has_a_name_too(config: Path, cli: Run) -> None:
    cli("use", "east")
    assert "The current context is prod; it was east." in cli("use", "prod").stderr
    kubectl("config", "rename-context", "west", "mine")
    assert "The current context is mine; it was prod." in cli("use", "mine").stderr
    assert cli("use", "west").code == 0
    assert current(config) == "mine"
    # The context of a cluster that the kubeconfig does not have yet.
    cli("cluster", "set", "east", "context=gpus", "--keep-kubeconfig")
    cli("kubeconfig", "remove", "east", "--yes")
    assert "Wrote gpus to ~/.kube/config." in cli("use", "gpus").stderr
    failed = cli("use", "nosuch")
    assert (failed.code, "there is no cluster and no context nosuch" in failed.stderr) == (2, True)


def test_what_differs_is_written_and_a_chosen_namespace_stays(acme: Path, config: Path, cli: Run) -> None:
    acme.write_text(acme.read_text().replace("6444", "6555"))
    kubectl("config", "set-context", "west", "--namespace=mine")
    done = cli("use", "west")
    assert "Wrote west to ~/.kube/config." in done.stderr
    assert server(config, "west") == "https://127.0.0.1:6555"
    assert "namespace: mine" in config.read_text()
    assert "Cluster west differs in the kubeconfig: namespace." in done.stderr
    assert done.commands == ["togetherctl kubeconfig write west"]
    assert "Wrote" not in cli("use", "west").stderr


def test_scripts_read_what_was_done(acme: Path, config: Path, cli: Run) -> None:
    record = json.loads(cli("use", "west", "-o", "json").stdout)
    assert record == {
        "version": 1,
        "item": {
            "context": "west",
            "before": "prod",
            "cluster": "west",
            "profile": "acme",
            "kubeconfig": str(config),
            "written": False,
            "drift": [],
        },
    }
    assert cli("use", "prod", "-o", "name").stdout == "prod\n"
    acme.write_text(acme.read_text().replace("6444", "6555"))
    written = json.loads(cli("kubeconfig", "write", "-o", "json").stdout)["items"]
    assert written == [
        {"context": "east", "kubeconfig": str(config), "changed": True},
        {"context": "west", "kubeconfig": str(config), "changed": True},
    ]
    acme.write_text(acme.read_text().replace("6555", "6666"))
    done = cli("kubeconfig", "write")
    assert done.stderr == "Wrote west to ~/.kube/config.\n  kubectl --context west get pods\n"
    assert cli("kubeconfig", "write", "-o", "name").stdout == "east\nwest\n"


@pytest.mark.usefixtures("config")
def test_the_command_that_follows_looks_into_the_same_file(home: Path, cli: Run) -> None:
    done = cli("kubeconfig", "write", "east", "--kubeconfig", str(home / "other"))
    assert f"  kubectl --kubeconfig {home}/other --context east get pods\n" in done.stderr
    again = cli("kubeconfig", "write", "east", "--kubeconfig", str(home / "other"), "--dry-run")
    assert again.stderr == "Nothing to write: the kubeconfig says all of this already.\n"


def test_without_a_name_it_tells_the_names(config: Path, cli: Run) -> None:
    done = cli("use")
    assert (done.code, "which cluster? There are east, west, prod" in done.stderr) == (2, True)
    assert current(config) == "prod"


def test_at_a_terminal_one_chooses_from_a_list(config: Path, environ: dict[str, str], tmp_path: Path) -> None:
    environ = {**environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    with terminal([sys.executable, "-m", "togetherctl", "use"], environ, tmp_path) as window:
        seen = window.until("Which cluster?")
        assert "prod  not of togetherctl, current" in seen
        window.press("Up")
        window.press("Enter")
        window.until("The current context is west; it was prod.")
    assert current(config) == "west"


@pytest.mark.parametrize("keys", [["Enter"], ["n", "Enter"]])
def test_writing_asks_at_a_terminal(
    keys: list[str], acme: Path, config: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    environ = {**environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    acme.write_text(acme.read_text().replace("6444", "6555"))
    words = [sys.executable, "-m", "togetherctl", "kubeconfig", "write", "--portable"]
    with terminal(words, environ, tmp_path) as window:
        assert "~/.kube/config gets context west." in window.until("Write this? (Y/n)")
        for key in keys:
            window.press(key)
        window.until("ended with")
        seen = window.everything()
    agreed = keys == ["Enter"]
    assert ("Wrote west to ~/.kube/config." in seen) == agreed
    assert server(config, "west") == f"https://127.0.0.1:{6555 if agreed else 6444}"
