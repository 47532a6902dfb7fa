"""The canary can fail: a secret that gets out is found, wherever it got to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.canary import Canary

SECRET = "correct-horse-battery-staple"


def test_it_sees_text_and_files(tmp_path: Path) -> None:
    canary = Canary()
    assert canary.watch("a token", SECRET) == SECRET
    canary.saw("a log", "nothing to see")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "session.json").write_text(SECRET)
    canary.look_through(tmp_path, but=frozenset({"state"}))
    assert canary.leaks() == []
    # What a failed test was given is in its report.
    assert SECRET not in repr(canary)
    canary.saw("a log", f"token={SECRET}")
    (tmp_path / "cache.json").write_text(f'"{SECRET}"')
    canary.look_through(tmp_path, but=frozenset({"state"}))
    assert canary.leaks() == ["a token in a log", "a token in cache.json"]


LEAKS = {
    "stdout": "print('correct-horse-battery-staple')",
    "stderr": "import sys; print('correct-horse-battery-staple', file=sys.stderr)",
    "log": "import logging; logging.getLogger('x').warning('correct-horse-battery-staple')",
    "descriptor": "import os; os.write(1, b'correct-horse-battery-staple')",
    "file": "(home / 'left-behind').write_text('correct-horse-battery-staple')",
    "argument": "cli('status', 'correct-horse-battery-staple')",
}


@pytest.mark.parametrize(("leak", "workers"), [*((leak, 0) for leak in LEAKS), ("stdout", 2)])
def test_a_leak_fails_the_run(leak: str, workers: int, tmp_path: Path) -> None:
    test = tmp_path / "test_leak.py"
    test.write_text(f"def test_leak(canary, home, cli):\n    canary.watch('a token', {SECRET!r})\n    {LEAKS[leak]}\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "tests.conftest",
            f"-n{workers}",
            "--rootdir",
            tmp_path,
            test,
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stdout
    assert "a token in " in done.stdout
