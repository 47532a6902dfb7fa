"""`status` beyond one session's life: the current context, drift, damage, `--check` and `--watch`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.issuer import Reply, ScriptedIssuer
from tests.support.samples import LAB
from tests.support.terminal import terminal

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock

LAB_AND_GPU = (
    LAB
    + """
[clusters.gpu]
profile = "lab"
server = "https://127.0.0.1:6444"
"""
)


@pytest.fixture
def config(config_at: MakeConfig, issuer: ScriptedIssuer) -> Path:
    """Profiles acme (cluster east) and lab (cluster gpu)."""
    path = config_at(issuer)
    path.write_text(path.read_text(encoding="utf-8") + LAB_AND_GPU, encoding="utf-8")
    return path


@pytest.fixture
def cli(config: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock) -> Run:
    assert config.exists()
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)


def items(run: Run, *arguments: str) -> dict[str, dict[str, Any]]:
    done = run("status", *arguments, "-o", "json")
    assert done.code == 0, done.stderr
    return {item["profile"]: item for item in json.loads(done.stdout)["items"]}


def session_file(home: Path, item: dict[str, Any]) -> Path:
    return home / "tctl" / "state" / "sessions" / f"{item['session']}.json"


def test_the_current_context_is_marked(cli: Run) -> None:
    assert [item["current"] for item in items(cli).values()] == [False, False]
    assert cli("kubeconfig", "write", "gpu", "--set-current").code == 0
    assert {name: item["current"] for name, item in items(cli).items()} == {"acme": False, "lab": True}
    assert [line.split()[-1] for line in cli("status").stdout.splitlines()] == ["CLUSTERS", "east", "*gpu"]
    assert items(cli, "acme")["acme"]["current"] is False


def test_a_cluster_that_kubectl_knows_otherwise_is_said_with_the_command(cli: Run, config: Path, home: Path) -> None:
    assert cli("kubeconfig", "write").code == 0
    done = cli("status")
    assert (done.stderr, [item["drift"] for item in items(cli).values()]) == ("", [[], []])
    config.write_text(config.read_text().replace("127.0.0.1:6444", "127.0.0.1:7444"))
    assert {name: item["drift"] for name, item in items(cli).items()} == {"acme": [], "lab": ["gpu"]}
    assert cli("status").commands == ["togetherctl kubeconfig write gpu"]
    # Not of a cluster that was not asked for.
    assert cli("status", "acme").commands == []
    assert cli("kubeconfig", "write", "gpu").code == 0
    assert cli("status").commands == []
    (home / ".kube" / "config").write_text("contexts: 7\n")
    done = cli("status")
    assert (done.code, "warning: " in done.stderr) == (0, True)
    assert [item["current"] for item in items(cli).values()] == [False, False]


@pytest.mark.parametrize("damage", ["{", "{}", "a folder"])
def test_a_damaged_session_is_not_none(damage: str, cli: Run, home: Path) -> None:
    assert cli("login", "acme").code == 0
    path = session_file(home, items(cli)["acme"])
    path.unlink()
    path.mkdir() if damage == "a folder" else path.write_text(damage)
    path.chmod(0o700 if damage == "a folder" else 0o600)
    item = items(cli)["acme"]
    assert (item["state"], item["last_error"]["code"]) == ("error", "storage")
    assert cli("status", "acme", "--check").code == 3
    done = cli("status")
    assert f"acme: {path} cannot be " in done.stderr
    assert done.stderr.endswith(
        "; look at what is there; a login sets it aside\n" if damage == "a folder" else "; togetherctl login acme\n"
    )
    # And a logout says once what it could not do.
    done = cli("logout", "acme")
    assert done.code == 6
    assert done.stderr.count("may still accept") == 1
    assert items(cli)["acme"]["state"] == "none"


def test_check_is_for_scripts(cli: Run, clock: StoppedClock, issuer: ScriptedIssuer) -> None:
    assert cli("status").code == 0
    done = cli("status", "--check")
    assert (done.code, len(done.stdout.splitlines())) == (3, 3)
    assert cli("login", "acme").code == 0
    assert cli("status", "--check").code == 3
    before = issuer.counts.copy()
    for passed in (0, 270, 1000):
        clock.advance(passed)
        assert cli("status", "acme", "--check").code == 0, items(cli)["acme"]["state"]
        assert cli("status", "east", "--check", "-o", "json").code == 0
    assert items(cli)["acme"]["state"] == "expired"
    assert issuer.counts == before
    issuer.refresh_reply = Reply(400, {"error": "invalid_grant"})
    assert cli("refresh", "acme").code != 0
    assert (items(cli)["acme"]["state"], cli("status", "acme", "--check").code) == ("login-required", 3)
    assert cli("status", "--check", "--watch").failure == (2, "usage", None)


def test_nothing_to_check_is_not_logged_in(cli: Run, config: Path) -> None:
    config.unlink()
    assert cli("status", "--check").code == 3


def test_watching_into_a_pipe_tells_each_change(
    config: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock, issuer: ScriptedIssuer
) -> None:
    """Each second something else happens, and the fifth is Ctrl-C."""
    text = config.read_text()
    steps: Iterator[Callable[[], object]] = iter(
        [
            lambda: cli_in(clock=clock, open_browser=browser)("login", "acme"),
            lambda: None,
            lambda: clock.advance(1000),
            lambda: config.write_text("not toml ="),
            lambda: config.write_text(text.partition("[profiles.lab]")[0]),
        ]
    )

    def sleep(_seconds: float) -> None:
        step = next(steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    done = cli_in(clock=clock, sleep=sleep, open_browser=browser)("status", "--watch")
    assert done.code == 0, done.stderr
    written = done.stdout.splitlines()
    # The login inside took what was captured before it.
    assert [line.split("  ", 1)[1].split("  until")[0] for line in written] == [
        "acme  valid  me@acme.com",
        "acme  expired  me@acme.com",
        "lab  removed",
    ]
    assert issuer.counts["/token"] == 1


def test_watching_at_80_columns(config: Path, cli: Run, environ: dict[str, str], tmp_path: Path) -> None:
    """Drawn again in place; the shell's screen comes back at the end."""
    config.write_text(
        config.read_text()
        + "".join(
            f'[profiles.p{at}]\nissuer = "acme"\nclient_id = "the-client"\naccount = "p{at}@acme.com"\n'
            for at in range(40)
        )
    )
    words = [sys.executable, "-m", "togetherctl", "status", "--watch"]
    environ = {name: value for name, value in environ.items() if name != "COLUMNS"}
    with terminal(words, {**environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}, tmp_path) as opened:
        screen = opened.until("Ctrl-C ends this.")
        lines = screen.rstrip("\n").splitlines()
        assert len(lines) <= 24
        assert lines[0].split() == ["PROFILE", "IDENTITY", "STATE", "EXPIRES", "CLUSTERS"]
        assert "… and 22 more" in screen
        assert "· none" in lines[1]
        assert cli("login", "acme").code == 0
        opened.until("● valid")
        # The most urgent come first; a session that is good has time.
        config.write_text(config.read_text().partition("[profiles.p0]")[0])
        screen = opened.until("me@acme.com")
        opened.press("C-c")
        screen = opened.until("ended with")
        assert "ended with 0" in screen
        assert "Ctrl-C ends this." not in screen


