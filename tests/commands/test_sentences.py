"""The sentences people see most, in one table: what went wrong, its code, and what helps. Other tests need no wording.

Each is made by really running its command. `UPDATE_SENTENCES=1` writes the table; read what it changed.
"""

from __future__ import annotations

import os
import re
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit

from tests.support.issuer import Reply, ScriptedIssuer

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock

TABLE = Path(__file__).with_name("sentences.toml")
# What pytest leaves of the environment was taken before the tests made it bare.
_UPDATING = bool(os.environ.get("UPDATE_SENTENCES"))
SENTENCES: dict[str, dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
METADATA = "/.well-known/openid-configuration"


class Machine:
    """A configuration with the profile `acme`, its issuer, and a command line; what a case changes of them, its method
    does.
    """

    def __init__(
        self,
        issuer: ScriptedIssuer,
        config: Path,
        home: Path,
        run: Run,
        clock: StoppedClock,
        browser: ScriptedBrowser,
    ) -> None:
        self.issuer = issuer
        self.config = config
        self.kubeconfig = home / ".kube" / "config"
        self.sessions = home / "tctl" / "state" / "sessions"
        self.run = run
        self.clock = clock
        self.browser = browser
        self.held: socket.socket | None = None

    def no_config(self) -> None:
        self.config.unlink()

    def a_misspelt_key(self) -> None:
        self.config.write_text(self.config.read_text().replace("client_id", "client_idd"))

    def a_config_that_others_may_write(self) -> None:
        self.config.chmod(0o666)

    def no_toml(self) -> None:
        self.config.write_text("version = \n")

    def another_profile(self) -> None:
        with self.config.open("a") as file:
            file.write('[profiles.west]\nissuer = "acme"\nclient_id = "the-client"\n')

    def logged_in(self) -> None:
        assert self.run("login", "acme").code == 0

    def an_ended_session(self) -> None:
        self.logged_in()
        self.issuer.refresh_tokens.clear()
        self.clock.sleep(3600)

    def an_hour_later(self) -> None:
        self.clock.advance(3600)

    def a_call_that_failed_a_minute_before(self) -> None:
        assert self.run("get-token", "--profile", "acme").code == 4
        self.clock.advance(60)

    def a_refresh_for_another_person(self) -> None:
        self.issuer.claim_changes = {"sub": "somebody-else"}

    def a_token_endpoint_that_is_busy(self) -> None:
        self.issuer.always["/token"] = Reply(503, {})

    def a_token_endpoint_that_is_gone(self) -> None:
        self.issuer.always["/token"] = Reply(404, {"message": "no such page"})

    def a_refusal_of_its_own_kind(self) -> None:
        self.issuer.always["/token"] = Reply(400, {"error": "quota_exceeded"})

    def a_file_for_the_sessions(self) -> None:
        self.sessions.parent.mkdir(mode=0o700, parents=True)
        self.sessions.write_text("")

    def a_session_that_others_may_read(self) -> None:
        self.logged_in()
        for file in self.sessions.glob("*.json"):
            file.chmod(0o644)

    def a_session_of_junk(self) -> None:
        self.logged_in()
        for file in self.sessions.glob("*.json"):
            file.write_text("{")

    def an_issuer_that_is_down(self) -> None:
        self.issuer.stop()

    def an_issuer_that_is_busy(self) -> None:
        self.issuer.always[METADATA] = Reply(503, {})

    def an_issuer_without_metadata(self) -> None:
        self.issuer.always[METADATA] = Reply(404, {})

    def an_issuer_that_is_another(self) -> None:
        self.issuer.metadata_changes = {"issuer": "https://evil.example"}

    def an_issuer_that_wants_a_secret(self) -> None:
        self.issuer.client_secret = "made-up-secret"

    def a_login_that_is_denied(self) -> None:
        self.issuer.always["/token"] = Reply(400, {"error": "access_denied", "error_description": "not on the list"})

    def a_scope_that_is_refused(self) -> None:
        self.issuer.always["/token"] = Reply(400, {"error": "invalid_scope", "error_description": "not for you: email"})

    def a_browser_that_stays_away(self) -> None:
        def away(_asked: dict[str, str]) -> str:
            self.clock.advance(200)
            return ""

        self.browser.answer = away

    def a_held_port(self) -> None:
        self.held = socket.create_server(("127.0.0.1", 0))
        uri = f"http://localhost:{self.held.getsockname()[1]}"
        self.config.write_text(self.config.read_text().replace("http://localhost:0", uri))

    def a_token_for_another_client(self) -> None:
        self.issuer.claim_changes = {"aud": "another"}

    def a_kubeconfig_of_no_yaml(self) -> None:
        self._kubeconfig("clusters: [\n")

    def a_kubeconfig_with_the_same_context(self) -> None:
        self._kubeconfig(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: east\n  cluster: {server: https://elsewhere.example}\n"
            "users: []\ncontexts: []\n"
        )

    def a_folder_for_a_kubeconfig(self) -> None:
        self.kubeconfig.mkdir(parents=True)

    def _kubeconfig(self, text: str) -> None:
        self.kubeconfig.parent.mkdir()
        self.kubeconfig.write_text(text)
        self.kubeconfig.chmod(0o600)


@pytest.fixture
def machine(
    issuer: ScriptedIssuer,
    config_at: MakeConfig,
    home: Path,
    cli_in: CliIn,
    browser: ScriptedBrowser,
    clock: StoppedClock,
) -> Iterator[Machine]:
    run = cli_in(open_browser=browser, clock=clock, sleep=clock.sleep)
    made = Machine(issuer, config_at(issuer), home, run, clock, browser)
    yield made
    if made.held is not None:
        made.held.close()


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence(name: str, machine: Machine, home: Path) -> None:
    case = SENTENCES[name]
    for change in case.get("with", []):
        getattr(machine, change)()
    done = machine.run(*case["command"], **case.get("environ", {}))

    def without_places(text: str | None) -> str:
        text = (text or "").replace(machine.issuer.url, "ISSUER").replace(str(home), "HOME")
        text = text.replace(machine.issuer.url.partition("//")[2], "HOST")
        # Not every system says which program holds a port.
        text = re.sub(r"(in use) by .+? \(process \d+\)", r"\1", text)
        text = re.sub(r"(localhost:|\bport )\d+", r"\1PORT", text)
        return re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)

    error = done.error
    assert error is not None, done
    found = {
        "code": error.code,
        "exit": done.code,
        "message": without_places(error.sentence()),
        "words": without_places(error.advice.text if error.advice else ""),
        "run": without_places(error.hint_command),
    }
    problems = [without_places(problem) for problem in getattr(error, "problems", [])]
    if _UPDATING:
        _write(name, found | ({"problems": problems} if problems else {}))
        return
    assert found == {key: case[key] for key in found}
    assert problems == case.get("problems", [])
    # And these words, no others, are what is printed.
    lines = [f"togetherctl: {found['message']}", *(f"  {problem}" for problem in problems)]
    lines += [f"  {found['words']}"] * bool(found["words"]) + [f"  run: {found['run']}"] * bool(found["run"])
    assert without_places(done.stderr).endswith("\n".join(lines) + "\n")


def _write(name: str, found: dict[str, Any]) -> None:
    table = tomlkit.parse(TABLE.read_text(encoding="utf-8"))
    table[name].update(found)
    TABLE.write_text(tomlkit.dumps(table), encoding="utf-8")


def test_every_kind_of_failure_has_a_sentence() -> None:
    said = {case["exit"] for case in SENTENCES.values()}
    assert said >= {2, 3, 4, 5, 6, 7}
