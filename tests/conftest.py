"""Every test runs on an empty machine: its own home, a bare environment, and a canary that watches for secrets."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import keyring
import pytest
import trustme
from keyring.backend import KeyringBackend

from tests.support.browser import NoBrowser, ScriptedBrowser
from tests.support.canary import Canary
from tests.support.clock import StoppedClock
from tests.support.conversation import Remembered
from tests.support.issuer import ScriptedIssuer
from tests.support.judge import Judge
from togetherctl.wiring import World

if TYPE_CHECKING:
    from togetherctl.auth.login_environment import LoginEnvironment
    from togetherctl.errors import TogetherctlError

ROOT = Path(__file__).parents[1]
RUNS = "  run: "
KEPT = ("PATH", "LANG", "TMPDIR", "SYSTEMROOT")
# The whole run's secrets and the whole run's captured output, held against each other at its end.
EVERYTHING = Canary()
# A shell that starts the tests in the background has Ctrl-C ignored by all it starts, and some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

WriteConfig = Callable[[str], Path]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(autouse=True)
def environ(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The bare environment, for this process and those it starts."""
    bare = {name: os.environ[name] for name in KEPT if name in os.environ}
    bare |= {"HOME": str(home), "TOGETHERCTL_HOME": str(home / "tctl"), "NO_COLOR": "1", "COLUMNS": "100"}
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in bare.items():
        monkeypatch.setenv(name, value)
    return bare


@pytest.fixture(autouse=True)
def canary(tmp_path: Path) -> Iterator[Canary]:
    """Fails the test that let a secret out of `state/`."""
    watching = Canary()
    yield watching
    watching.look_through(tmp_path, but=frozenset({"state", "secrets", "ready"}))
    EVERYTHING.secrets |= watching.secrets
    assert not watching.leaks(), watching.leaks()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def conversation(canary: Canary) -> Iterator[Remembered]:
    remembered = Remembered()
    yield remembered
    canary.saw(
        "what a person was told", "\n".join([*remembered.said, *remembered.warned, *map(str, remembered.advice)])
    )


@pytest.fixture
def issuer(clock: StoppedClock, canary: Canary) -> Iterator[ScriptedIssuer]:
    with ScriptedIssuer(clock=clock, canary=canary) as running:
        yield running


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority nobody else trusts."""
    return trustme.CA()


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """kube-apiserver's own judgement of tokens; built by Go at first use."""
    with Judge() as running:
        yield running


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def tls_issuer(authority: trustme.CA, clock: StoppedClock, canary: Canary) -> Iterator[ScriptedIssuer]:
    """The scripted issuer over TLS, as `localhost` and, for whoever goes through a proxy, `issuer.test`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "issuer.test").configure_cert(context)
    with ScriptedIssuer(clock=clock, canary=canary, tls=context) as running:
        yield running


@pytest.fixture
def tls_config(tls_issuer: ScriptedIssuer, ca_file: Path, config_at: MakeConfig) -> Path:
    """The configuration of `store_at` for the issuer over TLS."""
    return config_at(tls_issuer, f'ca_file = "{ca_file}"')


@pytest.fixture
def browser(issuer: ScriptedIssuer) -> ScriptedBrowser:
    return ScriptedBrowser(issuer)


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(environ: dict[str, str], conversation: Remembered, clock: StoppedClock, canary: Canary) -> MakeWorld:
    """A world on this machine with a stopped clock and no browser, unless the test brings one."""

    def make(
        *, browser: Any = None, behind: Any = None, place: LoginEnvironment | None = None, **changes: str
    ) -> World:
        return World(
            {**environ, **changes},
            conversation,
            clock=clock,
            sleep=clock.sleep,
            log=lambda line: canary.saw("the log", line),
            open_browser=browser or NoBrowser(),
            refresh_in_background=behind or (lambda _profile, _lock: None),
            place=(lambda _profile: place) if place else None,
        )

    return make


@dataclass(frozen=True)
class Done:
    """How a command ended; `error` is what it failed with, where it ran in this process."""

    code: int
    stdout: str
    stderr: str
    error: TogetherctlError | None = None

    @property
    def commands(self) -> list[str]:
        """The commands it says will help."""
        return [line.removeprefix(RUNS) for line in self.stderr.splitlines() if line.startswith(RUNS)]

    @property
    def failure(self) -> tuple[int, str, str | None]:
        """What scripts see of a failure: exit code, error code, and the command that helps."""
        assert self.error is not None, self
        return self.code, self.error.code, self.error.hint_command


Run = Callable[..., Done]
CliIn = Callable[..., Run]


@pytest.fixture
def cli_in(environ: dict[str, str], capfd: pytest.CaptureFixture[str], canary: Canary) -> CliIn:
    """A command line in this process, in a world some parts of which the test brings."""
    from togetherctl.commands import run as running

    def make(*, program: str = "togetherctl", **parts: Any) -> Run:
        def call(*arguments: str, **changes: str) -> Done:
            capfd.readouterr()
            with patch.object(running, "_tell_failure", wraps=running._tell_failure) as failed:
                code = running.run(
                    arguments, {**environ, **changes}, program=program, make_world=partial(World, **parts)
                )
            captured = capfd.readouterr()
            _see(canary, arguments, captured.out, captured.err)
            error = failed.call_args.args[1] if failed.called else None
            return Done(int(code), captured.out, captured.err, error)

        return call

    return make


@pytest.fixture
def cli(cli_in: CliIn) -> Run:
    """The command line in this process and the real world."""
    return cli_in()


@pytest.fixture
def process(environ: dict[str, str], canary: Canary) -> Run:
    """Run the command line in a process of its own."""

    def call(*arguments: str, stdin: str | None = None, seconds: float = 60, **changes: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "togetherctl", *arguments],
            env={**environ, **changes},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        _see(canary, arguments, done.stdout, done.stderr)
        return Done(done.returncode, done.stdout, done.stderr)

    return call


def _see(canary: Canary, arguments: tuple[str, ...], stdout: str, stderr: str) -> None:
    shown = " ".join(arguments[:3])
    canary.saw(f"the arguments of {shown}", " ".join(arguments))
    canary.saw(f"stderr of {shown}", stderr)
    # Printing a token is what get-token is for.
    if "get-token" not in arguments:
        canary.saw(f"stdout of {shown}", stdout)


@pytest.fixture
def write_config(home: Path) -> Callable[[str], Path]:
    """Write `config.toml`."""

    def write(text: str) -> Path:
        path = home / "tctl" / "config.toml"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return write


UseKeyring = Callable[[KeyringBackend], None]


@pytest.fixture
def use_keyring() -> Iterator[UseKeyring]:
    """The keyring of this process."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


