"""Two hundred generated kubeconfigs that real kubectl takes: which we change, and that none changes its meaning."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Run
from tests.support.kubeconfigs import HABITS, make
from tests.support.programs import need

WANTED = 200
MOST_REFUSED = 5
OURS = ("togetherctl:acme", "east")
PAGE = ROOT / "docs" / "managing.md"


def view(kubectl: str, config: Path) -> Any:
    """The file as kubectl reads it, None where it cannot."""
    words = [kubectl, "--kubeconfig", str(config), "config", "view", "--raw", "-o", "json"]
    done = subprocess.run(words, capture_output=True, check=False, timeout=60)
    return json.loads(done.stdout) if done.returncode == 0 else None


def theirs(data: Any) -> Any:
    """Everything of a kubeconfig that is not ours; kubectl says the same of an empty list and of none."""
    lists = ("clusters", "contexts", "users")
    return {
        **data,
        **{section: [entry for entry in data[section] or [] if entry["name"] not in OURS] for section in lists},
    }


@pytest.mark.usefixtures("acme")
def test_what_kubectl_takes_is_changed_without_changing_its_meaning(tmp_path: Path, cli: Run) -> None:
    kubectl = need("kubectl")
    config = tmp_path / "config"
    refused: dict[int, str] = {}
    habits: Counter[str] = Counter()
    taken = seed = restored = 0
    while taken < WANTED:
        seed += 1
        made = make(seed)
        config.write_bytes(made.data)
        before = view(kubectl, config)
        done = cli("kubeconfig", "write", "--portable", "--kubeconfig", str(config))
        if before is None:
            # What kubectl cannot read is not written, and not in silence either.
            assert (done.code, config.read_bytes()) == (7, made.data), (seed, made)
            assert re.search(r"line \d+|nested|UTF", done.stderr), (seed, done.stderr)
            continue
        taken += 1
        habits.update(made.habits)
        if done.code != 0:
            refused[seed] = done.stderr
            assert (done.code, config.read_bytes()) == (7, made.data), (seed, made, done)
            assert re.search(r"line \d+|--overwrite replaces", done.stderr), (seed, done.stderr)
            continue
        written = view(kubectl, config)
        assert written is not None, (seed, made, config.read_bytes())
        assert theirs(written) == theirs(before), (seed, made, config.read_bytes())
        assert {entry["name"] for entry in written["contexts"]} >= {"east"}, (seed, made)
        done = cli("kubeconfig", "remove", "--all", "--yes", "--kubeconfig", str(config))
        assert done.code == 0, (seed, made, done)
        if config.read_bytes() == made.data:
            restored += 1
            continue
        after = view(kubectl, config)
        assert after is not None, (seed, made, config.read_bytes())
        assert theirs(after) == theirs(before), (seed, made, config.read_bytes())
    print(f"{taken} of {seed}; {len(refused)} refused {refused}; {restored} byte for byte; {habits}")  # noqa: T201 # for -s
    assert len(refused) <= MOST_REFUSED, refused
    assert set(habits) == set(HABITS)
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    said = re.search(r"Of (\d+) generated .* takes, (\d+) are left alone, .* and (\d+) were byte for byte", text)
    assert said is not None
    assert [int(number) for number in said.groups()] == [WANTED, len(refused), restored]
