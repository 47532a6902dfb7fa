"""`python -m tests.bench.working_day`: the requests of one person's day, ours and, where it is on PATH, kubelogin's.

Eight hours, five profiles of one identity, tokens of an hour, a kubectl a minute, each with the next profile. Ours is
the real engine, its clock moved by hand, at a real issuer on loopback. kubelogin has no clock to move: its real process
is run with everything 600 times as fast. What the browser asks for at a login is not counted; both are alike in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import trustme

from tests.bench import fleet
from tests.bench.home import Home
from tests.support.browser import ScriptedBrowser
from tests.support.canary import Canary
from tests.support.clock import StoppedClock
from tests.support.conversation import Remembered
from tests.support.issuer import ScriptedIssuer
from togetherctl.auth.engine import Policy
from togetherctl.wiring import World

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile

PROFILES, HOURS, LIFETIME, BETWEEN = 5, 8, 3600, 60
_FASTER = 600
_AS_ONE = Policy(ask=True, behind=True)


@dataclass(frozen=True)
class Lived:
    """What the issuer was asked, by path, at which seconds of the day its token endpoint was, and our session's KEY."""

    requests: Counter[str]
    tokens_at: list[float]
    key: str = ""

    @property
    def total(self) -> int:
        return self.requests.total()


def every_minute() -> list[float]:
    """The moments of the day's calls, in seconds from its beginning."""
    return [float(moment) for moment in range(0, HOURS * 3600, BETWEEN)]


def ours(folder: Path, calls: Sequence[float], *, canary: Canary) -> Lived:
    """Live through the day in a home below `folder`; every call is a world of its own, as a process would be."""
    clock = StoppedClock()
    environ = {"HOME": str(folder), "TOGETHERCTL_HOME": str(folder / "tctl")}
    with ScriptedIssuer(clock=clock, canary=canary) as issuer:
        issuer.lifetime = LIFETIME
        names = _write_config(folder / "tctl", issuer)
        began = clock.now
        browser = ScriptedBrowser(issuer)
        for place, moment in enumerate(calls):
            clock.now = began + moment
            world = _world(environ, clock, browser)
            world.engine.credential(world.profile(names[place % len(names)]), _AS_ONE)
        at = [asked.at - began for asked in issuer.asked if asked.path == "/token"]
        return Lived(Counter(issuer.counts), at, world.profile(names[0]).key)


def _world(environ: Mapping[str, str], clock: StoppedClock, browser: ScriptedBrowser) -> World:
    def behind(profile: Profile, lock: int) -> None:
        _world(environ, clock, browser).engine.refresh_behind(profile, os.dup(lock))

    return World(
        environ,
        Remembered(),
        clock=clock,
        sleep=clock.sleep,
        open_browser=browser,
        refresh_in_background=behind,
    )


def _write_config(base: Path, issuer: ScriptedIssuer) -> list[str]:
    base.mkdir(mode=0o700, parents=True)
    names = [f"acme-{number}" for number in range(1, PROFILES + 1)]
    parts = [f'version = 1\n\n[issuers.acme]\nurl = "{issuer.url}"\n']
    parts += [
        f'[profiles.{name}]\nissuer = "acme"\nclient_id = "{issuer.client_id}"\nredirect_uris = ["http://localhost:0"]\n'
        for name in names
    ]
    path = base / "config.toml"
    path.write_text("\n".join(parts), encoding="utf-8")
    path.chmod(0o600)
    return names


def kubelogins(program: str, home: Home, *, one_cache: bool) -> Lived:
    """The same day, 600 times as fast, with five stanzas that are all alike, or that keep a cache each."""
    with ScriptedIssuer(clock=time.time, canary=Canary()) as issuer:
        issuer.lifetime = LIFETIME // _FASTER
        commands = [
            [
                program,
                "get-token",
                f"--oidc-issuer-url={issuer.url}",
                f"--oidc-client-id={issuer.client_id}",
                f"--token-cache-dir={home.folder / ('cache' if one_cache else f'cache-{number}')}",
                "--listen-address=127.0.0.1:0",
                f"--browser-command={home.browser_script()}",
            ]
            for number in range(PROFILES)
        ]
        began = time.time()
        for place, moment in _as_they_come(began):
            done = subprocess.run(
                commands[place % PROFILES],
                env=home.environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=60,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"{program} at {moment:.0f} s: {done.stderr.decode()[-500:]}")
        asked = [one for one in issuer.asked if one.path in ("/token", "/keys", "/.well-known/openid-configuration")]
        at = [(one.at - began) * _FASTER for one in asked if one.path == "/token"]
        return Lived(Counter(one.path for one in asked), at)


def _as_they_come(began: float) -> Iterator[tuple[int, float]]:
    for place, moment in enumerate(every_minute()):
        time.sleep(max(began + moment / _FASTER - time.time(), 0))
        yield place, moment


def table() -> str:
    """The day's requests as Markdown; those of kubelogin are its refreshes, by its rules, times what each one asks."""
    calls = every_minute()
    with TemporaryDirectory() as folder:
        lived = ours(Path(folder).resolve(), calls, canary=Canary())
    obtained = [*fleet.moments(fleet.kubelogins("", LIFETIME), calls)]
    theirs = fleet.LOGIN + fleet.KUBELOGIN_REFRESH * len(obtained)
    rows = [
        ("togetherctl", lived.total, lived.requests["/token"]),
        ("kubelogin, whose five stanzas say the same and share a cache", theirs, 1 + len(obtained)),
        (f"kubelogin, whose {PROFILES} stanzas differ in a flag", PROFILES * theirs, PROFILES * (1 + len(obtained))),
    ]
    lines = ["| five profiles, a working day | requests | for tokens | ours are |", "|---|--:|--:|--:|"]
    lines += [f"| {name} | {requests} | {tokens} | {lived.total / requests:.2f} × |" for name, requests, tokens in rows]
    return "\n".join(lines)


def main(programs: Sequence[str]) -> None:
    """Count ours, and those of the kubelogins whose paths are given."""
    with TemporaryDirectory() as made:
        folder = Path(made).resolve()
        # The browser reads it, though nothing here speaks TLS.
        trustme.CA().cert_pem.write_to_path(str(ca_file := folder / "ca.pem"))
        said = {"togetherctl": ours(folder / "ours", every_minute(), canary=Canary())}
        for program in programs:
            for one_cache in (True, False):
                home = Home(folder / f"theirs-{one_cache}", ca_file)
                home.folder.mkdir(mode=0o700)
                name = f"{Path(program).name}, {'one cache' if one_cache else f'{PROFILES} caches'}"
                said[name] = kubelogins(program, home, one_cache=one_cache)
    for name, lived in said.items():
        by_path = ", ".join(f"{path} {count}" for path, count in sorted(lived.requests.items()))
        sys.stdout.write(f"{name}: {lived.total} requests ({by_path}), {said['togetherctl'].total / lived.total:.2f}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
