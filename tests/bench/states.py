"""Sessions in the states that are timed: put back before each run, so that every run finds the same."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.home import PROGRAM
from tests.support.scripted_plugin import SCRIPT
from togetherctl.auth.cache.record import decode, encode
from togetherctl.auth.session import Token
from togetherctl.paths import locate

if TYPE_CHECKING:
    from tests.bench.home import Home
    from tests.support.issuer import ScriptedIssuer

LIFETIME = 4 * 3600
V1, V1BETA1 = (
    json.dumps({"kind": "ExecCredential", "apiVersion": f"client.authentication.k8s.io/{version}", "spec": {}})
    for version in ("v1", "v1beta1")
)


class Tokens:
    """What one login brought, and the same ID token as it would be had it expired an hour ago."""

    def __init__(self, issuer: ScriptedIssuer, session: Path) -> None:
        self.session = decode(session.read_bytes())
        now = time.time()
        past: dict[str, Any] = {**issuer.claims, "iat": int(now) - 3600 - LIFETIME, "exp": int(now) - 3600}
        self.expired = Token(issuer.id_token(past), past["iat"], past["exp"])


class OurStates:
    """togetherctl's session in a home: logged in once by way of the whole, then put into any state."""

    def __init__(self, home: Home, issuer: ScriptedIssuer) -> None:
        self.home = home
        self.environ = {**home.environ, "KUBERNETES_EXEC_INFO": V1}
        paths = locate(self.environ)
        self.shim = paths.shim
        home.togetherctl("kubeconfig", "write")
        home.togetherctl("login", "acme")
        (self.file,) = paths.sessions.glob("*.json")
        self._ready = paths.ready / "acme"
        self._issuer = issuer
        self._edits = 0
        self.take()

    def take(self) -> None:
        """Have what is there now, a fresh session and its ready file, be what is put back."""
        self._ready_mtime = self._ready.stat().st_mtime_ns
        self._ready_bytes = self._ready.read_bytes()
        self.tokens = Tokens(self._issuer, self.file)
        session, expired = self.tokens.session, self.tokens.expired
        self._fresh = encode(session)
        self._expired = encode(replace(session, id_token=expired, access_token=None))

    def ready(self) -> None:
        _put(self.file, self._fresh)
        _put(self._ready, self._ready_bytes)
        # A ready file bears the mtime of its session.
        for path in (self.file, self._ready):
            os.utime(path, ns=(self._ready_mtime, self._ready_mtime))

    def without_ready(self) -> None:
        """A fresh session whose ready file has been removed, as every change of the configuration does."""
        _put(self.file, self._fresh)
        self._ready.unlink(missing_ok=True)

    def edited(self) -> None:
        """A fresh session, and a configuration that one of our commands has just changed."""
        _put(self.file, self._fresh)
        self._edits += 1
        self.home.togetherctl("profile", "set", "acme", f"margin={10 + self._edits % 50}")

    def edited_by_hand(self) -> None:
        """The same after an editor."""
        _put(self.file, self._fresh)
        with (self.home.base / "config.toml").open("a", encoding="utf-8") as file:
            file.write("# by hand\n")

    def expired(self) -> None:
        _put(self.file, self._expired)
        self._ready.unlink(missing_ok=True)

    def night(self) -> None:
        """The token has expired while nothing was written, and the ready file says that it was good until then."""
        session, header = decode(self.file.read_bytes()), self._ready.read_bytes()
        times = {path: path.stat().st_mtime_ns for path in (self.file, self._ready)}
        _put(self.file, encode(replace(session, id_token=self.tokens.expired, access_token=None)))
        words = header.split(b" ", 8)
        words[3:5] = (b"%d" % (moment - 3600) for moment in (time.time() - LIFETIME, time.time()))
        _put(self._ready, b" ".join(words))
        for path, mtime in times.items():
            os.utime(path, ns=(mtime, mtime))

    @property
    def is_ready(self) -> bool:
        """Whether a ready file is there that is good now."""
        words = self._ready.read_bytes().split(b" ", 8) if self._ready.exists() else []
        return len(words) == 9 and int(words[4]) > time.time()

    def logged_out(self) -> None:
        """No session, and nothing left of one: the next call logs in."""
        for path in (self.file, self._ready, *self.file.parent.glob("*.login")):
            path.unlink(missing_ok=True)


def _put(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)
        path.chmod(0o600)


class FlagStates:
    """togetherctl called with kubelogin's flags under its other name, in the same home and at the same issuer."""

    def __init__(self, home: Home, issuer: ScriptedIssuer) -> None:
        programs, folder = home.folder / "programs", home.folder / "flags" / "state"
        programs.mkdir()
        self.script = programs / SCRIPT.name
        shutil.copy(SCRIPT, self.script)
        self.script.chmod(0o700)
        (programs / PROGRAM.name).symlink_to(PROGRAM)
        self.environ = {**home.environ, "KUBERNETES_EXEC_INFO": V1}
        self.words = [
            "get-token",
            f"--oidc-issuer-url={issuer.url}",
            f"--oidc-client-id={issuer.client_id}",
            f"--certificate-authority={home.ca_file}",
            f"--token-cache-dir={folder}",
            "--listen-address=127.0.0.1:0",
        ]
        once = {**self.environ, "TOGETHERCTL_BROWSER": shlex.join(home.browser)}
        subprocess.run([self.script, *self.words], env=once, stdout=subprocess.DEVNULL, check=True, timeout=60)
        (self._session,) = folder.glob("*.json")
        (self._ready,) = locate(self.environ).ready.glob("flags-*")
        self._kept = {path: path.read_bytes() for path in (self._session, self._ready)}
        self._mtime = self._session.stat().st_mtime_ns

    @property
    def command(self) -> list[str]:
        return [str(self.script), *self.words]

    def ready(self) -> None:
        for path, data in self._kept.items():
            _put(path, data)
            os.utime(path, ns=(self._mtime, self._mtime))

    def without_ready(self) -> None:
        self.ready()
        self._ready.unlink()


class KubeloginStates:
    """kubelogin's cache in the same home, with the same tokens from the same issuer."""

    def __init__(self, program: str, home: Home, issuer: ScriptedIssuer, tokens: Tokens) -> None:
        self._folder = home.folder / "kubelogin"
        self.environ = {**home.environ, "KUBERNETES_EXEC_INFO": V1}
        self.command = [
            program,
            "get-token",
            f"--oidc-issuer-url={issuer.url}",
            f"--oidc-client-id={issuer.client_id}",
            f"--certificate-authority={home.ca_file}",
            f"--token-cache-dir={self._folder}",
            "--listen-address=127.0.0.1:0",
            f"--browser-command={home.browser_script()}",
        ]
        self._tokens = tokens
        self._file: Path | None = None

    def ready(self) -> None:
        id_token = self._tokens.session.id_token
        self._put(id_token.value if id_token else "")

    def expired(self) -> None:
        self._put(self._tokens.expired.value)

    def _put(self, id_token: str) -> None:
        self._file = self._file or self._log_in()
        record = {"id_token": id_token, "refresh_token": self._tokens.session.refresh_token}
        self._file.write_text(json.dumps(record), encoding="utf-8")

    def _log_in(self) -> Path:
        """The file kubelogin keeps its tokens in: its name is a digest that only kubelogin makes."""
        done = subprocess.run(
            self.command, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{self.command[0]} could not log in: {done.stderr.decode()[-500:]}")
        (file,) = (path for path in self._folder.iterdir() if path.suffix != ".lock")
        return file
