"""What a kubeconfig calls where togetherctl runs out of the single file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from togetherctl.kube.entries import own_command
from togetherctl.paths import SINGLE_FILE, single_file


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A single file, and a Python that says that it was unpacked."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / f".cache/{SINGLE_FILE}/venvs/4/a/b"))
    file = tmp_path / "dl/togetherctl.pyz"
    file.parent.mkdir()
    file.touch(mode=0o755)
    return file


def test_it_is_the_single_file_whatever_its_name(file: Path) -> None:
    assert own_command({"PEX": str(file), "PATH": "/usr/bin"}, portable=False) == str(file)


@pytest.mark.parametrize("name", ["togetherctl", "kubectl-together"])
def test_it_is_the_link_on_path_that_an_upgrade_moves(name: str, file: Path, tmp_path: Path) -> None:
    for folder in ("other", "bin"):
        (tmp_path / folder).mkdir()
    (tmp_path / "other" / name).touch(mode=0o755)
    link = tmp_path / "bin" / name
    link.symlink_to(file)
    path = f"relative:{tmp_path}/other:{tmp_path}/bin"
    assert own_command({"PEX": str(file), "PATH": path}, portable=False) == str(link)


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("value", ["", "togetherctl.pyz", "/nonexistent/togetherctl.pyz"])
def test_there_is_no_single_file_where_the_variable_names_none(value: str) -> None:
    assert single_file({"PEX": value}) is None


def test_one_that_is_no_program_by_its_mode_is_not_called(file: Path) -> None:
    file.chmod(0o644)
    assert single_file({"PEX": str(file)}) is None


def test_an_ordinary_installation_does_not_ask_that_variable(file: Path) -> None:
    """It is another program's there, which runs out of a file of Pex's."""
    assert single_file({"PEX": str(file)}, sys.base_prefix) is None
