"""Programs that a shell finds: every one of a name in the PATH, and the version that each says it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from togetherctl.environment import KUBERC, for_child

if TYPE_CHECKING:
    from togetherctl.doctor.facts import Facts

_SECONDS = 5.0


class Kubectl(NamedTuple):
    """A kubectl and its version; `minor` is that of version 1."""

    path: Path
    version: str
    minor: int


def find_all(name: str, path: str) -> list[Path]:
    """The programs called `name` in the folders of `path`, the one that a shell runs first; each file once."""
    found: dict[Path, Path] = {}
    for folder in path.split(os.pathsep):
        program = Path(folder or ".") / name
        with suppress(OSError):
            if program.is_file() and os.access(program, os.X_OK):
                found.setdefault(program.resolve(), program)
    return list(found.values())


def ask(program: Path, *words: str, environ: Mapping[str, str], seconds: float = _SECONDS) -> str | None:
    """What the program prints, without an end of line; None where it fails or does not end in time."""
    try:
        done = subprocess.run(
            [str(program), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=for_child(environ),
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None


def ask_kubectl(program: Path, environ: Mapping[str, str]) -> Kubectl | None:
    """The version of a kubectl, which reads neither a kubeconfig nor a kuberc for it; None where it says none."""
    bare = {**environ, "KUBECONFIG": os.devnull, KUBERC: "off"}
    said = ask(program, "version", "--client", "-o", "json", environ=bare)
    try:
        version = str(json.loads(said or "")["clientVersion"]["gitVersion"])
    except (ValueError, KeyError, TypeError):
        return None
    numbers = re.match(r"v1\.(\d+)", version)
    return Kubectl(program, version.removeprefix("v"), int(numbers[1])) if numbers else None


def kubectls(facts: Facts) -> Sequence[tuple[Path, Kubectl | None]]:
    """The kubectls of this shell's PATH and what each says it is."""
    environ = facts.world.environ
    found = find_all("kubectl", environ.get("PATH", ""))
    return facts.once("kubectls", lambda: [(path, ask_kubectl(path, environ)) for path in found])
