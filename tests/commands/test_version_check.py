"""`version --check` asks for a newer release when a person asks, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.issuer import Asked, Reply, ScriptedServer
from togetherctl.usecases import release_check
from togetherctl.usecases.release_check import Newest, order, upgrade_command

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock

HERE = version("togetherctl")
NEXT = f"{int(HERE.split('.', maxsplit=1)[0]) + 1}.0.0"


class Releases(ScriptedServer):
    """The address of releases, whose newest is `newest`."""

    newest: object = NEXT

    def reply(self, asked: Asked) -> Reply:
        assert asked.path == "/files/latest.json"
        return Reply(body={"version": self.newest, "date": "2026-01-31"})


@pytest.fixture
def releases(clock: StoppedClock, canary: Canary, monkeypatch: pytest.MonkeyPatch) -> Iterator[Releases]:
    """The address that this togetherctl was built with."""
    with Releases(clock=clock, canary=canary) as server:
        monkeypatch.setattr(release_check, "_named_addresses", lambda: [f"{server.url}/files/"])
        yield server


def test_a_newer_one_is_there(cli: Run, releases: Releases) -> None:
    done = cli("version", "--check")
    assert (done.code, done.stdout) == (1, "")
    assert f"togetherctl {NEXT} of 2026-01-31 is newer than this one, {HERE}." in " ".join(done.stderr.split())
    assert f"-m pip install {releases.url}/files/togetherctl-{NEXT}-py3-none-any.whl" in done.stderr
    assert [(asked.method, asked.path) for asked in releases.asked] == [("GET", "/files/latest.json")]
    assert not {"authorization", "cookie"} & set(releases.asked[0].headers)


@pytest.mark.parametrize("newest", [HERE, "0.0.1", f"{HERE}rc1"])
def test_it_is_up_to_date(newest: str, cli: Run, releases: Releases) -> None:
    releases.newest = newest
    done = cli("version", "--check")
    assert (done.code, done.stdout, done.stderr) == (0, f"togetherctl {HERE} is up to date.\n", "")


def test_a_script_reads_it(cli: Run, releases: Releases) -> None:
    done = cli("version", "--check", "-o", "json")
    item = json.loads(done.stdout)["item"]
    assert (done.code, done.stderr) == (1, "")
    assert (item["version"], item["latest"], item["latest_date"], item["newer"]) == (HERE, NEXT, "2026-01-31", True)
    assert item["hint_command"].endswith(f"togetherctl-{NEXT}-py3-none-any.whl")
    assert cli("version", "--check", "-o", "name").stdout == f"{NEXT}\n"
    releases.newest = HERE
    item = json.loads(cli("version", "--check", "-o", "json").stdout)["item"]
    assert (item["newer"], item["hint"], item["hint_command"]) == (False, None, None)


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (Reply(404), 5, "does not say what the newest release is (HTTP 404)"),
        (Reply(503), 4, "answered HTTP 503"),
        (Reply(body=b"<html>"), 5, "is not JSON"),
        (Reply(body={"version": "newest\x1b[2J"}), 5, "names no version as the newest release"),
        (Reply(body={"version": ["1.0.0"]}), 5, "names no version as the newest release"),
        (Reply(302, headers={"Location": "http://192.0.2.1/"}), 5, "redirects"),
    ],
)
def test_it_says_that_it_cannot_tell(reply: Reply, code: int, said: str, cli: Run, releases: Releases) -> None:
    releases.always["/files/latest.json"] = reply
    done = cli("version", "--check")
    assert (done.code, done.stdout) == (code, "")
    assert said in " ".join(done.stderr.split())


def test_it_says_so_where_nobody_answers(cli: Run, releases: Releases) -> None:
    releases.stop()
    done = cli("version", "--check")
    assert done.code == 4
    assert "issuer" not in done.stderr


def test_without_an_address_it_says_what_to_do(cli: Run) -> None:
    done = cli("version", "--check")
    assert done.code == 2
    assert done.stderr.splitlines() == [
        "togetherctl: this togetherctl was built without an address of releases, so there is none to ask",
        "  look for a newer version where you got this one from",
    ]


def test_an_address_that_is_not_safe_is_not_asked(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_check, "_named_addresses", lambda: ["http://releases.acme.com"])
    done = cli("version", "--check")
    assert done.code == 2
    assert "http://releases.acme.com" in done.stderr


@pytest.mark.usefixtures("acme")
def test_no_other_command_asks(cli: Run, releases: Releases) -> None:
    for words in (
        ("version",),
        ("--version",),
        ("status",),
        ("doctor",),
        ("whoami",),
        ("login", "--help"),
        ("config", "show"),
        ("kubeconfig", "write", "--yes"),
        ("get-token", "--profile", "acme"),
        ("support",),
    ):
        cli(*words)
    assert releases.asked == []
    cli("version", "--check")
    assert len(releases.asked) == 1


def test_no_other_module_can_ask() -> None:
    users = [path for path in (ROOT / "togetherctl").rglob("*.py") if "release_check" in path.read_text()]
    assert [path.name for path in users] == ["version.py"]


def test_versions_come_in_the_order_of_pep_440() -> None:
    in_order = ["0.9.10", "0.10.0", "1.0.0.dev3", "1.0.0a2", "1.0.0b1", "1.0.0rc1", "1.0.0", "1.0.1", "10.0.0"]
    assert all(order(before) < order(after) for before, after in pairwise(in_order))
    assert order("1.0.0+local") == order("1.0.0")
    with pytest.raises(ValueError, match="is no version"):
        order("1.0")


def test_a_version_that_is_being_made_is_older_than_its_release() -> None:
    assert Newest("1.0.0", "", "https://releases.acme.com", "1.0.0.dev1").is_newer
    assert not Newest("1.0.0", "", "https://releases.acme.com", "1.0.1.dev1").is_newer


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/home/me/.local/share/pipx/venvs/togetherctl", "pipx install --force {wheel}"),
        ("/home/me/.local/share/uv/tools/togetherctl", "uv tool install --force {wheel}"),
    ],
)
def test_the_upgrade_is_the_way_it_was_installed(prefix: str, command: str) -> None:
    remedy = upgrade_command("https://releases.acme.com", "1.2.3", {}, prefix, "x86_64")
    assert remedy.hint_command == command.format(wheel="https://releases.acme.com/togetherctl-1.2.3-py3-none-any.whl")


_UNPACKED = "/home/me/.cache/togetherctl-single-file/venvs/4/s/2330de6a/venv"


@pytest.mark.parametrize(
    ("file", "machine", "command"),
    [
        (
            "/home/me/my bin/togetherctl",
            "x86_64",
            (
                "curl -fLo '/home/me/my bin/togetherctl.new' https://releases.acme.com/togetherctl.pyz && "
                "chmod +x '/home/me/my bin/togetherctl.new' && "
                "mv '/home/me/my bin/togetherctl.new' '/home/me/my bin/togetherctl'"
            ),
        ),
        (
            "/usr/local/bin/togetherctl",
            "aarch64",
            (
                "curl -fLo /usr/local/bin/togetherctl.new https://releases.acme.com/togetherctl-aarch64.pyz && "
                "chmod +x /usr/local/bin/togetherctl.new && "
                "mv /usr/local/bin/togetherctl.new /usr/local/bin/togetherctl"
            ),
        ),
        (
            "/usr/lib/togetherctl/togetherctl.pyz",
            "x86_64",
            (
                "curl -fLO https://releases.acme.com/togetherctl_1.2.3_amd64.deb && "
                "sudo apt install ./togetherctl_1.2.3_amd64.deb"
            ),
        ),
        (
            "/usr/bin/togetherctl",
            "aarch64",
            (
                "curl -fLO https://releases.acme.com/togetherctl_1.2.3_arm64.deb && "
                "sudo apt install ./togetherctl_1.2.3_arm64.deb"
            ),
        ),
    ],
)
def test_a_file_is_upgraded_by_what_put_it_there(file: str, machine: str, command: str) -> None:
    remedy = upgrade_command("https://releases.acme.com", "1.2.3", {"PEX": file}, _UNPACKED, machine)
    assert remedy.command == ("sh", "-c", command)


def test_krew_upgrades_what_krew_installed() -> None:
    environ = {"PEX": "/home/me/.krew/store/together/v1.0.0/togetherctl.pyz"}
    remedy = upgrade_command("https://releases.acme.com", "1.2.3", environ, _UNPACKED, "x86_64")
    assert remedy.hint_command == "kubectl krew upgrade together"


@pytest.mark.parametrize("text", ["9.0.0+$(id) see https://x", "9.0.0+", "\u0660.\u0669.\u0660", "0.2.0.1"])
def test_what_is_no_version_is_not_printed_as_one(text: str, cli: Run, releases: Releases) -> None:
    releases.newest = text
    done = cli("version", "--check")
    assert (done.code, done.stdout) == (5, "")
    assert "names no version as the newest release" in " ".join(done.stderr.split())
