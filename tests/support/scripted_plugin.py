"""`kubectl-together_login` as kubectl finds it on PATH: the script, beside a togetherctl that counts its starts."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import ROOT
from tests.support.installed import PROGRAM

if TYPE_CHECKING:
    from tests.support.issuer import ScriptedIssuer

SCRIPT = ROOT / "packaging" / "kubectl-together_login"
_VISITOR = """
import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1]).read()
"""


@dataclass
class ScriptedPlugin:
    """`folder` holds the programs, and what a browser of its own needs; `environ` is what kubectl passes on."""

    folder: Path
    environ: dict[str, str]
    issuer: ScriptedIssuer
    shell: tuple[str, ...] = ()
    given: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.programs.mkdir(parents=True)
        shutil.copy(SCRIPT, self.program)
        self.program.chmod(0o755)
        togetherctl = self.programs / "togetherctl"
        togetherctl.write_text(
            f"#!/bin/sh\necho started >>{shlex.quote(str(self.counted))}\n"
            f'exec {shlex.quote(sys.executable)} {shlex.quote(str(PROGRAM))} "$@"\n'
        )
        togetherctl.chmod(0o755)
        visitor = self.folder / "visitor.py"
        visitor.write_text(_VISITOR)
        self.environ["TOGETHERCTL_BROWSER"] = shlex.join([sys.executable, str(visitor)])

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    @property
    def program(self) -> Path:
        return self.programs / "kubectl-together_login"

    @property
    def counted(self) -> Path:
        return self.folder / "pythons-started"

    @property
    def words(self) -> list[str]:
        return [
            "get-token",
            f"--oidc-issuer-url={self.issuer.url}",
            f"--oidc-client-id={self.issuer.client_id}",
            "--listen-address=127.0.0.1:0",
        ]

    @property
    def home(self) -> Path:
        return Path(self.environ["TOGETHERCTL_HOME"])

    @property
    def ready(self) -> list[Path]:
        return sorted((self.home / "cache" / "ready").glob("flags-*"))

    def started(self) -> int:
        return len(self.counted.read_text().splitlines()) if self.counted.exists() else 0

    def start(self, *more: str, words: list[str] | None = None, **changes: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.shell, str(self.program), *(self.words if words is None else words), *more],
            env={**self.environ, **changes},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def call(self, *more: str, words: list[str] | None = None, **changes: str) -> subprocess.CompletedProcess[bytes]:
        process = self.start(*more, words=words, **changes)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def serves(self, *more: str, words: list[str] | None = None, **changes: str) -> bool:
        """Whether the script itself answers, and Python's fast path the same; a call leaves nothing behind here."""
        before, kept = self.started(), {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in self.ready}
        done = self.call(*more, words=words, **{"TOGETHERCTL_LOGIN": "never", **changes})
        by_script = self.started() == before and done.returncode == 0
        for path in {*self.ready, *kept}:
            if path in kept:
                self.put(path, *kept[path])
            else:
                path.unlink()
        assert by_script == self._fast_path_serves(*(self.words if words is None else words), *more, **changes)
        return by_script

    def put(self, path: Path, data: bytes, mtime_ns: int | None = None) -> None:
        """Write a file, and keep its mtime."""
        mtime_ns = mtime_ns or path.stat().st_mtime_ns
        path.write_bytes(data)
        os.utime(path, ns=(mtime_ns, mtime_ns))

    def _fast_path_serves(self, *words: str, **changes: str) -> bool:
        script = (
            "import os, sys; from togetherctl import fastpath, plugin_words; os.dup2(os.open(os.devnull, 1), 1); "
            "sys.exit(9 if fastpath.serve(sys.argv[1:], os.environ, plugin_words.find_credential) is None else 0)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, *words],
            env={**self.environ, **changes},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=30,
        )
        assert done.returncode in (0, 9), done.stderr
        return done.returncode == 0
