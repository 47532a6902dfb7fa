"""Kubeconfigs as people have them, in a folder whose backups may hold secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT

CORPUS = ROOT / "tests" / "data" / "kubelogin"


@pytest.fixture
def folder(home: Path) -> Path:
    """Where kubeconfigs are in these tests: what is converted is looked through by each test itself."""
    path = home / "secrets"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def kubeconfig(folder: Path, environ: dict[str, str]) -> Path:
    """The file that `KUBECONFIG` names."""
    path = folder / "config"
    environ["KUBECONFIG"] = str(path)
    return path
