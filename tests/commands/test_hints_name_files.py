"""A hint that names a file can be followed as it stands: the file is there, and a shell reads its name as one word."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT_USER = hasattr(os, "geteuid") and os.geteuid() == 0

if TYPE_CHECKING:
    from tests.conftest import Run, WriteConfig

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are another thing there")


@pytest.fixture
def spaced(environ: dict[str, str], tmp_path: Path) -> Path:
    """A home of ours with a space and a quotation mark in its name, which holds a configuration."""
    folder = tmp_path / "it's my home"
    folder.mkdir(mode=0o700)
    environ["TOGETHERCTL_HOME"] = str(folder)
    write_config = folder / "config.toml"
    write_config.write_text('version = 1\n[issuers.acme]\nurl = "https://issuer.example"\n')
    write_config.chmod(0o600)
    return write_config


def hinted_file(stderr: str) -> Path:
    from pathlib import Path

    (line,) = [line for line in stderr.splitlines() if line.strip().startswith("run: ")]
    return Path(shlex.split(line.partition("run: ")[2])[-1])


def test_a_mode_that_has_to_change(spaced: Path, cli: Run) -> None:
    spaced.chmod(0o666)
    done = cli("status")
    assert done.code == 2
    assert hinted_file(done.stderr) == spaced


@pytest.mark.usefixtures("spaced")
def test_a_ca_file_that_the_config_does_not_have(cli: Run) -> None:
    path = "/etc/my ca.pem"
    done = cli("profile", "add", "p", "--issuer", "https://issuer.example", "--client-id", "c", "--ca-file", path)
    assert done.code == 2
    assert shlex.split(done.stderr.strip().splitlines()[-1])[-1] == f"ca_file={path}"


@pytest.mark.skipif(ROOT_USER, reason="root may write everywhere")
def test_a_kubeconfig_that_is_read_only(write_config: WriteConfig, cli: Run, tmp_path: Path) -> None:
    write_config("version = 1\n")
    path = tmp_path / "my config"
    path.touch(mode=0o400)
    done = cli("kubeconfig", "write", "--kubeconfig", str(path))
    assert hinted_file(done.stderr) == path


def test_what_is_not_there_is_not_called_sound(cli: Run, home: Path) -> None:
    done = cli("profile", "validate")
    assert (done.code, done.stderr) == (0, "There is no profile in ~/tctl/config.toml yet.\n  togetherctl init\n")
    assert not os.path.lexists(home / "tctl")


def test_a_kubeconfig_that_is_not_there_is_not_looked_through(cli: Run) -> None:
    done = cli("kubeconfig", "convert")
    assert (done.code, done.stderr) == (0, "There is no kubeconfig at ~/.kube/config.\n")
