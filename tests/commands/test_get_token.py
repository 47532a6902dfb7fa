"""The exec plugin: one credential on stdout or nothing at all, whatever happens."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.engine import Policy
from togetherctl.auth.session import Token

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, MakeWorld, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer

pytestmark = pytest.mark.usefixtures("acme")
V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"


def exec_info(version: str, *, interactive: bool = True) -> str:
    return json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": interactive}})


@pytest.fixture
def logged_in(acme: Path, make_world: MakeWorld, browser: ScriptedBrowser) -> str:  # noqa: ARG001 # in this order
    """A session on disk; gives its token."""
    world = make_world(browser=browser)
    session, _ = world.engine.login(world.config.profile("acme"), Policy())
    assert session.id_token is not None
    return session.id_token.value


@pytest.mark.parametrize(
    ("info", "version"), [(None, V1), ("", V1), (exec_info(V1), V1), (exec_info(V1BETA1), V1BETA1)]
)
def test_the_answer_has_the_version_that_was_asked_for(
    info: str | None, version: str, logged_in: str, cli: Run, clock: StoppedClock
) -> None:
    done = cli("get-token", "--profile", "acme", **({} if info is None else {"KUBERNETES_EXEC_INFO": info}))
    assert (done.code, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    expires = answer["status"].pop("expirationTimestamp")
    assert answer == {"apiVersion": version, "kind": "ExecCredential", "status": {"token": logged_in}}
    # The beginning of the stale time: four fifths of 300 s, or up to a twentieth earlier.
    assert clock.now + 224 <= datetime.fromisoformat(expires).timestamp() <= clock.now + 240
    assert expires.endswith("Z")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (
            exec_info("client.authentication.k8s.io/v1alpha1"),
            "asks for client.authentication.k8s.io/v1alpha1; known are",
        ),
        (exec_info("v1"), "asks for v1;"),
        ('{"kind": "ExecCredential"}', "names no apiVersion; known are"),
        ("{}", "names no apiVersion; known are"),
        ('{"apiVersion": null}', "names no apiVersion; known are"),
        ('{"apiVersion": ["v1"]}', "asks for ['v1']; known are"),
        ('{"kind": null, "apiVersion": "v1"}', "asks for v1;"),
        (f'{{"apiVersion": {"1" * 5000}}}', "is not the JSON of an ExecCredential"),
        ('{"kind": "Pod", "apiVersion": "v1"}', "holds a Pod"),
        ("{", "is not the JSON of an ExecCredential"),
        ("[]", "is not the JSON of an ExecCredential"),
        ("[" * 100_000, "is not the JSON of an ExecCredential"),
        (exec_info("\u001b[31mred"), r"asks for \x1b[31mred"),
    ],
)
@pytest.mark.usefixtures("logged_in")
def test_an_odd_exec_info_is_said(info: str, said: str, cli: Run) -> None:
    done = cli("get-token", "--profile", "acme", KUBERNETES_EXEC_INFO=info)
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(
    ("changes", "profile_keys"),
    [
        ({"CI": "true"}, ""),
        ({"CI": "1"}, ""),
        ({"TOGETHERCTL_NO_INPUT": "1"}, ""),
        ({"TOGETHERCTL_LOGIN": "never"}, ""),
        ({}, 'login = "never"'),
    ],
)
def test_a_login_that_may_not_be_opened_is_the_one_command_to_run(
    changes: dict[str, str], profile_keys: str, config_at: MakeConfig, issuer: ScriptedIssuer, process: Run
) -> None:
    config_at(issuer, "", profile_keys)
    done = process("get-token", "--profile", "acme", **changes)
    assert (done.code, done.stdout) == (3, "")
    assert done.stderr == (
        f"togetherctl: profile acme at {issuer.url}: login required: there is no session\n"
        "  run: togetherctl login acme\n"
    )
    assert issuer.counts == {}


@pytest.mark.parametrize("value", ["", "0", "false", "False"])
def test_ci_switched_off_is_no_ci(value: str, cli: Run, issuer: ScriptedIssuer) -> None:
    issuer.stop()
    # It gets as far as asking the issuer for a login.
    assert cli("get-token", "--profile", "acme", CI=value, TOGETHERCTL_NO_INPUT=value).code == 4


def test_the_browser_is_opened_with_nothing_of_ours(process: Run, issuer: ScriptedIssuer, tmp_path: Path) -> None:
    """A browser that held kubectl's pipe would hang kubectl; one that held our lock would hang everyone."""
    script = tmp_path / "browser.py"
    script.write_text(
        "import os, sys, time, urllib.request\n"
        "here = os.path.dirname(__file__)\n"
        "held = {n: os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if n.isdecimal()\n"
        "        and os.path.exists(f'/proc/self/fd/{n}')}\n"
        "open(f'{here}/held', 'w').write(repr((held, os.getsid(0), os.getpid())))\n"
        "urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1]).read()\n"
        "time.sleep(60)\n"
    )
    browser = f"{sys.executable} {script} {{url}}"
    done = process("get-token", "--profile", "acme", seconds=30, TOGETHERCTL_BROWSER=browser)
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["status"]["token"]
    assert issuer.counts["/authorize"] == 1
    assert "Your browser has been opened at:" in done.stderr
    assert f"{issuer.url}/authorize?response_type=code" in done.stderr
    held, session, pid = ast.literal_eval((tmp_path / "held").read_text())
    os.kill(pid, signal.SIGKILL)
    assert session == pid
    assert {held[number] for number in ("0", "1", "2")} == {"/dev/null"}
    assert not [where for where in held.values() if "tctl" in where or where.startswith(("pipe:", "socket:"))]