MakeConfig = Callable[..., Path]


@pytest.fixture
def config_at(write_config: WriteConfig) -> MakeConfig:
    """A configuration with the profile `acme` at an issuer and the cluster `east`; any free port is registered."""

    def write(issuer: ScriptedIssuer, issuer_keys: str = "", profile_keys: str = "") -> Path:
        return write_config(
            f"""version = 1

[issuers.acme]
url = "{issuer.url}"
{issuer_keys}
[profiles.acme]
issuer = "acme"
client_id = "{issuer.client_id}"
redirect_uris = ["http://localhost:0"]
{profile_keys}
[clusters.east]
profile = "acme"
server = "https://127.0.0.1:6443"
"""
        )

    return write


@pytest.fixture
def acme(config_at: MakeConfig, issuer: ScriptedIssuer) -> Path:
    """The configuration of `store_at` for the scripted issuer."""
    return config_at(issuer)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for title, text in report.sections:
        EVERYTHING.saw(f"{title} of {report.nodeid}", text)
    if report.longrepr is not None:
        EVERYTHING.saw(f"the report of {report.nodeid}", str(report.longrepr))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if is_worker(session.config):
        # Its output is with the process that started it already; the secrets go there too, so that all meet.
        session.config.workeroutput["secrets"] = EVERYTHING.secrets  # type: ignore[attr-defined] # of pytest-xdist
    elif EVERYTHING.leaks():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # A worker that was killed has no last words; that fails the run by itself.
    EVERYTHING.secrets |= getattr(node, "workeroutput", {}).get("secrets", {})


def is_worker(config: pytest.Config) -> bool:
    """Whether this is one of the processes that run tests for another (pytest-xdist)."""
    return hasattr(config, "workeroutput")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together on one worker what shares something, and mark what runs on real parts."""
    real = ROOT / "tests" / "real"
    for item in items:
        if real in item.path.parents:
            item.add_marker(pytest.mark.real)
            # The certified provider knows ports 8000 and 18000 alone, which are there once on a machine; what is in a
            # folder of its own is started once for all its tests.
            shared = item.path.relative_to(real).parts[:-1]
            item.add_marker(pytest.mark.xdist_group("/".join(shared) or "ports 8000 and 18000"))
    # What one worker does alone and for long comes first, and the other workers do the rest meanwhile.
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("canary")
    leaks = EVERYTHING.leaks()
    for leak in leaks:
        terminalreporter.write_line(f"LEAKED: {leak}", red=True)
    terminalreporter.write_line(
        f"{len(EVERYTHING.secrets)} secrets were handed out, {len(EVERYTHING.seen)} texts looked through, "
        f"{len(leaks)} leaks"
    )
