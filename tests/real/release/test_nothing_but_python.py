"""A machine with nothing but Python: what README and the install page tell people to type, typed there."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT
from tests.real.release.conftest import BASE, VERSION, Built, run
from tests.support.pages import typed_on

# A system's own programs, as every Linux has them; nothing that downloads, and nothing that installs.
SYSTEM = ("sh", "chmod", "uname", "mkdir", "date", "sha256sum", "sleep", "rm", "ls")
PODS = "llm-train-0   1/1     Running"


def pythons() -> list[Path]:
    """The Python of these tests, and those that pyenv installed here, if any."""
    others = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv").glob("versions/3.1[1-4].*/bin/python3")
    here = Path(sys.base_prefix) / f"bin/python3.{sys.version_info.minor}"
    return list({os.path.realpath(path): path for path in (here, *sorted(others))}.values())


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of an account on a machine that has the system's programs and kubectl; no Python yet."""
    programs, home = tmp_path / "programs", tmp_path / "account"
    programs.mkdir()
    home.mkdir()
    for name in (*SYSTEM, "kubectl"):
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    return {"HOME": str(home), "PATH": str(programs)}


@pytest.fixture(params=pythons(), ids=lambda path: re.sub(r".*/versions/|/bin/.*", "", str(path)))
def bare_python(request: pytest.FixtureRequest, machine: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """That machine with one Python, which has no pip and no package."""
    run(request.param, "-m", "venv", "--without-pip", tmp_path / "python")
    (tmp_path / "programs/python3").symlink_to(tmp_path / "python/bin/python3")
    environ = {**machine, "PATH": f"{tmp_path}/python/bin:{machine['PATH']}"}
    for missing in ("pip", "click", "setuptools"):
        run("python3", "-c", f"import {missing}", environ=environ, code=1)
    return environ


@pytest.fixture
def releases(built: Built, tmp_path: Path) -> Iterator[Path]:
    """The folder that is served at the address of releases."""
    served = tmp_path / "served/releases"
    shutil.copytree(built.first, served)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # http.server's name
            """Says nothing."""

    parts = urlsplit(BASE)
    assert parts.port
    with ThreadingHTTPServer(("127.0.0.1", parts.port), partial(Handler, directory=str(served.parent))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield served
        server.shutdown()
        thread.join()


def typed_in(page: Path, heading: str) -> list[str]:
    """The lines that the page shows to be typed below a heading, up to the next one."""
    text = page.read_text(encoding="utf-8")
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [typed.line for typed in typed_on(page) if typed.line in part]


def test_two_lines_of_the_readme_lead_to_kubectl_get_pods(built: Built, bare_python: dict[str, str]) -> None:
    home = Path(bare_python["HOME"])
    shutil.copy(built.single, home)
    (home / "togetherctl.pyz").chmod(0o644)
    first, second = typed_in(ROOT / "README.md", "Install it")[:2]
    run("sh", "-c", first, environ=bare_python, cwd=home)
    said = run("sh", "-c", second, environ=bare_python, cwd=home)
    assert "$ kubectl get pods" in said
    assert PODS in said
    assert "you@example.com" in said
    assert {path.name for path in home.iterdir()} == {"togetherctl.pyz", ".cache"}


def test_the_lines_of_the_install_page_work_up_to_the_upgrade_and_back(releases: Path, bare: dict[str, str]) -> None:
    """The single file is downloaded, put on PATH with the plugin, finds that it is old, upgrades, and goes."""
    home = Path(bare["HOME"])
    environ = {**bare, "PATH": f"{home}/.local/bin:{bare['PATH']}"}
    lines = [line.replace("RELEASES", BASE) for line in typed_in(ROOT / "docs/install.md", "The single file")]
    assert [line.split()[0] for line in lines] == ["curl", "chmod", "./togetherctl.pyz", "install", "install"]
    run("curl", "-fLO", f"{BASE}/kubectl-together_login", environ=environ, cwd=home)
    said = [run("sh", "-c", line, environ=environ, cwd=home) for line in lines]
    assert PODS in said[2]
    assert f"togetherctl {VERSION}" in run("kubectl", "together-login", "--version", environ=environ)
    assert stat.S_IMODE((home / ".local/bin/togetherctl").stat().st_mode) == 0o755

    up_to_date = run("togetherctl", "version", "--check", environ=environ)
    assert up_to_date == f"togetherctl {VERSION} is up to date.\n"
    (releases / "latest.json").write_text(json.dumps({"version": "99.0.0", "date": "2099-12-31"}))
    said_it = run("togetherctl", "version", "--check", "-o", "json", environ=environ, code=1)
    command = json.loads(said_it)["item"]["hint_command"]
    file = f"{home}/.local/bin/togetherctl"
    line = f"curl -fLo {file}.new {BASE}/togetherctl.pyz && chmod +x {file}.new && mv {file}.new {file}"
    assert command == f"sh -c '{line}'"
    run("sh", "-c", command, environ=environ)
    assert VERSION in run("togetherctl", "version", environ=environ)

    # It runs out of the folder that it deletes.
    cleaned = run("togetherctl", "clean", "--all", "--yes", environ=environ)
    assert "Deleted ~/.cache/togetherctl-single-file: what the single file unpacked" in cleaned
    assert "Traceback" not in cleaned
    (home / ".local/bin/togetherctl").unlink()
    (home / ".local/bin/kubectl-together_login").unlink()
    left = {path.relative_to(home).as_posix() for path in home.rglob("*") if not path.is_dir()}
    assert left == {"togetherctl.pyz", "kubectl-together_login"}


def test_a_togetherctl_without_an_address_asks_for_nothing(bare: dict[str, str], tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv", environ=bare)
    run(tmp_path / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", ROOT, environ=bare)
    said = run(tmp_path / "venv/bin/togetherctl", "version", "--check", environ=bare, code=2)
    assert "was built without an address of releases" in said
