"""What docs/agent.md tells people to type is typed, here and over there, with a real sshd in between."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.real.ssh.conftest import with_togetherctl
from tests.real.ssh.sshd import far_host
from tests.support.pages import typed_on
from tests.support.programs import need

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.ssh.conftest import Laptop

PAGE = ROOT / "docs" / "agent.md"
OVER_THERE = ("togetherctl init agent", "kubectl get pods")
# What differs here, and why.
CHANGED = {
    # No person answers here; test_kubectl.py does.
    "togetherctl profile set acme forward=ask": "togetherctl profile set acme forward=always --yes",
    # A host that is its own jump host.
    "togetherctl ssh -J jump me@head1 -L 8080:localhost:8080": "togetherctl ssh -J head1 head1 -L 8080:localhost:8080",
}
NOT_RUN = {"togetherctl agent install": "tests/agent writes the units"}


@pytest.fixture
def at_home(laptop: Laptop, short: Path) -> None:
    """A folder with `ssh` and `scp` that know head1 without a word, as a person's ~/.ssh/config has it."""
    programs = short / "bin"
    programs.mkdir()
    for name in ("ssh", "scp"):
        path = programs / name
        path.write_text(f'#!/bin/sh\nexec {need(name)} -F {short}/head/ssh_config "$@"\n')
        path.chmod(0o700)
    laptop.environ["PATH"] = f"{programs}:{laptop.environ['PATH']}"


@pytest.mark.usefixtures("at_home")
def test_what_the_page_tells_people_to_type_works(laptop: Laptop, short: Path, environ: dict[str, str]) -> None:
    laptop.do("cluster", "rename", "gpu", "h100-east", "--yes")
    work = short / "work"
    work.mkdir()
    with far_host(short / "head", "head1", with_togetherctl(environ)) as host:
        # Where -R and scp put what has a path.
        (host.home / ".kube").mkdir()
        for typed in typed_on(PAGE):
            if any(typed.line.startswith(start) for start in NOT_RUN):
                continue
            line = CHANGED.get(typed.line, typed.line).replace("/home/me/", f"{host.home}/")
            if typed.line.startswith(OVER_THERE):
                yes = " --yes" if "init" in line else ""
                line = f"togetherctl ssh head1 {line}{yes}"
            done = subprocess.run(
                ["/bin/sh", "-c", line],
                env=laptop.environ,
                cwd=work,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            assert "Traceback" not in done.stderr
            if "kubectl get pods" in line:
                assert "llm-train-0" in done.stdout, line


def test_each_exception_is_still_on_the_page() -> None:
    lines = [typed.line for typed in typed_on(PAGE)]
    assert set(CHANGED) <= set(lines)
    assert all(any(line.startswith(start) for line in lines) for start in (*NOT_RUN, *OVER_THERE))
