"""Doctor's checks of logins: ports that real processes hold, browsers, grants, cooldowns, logins elsewhere."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import ScriptedBrowser
from tests.support.diagnosis import diagnose_one
from togetherctl.auth.cache.login_record import LoginRecord
from togetherctl.auth.engine import Policy
from togetherctl.auth.login_environment import LoginEnvironment
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode, TogetherctlError

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.wiring import World

DESK = LoginEnvironment()
SSH = LoginEnvironment(ssh=True)
_LISTENS = """
import socket, sys
family, host, port = sys.argv[1:]
listening = socket.socket(socket.AF_INET6 if family == "6" else socket.AF_INET)
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if family == "6":
    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
listening.bind((host, int(port)))
listening.listen()
print("listens", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_program(family: str, port: int) -> Iterator[int]:
    """A process that listens on `port` of one family; gives its process ID."""
    host = "::1" if family == "6" else "127.0.0.1"
    with subprocess.Popen(
        [sys.executable, "-c", _LISTENS, family, host, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "listens\n"
        try:
            yield process.pid
        finally:
            process.stdin.close()


@pytest.fixture
def ports() -> tuple[int, int]:
    """Two ports that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


class TestPorts:
    @pytest.fixture
    def world(
        self, ports: tuple[int, int], issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld
    ) -> World:
        uris = ", ".join(f'"http://localhost:{port}"' for port in ports)
        path = config_at(issuer)
        path.write_text(path.read_text().replace('"http://localhost:0"', uris))
        return make_world(place=DESK)

    def test_free(self, world: World, ports: tuple[int, int]) -> None:
        found = diagnose_one(world, "login-ports")
        uris = [f"http://localhost:{port}" for port in ports]
        assert (found.subject, found.finding.status) == ("acme", "ok")
        assert found.finding.message == f"{uris[0]} and {uris[1]}: free on every address"
        # Nothing listens there afterwards.
        for port in ports:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 1)

    @pytest.mark.parametrize(("family", "address"), [("4", "127.0.0.1"), ("6", "[::1]")])
    def test_held_on_one_family(self, family: str, address: str, world: World, ports: tuple[int, int]) -> None:
        with another_program(family, ports[0]) as pid:
            found = diagnose_one(world, "login-ports").finding
        assert found.status == "warning"
        assert f"{address}:{ports[0]} is in use by " in found.message
        assert f"(process {pid}); a login uses http://localhost:{ports[1]} instead" in found.message

    def test_each_family_is_held_by_another(self, world: World, ports: tuple[int, int]) -> None:
        with another_program("6", ports[0]) as six, another_program("4", ports[0]) as four:
            message = diagnose_one(world, "login-ports").finding.message
        assert message.index(f"(process {four})") < message.index(f"[::1]:{ports[0]}") < message.index(f"{six})")

    def test_all_are_held(self, world: World, ports: tuple[int, int]) -> None:
        with another_program("4", ports[0]), another_program("6", ports[1]):
            found = diagnose_one(world, "login-ports").finding
        assert (found.status, found.exit_code) == ("failed", ExitCode.FAILED)
        assert found.remedy is not None
        assert found.remedy.hint_command == "togetherctl login --grant paste acme"

    def test_held_by_a_login_of_ours(self, world: World, ports: tuple[int, int]) -> None:
        profile = world.config.profile("acme")
        with another_program("4", ports[0]) as pid:
            record = LoginRecord(pid, world.clock(), "https://acme.example")
            world.paths.sessions.mkdir(mode=0o700, parents=True)
            world.sessions(profile).login_file(profile.key).write(record)
            found = diagnose_one(world, "login-ports").finding
        assert (found.status, "which has a login under way" in found.message) == ("ok", True)

    def test_all_are_held_while_no_login_is_needed(
        self, world: World, ports: tuple[int, int], issuer: ScriptedIssuer, make_world: MakeWorld, clock: StoppedClock
    ) -> None:
        assert world.paths.config.exists()
        issuer.token_changes = {"refresh_token": None}
        logged_in = make_world(browser=ScriptedBrowser(issuer), place=DESK)
        logged_in.engine.login(logged_in.config.profile("acme"), Policy())
        with another_program("4", ports[0]), another_program("6", ports[1]):
            found = diagnose_one(make_world(place=DESK), "login-ports").finding
            assert found.status == "warning"
            assert found.message.endswith("; no login is needed now")
            clock.advance(100_000)
            assert diagnose_one(make_world(place=DESK), "login-ports").finding.status == "failed"

    def test_profiles_with_the_same_ports_are_one(
        self, world: World, ports: tuple[int, int], make_world: MakeWorld
    ) -> None:
        text = world.paths.config.read_text()
        uris = f'redirect_uris = ["http://localhost:{ports[0]}", "http://localhost:{ports[1]}"]'
        more = "".join(f'[profiles.p{n}]\nissuer = "acme"\nclient_id = "{n}"\n{uris}\n' for n in range(3))
        world.paths.config.write_text(text + more)
        assert diagnose_one(make_world(place=DESK), "login-ports").subject == "acme and 3 more"

    def test_an_address_that_is_not_of_this_machine(self, world: World, make_world: MakeWorld) -> None:
        text = world.paths.config.read_text()
        listen = 'listen = ["192.0.2.1:8000", "192.0.2.1:8001"]'
        world.paths.config.write_text(text.replace("[clusters.east]", f"{listen}\n[clusters.east]"))
        found = diagnose_one(make_world(place=DESK), "login-ports").finding
        assert found.status == "failed"
        assert "192.0.2.1:8000 cannot be listened on (Cannot assign requested address); 192" in found.message

    def test_where_no_login_listens(self, world: World, make_world: MakeWorld) -> None:
        assert world.paths.config.exists()
        found = diagnose_one(make_world(place=SSH), "login-ports").finding
        assert (found.status, found.message) == ("skipped", "no login listens on a port here")


class TestBrowser:
    @pytest.mark.parametrize(
        ("keys", "place", "changes", "status", "said"),
        [
            ("", DESK, {"CI": "1"}, "ok", "no browser is opened, because CI"),
            ("browser = false", DESK, {}, "ok", "because browser is false"),
            ('browser = ["sh", "-c", "true"]', DESK, {}, "ok", "a login opens sh"),
            ('browser = ["no-such-browser"]', DESK, {}, "warning", "no-such-browser, which browser names, is not"),
            ("", SSH, {}, "ok", "no browser comes up here, because this is an SSH session; auto"),
            ('grant = "authcode"', SSH, {}, "warning", "because this is an SSH session, and grant"),
            ('grant = "client-credentials"\ntoken = "access"', DESK, {}, "skipped", "no login here opens a browser"),
            ("", DESK, {"PATH": "/nowhere", "DISPLAY": ":0"}, "warning", "such as xdg-open, is found"),
        ],
    )
    def test_what_would_open(
        self,
        keys: str,
        place: LoginEnvironment,
        changes: dict[str, str],
        status: str,
        said: str,
        issuer: ScriptedIssuer,
        config_at: MakeConfig,
        make_world: MakeWorld,
    ) -> None:
        config_at(issuer, "", keys)
        found = diagnose_one(make_world(place=place, **changes), "login-browser").finding
        assert (found.status, said in found.message) == (status, True), found

    @pytest.mark.parametrize("words", [("sh", "-c", "Tr0ub4dor"), ("sh --key Tr0ub4dor",), ("gone --key=Tr0ub4dor",)])
    def test_the_words_of_its_command_are_not_said(
        self, words: tuple[str, ...], issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld
    ) -> None:
        config_at(issuer, "", f"browser = {list(words)}")
        found = diagnose_one(make_world(place=DESK), "login-browser").finding
        assert words[0].split()[0] in found.message
        assert "Tr0ub4dor" not in found.message

    def test_windows_has_a_way_of_its_own(
        self, acme: Path, make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert acme.exists()
        made = make_world(place=DESK)
        assert made.config.table.profiles
        monkeypatch.setattr(sys, "platform", "win32")
        found = diagnose_one(made, "login-browser").finding
        assert (found.status, found.message) == ("ok", "a login opens the browser of this machine")

    def test_what_the_desktop_has_chosen(self, tmp_path: Path, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        for name, text in (("xdg-open", ""), ("xdg-settings", "echo firefox.desktop")):
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        found = diagnose_one(make_world(place=DESK, PATH=f"{tmp_path}:/bin", DISPLAY=":0"), "login-browser").finding
        assert (found.status, found.message) == ("ok", "a login opens firefox.desktop by xdg-open")


class TestGrant:
    @pytest.mark.parametrize(
        ("keys", "place", "devices", "status", "said"),
        [
            ("", DESK, True, "ok", "auto: a login by browser, because a browser comes up here"),
            ("", SSH, True, "ok", "auto: a login by device code, because this is an SSH session"),
            ("", SSH, False, "ok", "because this is an SSH session and the issuer offers no device codes"),
            ('username = "me"', SSH, True, "ok", "because the profile names a user"),
            ('grant = "paste"', DESK, True, "ok", "paste, as grant says"),
            ('login = "never"', DESK, True, "ok", "get-token opens no login by itself, because login is never"),
            ('grant = "device-code"', DESK, True, "ok", "device-code, as grant says"),
            ('grant = "device-code"', DESK, False, "failed", "and the issuer offers no device codes"),
            ('grant = "client-credentials"\ntoken = "access"', DESK, True, "failed", "has no client secret"),
        ],
    )
    def test_what_auto_chooses_and_why(
        self,
        keys: str,
        place: LoginEnvironment,
        devices: bool,  # noqa: FBT001 # a column of the table above
        status: str,
        said: str,
        issuer: ScriptedIssuer,
        config_at: MakeConfig,
        make_world: MakeWorld,
    ) -> None:
        config_at(issuer, "", keys)
        if not devices:
            issuer.metadata_changes["device_authorization_endpoint"] = None
        found = diagnose_one(make_world(place=place), "login-grant").finding
        assert (found.status, said in found.message) == (status, True), found
        assert (found.remedy is not None) is (status == "failed")

    def test_without_the_issuer(self, acme: Path, make_world: MakeWorld, issuer: ScriptedIssuer) -> None:
        assert acme.exists()
        found = diagnose_one(Facts(make_world(place=SSH), offline=True), "login-grant").finding
        assert found.message == "auto: device-code if the issuer offers it, else paste, because this is an SSH session"
        assert not issuer.asked


class TestCooldown:
    @pytest.fixture
    def refused(self, acme: Path, issuer: ScriptedIssuer, make_world: MakeWorld) -> World:
        """A login opened a browser, and failed."""
        assert acme.exists()
        world = make_world(browser=ScriptedBrowser(issuer, answer=_denied))
        with pytest.raises(TogetherctlError):
            world.engine.login(world.config.profile("acme"), Policy())
        return world

    def test_none(self, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        found = diagnose_one(make_world(), "login-cooldown").finding
        assert (found.status, found.message) == ("ok", "no login has failed so that the next one must wait")

    def test_one_in_force_is_ended(self, refused: World, make_world: MakeWorld, clock: StoppedClock) -> None:
        clock.advance(5)
        found = diagnose_one(make_world(), "login-cooldown").finding
        assert (found.status, found.exit_code) == ("failed", ExitCode.LOGIN_REQUIRED)
        assert found.message.startswith("the last login failed 5s ago (")
        assert found.message.endswith("so none opens by itself for 25s")
        assert found.remedy is not None
        assert found.remedy.hint_command == "togetherctl login acme"
        assert found.mend is not None
        found.mend.apply()
        assert diagnose_one(make_world(), "login-cooldown").finding.status == "ok"

    def test_a_token_that_is_good_needs_no_login(
        self, refused: World, make_world: MakeWorld, browser: ScriptedBrowser
    ) -> None:
        profile = refused.config.profile("acme")
        record = refused.sessions(profile).login_file(profile.key).read()
        assert record is not None
        make_world(browser=browser).engine.login(profile, Policy())
        refused.sessions(profile).login_file(profile.key).write(record)
        assert diagnose_one(make_world(), "login-cooldown").finding.status == "warning"

    def test_one_that_is_over(self, refused: World, make_world: MakeWorld, clock: StoppedClock) -> None:
        assert diagnose_one(refused, "login-cooldown").finding.status == "failed"
        clock.advance(31)
        assert diagnose_one(make_world(), "login-cooldown").finding.status == "ok"

    def test_another_process_is_busy(self, refused: World, make_world: MakeWorld) -> None:
        profile = refused.config.profile("acme")
        mend = diagnose_one(make_world(), "login-cooldown").finding.mend
        assert mend is not None
        with refused.sessions(profile).lock(profile.key), pytest.raises(TogetherctlError, match="is busy"):
            mend.apply()
        assert diagnose_one(make_world(), "login-cooldown").finding.status == "failed"


def _denied(asked: dict[str, str]) -> str:
    """Where the browser goes after a person said no at the issuer."""
    return f"{asked['redirect_uri']}?error=access_denied&state={asked['state']}"


class TestElsewhere:
    def test_none(self, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        assert diagnose_one(make_world(), "login-elsewhere").finding.status == "ok"

    def test_one_that_is_under_way(
        self, acme: Path, make_world: MakeWorld, process_with_login: Callable[[], subprocess.Popen[str]]
    ) -> None:
        """A real login that waits for its browser, in a process of its own."""
        assert acme.exists()
        with process_with_login() as other:
            found = diagnose_one(make_world(), "login-elsewhere").finding
            other.terminate()
            other.wait(20)
        assert found.status == "warning"
        assert found.message.startswith(f"process {other.pid} began a login ")
        assert "kubectl waits for it, until " in found.message
        assert found.message.endswith(" UTC at most")

    def test_one_of_another_machine(self, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        world = make_world()
        profile = world.config.profile("acme")
        world.paths.sessions.mkdir(mode=0o700, parents=True)
        record = LoginRecord(7, world.clock() - 10, "https://acme.example", machine="00000000-00000000")
        world.sessions(profile).login_file(profile.key).write(record)
        found = diagnose_one(world, "login-elsewhere").finding
        assert found.message.startswith("process 7 on another machine or in another container began a login 10s ago")
        # Its time is over.
        world.sessions(profile).login_file(profile.key).write(
            LoginRecord(7, world.clock() - 3600, "https://acme.example", machine="00000000-00000000")
        )
        assert diagnose_one(world, "login-elsewhere").finding.status == "ok"


@pytest.fixture
def process_with_login(environ: dict[str, str]) -> Callable[[], subprocess.Popen[str]]:
    """Starts a login whose browser does nothing, and waits until its tab is open."""

    def start() -> subprocess.Popen[str]:
        running = subprocess.Popen(
            [sys.executable, "-m", "togetherctl", "login"],
            env={**environ, "TOGETHERCTL_BROWSER": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        sessions = Path(environ["TOGETHERCTL_HOME"]) / "state" / "sessions"
        for _ in range(200):
            if list(sessions.glob("*.login")):
                return running
            threading.Event().wait(0.1)
        raise AssertionError("the login did not begin")

    return start
