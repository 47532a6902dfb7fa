"""Every wrong `config.toml` in `tests/data/config`, and all of what is said about it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

DATA = Path(__file__).parents[1] / "data" / "config"
FILES = sorted(DATA.glob("*.toml"))


@pytest.mark.parametrize("wrong", FILES, ids=[path.stem for path in FILES])
def test_everything_wrong_is_said_at_once(wrong: Path, home: Path, cli: Run) -> None:
    path = home / "tctl" / "config.toml"
    path.parent.mkdir(mode=0o700)
    shutil.copy(wrong, path)
    path.chmod(0o600)
    before = path.read_bytes()
    done = cli("status")
    expected = wrong.with_suffix(".txt").read_text(encoding="utf-8").replace("{file}", str(path))
    assert done.stderr == f"togetherctl: {expected}"
    assert (done.code, done.stdout) == (2, "")
    assert path.read_bytes() == before
