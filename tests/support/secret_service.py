"""gnome-keyring under a D-Bus of its own: a real keyring that a test may lock, restart and end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.support.programs import need

PASSWORD = "correct-horse-battery-staple"
_LOCK = """
import secretstorage
with secretstorage.dbus_init() as bus:
    secretstorage.get_default_collection(bus).lock()
"""
_THERE = """
import sys, secretstorage
with secretstorage.dbus_init() as bus:
    sys.exit(not any(c.get_label() == "Login" for c in secretstorage.get_all_collections(bus)))
"""


@dataclass
class SecretService:
    """Everything lies under `home`; `variables` is what a process needs to find it."""

    home: Path
    environ: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        runtime = self.home / "run"
        runtime.mkdir(mode=0o700)
        self.variables = {"XDG_RUNTIME_DIR": str(runtime), "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus"}
        self._start([need("dbus-daemon"), "--session", "--nofork", f"--address=unix:path={runtime}/bus"])
        self._wait_for((runtime / "bus").exists)
        self.unlock()
        return self

    def __exit__(self, *_error: object) -> None:
        for process in reversed(self.running):
            process.kill()
            process.wait(10)

    def unlock(self) -> None:
        """Start the daemon anew, with the password of the keyring."""
        for daemon in self.running[1:]:
            daemon.kill()
            daemon.wait(10)
            self.running.remove(daemon)
        daemon = self._start(
            [need("gnome-keyring-daemon"), "--foreground", "--unlock", "--components=secrets"], stdin=subprocess.PIPE
        )
        assert daemon.stdin is not None
        daemon.stdin.write(PASSWORD.encode())
        daemon.stdin.close()
        self._wait_for(lambda: self._python(_THERE) == 0)

    def lock(self) -> None:
        """Lock the keyring; nobody is there to unlock it, so whoever asks is turned away."""
        assert self._python(_LOCK) == 0

    def _python(self, script: str) -> int:
        return subprocess.run(
            [sys.executable, "-c", script], env={**self.environ, **self.variables}, check=False, timeout=30
        ).returncode

    def _start(self, words: list[str], *, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            words,
            env={**self.environ, **self.variables, "DISPLAY": ""},
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.running.append(process)
        return process

    @staticmethod
    def _wait_for(there: object) -> None:
        assert callable(there)
        for _ in range(100):
            if there():
                return
            time.sleep(0.1)
        raise AssertionError("the keyring did not come up within 10 s")


def private_service(home: Path) -> SecretService:
    """A keyring for the bare environment of a test."""
    return SecretService(home, dict(os.environ))
