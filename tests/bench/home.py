"""A home of its own for one person: a bare environment, a configuration, and togetherctl as its owner would call it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.issuer import ScriptedIssuer

PROGRAM = Path(sys.executable).parent / "togetherctl"
_VISITOR = Path(__file__).parent / "visitor.py"
_KEPT = ("PATH", "LANG", "TMPDIR")


@dataclass(frozen=True)
class Home:
    """Everything is below `folder`; the browser follows redirects by itself and trusts `ca_file`."""

    folder: Path
    ca_file: Path

    @property
    def base(self) -> Path:
        """What TOGETHERCTL_HOME names."""
        return self.folder / "tctl"

    @property
    def browser(self) -> list[str]:
        """A command line that logs in at the address added to it."""
        return [sys.executable, "-I", str(_VISITOR), str(self.ca_file), str(self.folder / "opened")]

    def browser_script(self) -> Path:
        """The same as a program without arguments, which is all that some can start."""
        path = self.folder / "browser"
        if not path.exists():
            path.write_text(f'#!/bin/sh\nexec {shlex.join(self.browser)} "$@"\n', encoding="utf-8")
            path.chmod(0o700)
        return path

    @property
    def environ(self) -> dict[str, str]:
        """The environment of whoever has no variables of ours but the home; the browser is in the configuration."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "TOGETHERCTL_HOME": str(self.base),
            "NO_COLOR": "1",
        }

    @property
    def pages_opened(self) -> int:
        path = self.folder / "opened"
        return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0

    def togetherctl(self, *arguments: str) -> str:
        """What a command prints. Raises RuntimeError with its stderr where it fails."""
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"togetherctl {' '.join(arguments[:2])} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def write_config(
        self,
        issuer: ScriptedIssuer,
        *,
        profile: str = "acme",
        others: int = 0,
        server: str = "https://127.0.0.1:6443",
        server_ca: Path | None = None,
    ) -> Path:
        """A configuration with `profile` at the issuer, the cluster `gpu`, and `others` profiles besides."""
        parts = [
            f'version = 1\n\n[issuers.acme]\nurl = "{issuer.url}"\nca_file = "{self.ca_file}"\n',
            _profile(profile, issuer.client_id),
            f"browser = {json.dumps(self.browser)}\n",
            f'[clusters.gpu]\nprofile = "{profile}"\nserver = "{server}"\n',
            f'ca_file = "{server_ca}"\n' if server_ca else "",
            *(_profile(f"other-{number:05}", f"client-{number:05}") for number in range(others)),
        ]
        self.base.mkdir(mode=0o700, parents=True)
        path = self.base / "config.toml"
        path.write_text("\n".join(parts), encoding="utf-8")
        path.chmod(0o600)
        # No ready file comes of a configuration that has just been changed.
        an_hour_ago = path.stat().st_mtime - 3600
        os.utime(path, (an_hour_ago, an_hour_ago))
        return path


def _profile(name: str, client_id: str) -> str:
    return f'[profiles.{name}]\nissuer = "acme"\nclient_id = "{client_id}"\nredirect_uris = ["http://localhost:0"]\n'
