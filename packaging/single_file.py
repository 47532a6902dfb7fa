"""Build togetherctl.pyz: one file with all that togetherctl needs, for the Pythons and platforms in its name.

Pex makes it. Of the ways measured on one machine (`version`, warm; an ordinary install takes 206 ms), Pex with a venv
and a start by sh took 180 to 190 ms, Pex with a venv alone 269 ms, shiv 468 ms, Pex from the zip 954 ms.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.tags import compatible_tags, cpython_tags

PYTHONS = (11, 12, 13, 14)
# As `uname -m` has them, the one whose file has the short name first; there are wheels of every library for both.
MACHINES = ("x86_64", "aarch64")
# The oldest glibc that all native wheels run on, and the oldest that any of them asks for.
_GLIBC = (34, 17)
# Where it unpacks itself at its first start; `togetherctl clean --all` deletes it.
UNPACKED = "~/.cache/togetherctl-single-file"

# Before the words of Pex, which go on in sh and end the script there. Once it is unpacked, this costs nothing.
_FIRST_START = """\
#!/bin/sh
folder=~/.cache/togetherctl-single-file
if [ ! -d "$folder" ]; then
  machine=$(uname -sm 2>/dev/null) || machine="Linux @machine@"
  if [ "$machine" != "Linux @machine@" ]; then
    echo "togetherctl: this file is for Linux on @machine@, not for $machine; install the wheel with pipx or uv" >&2
    exit 1
  fi
  found=
  for minor in @minors@; do
    if command -v "python3.$minor" >/dev/null; then found=yes; fi
  done
  python3 -c 'import sys; sys.exit(not @oldest@ <= sys.version_info[1] <= @newest@)' 2>/dev/null && found=yes
  if [ -z "$found" ]; then
    echo "togetherctl: this file needs Python 3.@oldest@ to 3.@newest@, and there is none on PATH" >&2
    exit 1
  fi
  mkdir -p -m 700 "$folder" 2>/dev/null
fi
"""


def short_name(machine: str) -> str:
    """The name that the documentation and `togetherctl version --check` use, the same for every version."""
    return "togetherctl.pyz" if machine == MACHINES[0] else f"togetherctl-{machine}.pyz"


def file_name(version: str, machine: str = MACHINES[0]) -> str:
    """What the file is called: with the Pythons and the platform that it is for."""
    return f"togetherctl-{version}-py3{PYTHONS[0]}-py3{PYTHONS[-1]}-linux_{machine}.pyz"


def _platforms(machine: str) -> list[str]:
    newest, oldest = _GLIBC
    numbered = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, oldest - 1, -1)]
    return [*numbered, f"manylinux2014_{machine}", f"linux_{machine}"]


def download(requirements: Path, folder: Path, *, machine: str) -> None:
    """Download the wheels that each Python needs, in the versions of `requirements` (pip's form, pinned)."""
    for minor in PYTHONS:
        platforms = [word for platform in _platforms(machine) for word in ("--platform", platform)]
        words = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
        words += ["--dest", str(folder), "--python-version", f"3.{minor}", *platforms]
        subprocess.run([sys.executable, "-m", "pip", *words, "--requirement", str(requirements)], check=True)


def _complete_platform(minor: int, machine: str) -> dict[str, object]:
    """One Python on Linux as Pex wants it described: PEP 508's marker environment, and PEP 425's tags."""
    platforms, version = _platforms(machine), f"3.{minor}"
    tags = [
        *cpython_tags((3, minor), platforms=platforms),
        *compatible_tags((3, minor), interpreter=f"cp3{minor}", platforms=platforms),
    ]
    return {
        "marker_environment": {
            "implementation_name": "cpython",
            "implementation_version": f"{version}.0",
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{version}.0",
            "python_version": version,
            "sys_platform": "linux",
        },
        "compatible_tags": [str(tag) for tag in tags],
    }


def build(wheels: Path, target: Path, work: Path, *, machine: str, environ: Mapping[str, str]) -> None:
    """Make `target` of the wheels in the folder `wheels`, the same bytes each time; `work` is a folder to write in.

    pip has resolved them: Pex's own way leaves packages out (findings/pex-extra-of-a-shared-dependency.sh).
    """
    described: list[str] = []
    for minor in PYTHONS:
        path = work / f"python3.{minor}-{machine}.json"
        path.write_text(json.dumps(_complete_platform(minor, machine)))
        described += ["--complete-platform", str(path)]
    words: Sequence[str] = ["-m", "pex", "--pre-resolved-dists", str(wheels), *described, "togetherctl"]
    words = [*words, "--console-script", "togetherctl", "--venv", "prepend", "--sh-boot", "--no-compile"]
    words = [*words, "--runtime-pex-root", UNPACKED]
    made = work / target.name
    words = [*words, "--output-file", str(made)]
    subprocess.run(
        [sys.executable, *words],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **environ, "PEX_ROOT": str(work / "pex")},
    )
    target.write_bytes(_header(machine).encode() + made.read_bytes().removeprefix(b"#!/bin/sh\n"))
    target.chmod(0o755)


def _header(machine: str) -> str:
    words = {
        "@machine@": machine,
        "@minors@": " ".join(map(str, PYTHONS)),
        "@oldest@": str(PYTHONS[0]),
        "@newest@": str(PYTHONS[-1]),
    }
    text = _FIRST_START
    for word, value in words.items():
        text = text.replace(word, value)
    return text
