"""Build togetherctl.pyz: one file with all that togetherctl needs, for the Pythons and platforms in its name.

Pex makes it. Of the ways measured on one machine (`version`, warm; an ordinary install takes 206 ms), Pex with a venv
and a start by sh took 180 to 190 ms, Pex with a venv alone 269 ms, shiv 468 ms, Pex from the zip 954 ms.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.tags import compatible_tags, cpython_tags

PYTHONS = (11, 12, 13, 14)
# As `uname -m` has them, the one whose file has the short name first; there are wheels of every library for both.
MACHINES = ("x86_64", "aarch64")
# The oldest glibc that all native wheels run on, and the oldest that any of them asks for.
_GLIBC = (34, 17)
# Where it unpacks itself at its first start, below the home; `togetherctl clean --all` deletes it.
UNPACKED = ".cache/togetherctl-single-file"

# Where all is unpacked, sh looks at a few files and starts Python in isolated mode. The first start is Python's, out of
# the zip behind these lines; templates/single_file_first_start.py comes before Pex there.
_START = """\
#!/bin/sh
# togetherctl in one file: what follows these lines is a zip, which Python unpacks at the first start.
case ${HOME-} in
  /*) ;;
  *)
    echo "togetherctl: HOME is not an absolute path, and this file unpacks itself there: set HOME" >&2
    exit 1
    ;;
esac
# They steer Pex, which made this file, and some start another program.
unset @variables@
folder=$HOME/@folder@
unpacked=$folder/@unpacked@
if [ -d "$folder" ] && [ ! -L "$folder" ] && [ -O "$folder" ] && [ -x "$unpacked/bin/python" ]; then
  export PEX="$0"
  exec "$unpacked/bin/python" -I "$unpacked" "$@"
fi
machine=$(uname -sm 2>/dev/null) || machine="Linux @machine@"
if [ "$machine" != "Linux @machine@" ]; then
  echo "togetherctl: this file is for Linux on @machine@, not for $machine; install the wheel with pipx or uv" >&2
  exit 1
fi
# A name on PATH may be a stub of a tool that has no such Python.
fits='import sys; f = 3, @oldest@; l = 3, @newest@; sys.exit(not f <= sys.version_info[:2] <= l or "t" in sys.abiflags)'
for name in python3 @names@; do
  if python=$(command -v "$name") && "$python" -I -c "$fits" 2>/dev/null; then
    exec "$python" -I "$0" "$@"
  fi
done
echo "togetherctl: this file needs Python 3.@oldest@ to 3.@newest@, and there is none on PATH" >&2
exit 1
"""
# With a constraint, Pex builds for each Python here that meets it, too: of another machine, or with other libraries.
_PEX = """\
from pex.bin.pex import main
from pex.resolve.target_configuration import InterpreterConfiguration
InterpreterConfiguration.resolve_interpreters = lambda self: set()
main()
"""
_FIRST_START = Path(__file__).resolve().parent / "templates/single_file_first_start.py"
# Read where Pex is unpacked, besides those that its documentation names.
_INNER_VARIABLES = ("__PEX_EXE__", "__PEX_EXTRA_SYS_PATH__", "__PEX_UNVENDORED__", "_PEX_SHOULD_EXIT_VENV_REEXEC")


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
    words: Sequence[str] = ["-c", _PEX, "--pre-resolved-dists", str(wheels), *described, "togetherctl"]
    words = [*words, "--console-script", "togetherctl", "--venv", "--sh-boot", "--no-compile"]
    first_start = work / f"first_start-{machine}.py"
    first_start.write_text(_fill(_FIRST_START.read_text(encoding="utf-8"), machine))
    words = [*words, "--runtime-pex-root", f"~/{UNPACKED}", "--preamble-file", str(first_start)]
    # Without a constraint, the path of the Python that builds is part of where it unpacks, and of the bytes.
    words = [*words, "--interpreter-constraint", f"CPython>=3.{PYTHONS[0]},<3.{PYTHONS[-1] + 1}"]
    made = work / target.name
    words = [*words, "--output-file", str(made)]
    subprocess.run(
        [sys.executable, *words],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **environ, "PEX_ROOT": str(work / "pex")},
    )
    whole = made.read_bytes()
    with zipfile.ZipFile(made) as zipped:
        begin = min(member.header_offset for member in zipped.infolist())
    (unpacked,) = re.findall(rb'^INSTALLED_PEX="\$\{PEX_ROOT\}/(venvs/[0-9a-f/]+)"$', whole[:begin], re.MULTILINE)
    start = _fill(_START, machine, unpacked.decode()).encode()
    # As long as the sh of Pex, since the zip counts from the beginning of the file.
    target.write_bytes(start.ljust(begin, b"\n") + whole[begin:])
    target.chmod(0o755)


def pex_variables() -> list[str]:
    """The environment variables that Pex reads at a start."""
    variables = dir(importlib.import_module("pex.variables").Variables)
    return sorted({*(name for name in variables if name.startswith("PEX_")), *_INNER_VARIABLES})


def _fill(text: str, machine: str, unpacked: str = "") -> str:
    words = {
        "@variables@": " ".join(pex_variables()),
        "@folder@": UNPACKED,
        "@unpacked@": unpacked,
        "@machine@": machine,
        "@names@": " ".join(f"python3.{minor}" for minor in PYTHONS),
        "@oldest@": str(PYTHONS[0]),
        "@newest@": str(PYTHONS[-1]),
    }
    for word, value in words.items():
        text = text.replace(word, value)
    return text