@pytest.mark.parametrize(
    "words", [["status"], ["profile", "list"], ["cluster", "list"], ["config", "show"], ["profile", "validate"]]
)
def test_an_empty_configuration_says_how_to_begin(words: list[str], cli: Run, config: Path) -> None:
    config.unlink()
    done = cli(*words)
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == "  togetherctl init"


def test_files_that_are_gone_are_noticed(cli: Run, config: Path, tmp_path: Path, ca_file: Path) -> None:
    secret = tmp_path / "secret"
    config.write_text(
        config.read_text()
        .replace('server = "https://127.0.0.1:6444"', f'server = "https://127.0.0.1:6444"\nca_file = "{ca_file}"')
        .replace('scopes = ["groups"]', f'scopes = ["groups"]\nclient_secret = {{ file = "{secret}" }}')
    )
    secret.write_text("s")
    assert [item["files_gone"] for item in items(cli).values()] == [[], []]
    secret.unlink()
    ca_file.unlink()
    found = items(cli)
    assert (found["acme"]["files_gone"], sorted(found["lab"]["files_gone"])) == (
        [],
        sorted([str(secret), str(ca_file)]),
    )
    said = cli("status").stderr
    assert "togetherctl cluster set gpu ca_file=FILE" in said
    # Never a path in the place of the secret itself.
    assert "togetherctl profile set lab 'client_secret={ file = \"FILE\" }'" in said
    assert said.count("warning: ") == 2
    assert "warning: " not in cli("status", "acme").stderr
