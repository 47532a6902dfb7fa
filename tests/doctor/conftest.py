"""The kubeconfig that checks look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run


@pytest.fixture
def kubeconfig(acme: Path, home: Path, cli: Run) -> Path:
    """The kubeconfig of the cluster east, as it is written."""
    assert acme.exists()
    assert cli("kubeconfig", "write", "--set-current").code == 0
    return home / ".kube" / "config"
