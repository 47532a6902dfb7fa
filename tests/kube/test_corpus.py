"""Kubeconfigs as people have them: whatever is done with our entries, everything else stays byte for byte."""

from __future__ import annotations

import json
import subprocess
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Run
from tests.support.programs import need
from togetherctl.kube.yaml_text import load

CORPUS = ROOT / "tests" / "data" / "kubeconfig"
REFUSED = CORPUS / "duplicates.yaml"
FILES = sorted(path for path in CORPUS.iterdir() if path != REFUSED)
OURS = ("togetherctl:acme", "east", "west")

pytestmark = pytest.mark.usefixtures("two_clusters")


@pytest.fixture
def two_clusters(acme: Path) -> Path:
    acme.write_text(acme.read_text() + '\n[clusters.west]\nprofile = "acme"\nserver = "https://127.0.0.1:6444"\n')
    return acme


def called(layout: tuple[Path, str]) -> str:
    return f"{layout[0].name}-{layout[1]}"


@pytest.fixture(params=[(path, newline) for path in FILES for newline in ("LF", "CRLF")], ids=called)
def config(request: pytest.FixtureRequest, home: Path) -> Path:
    corpus, newline = request.param
    text = corpus.read_bytes()
    path = home / ".kube" / "config"
    path.parent.mkdir()
    path.write_bytes(text.replace(b"\n", b"\r\n") if newline == "CRLF" else text)
    return path


def view(config: Path) -> Any:
    """The file as kubectl itself reads it."""
    kubectl = need("kubectl")
    done = subprocess.run(
        [kubectl, "--kubeconfig", str(config), "config", "view", "--raw", "-o", "json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def theirs(data: Any) -> dict[str, Any]:
    """What of a kubeconfig is not ours."""
    return {
        section: [entry for entry in data[section] or [] if entry["name"] not in OURS]
        for section in ("clusters", "contexts", "users")
    }


def as_it_was(after: bytes, before: bytes) -> bool:
    return after in (before, before + b"\n", before + b"\r\n")


def test_what_was_written_can_be_removed_again(config: Path, cli: Run) -> None:
    original = config.read_bytes()
    assert cli("kubeconfig", "write", "--portable").code == 0
    written = config.read_bytes()
    data = load(written.decode())
    assert {entry["name"] for entry in data["contexts"]} >= {"east", "west"}
    assert theirs(data) == theirs(load(original.decode()))
    if "clusters: [" not in config.read_text() and config.read_bytes()[:1] != b"{":
        steps = SequenceMatcher(None, original.splitlines(), written.splitlines(), autojunk=False).get_opcodes()
        assert {step[0] for step in steps} == {"equal", "insert"}
    shown = cli("kubeconfig", "remove", "--all", "--dry-run")
    assert (shown.code, config.read_bytes()) == (0, written)
    assert "-" in shown.stdout
    assert cli("kubeconfig", "remove", "east", "--yes").code == 0
    left = load(config.read_text())
    assert {entry["name"] for section in ("clusters", "contexts", "users") for entry in left[section]} >= {
        "west",
        "togetherctl:acme",
    }
    assert "east" not in [entry["name"] for entry in left["contexts"]]
    assert cli("kubeconfig", "remove", "--all", "--yes").code == 0
    assert as_it_was(config.read_bytes(), original)
    assert "Nothing to remove" in cli("kubeconfig", "remove", "--all", "--yes").stderr


def test_renaming_touches_our_entries_alone(config: Path, cli: Run) -> None:
    assert cli("kubeconfig", "write", "--portable").code == 0
    written = config.read_bytes()
    assert cli("profile", "rename", "acme", "corp").code == 0
    renamed = config.read_bytes()
    assert (renamed != written, renamed.replace(b"corp", b"acme")) == (True, written)
    assert cli("cluster", "rename", "east", "zz-9").code == 0
    renamed = config.read_bytes()
    assert renamed.replace(b"corp", b"acme").replace(b"zz-9", b"east") == written
    again = cli("profile", "rename", "acme", "corp")
    assert again.failure == (2, "usage", "togetherctl profile list")


def test_what_is_left_over_is_pruned(config: Path, cli: Run) -> None:
    original = config.read_bytes()
    assert cli("kubeconfig", "write", "--portable").code == 0
    assert "Nothing to remove" in cli("kubeconfig", "prune", "--yes").stderr
    written = config.read_bytes()
    assert cli("cluster", "remove", "east", "--keep-kubeconfig", "--yes").code == 0
    assert config.read_bytes() == written
    assert (cli("kubeconfig", "prune", "--dry-run").code, config.read_bytes()) == (0, written)
    assert (cli("kubeconfig", "prune").code, config.read_bytes()) == (2, written)
    assert cli("kubeconfig", "prune", "--yes").code == 0
    assert [entry["name"] for entry in load(config.read_text())["users"]][-1] == "togetherctl:acme"
    assert cli("profile", "remove", "acme", "--cascade", "--keep-kubeconfig", "--yes").code == 0
    assert cli("kubeconfig", "prune", "--yes").code == 0
    assert as_it_was(config.read_bytes(), original)


def test_use_changes_one_value(config: Path, cli: Run) -> None:
    cli("kubeconfig", "write", "--portable")
    written = config.read_bytes()
    before = load(written.decode())["current-context"]
    done = cli("use", "west")
    assert (done.code, done.stderr) == (0, f"The current context is west; it was {before}.\n")
    used = config.read_bytes()
    assert load(used.decode()) == load(written.decode()) | {"current-context": "west"}
    changed = [pair for pair in zip(written.splitlines(), used.splitlines(), strict=True) if pair[0] != pair[1]]
    assert len(changed) == 1
    assert b"current-context" in changed[0][0]
    assert "is the current context already" in cli("use", "west").stderr
    assert config.read_bytes() == used


@pytest.mark.parametrize("config", [(REFUSED, "LF"), (REFUSED, "CRLF")], indirect=True, ids=called)
@pytest.mark.parametrize(
    "words",
    [
        ("kubeconfig", "write", "--portable"),
        ("kubeconfig", "write", "--portable", "--dry-run"),
    ],
)
def test_what_kubectl_refuses_is_left_alone_and_said(words: tuple[str, ...], config: Path, cli: Run) -> None:
    before = config.read_bytes()
    done = cli(*words)
    assert (done.code, config.read_bytes()) == (7, before)
    assert f"kubectl cannot read {config}: line 6: there are two clusters called prod" in done.stderr


@pytest.mark.parametrize("config", [(path, "LF") for path in FILES], indirect=True, ids=called)
def test_kubectl_reads_every_one_of_them(config: Path, cli: Run) -> None:
    before = theirs(view(config))
    for words in (
        ["kubeconfig", "write", "--portable", "--context-template", "{profile}.{cluster}"],
        ["kubeconfig", "write", "--portable", "--context-template", "{context}"],
        ["profile", "rename", "acme", "corp"],
        ["profile", "rename", "corp", "acme"],
        ["use", "west"],
        ["kubeconfig", "remove", "east", "--yes"],
    ):
        assert cli(*words).code == 0
        data = view(config)
        mine = [entry for entry in data["contexts"] if entry["context"]["user"].startswith("togetherctl:")]
        users = {entry["name"] for entry in data["users"]}
        assert {entry["context"]["user"] for entry in mine} <= users
    assert theirs(data) == before
    assert data["current-context"] == "west"
