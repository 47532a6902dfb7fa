"""kubectl on a head node, through the forwarded socket: what comes, what is refused, and what ends in one sentence."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.real.ssh.conftest import until
from togetherctl.auth.cache.record import decode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.ssh.conftest import Laptop
    from tests.real.ssh.sshd import FarHost
    from tests.support.canary import Canary

PODS = "kubectl get pods -o name"
NAMES = "pod/llm-train-0\npod/llm-train-1\npod/notebook\n"
INIT = "togetherctl init agent --yes >&2"
# No browser may come up over there: one that is started leaves a file.
BROWSER = "export TOGETHERCTL_BROWSER='touch $HOME/browser'"


@pytest.fixture
def nothing_of_the_session(laptop: Laptop, canary: Canary) -> None:
    """The refresh token may be nowhere over there, and in nothing that is said."""
    for path in laptop.sessions():
        canary.watch("a refresh token", decode(path.read_bytes()).refresh_token or "")


pytestmark = pytest.mark.usefixtures("nothing_of_the_session")


def test_with_togetherctl_over_there(laptop: Laptop, head: FarHost) -> None:
    laptop.allow("always")
    done = laptop.ssh(head, f"{INIT} && {PODS}")
    assert (done.returncode, done.stdout) == (0, NAMES), done.stderr
    assert {(entry["profile"], entry["host"]) for entry in laptop.log()} == {("acme", head.in_full)}
    # Again, in a session of its own with a socket of its own.
    again = laptop.ssh(head, PODS)
    assert (again.returncode, again.stdout) == (0, NAMES), again.stderr


def test_with_kubectl_curl_and_sh_alone(laptop: Laptop, bare: FarHost) -> None:
    laptop.allow("always")
    take_along(laptop, bare)
    done = laptop.ssh(bare, f"command -v togetherctl; {PODS}")
    assert (done.returncode, done.stdout) == (0, NAMES), done.stderr
    assert [entry["host"] for entry in laptop.log()] == [bare.in_full]


@pytest.mark.parametrize("answer", ["yes", "no"])
@pytest.mark.parametrize("kind", ["head", "bare"])
def test_ask_is_answered_at_the_laptop(laptop: Laptop, kind: str, answer: str, request: pytest.FixtureRequest) -> None:
    host: FarHost = request.getfixturevalue(kind)
    prepare(laptop, host, kind)
    laptop.allow("ask")
    process = laptop.start_ssh(host, PODS)
    until(laptop.questions)
    [question] = laptop.questions()
    assert (question["kind"], question["profile"], question["host"]) == ("credential", "acme", host.in_full)
    laptop.answer(question["id"], answer)
    done = laptop.end(process)
    if answer == "yes":
        assert (done.returncode, done.stdout) == (0, NAMES), done.stderr
    else:
        assert done.returncode != 0
        assert done.stdout == ""
        assert "acme" in done.stderr
    # kubectl calls again and again; a "no" holds for these calls, so the person is asked once.
    assert {(entry["profile"], entry["host"]) for entry in laptop.log()} == {("acme", host.in_full)}
    assert laptop.questions() == []


@pytest.mark.parametrize("kind", ["head", "bare"])
def test_a_laptop_that_sleeps_is_one_sentence(laptop: Laptop, kind: str, request: pytest.FixtureRequest) -> None:
    host: FarHost = request.getfixturevalue(kind)
    prepare(laptop, host, kind)
    laptop.allow("always")
    # What kubectl has learned of the API server it asks once more, so that it calls for few credentials.
    script = f"{PODS} > /dev/null && echo began; read line; {BROWSER}; {PODS}; exit $?"
    process = laptop.start_ssh(host, script, stdin=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    os.kill(laptop.agent_pid, signal.SIGSTOP)
    try:
        done = laptop.end(process, "go on\n")
    finally:
        os.kill(laptop.agent_pid, signal.SIGCONT)
    assert done.returncode != 0
    assert done.stdout == ""
    # kubectl calls twice, and is told the same.
    [sentence] = {line for line in done.stderr.splitlines() if "does not answer" in line}
    assert "agent" in sentence
    assert not (host.home / "browser").exists()


@pytest.mark.parametrize("kind", ["head", "bare"])
def test_a_connection_that_is_cut_is_one_sentence(laptop: Laptop, kind: str, request: pytest.FixtureRequest) -> None:
    """What goes on over there, in tmux for instance, is told how to connect again; no browser comes up."""
    host: FarHost = request.getfixturevalue(kind)
    prepare(laptop, host, kind)
    laptop.allow("always")
    os.mkfifo(host.home / "go-on")
    # It waits in the background, and outlives the connection.
    script = f"read line < $HOME/go-on; {BROWSER}; {PODS} > $HOME/out 2> $HOME/err; echo $? > $HOME/code"
    process = laptop.start_ssh(host, f"(trap '' HUP; {script}) > /dev/null 2>&1 < /dev/null & echo began; sleep 100")
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    os.killpg(process.pid, signal.SIGKILL)
    laptop.end(process)
    host.until_no_socket()
    (host.home / "go-on").write_text("\n")
    until(lambda: (host.home / "code").exists() and (host.home / "code").read_text())
    said = (host.home / "err").read_text()
    assert (host.home / "code").read_text() != "0\n"
    assert (host.home / "out").read_text() == ""
    assert "togetherctl ssh" in said
    assert not (host.home / "browser").exists()
    # And so it is.
    done = laptop.ssh(host, PODS)
    assert (done.returncode, done.stdout) == (0, NAMES), done.stderr


def prepare(laptop: Laptop, host: FarHost, kind: str) -> None:
    """Have a kubeconfig over there, whose user asks the agent."""
    if kind == "bare":
        take_along(laptop, host)
        return
    laptop.allow("always")
    done = laptop.ssh(host, INIT)
    assert done.returncode == 0, done.stderr
    laptop.forget()


def take_along(laptop: Laptop, host: FarHost) -> None:
    """The kubeconfig that needs no togetherctl, made here and put there."""
    path: Path = host.home / ".kube" / "config"
    path.parent.mkdir(exist_ok=True)
    path.write_text(laptop.do("kubeconfig", "show", "gpu", "--for-agent"))
