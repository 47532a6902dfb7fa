"""`make soak`: many terminals that run `kubectl get pods` for minutes over tokens that live for seconds.

The issuer fails one refresh in five and is away for a minute in the middle. No login page may open but the first, and
no call may fail but while the issuer is away, and for as long after as a token lives.
"""

from __future__ import annotations

import argparse
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import click
import trustme

from tests.bench.failing import FailingIssuer
from tests.bench.home import Home
from tests.bench.soak_report import Call, Soaked, shown
from tests.support.canary import Canary
from togetherctl.demo.api_server import ApiServer
from togetherctl.demo.certificate import make_certificate

_AWAY = 60.0
_LONGEST_CALL = 120.0
# A background refresh ends itself after a minute.
_LONGEST_BEHIND = 65.0


@dataclass
class Soak:
    """What runs, and what came of it."""

    home: Home
    issuer: FailingIssuer
    canary: Canary
    minutes: float
    terminals: int
    pause: float
    calls: list[Call] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self, kubectl: str) -> Soaked:
        """Let all terminals work, take the issuer away for a while, and see what is left at the end."""
        began = time.monotonic()
        seconds = self.minutes * 60
        away = min(_AWAY, seconds / 3)
        threads = [
            threading.Thread(target=self._terminal, args=(kubectl, began), daemon=True) for _ in range(self.terminals)
        ]
        for thread in threads:
            thread.start()
        time.sleep((seconds - away) / 2)
        gone_at = time.monotonic() - began
        self.issuer.stop()
        time.sleep(away)
        self.issuer.start()
        back_at = time.monotonic() - began
        time.sleep((seconds - away) / 2)
        self._over.set()
        for thread in threads:
            thread.join(_LONGEST_CALL + 5)
        return Soaked(
            calls=sorted(self.calls, key=lambda call: call.began),
            gone_at=gone_at,
            back_at=back_at,
            lifetime=self.issuer.lifetime,
            pages=self.home.pages_opened,
            refreshes=self.issuer.refreshes,
            failed=self.issuer.failed,
            reused=self.issuer.reused,
            left=self._children_left(),
        )

    def _terminal(self, kubectl: str, began: float) -> None:
        while not self._over.is_set():
            at = time.monotonic()
            code, stderr = self._get_pods(kubectl)
            self.canary.saw("stderr of kubectl", stderr)
            self.calls.append(Call(at - began, time.monotonic() - at, code, stderr.strip()))
            self._over.wait(self.pause)

    def _get_pods(self, kubectl: str) -> tuple[int, str]:
        try:
            done = subprocess.run(
                [kubectl, "get", "pods", "-o", "name"],
                env=self.home.environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_LONGEST_CALL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 1, f"it did not end within {_LONGEST_CALL:.0f} s"
        if done.returncode == 0 and len(done.stdout.split()) != 3:
            return 1, f"not the pods there are: {done.stdout}"
        return done.returncode, done.stderr

    def _children_left(self) -> int:
        """Background refreshes that go on after the longest that one may take."""
        ends = time.monotonic() + _LONGEST_BEHIND
        while (left := _running(f"refresh {profile_name(self.home)} --behind")) and time.monotonic() < ends:
            time.sleep(0.5)
        return left


def profile_name(home: Home) -> str:
    """A name no other process on this machine is called with."""
    return home.folder.name


def main(arguments: Sequence[str]) -> int:
    """1 where a call failed that should not have, a second page opened, or something was left behind."""
    parser = argparse.ArgumentParser(prog="make soak", description="many terminals, short tokens, a failing issuer")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--terminals", type=int, default=20)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two calls of a terminal")
    parser.add_argument("--lifetime", type=int, default=30, help="seconds that a token lives")
    chosen = parser.parse_args(arguments)
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        parser.error("kubectl is not installed")
    canary = Canary()
    with tempfile.TemporaryDirectory(prefix="togetherctl-soak-") as temporary, ExitStack() as stack:
        folder = Path(temporary).resolve()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(context)
        issuer = stack.enter_context(FailingIssuer(clock=time.time, canary=canary, tls=context))
        issuer.lifetime = chosen.lifetime
        certificate = make_certificate(folder)
        server = ApiServer(
            issuer=issuer.url, client_id=issuer.client_id, keys=issuer.public_keys, certificate=certificate
        )
        stack.enter_context(server.running())
        home = Home(folder, folder / "ca.pem")
        home.write_config(issuer, profile=profile_name(home), server=server.url, server_ca=certificate[0])
        home.togetherctl("kubeconfig", "write", "gpu", "--set-current")
        soak = Soak(home, issuer, canary, chosen.minutes, chosen.terminals, chosen.pause)
        click.echo(
            f"{chosen.terminals} terminals for {chosen.minutes:g} minutes, tokens that live {chosen.lifetime} s …"
        )
        soaked = soak.run(kubectl)
    text = shown(soaked)
    canary.saw("the report", text)
    click.echo(text)
    leaks = canary.leaks()
    for leak in leaks:
        click.echo(f"LEAKED: {leak}")
    return 0 if soaked.is_good and not leaks else 1


def _running(words: str) -> int:
    listed = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=False)  # noqa: S607 # its place differs
    return sum(words in line for line in listed.stdout.splitlines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
