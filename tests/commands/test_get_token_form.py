"""`get-token` with kubelogin's flags as a whole: its answer, its session, its log, and what makes no sense."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from keyring.backends import fail

from tests.conftest import ROOT, CliIn, Done, MakeWorld, Run, UseKeyring, WriteConfig
from tests.support.browser import parameters
from tests.support.issuer import Gate
from tests.support.plugin import Plugin, visiting
from togetherctl.auth.engine import Policy
from togetherctl.kubelogin import PLUGIN
from togetherctl.kubelogin.flag_table import LOG_SWITCHES, LOG_VALUES
from togetherctl.kubelogin.flags import parse
from togetherctl.kubelogin.profile import profile_of

if TYPE_CHECKING:
    from tests.support.conversation import Remembered

V1 = '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":true}}'


@pytest.mark.parametrize(
    "words",
    [
        [f"--{name}" for name in sorted(LOG_SWITCHES)],
        [f"--{name}=1" for name in sorted(LOG_VALUES)],
        [word for name in sorted(LOG_VALUES) for word in (f"--{name}", "1")],
    ],
)
def test_flags_of_the_log_do_nothing(plugin: Plugin, words: list[str]) -> None:
    plugin.token()
    assert plugin.run(*words).stderr == ""


@pytest.mark.parametrize("words", [["-v1"], ["-v=1"], ["-v", "1"], ["--v=1"], ["--v", "1"], ["-v"]])
def test_the_level_of_the_log(plugin: Plugin, words: list[str]) -> None:
    done = plugin.run(*words)
    assert done.code == 0
    assert f"POST {plugin.issuer.url}/token" in done.stderr


# The form as a whole


def test_the_answer_is_v1beta1_unless_kubectl_asks_for_another(plugin: Plugin) -> None:
    assert json.loads(plugin.run().stdout)["apiVersion"] == "client.authentication.k8s.io/v1beta1"
    done = plugin.run(KUBERNETES_EXEC_INFO=V1)
    assert json.loads(done.stdout)["apiVersion"] == "client.authentication.k8s.io/v1"
    assert done.stdout.count("\n") == 1


def test_no_config_is_needed_and_a_broken_one_does_no_harm(plugin: Plugin, write_config: WriteConfig) -> None:
    write_config("this is [no TOML")
    assert plugin.token()


def test_a_keyring_that_cannot_be_used_is_said_with_the_flag_that_helps(
    plugin: Plugin, use_keyring: UseKeyring
) -> None:
    use_keyring(fail.Keyring())
    done = plugin.run("--token-cache-storage=keyring")
    assert (done.code, done.stdout) == (6, "")
    assert "  say --token-cache-storage=disk\n" in done.stderr
    assert plugin.browser.opened == []


def test_a_stale_token_is_served_and_a_due_one_refreshed_by_whoever_asks(plugin: Plugin) -> None:
    """There is no profile another process could be asked to refresh, and no ready file anybody could ask for."""
    spawned: list[object] = []
    run = plugin.cli_in(
        program=PLUGIN,
        open_browser=plugin.browser,
        clock=plugin.clock,
        sleep=plugin.clock.sleep,
        refresh_in_background=lambda *given: spawned.append(given),
    )
    first = run(*plugin.words()).stdout
    plugin.clock.advance(245)  # of 300 s: stale
    assert json.loads(run(*plugin.words()).stdout)["status"]["token"] == json.loads(first)["status"]["token"]
    assert plugin.issuer.counts["/token"] == 1
    plugin.clock.advance(30)  # in the last tenth: due
    assert json.loads(run(*plugin.words()).stdout)["status"]["token"] != json.loads(first)["status"]["token"]
    assert plugin.issuer.counts["/token"] == 2
    assert spawned == []
    assert not (plugin.home / "tctl" / "cache" / "ready").exists()


def test_parallel_calls_open_one_tab(plugin: Plugin, process: Run, tmp_path: Path) -> None:
    program, log = visiting(tmp_path)
    done: list[Done] = []
    words = plugin.words(f"--browser-command={program}")
    threads = [threading.Thread(target=lambda: done.append(process(*words, PYTHONPATH=str(ROOT)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.code for one in done] == [0] * 4
    assert len({one.stdout for one in done}) == 1
    assert log.read_text() == "visited\n"


def test_forced_refreshes_at_once_are_one(plugin: Plugin, environ: dict[str, str]) -> None:
    old = plugin.token()
    gate = plugin.issuer.gates["/token"] = Gate()
    command = [sys.executable, "-m", "togetherctl", *plugin.words("--force-refresh")]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    with start() as first:
        gate.wait_for_somebody()
        with start() as second:
            assert second.stderr is not None
            assert "Waiting for another togetherctl that is busy with client the-client." in second.stderr.readline()
            gate.open()
            tokens = {json.loads(one.communicate(timeout=60)[0])["status"]["token"] for one in (first, second)}
    assert len(tokens - {old}) == 1
    assert plugin.issuer.counts["/token"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--profile", "acme", "--oidc-client-id=x"], "--profile already sets what --oidc-client-id sets"),
        (["--oidc-issuer-url=https://a.example"], "--oidc-client-id is missing"),
        ([], "--oidc-issuer-url is missing"),
        (["--oidc-isuer-url=x"], "did you mean --oidc-issuer-url?"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_a_way_out(words: list[str], said: str, cli_in: CliIn) -> None:
    done = cli_in(program=PLUGIN)("get-token", *words)
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_named_profile_can_be_refreshed_by_force_too(acme: Path, plugin: Plugin, cli_in: CliIn) -> None:
    assert acme.exists()
    run = cli_in(program=PLUGIN, open_browser=plugin.browser, clock=plugin.clock)
    first = run("get-token", "--profile=acme", "--logtostderr")
    plugin.clock.advance(1)
    second = run("get-token", "--profile", "acme", "--force-refresh")
    assert (first.code, second.code) == (0, 0), second.stderr
    assert first.stdout != second.stdout
    assert len(plugin.browser.opened) == 1


@pytest.mark.parametrize(
    ("words", "ends_at"),
    [
        ((), "http://localhost:8000, on a page it cannot show."),
        (("--oidc-redirect-url=urn:ietf:wg:oauth:2.0:oob",), "a page of the issuer that shows the code."),
    ],
)
def test_a_code_typed_by_hand(
    words: tuple[str, ...], ends_at: str, plugin: Plugin, make_world: MakeWorld, conversation: Remembered
) -> None:
    def code(_question: str) -> str:
        answer = plugin.issuer.log_in(parameters(conversation.pages[-1][0]))
        return answer.partition("code=")[2].partition("&")[0]

    conversation.answer = code
    world = make_world()
    flags = parse([*plugin.words("--grant-type=authcode-keyboard", *words)[1:]])
    assert world.configless_engine.credential(profile_of(flags, world.environ), Policy()).token.value
    assert f"The browser may be on any machine. It ends at {ends_at}" in conversation.said
    assert parameters(conversation.pages[-1][0])["access_type"] == "offline"
