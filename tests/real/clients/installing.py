"""Kubernetes clients of other languages, installed once for all runs, in a folder outside this tree.

`TOGETHERCTL_REAL_CLIENTS` says which kinds a run is to have: `python`, `node`, `java`, `rust`, `helm`, several with
commas, or `all`. Those that are not named, or whose tools are not on this machine, say so and are skipped.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.programs import NODE_FOLDER, need_node

HERE = Path(__file__).parent
# Read before the environment is made bare: builds need the machine's own settings and caches.
_ENVIRON = dict(os.environ)
_WANTED = frozenset(filter(None, _ENVIRON.get("TOGETHERCTL_REAL_CLIENTS", "").split(",")))
_CACHE = Path(_ENVIRON.get("XDG_CACHE_HOME") or Path(_ENVIRON.get("HOME", "/")) / ".cache") / "togetherctl-tests"
_BUILD_SECONDS = 3600

PYTHON_CLIENTS = ("kubernetes", "kubernetes_asyncio", "kr8s", "lightkube", "lightkube-models", "pykube-ng")
HELM = "helm.sh/helm/v4/cmd/helm@v4.3.1"


def python() -> list[str]:
    """An interpreter with the clients for Python."""
    constraints = ROOT / "constraints.txt"
    pins = [line for line in constraints.read_text().splitlines() if line.partition("==")[0] in PYTHON_CLIENTS]

    def install(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--constraint", str(constraints), *PYTHON_CLIENTS])

    folder = _installed("python", [sys.version, *pins], install)
    return [str(folder / "bin" / "python"), str(HERE / "drivers" / "clients.py")]


def node() -> list[str]:
    """Node.js, with a program on the official client."""
    _wanted("node")
    return [need_node(), str(NODE_FOLDER / "client.mjs")]


def java(program: str) -> list[str]:
    """A program in Java: `Fabric8`, or `Official`."""
    sources = [HERE / "java" / "pom.xml", *sorted((HERE / "java" / "src").rglob("*.java"))]

    def build(folder: Path) -> None:
        shutil.copytree(HERE / "java", folder, dirs_exist_ok=True)
        _run([_tool("mvn"), "--batch-mode", "--quiet", "package"], folder)

    folder = _installed("java", [path.read_text() for path in sources], build)
    return [_tool("java"), "-cp", f"{folder}/target/classes:{folder}/target/lib/*", program]


def rust() -> list[str]:
    """A program in Rust."""
    sources = [HERE / "rust" / name for name in ("Cargo.toml", "src/main.rs")]

    def build(folder: Path) -> None:
        shutil.copytree(HERE / "rust", folder, dirs_exist_ok=True)
        _run([_tool("cargo"), "build", "--quiet"], folder)

    folder = _installed("rust", [path.read_text() for path in sources], build)
    return [str(folder / "target" / "debug" / "togetherctl-clients")]


def helm() -> list[str]:
    """Helm, built from its Go module."""

    def build(folder: Path) -> None:
        _ENVIRON["GOBIN"] = str(folder)
        _run([_tool("go"), "install", HELM], folder)

    return [str(_installed("helm", [HELM], build) / "helm")]


def _wanted(kind: str) -> None:
    if kind not in _WANTED and "all" not in _WANTED:
        pytest.skip(f"{kind} is not in TOGETHERCTL_REAL_CLIENTS; `make real-clients` installs and tests all of them")


def _installed(kind: str, made_of: Sequence[str], install: Callable[[Path], None]) -> Path:
    """The folder that `install` filled, now or in an earlier run with the same versions and sources."""
    _wanted(kind)
    digest = hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:12]
    folder = _CACHE / "clients" / f"{kind}-{digest}"
    if not (folder / ".whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install(folder)
        (folder / ".whole").touch()
    return folder


def _tool(name: str) -> str:
    found = shutil.which(name, path=_ENVIRON.get("PATH"))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _run(words: Sequence[str], folder: Path | None = None) -> None:
    nice = shutil.which("nice")
    done = subprocess.run(
        [*([nice] if nice else []), *words],
        cwd=folder,
        env=_ENVIRON,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(words[:3])} ended with {done.returncode}:\n{done.stdout[-3000:]}")


if __name__ == "__main__":
    # Everything that is wanted, before any test waits for it.
    for install in (python, lambda: java("Fabric8"), rust, helm):
        try:
            print(install()[0])  # noqa: T201 # a script's output
        except pytest.skip.Exception as reason:
            print(f"left out: {reason}")  # noqa: T201 # as above
