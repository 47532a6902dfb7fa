"""What is timed: every way a credential is served, its neighbours, and the floors below them."""

from __future__ import annotations

import shutil
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from tests.bench.crowd import crowd
from tests.bench.first_frame import first_frame
from tests.bench.home import PROGRAM, Home
from tests.bench.relay import Relay
from tests.bench.states import LIFETIME, V1BETA1, FlagStates, KubeloginStates, OurStates
from tests.bench.targets import PYTHON, PYTHONS, TEXTUAL
from tests.bench.timing import Case
from tests.support.issuer import ScriptedIssuer
from togetherctl.paths import locate

if TYPE_CHECKING:
    from tests.support.canary import Canary

MANY = 10_000
TOGETHER = 50
CROWD = 500
LATENCIES = (0, 50, 150)
NEIGHBOURS = ("kubelogin", "kubectl-oidc_login")
_GET_TOKEN = ("get-token", "--profile", "acme")
_SERVED = b'"token":'
_SAID = {"ready": "token ready", "expired": "refresh over 50 ms"}


@dataclass(frozen=True)
class Bench:
    """The issuer over TLS, behind a relay, and the homes below `folder`."""

    folder: Path
    ca_file: Path
    issuer: ScriptedIssuer
    relay: Relay

    def home(self, name: str, *, others: int = 0) -> OurStates:
        """A home that is logged in, with so many profiles that nobody asks for."""
        home = Home(self.folder / name, self.ca_file)
        home.folder.mkdir(mode=0o700)
        home.write_config(self.issuer, others=others)
        return OurStates(home, self.issuer)

    def after(self, state: Callable[[], None], milliseconds: int) -> Callable[[], None]:
        """Bring `state` about, and let the way to the issuer and back take so long."""

        def prepare() -> None:
            state()
            self.relay.round_trip = milliseconds / 1000

        return prepare


@contextmanager
def running_bench(folder: Path, *, clock: Callable[[], float], canary: Canary) -> Iterator[Bench]:
    """An issuer whose tokens outlive the bench; its refresh tokens may be used again, because states are put back."""
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with ExitStack() as stack:
        issuer = stack.enter_context(ScriptedIssuer(clock=clock, canary=canary, tls=context))
        relay = stack.enter_context(Relay(to_port=int(issuer.url.rpartition(":")[2])))
        issuer.url = f"https://localhost:{relay.port}"
        issuer.lifetime = LIFETIME
        issuer.rotates = False
        yield Bench(folder, ca_file, issuer, relay)


def neighbours() -> dict[str, str]:
    """Where the programs we are compared with are, by name; one that goes by both names is timed once."""
    found = {name: path for name in NEIGHBOURS if (path := shutil.which(name))}
    by_file = {Path(path).resolve(): name for name, path in reversed(found.items())}
    return {name: found[name] for name in found if name in by_file.values()}


def quick_cases(few: OurStates) -> Iterator[Case]:
    """The floors, and what is served from a ready file."""
    sh, environ = _which("sh"), few.environ
    yield Case("`true`", [_which("true")], environ)
    yield Case("`sh -c :`", [sh, "-c", ":"], environ)
    yield Case(PYTHON, [sys.executable, "-I", "-c", "pass"], environ)
    served = partial(Case, environ=environ, prepare=few.ready, expects=_SERVED)
    yield served(f"ready file: shim, `/bin/sh` being {Path(sh).resolve().name}", [str(few.shim), *_GET_TOKEN])
    for name, words in (("bash --posix", ["bash", "--posix"]), ("busybox sh", ["busybox", "sh"])):
        if path := shutil.which(words[0]):
            yield served(f"ready file: shim under {name}", [path, *words[1:], str(few.shim), *_GET_TOKEN])
    yield served("ready file: Python", [sys.executable, str(PROGRAM), *_GET_TOKEN])


