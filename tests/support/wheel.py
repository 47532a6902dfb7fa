"""togetherctl as people install it: its wheel in a fresh environment, with the packages that the wheel asks for."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.conftest import ROOT


def install_wheel(folder: Path) -> Path:
    """Build the wheel, install it into a fresh environment below `folder`, and return its folder of programs.

    The packages that it depends on, without extras, are linked from the environment of the tests: no index is asked.
    """
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    build = ("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(ROOT))
    _run(sys.executable, "-m", "pip", *_QUIET, *build)
    [wheel] = folder.glob("togetherctl-*.whl")
    _run(
        sys.executable, "-m", "pip", *_QUIET, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)
    )
    [packages] = (folder / "venv" / "lib").glob("python*/site-packages")
    [metadata] = packages.glob("togetherctl-*.dist-info")
    for name in sorted(_needs(PathDistribution(metadata))):
        _link(distribution(name), packages)
    return python.parent


_QUIET = ("--quiet", "--disable-pip-version-check")


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def _needs(package: Distribution) -> set[str]:
    """The names of all packages that `package` depends on, directly or not, on this machine."""
    found, waiting = set[str](), [(package, "")]
    while waiting:
        asking, extra = waiting.pop()
        for line in asking.requires or ():
            asked = Requirement(line)
            if asked.marker is not None and not asked.marker.evaluate({"extra": extra}):
                continue
            name = re.sub(r"[-_.]+", "-", asked.name).lower()
            waiting += [(distribution(name), wanted) for wanted in asked.extras]
            if name not in found:
                found.add(name)
                waiting.append((distribution(name), ""))
    return found


def _link(package: Distribution, packages: Path) -> None:
    for file in package.files or ():
        top = file.parts[0]
        # What lies beside the packages, such as programs, is not linked.
        if top not in ("..", "__pycache__") and not (packages / top).exists():
            (packages / top).symlink_to(Path(str(package.locate_file(top))))
