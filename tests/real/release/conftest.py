"""A release of the commit that is checked out, built twice, and homes in which its artefacts are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Set by `make real-release`, which installs what builds a release.
_HERE = os.environ.get("TOGETHERCTL_REAL_RELEASE") == "yes"
VERSION = "9.8.7"
# Where the releases of these tests can be had: a test that serves them there listens on that port.
BASE = "http://127.0.0.1:18765/releases"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/real/release" in item.path.as_posix() and not _HERE:
            item.add_marker(pytest.mark.skip(reason="`make real-release` builds and installs a release"))


@dataclass(frozen=True)
class Built:
    """Two folders of artefacts, built from two clones of one commit."""

    first: Path
    second: Path
    clone: Path

    @property
    def wheel(self) -> Path:
        return self.first / f"togetherctl-{VERSION}-py3-none-any.whl"

    @property
    def sdist(self) -> Path:
        return self.first / f"togetherctl-{VERSION}.tar.gz"

    @property
    def single(self) -> Path:
        return self.first / "togetherctl.pyz"


def run(
    *words: str | Path,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    code: int = 0,
    seconds: float = 300,
) -> str:
    """What the command prints, on both streams; it must end with `code`, within `seconds`."""
    done = subprocess.run(
        list(map(str, words)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=seconds,
        env=environ,
        cwd=cwd,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def copied_python(folder: Path) -> Path:
    """This Python with its packages, as a copy whose path is another one."""
    run(sys.executable, "-m", "venv", "--copies", "--without-pip", folder)
    packages = f"lib/python3.{sys.version_info.minor}/site-packages"
    # As a folder of packages, so that its own .pth files count: togetherctl is there by one.
    these = f"import site; site.addsitedir({f'{sys.prefix}/{packages}'!r})\n"
    (folder / packages / "these.pth").write_text(these)
    return folder / "bin/python"


def build_from_clone(folder: Path, *, python: str | Path, umask: int, zone: str, level: str) -> Path:
    """Clone, record a green run, and release with this Python, umask, time zone and level of dpkg-deb."""
    folder.mkdir(parents=True)
    environ = {
        **os.environ,
        "TZ": zone,
        "DPKG_DEB_COMPRESSOR_LEVEL": level,
        "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
    }
    (folder / "gitconfig").write_text("[user]\n\tname = Me\n\temail = me@acme.com\n[safe]\n\tdirectory = *\n")
    run("git", "clone", "--quiet", ROOT, folder / "clone", environ=environ)
    commit = run("git", "-C", folder / "clone", "rev-parse", "HEAD", environ=environ)
    (folder / "clone/.git/togetherctl-green").write_text(commit)
    before = os.umask(umask)
    try:
        script = folder / "clone/packaging/release.py"
        run(python, script, VERSION, "--base", BASE, "--output", folder / "dist", environ=environ)
    finally:
        os.umask(before)
    return folder / "dist"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("release")
    first = build_from_clone(folder / "one", python=sys.executable, umask=0o022, zone="UTC", level="9")
    other = copied_python(folder / "python")
    assert os.path.realpath(other) != os.path.realpath(sys.executable)
    second = build_from_clone(folder / "two/deeper", python=other, umask=0o077, zone="Asia/Tokyo", level="1")
    return Built(first, second, folder / "one/clone")


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a new account: a home, and the system's programs."""
    home = tmp_path / "account"
    home.mkdir()
    kubectl = shutil.which("kubectl")
    assert kubectl
    path = f"{Path(kubectl).parent}:/usr/bin:/bin"
    constraints = str(ROOT / "constraints.txt")
    # The versions that are pinned, and the certificates that this system trusts: pipx uses uv where that is installed.
    uv = {"UV_CONSTRAINT": constraints, "UV_PYTHON": sys.executable, "UV_NO_CONFIG": "1", "UV_SYSTEM_CERTS": "1"}
    return {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "PIP_CONSTRAINT": constraints, **uv}