def slow_cases(bench: Bench, few: OurStates) -> Iterator[Case]:
    """Everything that starts more than a shell and an empty Python."""
    others = [(name, KubeloginStates(path, few.home, bench.issuer, few.tokens)) for name, path in neighbours().items()]
    shim, python = [str(few.shim), *_GET_TOKEN], [sys.executable, str(PROGRAM)]
    ours = partial(Case, environ=few.environ, expects=_SERVED)

    for name, other in others:
        yield Case(f"the same from its cache: {name}", other.command, other.environ, other.ready, _SERVED)
    flags = FlagStates(few.home, bench.issuer)
    script, applet = flags.command, [*python, flags.script.name, *flags.words]
    yield Case("flags, ready file: script", script, flags.environ, flags.ready, _SERVED)
    yield Case("flags, ready file: Python", applet, flags.environ, flags.ready, _SERVED)
    yield Case("flags, session file: script, Python", script, flags.environ, flags.without_ready, _SERVED, share=0.5)
    beta = {**few.environ, "KUBERNETES_EXEC_INFO": V1BETA1}
    yield Case("ready file: Python, `v1beta1` asked", [*python, *_GET_TOKEN], beta, few.ready, _SERVED)
    yield ours("session file: Python", [*python, *_GET_TOKEN], prepare=few.without_ready, share=0.5)
    yield ours(
        "session file: shim, Python, which writes the ready file anew", shim, prepare=few.without_ready, share=0.5
    )
    yield Case("`togetherctl --help`", [*python, "--help"], few.environ, expects=b"Usage", share=0.5)

    for latency in LATENCIES:
        expired = bench.after(few.expired, latency)
        yield ours(f"refresh over {latency} ms: shim, Python", shim, prepare=expired, share=0.3)
        for name, other in others:
            expired = bench.after(other.expired, latency)
            yield Case(f"refresh over {latency} ms: {name}", other.command, other.environ, expired, _SERVED, share=0.3)

    bench.relay.round_trip = 0.0
    ten = bench.home("ten", others=9)
    edited = partial(Case, command=[str(ten.shim), *_GET_TOKEN], environ=ten.environ, expects=_SERVED)
    yield edited("first call after `profile set`, 10 profiles: shim, Python", prepare=ten.edited, share=0.3)
    yield edited("first call after an edit by hand, 10 profiles: shim, Python", prepare=ten.edited_by_hand, share=0.1)

    yield from _together(bench, few, others)
    yield from _without_session(bench, few)
    yield from _crowded(bench)
    yield from _many(bench)


def _together(bench: Bench, few: OurStates, others: list[tuple[str, KubeloginStates]]) -> Iterator[Case]:
    shim = [str(few.shim), *_GET_TOKEN]
    at_once = partial(Case, expects=_SERVED, at_once=TOGETHER)
    for what, share in (("ready", 0.2), ("expired", 0.05)):
        state: Callable[[], None] = getattr(few, what)
        yield at_once(
            f"{TOGETHER} at once, {_SAID[what]}: shim", shim, few.environ, prepare=bench.after(state, 50), share=share
        )
        for name, other in others:
            state = getattr(other, what)
            yield at_once(
                f"{TOGETHER} at once, {_SAID[what]}: {name}",
                other.command,
                other.environ,
                prepare=bench.after(state, 50),
                share=share,
            )


def _without_session(bench: Bench, few: OurStates) -> Iterator[Case]:
    """One login, alone and with 49 that wait for it; what 49 Pythons cost is beside it."""
    shim = [str(few.shim), *_GET_TOKEN]
    nothing = bench.after(few.logged_out, 0)
    none = partial(Case, command=shim, environ=few.environ, prepare=nothing, expects=_SERVED)
    yield none("one alone, no session: shim", share=0.1)
    yield none(f"{TOGETHER} at once, no session: shim", at_once=TOGETHER, share=0.05)
    yield Case(PYTHONS, [sys.executable, "-I", "-c", "pass"], few.environ, at_once=TOGETHER, share=0.1)


def _crowded(bench: Bench) -> Iterator[Case]:
    """What looks at every session, beside what importing the library of the terminal interface takes."""
    home = Home(bench.folder / "crowd", bench.ca_file)
    home.folder.mkdir(mode=0o700)
    crowd(locate(home.environ), CROWD, now=time.time())
    home.togetherctl("kubeconfig", "write")
    environ = {**home.environ, "TERM": "xterm-256color"}
    yield Case(TEXTUAL, [sys.executable, "-c", "import textual.app"], environ, share=0.2)
    status = [sys.executable, str(PROGRAM), "status"]
    yield Case(f"`togetherctl status`, {CROWD} sessions", status, environ, expects=b"valid", share=0.2)
    for part, name in enumerate(("names", "states")):
        yield Case(
            f"terminal interface, {CROWD} profiles, until {name} are shown",
            [],
            environ,
            share=0.1,
            timed=partial(_until, environ, part),
        )


def _until(environ: dict[str, str], part: int) -> float:
    return first_frame(environ)[part]


def _many(bench: Bench) -> Iterator[Case]:
    bench.relay.round_trip = 0.0
    many = bench.home("many", others=MANY - 1)
    python = [sys.executable, str(PROGRAM), *_GET_TOKEN]
    name = f"{MANY:,} profiles".replace(",", " ")
    yield Case(f"{name}, ready file: shim", [str(many.shim), *_GET_TOKEN], many.environ, many.ready, _SERVED)
    yield Case(f"{name}, ready file: Python", python, many.environ, many.ready, _SERVED)
    yield Case(f"{name}, session file: Python", python, many.environ, many.without_ready, _SERVED, share=0.1)


def _which(name: str) -> str:
    return shutil.which(name) or f"/bin/{name}"
