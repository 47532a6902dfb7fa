"""Each artefact installed as people do it, driven, upgraded and taken away again."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.real.release.conftest import VERSION, Built, run

_TOOLS = ("pipx", "uv")


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs that install programs."""
    folder = tmp_path_factory.mktemp("tools")
    run(sys.executable, "-m", "venv", folder)
    pip = folder / "bin/pip"
    run(pip, "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt", *_TOOLS)
    return folder / "bin"


def drive(program: Path, environ: dict[str, str]) -> None:
    """The whole way of a newcomer, on loopback: `demo` adds an issuer and a cluster, logs in, and asks with kubectl."""
    assert VERSION in run(program, "version", environ=environ)
    said = run(program, "demo", environ=environ)
    assert "you@example.com" in said


def left_over(home: Path) -> set[str]:
    """The files below a home, without those of the tools that install."""
    others = (".cache/pip", ".cache/uv", ".local/share/uv", ".local/share/pipx", ".local/state/pipx", ".local/pipx")
    found = {path.relative_to(home).as_posix() for path in home.rglob("*") if not path.is_dir()}
    return {name for name in found if not name.startswith(others)}


@pytest.mark.parametrize("artefact", ["wheel", "sdist"])
def test_pip_installs_it(artefact: str, built: Built, bare: dict[str, str], tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv", environ=bare)
    pip = tmp_path / "venv/bin/pip"
    run(pip, "install", "--quiet", "--disable-pip-version-check", getattr(built, artefact), environ=bare)
    drive(tmp_path / "venv/bin/togetherctl", bare)


def test_pipx_installs_it_and_takes_it_away(built: Built, bare: dict[str, str], tools: Path) -> None:
    home = Path(bare["HOME"])
    run(tools / "pipx", "install", "--quiet", "--python", sys.executable, built.wheel, environ=bare)
    drive(home / ".local/bin/togetherctl", bare)
    run(tools / "pipx", "uninstall", "togetherctl", environ=bare)
    assert left_over(home) == set()


def test_uv_installs_it_and_takes_it_away(built: Built, bare: dict[str, str], tools: Path) -> None:
    home = Path(bare["HOME"])
    run(tools / "uv", "tool", "install", "--quiet", built.wheel, environ=bare)
    drive(home / ".local/bin/togetherctl", bare)
    run(tools / "uv", "tool", "uninstall", "togetherctl", environ=bare)
    assert left_over(home) == set()


def test_the_single_file_needs_python_and_nothing_else(built: Built, bare: dict[str, str]) -> None:
    home = Path(bare["HOME"])
    program = home / "togetherctl.pyz"
    shutil.copy(built.single, program)
    drive(program, bare)
    unpacked = home / ".cache/togetherctl-single-file"
    assert stat.S_IMODE(unpacked.stat().st_mode) == 0o700
    assert VERSION in run(sys.executable, program, "version", environ=bare)
    shutil.rmtree(unpacked)
    assert left_over(home) == {"togetherctl.pyz"}


def test_the_single_file_says_in_one_sentence_where_it_cannot_run(built: Built, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, script in (("uname", "echo Linux riscv64"), ("python3", "exit 1")):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    environ = {"HOME": str(tmp_path), "PATH": str(programs)}
    said = run(built.single, "version", environ=environ, code=1)
    assert said.splitlines() == [
        "togetherctl: this file is for Linux on x86_64, not for Linux riscv64; install the wheel with pipx or uv"
    ]
    (programs / "uname").unlink()
    said = run(built.single, "version", environ=environ, code=1)
    assert said.splitlines() == ["togetherctl: this file needs Python 3.11 to 3.14, and there is none on PATH"]


@pytest.mark.parametrize("name", ["bin/togetherctl", "downloads/togetherctl.pyz"])
def test_a_kubeconfig_of_the_single_file_goes_on_without_what_it_unpacked_and_after_an_upgrade(
    name: str, built: Built, bare: dict[str, str]
) -> None:
    """It calls the file itself, also for a client whose PATH has only the system's programs."""
    home = Path(bare["HOME"])
    program = home / name
    program.parent.mkdir()
    shutil.copy(built.single, program)
    common = ("--issuer", "https://login.acme.com", "--client-id", "kubernetes", "--offline", "--yes")
    run(program, "profile", "add", "acme", *common, environ=bare)
    run(program, "cluster", "add", "east", "--server", "https://east.acme.com", "--profile", "acme", environ=bare)
    shutil.rmtree(home / ".cache/togetherctl-single-file")
    # The first start, whose Python is called by another path than that of all later ones.
    run(sys.executable, program, "kubeconfig", "write", environ=bare)
    assert json.loads(run(program, "version", "-o", "json", environ=bare))["item"]["shim_state"] == "current"
    shim = home / ".local/state/togetherctl/shim/togetherctl"
    asked = ("get-token", "--profile", "acme")
    quiet = {**bare, "TOGETHERCTL_NO_INPUT": "1"}
    assert "togetherctl login acme" in run(shim, *asked, environ=quiet, code=3)
    shutil.rmtree(home / ".cache/togetherctl-single-file")
    assert "togetherctl login acme" in run(shim, *asked, environ=quiet, code=3)
    assert (home / ".cache/togetherctl-single-file").is_dir()
    program.write_text("#!/bin/sh\necho the next version\n")
    assert run(shim, *asked, environ=quiet) == "the next version\n"
    program.unlink()
    assert f"it is no longer where this kubeconfig expects it ({program})" in run(shim, *asked, environ=quiet, code=1)


def test_an_upgrade_keeps_sessions_stanza_and_shim(built: Built, bare: dict[str, str], tmp_path: Path) -> None:
    """The older version is the one in pyproject.toml, the newer one the release."""
    run(sys.executable, "-m", "venv", tmp_path / "venv", environ=bare)
    pip, program = tmp_path / "venv/bin/pip", tmp_path / "venv/bin/togetherctl"
    install = (pip, "install", "--quiet", "--disable-pip-version-check")
    run(*install, ROOT, environ=bare)
    common = ("--issuer", "https://login.acme.com", "--client-id", "kubernetes", "--offline", "--yes")
    run(program, "profile", "add", "acme", *common, environ=bare)
    run(program, "cluster", "add", "east", "--server", "https://east.acme.com", "--profile", "acme", environ=bare)
    run(program, "kubeconfig", "write", environ=bare)
    home = Path(bare["HOME"])
    kept = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and ".cache/pip" not in str(path)}
    run(*install, built.wheel, environ=bare)
    assert VERSION in run(program, "version", environ=bare)
    assert {path: path.read_bytes() for path in kept} == kept
    shim = home / ".local/state/togetherctl/shim/togetherctl"
    quiet = {**bare, "TOGETHERCTL_NO_INPUT": "1"}
    assert "togetherctl login acme" in run(shim, "get-token", "--profile", "acme", environ=quiet, code=3)
    template = "jsonpath={.users[*].user.exec.command}"
    assert run("kubectl", "config", "view", "-o", template, environ=bare) == str(shim)
    run(program, "clean", "--all", "--yes", environ=bare)
    assert not {name for name in left_over(home) if "togetherctl" in name and not name.startswith(".config")}