def test_stray_output_goes_to_stderr(
    process: Run, acme: Path, issuer: ScriptedIssuer, make_world: MakeWorld, browser: ScriptedBrowser
) -> None:
    """Anything printed while a credential is made, by us or by a child, would break it."""
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    session, _ = world.engine.login(profile, Policy())
    expired = replace(session, id_token=Token("expired-token", 1.0, 2.0))
    FileSessions(world.paths.sessions).save(profile.key, expired)
    issuer.client_secret = "correct-horse-battery-staple"
    noisy = (
        f'client_secret = {{ command = ["{sys.executable}", "-c", '
        "\"import os; os.system('echo noise'); os.write(2, b'noise'); print('correct-horse-battery-staple')\"] }\n"
    )
    acme.write_text(acme.read_text().replace("[clusters", f"{noisy}[clusters"))
    done = process("get-token", "--profile", "acme")
    # The command's first line makes two, so the secret is none, and that is said; nothing else reached stdout.
    assert (done.code, done.stdout) == (2, "")
    assert "a client secret is one line of text" in done.stderr
    quiet = noisy.replace("os.system('echo noise'); ", "")
    acme.write_text(acme.read_text().replace(noisy, quiet))
    done = process("get-token", "--profile", "acme")
    assert (done.code, done.stderr) == (0, "noise")
    assert json.loads(done.stdout)["kind"] == "ExecCredential"
    acme.unlink()


def test_a_closed_stdout_is_survived(process: Run, logged_in: str, environ: dict[str, str]) -> None:
    assert process("get-token", "--profile", "acme").stdout.count(logged_in) == 1
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "togetherctl", "get-token", "--profile", "acme"],
        env=environ,
        stdout=write_end,
        stderr=subprocess.PIPE,
        check=False,
        timeout=30,
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_profile_may_be_left_out(logged_in: str, cli: Run) -> None:
    assert logged_in in cli("get-token").stdout
    assert logged_in in cli("get-token", TOGETHERCTL_PROFILE="acme").stdout
    assert cli("get-token", TOGETHERCTL_PROFILE="nobody").code == 2


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('grant = "paste"', "there is no terminal to paste it into"),
        ('grant = "password"', "there is no terminal to type it at"),
        ('username = "me"', "there is no terminal to type it at"),
    ],
)
def test_what_has_to_be_typed_is_the_one_command_to_run(
    keys: str, said: str, config_at: MakeConfig, issuer: ScriptedIssuer, process: Run
) -> None:
    config_at(issuer, "", keys)
    done = process("get-token", "--profile", "acme", KUBERNETES_EXEC_INFO=exec_info(V1, interactive=False))
    assert (done.code, done.stdout) == (3, "")
    assert said in done.stderr
    assert done.commands[-1:] == ["togetherctl login acme"]
    assert issuer.counts["/token"] == 0


def test_a_device_code_needs_no_stdin(issuer: ScriptedIssuer, config_at: MakeConfig, process: Run) -> None:
    """A profile that names the grant says that a person looks at stderr, and may log in with a phone."""
    config_at(issuer, "", 'grant = "device-code"')
    issuer.device_changes = {"interval": 1}
    done = process(
        "get-token",
        "--profile",
        "acme",
        KUBERNETES_EXEC_INFO=exec_info(V1BETA1, interactive=False),
        SSH_CONNECTION="192.0.2.1 50000 192.0.2.2 22",
    )
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["status"]["token"]
    assert done.stderr == (
        f"Open this address on any device with a browser:\n\n  {issuer.url}/activate\n\n"
        "and enter this code:\n\n  WDJB-MJHT\n\n"
        "Waiting up to 180 s for the login on your device.\n"
        "note: Some API servers refuse this token: it is signed with ES256, and kube-apiserver's flags take RS256 "
        "alone unless --oidc-signing-algs=ES256 says otherwise.\n"
    )


@pytest.mark.parametrize("changes", [{"CI": "1"}, {"TOGETHERCTL_NO_INPUT": "1"}, {"TOGETHERCTL_LOGIN": "never"}])
def test_a_client_that_logs_in_as_itself_does_so_anywhere(
    changes: dict[str, str], config_at: MakeConfig, issuer: ScriptedIssuer, process: Run, canary: Canary
) -> None:
    issuer.client_secret = canary.watch("a client secret", "correct-horse-battery")
    config_at(issuer, "", 'grant = "client-credentials"\ntoken = "access"\nclient_secret = { env = "ACME_SECRET" }')
    done = process("get-token", "--profile", "acme", ACME_SECRET=issuer.client_secret, **changes)
    assert (done.code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["status"]["token"].startswith("access-")
    done = process("login", ACME_SECRET=issuer.client_secret, **changes)
    assert "Already logged in as the-client" in done.stderr
    assert "then refreshed by itself" in done.stderr


def test_a_login_says_after_the_answer_why_a_cluster_may_refuse_the_token(
    cli_in: CliIn, clock: StoppedClock, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    run = cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)
    issuer.claims["email_verified"] = False
    done = run("get-token", "--profile", "acme")
    assert done.code == 0
    assert "note: Some API servers refuse this token: its email is not verified" in done.stderr
    assert len(json.loads(done.stdout)["status"]["token"]) > 100
    # A refresh and another login with the same doubts say nothing.
    clock.advance(1000)
    assert run("get-token", "--profile", "acme").stderr == ""
    issuer.refresh_tokens.clear()
    clock.advance(1000)
    done = run("get-token", "--profile", "acme")
    assert (done.code, len(browser.opened), "note:" in done.stderr) == (0, 2, False), done.stderr
