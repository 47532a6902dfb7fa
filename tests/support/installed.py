"""A togetherctl as a kubeconfig finds it: logged in, with a shim whose Python counts how often it is started."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from togetherctl import fastpath

PROGRAM = Path(sys.executable).parent / "togetherctl"
# As kubectl writes it.
V1 = '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}'


@dataclass
class Installed:
    """`home` holds everything; `environ` is what kubectl passes on."""

    home: Path
    environ: dict[str, str]
    shell: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ("get-token", "--profile", "acme")
    counted: Path = field(init=False)

    def __post_init__(self) -> None:
        self.counted = self.home.parent / "pythons-started"

    @property
    def config(self) -> Path:
        return self.home / "config.toml"

    @property
    def ready(self) -> Path:
        return self.home / "cache" / "ready" / "acme"

    @property
    def stamp(self) -> Path:
        """By which the shim knows the configuration."""
        [path] = self.ready.parent.glob(".config-*")
        return path

    @property
    def shim(self) -> Path:
        return self.home / "state" / "shim" / "togetherctl"

    @property
    def session(self) -> Path:
        [path] = (self.home / "state" / "sessions").glob("*.json")
        return path

    def counting_python(self) -> str:
        """The path of a Python that leaves a line behind for each start, and with COUNT_ONLY does no more."""
        wrapper = self.home.parent / "python with 'quotes'"
        wrapper.write_text(
            f"#!/bin/sh\necho started >> '{self.counted}'\n"
            f'[ -z "$COUNT_ONLY" ] || exit 0\nexec \'{sys.executable}\' "$@"\n',
            encoding="utf-8",
        )
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
        return str(wrapper)

    def started(self) -> int:
        return len(self.counted.read_text().splitlines()) if self.counted.exists() else 0

    def call_shim(self) -> subprocess.CompletedProcess[bytes]:
        return self._run([*self.shell, str(self.shim), *self.arguments])

    def hands_over_in(self, *shell: str) -> bool:
        """Whether the shim leaves it to Python in this shell."""
        before = self.started()
        done = self._run([*shell, str(self.shim), *self.arguments], COUNT_ONLY="1")
        assert (done.returncode, done.stderr) == (0, b"")
        return self.started() == before + 1

    def call_python(self) -> subprocess.CompletedProcess[bytes]:
        return self._run([sys.executable, str(PROGRAM), *self.arguments])

    def fast_path_serves(self) -> bool:
        """Whether the fast path would answer in a process of its own."""
        script = (
            "import os, sys; from togetherctl import fastpath; os.dup2(os.open(os.devnull, 1), 1); "
            "sys.exit(9 if fastpath.serve(sys.argv[1:], os.environ) is None else 0)"
        )
        done = self._run([sys.executable, "-c", script, *self.arguments])
        assert done.returncode in (0, 9), done.stderr
        return done.returncode == 0

    def rewrite_ready(self, change: dict[int, str] | None = None, body: bytes | None = None) -> None:
        """Change words of the ready file's header by place, or what follows it, and keep its mtime."""
        status = self.ready.stat()
        first, _, rest = self.ready.read_bytes().partition(b"\n")
        words = first.decode().split(" ", 8)
        for place, word in (change or {}).items():
            words[place] = word
        self.ready.write_bytes(" ".join(words).encode() + b"\n" + (rest if body is None else body))
        os.utime(self.ready, ns=(status.st_mtime_ns, status.st_mtime_ns))

    def _run(self, words: list[str], **changes: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            words,
            env={**self.environ, **changes},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=30,
        )


assert fastpath.FORM.count(" ") == 1  # a form and its version: the places of `rewrite_ready` start with them
