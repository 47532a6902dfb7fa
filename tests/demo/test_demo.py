"""The demo walks the main job, and leaves nothing behind however it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.programs import need
from tests.support.wheel import install_wheel
from togetherctl.demo.visitor import visit

if TYPE_CHECKING:
    from tests.conftest import Run

STEPS = (
    "togetherctl profile add demo",
    "togetherctl cluster add gpu",
    "togetherctl kubeconfig write gpu --set-current",
    "togetherctl whoami",
    "togetherctl refresh demo",
    "togetherctl status",
    "togetherctl logout demo",
)


@pytest.fixture
def scratch(tmp_path: Path, environ: dict[str, str]) -> Path:
    """Where the demo makes its folder."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    environ["TMPDIR"] = str(folder)
    return folder


@pytest.fixture
def no_kubectl(tmp_path: Path, environ: dict[str, str]) -> None:
    """A PATH on which there is no kubectl, and little else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    environ["PATH"] = str(folder)


@pytest.mark.usefixtures("no_kubectl")
def test_the_whole_way_without_kubectl(process: Run, scratch: Path, home: Path) -> None:
    done = process("demo", seconds=120, CI="1")
    assert (done.code, done.stderr) == (0, "")
    shown = done.stdout
    assert "kubectl is not on PATH" in shown
    for step in STEPS:
        assert f"$ {step}" in shown
    assert shown.count("HTTP 200\n  llm-train-0\n  llm-train-1\n  notebook\n") == 2
    # One login, and none after it.
    assert shown.count("/authorize?") == 1
    assert "you@example.com  valid" in shown
    assert "Logged you@example.com out" in shown
    assert list(scratch.iterdir()) == []
    assert not (home / "tctl").exists()


def test_the_whole_way_with_kubectl(process: Run, scratch: Path, home: Path) -> None:
    need("kubectl")
    done = process("demo", seconds=120)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.count("$ kubectl get pods\n") == 2
    assert "Username    you@example.com" in done.stdout
    assert list(scratch.iterdir()) == []
    assert list(home.iterdir()) == [], "kubectl keeps nothing of the demo either"


@pytest.fixture
def kept(environ: dict[str, str], scratch: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str], str]]:
    """A demo that was told to stay: its process, its exports and what it said."""
    assert scratch.exists()
    with subprocess.Popen(
        [sys.executable, "-m", "togetherctl", "demo", "--keep"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        said, exports = "", dict[str, str]()
        for line in process.stdout:
            said += line
            if line.startswith("  export "):
                name, _, value = line.removeprefix("  export ").strip().partition("=")
                exports[name] = value.strip("'")
            if "Ctrl-C ends it" in line:
                break
        try:
            yield process, exports, said
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def ports(said: str) -> list[int]:
    """Where the issuer and the API server listen."""
    return [int(port) for port in re.findall(r"https?://[a-z0-9.]+:(\d+)", said.splitlines()[0])]


@pytest.mark.usefixtures("no_kubectl")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_keep_stays_until_it_is_ended_and_then_all_is_gone(
    ending: signal.Signals,
    kept: tuple[subprocess.Popen[str], dict[str, str], str],
    scratch: Path,
    environ: dict[str, str],
) -> None:
    demo, exports, said = kept
    assert set(exports) == {"TOGETHERCTL_HOME", "KUBECONFIG", "KUBECACHEDIR", "PATH"}
    assert Path(exports["KUBECONFIG"]).exists()
    status = subprocess.run(
        [sys.executable, "-m", "togetherctl", "status", "-o", "name"],
        env={**environ, "TOGETHERCTL_HOME": exports["TOGETHERCTL_HOME"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert status.stdout == "demo\n"
    for port in ports(said):
        socket.create_connection(("localhost", port), timeout=5).close()
    demo.send_signal(ending)
    assert demo.wait(30) in (0, 130)
    assert list(scratch.iterdir()) == []
    for port in ports(said):
        with pytest.raises(OSError, match=r"\[Errno"):
            socket.create_connection(("localhost", port), timeout=5)


@pytest.mark.usefixtures("no_kubectl")
def test_ctrl_c_in_the_middle_leaves_nothing_behind(environ: dict[str, str], scratch: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "togetherctl", "demo", "--browser"],
        # The login waits for a person who never comes.
        env={**environ, "DISPLAY": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "Waiting up to" in line:
                break
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(30) == 130
    assert list(scratch.iterdir()) == []
    for _ in range(50):
        try:
            os.killpg(demo.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a process of the demo is still there")


def test_an_ordinary_install_has_all_that_the_demo_needs(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> None:
    programs = install_wheel(tmp_path_factory.mktemp("installed"))
    done = subprocess.run(
        [programs / "togetherctl", "demo"],
        # No program of another installation is found.
        env={**environ, "PATH": "/usr/bin:/bin"},
        cwd=programs,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Logged you@example.com out" in done.stdout
    listed = sorted(path.name for path in programs.glob("*togetherctl*"))
    assert listed == ["togetherctl"]
    plugin = programs / "kubectl-together_login"
    assert plugin.read_text().startswith("#!/bin/sh\n")
    asked = [str(plugin), "version", "-o", "name"]
    done = subprocess.run(asked, env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout


def test_no_page_and_no_program_names_a_package_of_an_index() -> None:
    """That name may be another's there: what is installed is a folder, or a file of a release."""
    sources = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "togetherctl").rglob("*.py")]
    for path in sources:
        for line in path.read_text(encoding="utf-8").splitlines():
            for found in re.finditer(r"(?:pipx?|uv tool|uv pip) install (?P<what>[^`]*)", line.partition("  #")[0]):
                what = [word for word in found["what"].split() if not word.startswith("-") and "python" not in word]
                assert what[-1] == "." or re.fullmatch(r"\S+/\S+\.whl", what[-1]), (path, line)


def test_the_visitor_goes_nowhere_but_loopback() -> None:
    with pytest.raises(ValueError, match="loopback addresses only"):
        visit("you@example.com", "https://accounts.google.com/authorize")
