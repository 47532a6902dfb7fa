"""Clients that read stderr as a part of the answer, show it to nobody, or know v1beta1 alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.plugin import visiting
from tests.support.terminal import terminal
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, Run
    from tests.support.issuer import ScriptedIssuer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes and terminals are other things there")
WORDS = [sys.executable, "-m", "togetherctl", "get-token", "--profile", "acme"]
V1BETA1 = "client.authentication.k8s.io/v1beta1"
SAYS_CODE = "and enter this code"


def in_one_pipe(environ: dict[str, str], *words: str, **changes: str) -> tuple[int, str]:
    """The exit code, and all that came through the one pipe, of a process without a terminal."""
    done = subprocess.run(
        [*WORDS, *words],
        env={**environ, **changes},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def logs_in(config_at: MakeConfig, issuer: ScriptedIssuer, tmp_path: Path) -> None:
    """The profile acme with a browser in which a person logs in."""
    program, _ = visiting(tmp_path)
    config_at(issuer, profile_keys=f"browser = [{json.dumps(str(program))}]")


@pytest.mark.usefixtures("logs_in")
def test_a_first_login_puts_nothing_before_the_answer(environ: dict[str, str], issuer: ScriptedIssuer) -> None:
    code, text = in_one_pipe(environ)
    assert code == 0, text
    assert json.loads(text)["status"]["token"]
    assert issuer.counts["/token"] == 1


def test_a_warning_does_not_stand_beside_a_good_answer(
    environ: dict[str, str], config_at: MakeConfig, tls_issuer: ScriptedIssuer, process: Run
) -> None:
    config_at(tls_issuer, "insecure_skip_tls_verify = true", 'grant = "device-code"\nbrowser = false')
    code, text = in_one_pipe(environ)
    assert (code, json.loads(text)["kind"]) == (0, "ExecCredential")
    assert "is not verified" in process("refresh", "--force", "acme").stderr


@pytest.mark.usefixtures("acme")
def test_a_failure_is_said_with_all_that_was_held_back(environ: dict[str, str], issuer: ScriptedIssuer) -> None:
    code, text = in_one_pipe(environ, TOGETHERCTL_LOGIN="never")
    assert code == 3
    assert text.endswith("  run: togetherctl login acme\n")
    issuer.stop()
    code, text = in_one_pipe(environ, TOGETHERCTL_BROWSER="true")
    assert code == 4
    assert "refused the connection" in text


@pytest.mark.usefixtures("logs_in")
def test_on_a_terminal_it_is_said_there(environ: dict[str, str], tmp_path: Path) -> None:
    answer = tmp_path / "secrets" / "answer"
    answer.parent.mkdir()
    command = f'"$@" 2>&1 | cat > {answer}; echo over'
    with terminal(["sh", "-c", command, "sh", *WORDS], environ, tmp_path) as opened:
        screen = opened.until("over")
        assert "Your browser has been opened at:" in screen
    assert json.loads(answer.read_text())["status"]["token"]


OVER_SSH = {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}


@pytest.mark.usefixtures("acme")
def test_a_device_code_that_nobody_can_see_is_not_asked_for(
    environ: dict[str, str], issuer: ScriptedIssuer, process: Run
) -> None:
    code, text = in_one_pipe(environ, **OVER_SSH)
    assert code == 3
    assert "a device code would have to be shown, and there is no terminal\n  run: togetherctl login acme\n" in text
    done = subprocess.run(
        WORDS,
        env={**environ, **OVER_SSH},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "there is no terminal" in done.stderr) == (3, True)
    assert issuer.counts["/device"] == 0
    # Whoever says login, or the grant's name, is there to read it.
    assert SAYS_CODE in process("login", "acme", **OVER_SSH).stderr
    assert issuer.counts["/device"] == 1


def test_a_device_code_asked_for_by_name_is_printed_as_ever(
    environ: dict[str, str], issuer: ScriptedIssuer, config_at: MakeConfig
) -> None:
    config_at(issuer, profile_keys='grant = "device-code"\nbrowser = false')
    code, text = in_one_pipe(environ)
    assert (code, json.loads(text)["kind"]) == (0, "ExecCredential")
    assert issuer.counts["/device"] == 1


@pytest.mark.usefixtures("acme")
def test_a_terminal_shows_the_code_though_the_client_swallows_stderr(
    environ: dict[str, str], issuer: ScriptedIssuer, tmp_path: Path
) -> None:
    answer = tmp_path / "secrets" / "answer"
    answer.parent.mkdir()
    command = f'"$@" 2> {tmp_path}/swallowed > {answer}; echo over'
    with terminal(["sh", "-c", command, "sh", *WORDS], {**environ, **OVER_SSH}, tmp_path) as opened:
        opened.until("over")
        assert SAYS_CODE in opened.everything()
        assert "WDJB-MJHT" in opened.everything()
    assert json.loads(answer.read_text())["status"]["token"]
    assert issuer.counts["/device"] == 1


@pytest.mark.usefixtures("acme")
def test_a_stanza_of_v1beta1_is_remembered(cli: Run, home: Path) -> None:
    def stanza() -> tuple[str, list[str]]:
        found = load((home / ".kube" / "config").read_text())["users"][0]["user"]["exec"]
        return found["apiVersion"], found["args"][1:]

    assert cli("kubeconfig", "write", "--api-version", "v1beta1").code == 0
    says = ["--profile", "acme", "--api-version", "v1beta1"]
    assert stanza() == (V1BETA1, says)
    assert cli("kubeconfig", "write").stderr.startswith("Nothing to write")
    assert stanza() == (V1BETA1, says)
    assert cli("profile", "rename", "acme", "other").code == 0
    assert stanza() == (V1BETA1, ["--profile", "other", *says[2:]])
    assert cli("kubeconfig", "write").code == 0
    assert stanza() == (V1BETA1, ["--profile", "other", *says[2:]])
    assert cli("kubeconfig", "write", "--api-version", "v1").code == 0
    assert stanza() == (V1BETA1.removesuffix("beta1"), ["--profile", "other"])
    shown = cli("kubeconfig", "show", "--no-shim", "--api-version", "v1beta1").stdout
    assert load(shown)["users"][0]["user"]["exec"]["apiVersion"] == V1BETA1


@pytest.mark.usefixtures("logs_in")
@pytest.mark.parametrize(
    ("words", "info", "version"),
    [
        ([], None, "v1"),
        (["--api-version", "v1beta1"], None, "v1beta1"),
        (["--api-version=v1beta1"], None, "v1beta1"),
        (["--api-version", "v1"], None, "v1"),
        # What the client says wins: it compares the answer with its stanza.
        (["--api-version", "v1beta1"], "v1", "v1"),
        (["--api-version", "v1"], "v1beta1", "v1beta1"),
    ],
)
def test_the_version_of_the_answer(words: list[str], info: str | None, version: str, environ: dict[str, str]) -> None:
    group = "client.authentication.k8s.io"
    told = {"apiVersion": f"{group}/{info}", "kind": "ExecCredential", "spec": {"interactive": False}}
    code, text = in_one_pipe(environ, *words, **({"KUBERNETES_EXEC_INFO": json.dumps(told)} if info else {}))
    assert (code, json.loads(text)["apiVersion"]) == (0, f"{group}/{version}")


def test_with_kubelogins_flags_the_version_may_be_said_too(environ: dict[str, str], issuer: ScriptedIssuer) -> None:
    flags = [f"--oidc-issuer-url={issuer.url}", "--oidc-client-id=the-client", "--grant-type=device-code"]
    for words, version in (([], "v1beta1"), (["--api-version=v1"], "v1"), (["--api-version", "v1"], "v1")):
        done = subprocess.run(
            [sys.executable, "-m", "togetherctl", "get-token", *flags, *words, "--skip-open-browser"],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert json.loads(done.stdout)["apiVersion"] == f"client.authentication.k8s.io/{version}", done.stderr


def test_a_version_that_is_not_known_is_refused(cli: Run) -> None:
    done = cli("get-token", "--profile", "acme", "--api-version", "v2")
    assert (done.code, "'v1', 'v1beta1'" in done.stderr) == (2, True)


def test_an_address_that_no_browser_opened_is_shown_on_the_terminal_too(
    environ: dict[str, str], issuer: ScriptedIssuer, config_at: MakeConfig, tmp_path: Path
) -> None:
    config_at(issuer, profile_keys='grant = "authcode"\nbrowser = false')
    command = f'"$@" > {tmp_path}/answer 2> {tmp_path}/swallowed; echo over'
    with terminal(["sh", "-c", command, "sh", *WORDS], environ, tmp_path) as opened:
        opened.until("Open this address in your browser:")
        assert f"{issuer.url}/authorize" in opened.everything()
        opened.press("C-c")
