"""`togetherctl ssh` is the person's own ssh, with one socket more over there; nothing stays when it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.running_agent import call
from tests.real.ssh.conftest import until
from tests.real.ssh.service_manager import service_manager
from tests.real.ssh.sshd import far_host
from tests.support.programs import need

if TYPE_CHECKING:
    from tests.real.ssh.conftest import Laptop
    from tests.real.ssh.sshd import FarHost

ASK = "curl -sS --max-time 20 --unix-socket $(ls $HOME/.cache/togetherctl/agents/*.sock)"
PROFILES = f"{ASK} http://agent/v1/profiles"
CREDENTIAL = f"{ASK} http://agent/v1/credentials/acme"


def test_it_starts_the_agent_and_forwards_over_one_connection(laptop: Laptop, bare: FarHost) -> None:
    laptop.allow("always")
    done = laptop.ssh(bare, PROFILES)
    assert done.returncode == 0, done.stderr
    assert [one["name"] for one in json.loads(done.stdout)["profiles"]] == ["acme"]
    started, said = done.stderr.splitlines()
    assert started == f"Started the agent (pid {laptop.agent_pid}); togetherctl agent stop ends it."
    assert said == "bare1 may ask this machine's agent for acme (always); ssh opened 1 connection."
    assert bare.connections == 1
    # Over there nothing is left, and here only what the agent always has.
    assert bare.sockets() == []
    assert laptop.sockets() == ["agent.sock", "control.sock"]
    assert list((laptop.runtime / "togetherctl" / "ssh").iterdir()) == []
    # The next one finds the agent, and says no more of it.
    again = laptop.ssh(bare, "true")
    assert again.stderr.splitlines() == [said]
    assert bare.connections == 2


def test_the_session_is_that_of_ssh(laptop: Laptop, bare: FarHost) -> None:
    """Its exit code, stdin, stdout and stderr, with options before and behind the host."""
    done = laptop.ssh(bare, "cat; echo to-stderr >&2; exit 7", stdin="typed\n", options=["-o", "LogLevel=ERROR"])
    assert (done.returncode, done.stdout) == (7, "typed\n")
    assert "to-stderr" in done.stderr
    behind = laptop.ssh(bare, "-T", "-q", "--", "printf", "'%s\\n'", "-v", "--help")
    # With -q neither ssh nor we say more than what goes wrong.
    assert (behind.stdout, behind.stderr) == ("-v\n--help\n", "")


def test_words_behind_two_dashes_are_never_options_of_the_ssh_here(
    laptop: Laptop, bare: FarHost, tmp_path: Path
) -> None:
    """Scripts write `ssh -- "$HOST" "$WORD"` for words that are data."""
    ran = tmp_path / "ran"
    words = ["-F", str(bare.config), "--"]
    done = laptop.run("ssh", *words, bare.name, f"-oProxyCommand=touch {ran}", "true")
    plain = subprocess.run(
        [need("ssh"), *words, bare.name, f"-oProxyCommand=touch {ran}", "true"], check=False, capture_output=True
    )
    assert done.returncode == plain.returncode != 0
    config = tmp_path / "config"
    config.write_text(f'Match exec "touch {ran}"\n')
    refused = laptop.run("ssh", "--", f"-F{config}", bare.name, "true")
    assert refused.returncode == 255
    assert "hostname contains invalid characters" in refused.stderr
    assert not ran.exists()


def test_a_host_that_tells_another_path_learns_no_variable_of_this_machine(
    laptop: Laptop, short: Path, environ: dict[str, str]
) -> None:
    """ssh puts the value in place of `${NAME}` in a path that it forwards."""
    laptop.environ["SECRET_OF_LAPTOP"] = "value-42"
    token = "$(printf %s \"$SSH_ORIGINAL_COMMAND\" | sed 's/.* //')"
    answers = short / "answers.sh"
    for told in (f"{short}/E-${{SECRET_OF_LAPTOP}}", f"{short}/${{SECRET_OF_LAPTOP}}/togetherctl/agents/n-TOKEN.sock"):
        (short / "value-42" / "togetherctl" / "agents").mkdir(parents=True, exist_ok=True)
        begin, _, end = told.partition("TOKEN")
        answers.write_text(
            'case "$SSH_ORIGINAL_COMMAND" in *togetherctl*) '
            f"printf '%s%s%s\\n' 'togetherctl-agent-socket:{begin}' \"{token if end else ''}\" '{end}'; "
            'cat >/dev/null;; *) eval "$SSH_ORIGINAL_COMMAND";; esac\n'
        )
        folder = short / f"far{len(list(short.glob('far*')))}"
        with far_host(folder, "far1", {"PATH": environ["PATH"]}, f"ForceCommand=/bin/sh {answers}") as host:
            done = laptop.ssh(host, "echo began")
        assert done.stdout == ""
        assert "far1 names a path for the agent's socket that togetherctl does not use" in done.stderr
        assert not list(short.glob("E-*"))
        assert not list((short / "value-42" / "togetherctl" / "agents").iterdir())


def test_only_a_folder_of_the_person_holds_the_socket(laptop: Laptop, bare: FarHost) -> None:
    done = laptop.ssh(bare, "stat -c '%a %U' ~/.cache/togetherctl/agents ~/.cache/togetherctl/agents/*; id -un")
    folder, socket, user = done.stdout.splitlines()
    assert (folder, socket) == (f"700 {user}", f"600 {user}")


def test_the_runtime_folder_over_there_is_preferred(laptop: Laptop, short: Path, environ: dict[str, str]) -> None:
    """It is in memory, and not shared between hosts as homes are."""
    runtime = short / "far-runtime"
    runtime.mkdir(mode=0o700)
    with far_host(short / "far", "far1", {"PATH": environ["PATH"], "XDG_RUNTIME_DIR": str(runtime)}) as host:
        done = laptop.ssh(host, "ls $XDG_RUNTIME_DIR/togetherctl/agents")
    assert done.stdout.endswith(".sock\n")
    assert host.sockets() == []
    assert list((runtime / "togetherctl" / "agents").iterdir()) == []


def test_a_server_that_forwards_no_socket_is_named(laptop: Laptop, short: Path, environ: dict[str, str]) -> None:
    with far_host(short / "far", "far1", {"PATH": environ["PATH"]}, "AllowStreamLocalForwarding=no") as host:
        done = laptop.ssh(host, "echo began")
    assert (done.returncode, done.stdout) == (1, "")
    assert "far1 does not let a Unix socket be forwarded" in done.stderr
    assert "AllowStreamLocalForwarding" in done.stderr
    assert done.stderr.splitlines()[-1] == "  run: ssh far1"
    assert host.sockets() == []


def test_a_server_without_a_shell_is_named(laptop: Laptop, short: Path, environ: dict[str, str]) -> None:
    with far_host(short / "far", "far1", {"PATH": environ["PATH"]}, "ForceCommand=echo no shell here >&2") as host:
        done = laptop.ssh(host)
    assert (done.returncode, done.stdout) == (1, "")
    assert "far1 has no private folder for the agent's socket: no shell here" in done.stderr


def test_what_ssh_says_of_a_host_that_cannot_be_reached_is_enough(laptop: Laptop, bare: FarHost) -> None:
    bare.server.process.terminate()
    bare.server.process.wait()
    done = laptop.ssh(bare, "true", options=["-q"])
    assert done.returncode == 255
    done = laptop.ssh(bare, "true")
    assert done.returncode == 255
    assert "Connection refused" in done.stderr
    assert "togetherctl" not in done.stderr.replace("togetherctl agent stop", "")
    assert laptop.sockets() == ["agent.sock", "control.sock"]


@pytest.mark.parametrize("words", [("-V",), ("-Q", "cipher"), ("-Z", "host"), (), ("-G", "host")])
def test_what_begins_no_session_is_left_to_ssh(laptop: Laptop, words: tuple[str, ...]) -> None:
    plain = subprocess.run([need("ssh"), *words], capture_output=True, text=True, check=False, env=laptop.environ)
    done = laptop.run("ssh", *words)
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert laptop.sockets() == []


def test_a_control_master_of_ones_own_is_used_and_left_as_it_was(laptop: Laptop, bare: FarHost, short: Path) -> None:
    """Who logged in with a second factor an hour ago is not asked for it again."""
    master = ["-F", str(bare.config), "-S", str(short / "m")]
    subprocess.run([need("ssh"), *master, "-M", "-f", "-N", bare.name], check=True, stderr=subprocess.DEVNULL)
    try:
        with bare.config.open("a") as config:
            config.write(f"  ControlPath {short / 'm'}\n")
        laptop.allow("always")
        done = laptop.ssh(bare, PROFILES)
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines()[-1].endswith("; over your control master, ssh opened no connection.")
        assert bare.connections == 1
        assert bare.sockets() == []
        checked = subprocess.run([need("ssh"), *master, "-O", "check", bare.name], capture_output=True, check=False)
        assert checked.returncode == 0
    finally:
        subprocess.run([need("ssh"), *master, "-O", "exit", bare.name], check=False, stderr=subprocess.DEVNULL)


def test_settings_of_the_person_that_would_be_in_the_way(laptop: Laptop, bare: FarHost, short: Path) -> None:
    """A command of the host's settings, a master to be made, forwards, and a path of a master with percent signs."""
    with bare.config.open("a") as config:
        config.write(
            f"  RemoteCommand {PROFILES}\n  RequestTTY no\n  ControlMaster auto\n  ControlPath {short}/%r@%h:%p\n"
            f"  LocalForward {short}/l.sock /nowhere\n  PermitLocalCommand yes\n"
            f"  LocalCommand echo %n >> {short}/local\n"
        )
    laptop.allow("always")
    done = laptop.ssh(bare)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["profiles"]
    assert (short / "local").read_text() == "bare1\n"
    assert "forward" not in done.stderr.lower().replace("forward is never", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_when_it_is_killed_nothing_stays(laptop: Laptop, bare: FarHost, number: signal.Signals) -> None:
    process = laptop.start_ssh(bare, "echo began; sleep 100")
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    assert len(bare.sockets()) == 1
    assert len(laptop.sockets()) == 3
    os.killpg(process.pid, number)
    laptop.end(process)
    assert process.returncode != 0
    bare.until_no_socket()
    until(lambda: laptop.sockets() == ["agent.sock", "control.sock"])
    if number is not signal.SIGKILL:
        assert list((laptop.runtime / "togetherctl" / "ssh").iterdir()) == []


def test_without_a_session_it_waits_for_the_end_of_the_connection(laptop: Laptop, bare: FarHost) -> None:
    process = laptop.start_ssh(bare, options=["-N"])
    until(lambda: len(bare.sockets()) == 1)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    done = laptop.end(process)
    assert done.returncode == 130
    assert bare.sockets() == []


def test_in_the_background(laptop: Laptop, bare: FarHost) -> None:
    """As `ssh -f` it comes back once everything is open; what is open goes with the command over there."""
    laptop.allow("always")
    os.mkfifo(bare.home / "pipe")
    script = f"{PROFILES} > $HOME/seen; read line < $HOME/pipe"
    # What is in the background keeps these open.
    nowhere = subprocess.DEVNULL
    words = [sys.executable, "-m", "togetherctl", "ssh", "-f", "-F", str(bare.config), bare.name, script]
    done = subprocess.run(words, env=laptop.environ, stdin=nowhere, stdout=nowhere, stderr=nowhere, check=False)
    assert done.returncode == 0
    seen = bare.home / "seen"
    try:
        until(lambda: seen.exists() and "acme" in seen.read_text())
        assert len(bare.sockets()) == 1
    finally:
        # It ends what runs in the background.
        (bare.home / "pipe").write_text("go on\n")
    bare.until_no_socket()
    until(lambda: laptop.sockets() == ["agent.sock", "control.sock"])


def test_an_agent_that_is_started_again_in_the_middle_is_found(laptop: Laptop, bare: FarHost) -> None:
    """As an upgrade does it: the session goes on, and so does what is forwarded."""
    laptop.allow("always")
    process = laptop.start_ssh(bare, "sh", stdin=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{PROFILES}; echo\n")
    process.stdin.flush()
    assert "acme" in process.stdout.readline()
    first = laptop.agent_pid
    assert laptop.run("agent", "restart").returncode == 0
    assert laptop.agent_pid != first
    until(lambda: len(laptop.sockets()) == 3)
    done = laptop.end(process, f"{PROFILES}\n")
    assert "acme" in done.stdout


def test_the_agent_of_another_configuration_is_not_lent(laptop: Laptop, bare: FarHost, tmp_path: Path) -> None:
    laptop.allow("always")
    assert laptop.run("agent", "start").returncode == 0
    for changes in (
        {"TOGETHERCTL_HOME": str(tmp_path / "other")},
        {"TOGETHERCTL_CONFIG": str(tmp_path / "other.toml")},
    ):
        done = laptop.run("ssh", "-F", str(bare.config), bare.name, "echo began", **changes)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"(pid {laptop.agent_pid}), for another configuration" in done.stderr
    assert bare.connections == 0


def test_a_stop_ends_what_is_forwarded_also_when_the_agent_starts_again(laptop: Laptop, bare: FarHost) -> None:
    laptop.allow("always")
    process = laptop.start_ssh(bare, "sh", stdin=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{PROFILES}; echo\n")
    process.stdin.flush()
    assert "acme" in process.stdout.readline()
    laptop.do("agent", "stop")
    assert laptop.run("agent", "start").returncode == 0
    # Another session has its own forwarding alone. It takes longer than the first one would wait.
    newest = PROFILES.replace("*.sock)", "*.sock -t | head -n 1)")
    assert "acme" in laptop.ssh(bare, f"sleep 2; {newest}").stdout
    assert laptop.sockets() == ["agent.sock", "control.sock"]
    done = laptop.end(process, f"{PROFILES}\n")
    assert "acme" not in done.stdout


def test_a_stop_holds_where_a_service_manager_starts_the_agent_again(laptop: Laptop, bare: FarHost) -> None:
    """The manager listens on both sockets, as `agent install` has it, so each request starts an agent."""
    laptop.allow("always")
    with service_manager(laptop.runtime / "togetherctl", laptop.environ) as started:
        process = laptop.start_ssh(bare, "sh", stdin=True)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{PROFILES}; echo\n")
        process.stdin.flush()
        assert "acme" in process.stdout.readline()
        assert len(started) == 1
        laptop.do("agent", "stop")
        plain = laptop.runtime / "togetherctl" / "agent.sock"
        status, answer = call(plain, "GET", "/v1/credentials/acme")
        assert (status, answer["error"]["code"]) == (503, "stopped")
        assert len(started) == 2
        assert json.loads(laptop.run("agent", "status", "-o", "json").stdout)["item"]["stopped"] is True
        done = laptop.end(process, f"{CREDENTIAL}\n")
        assert "ExecCredential" not in done.stdout
        # Only the person brings it back.
        assert laptop.run("agent", "start").returncode == 0
        status, answer = call(plain, "GET", "/v1/credentials/acme")
        assert (status, answer["kind"]) == (200, "ExecCredential")
        assert len(started) == 2


def test_two_hosts_at_once_are_told_apart(laptop: Laptop, bare: FarHost, head: FarHost) -> None:
    laptop.allow("always")
    first = laptop.start_ssh(bare, "echo began; read line; " + CREDENTIAL, stdin=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "began\n"
    second = laptop.ssh(head, CREDENTIAL)
    assert json.loads(second.stdout)["kind"] == "ExecCredential"
    done = laptop.end(first, "go on\n")
    assert json.loads(done.stdout)["kind"] == "ExecCredential"
    assert [entry["host"] for entry in laptop.log()] == [head.in_full, bare.in_full]


def test_an_answer_counts_for_one_machine_and_not_for_the_word_it_is_called_by(
    laptop: Laptop, bare: FarHost, short: Path, environ: dict[str, str]
) -> None:
    laptop.allow("ask")
    asking = laptop.start_ssh(bare, CREDENTIAL)
    until(laptop.questions)
    [question] = laptop.questions()
    assert question["host"] == bare.in_full
    laptop.answer(question["id"], "yes", 3600)
    assert json.loads(laptop.end(asking).stdout)["kind"] == "ExecCredential"
    assert json.loads(laptop.ssh(bare, CREDENTIAL).stdout)["kind"] == "ExecCredential"
    with far_host(short / "other", bare.name, {"PATH": environ["PATH"]}) as other:
        asking = laptop.start_ssh(other, CREDENTIAL)
        until(laptop.questions)
        [question] = laptop.questions()
        assert question["host"] == other.in_full != bare.in_full
        laptop.answer(question["id"], "no")
        assert json.loads(laptop.end(asking).stdout)["error"]["code"] == "forbidden"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can stand in for another user")
def test_another_user_over_there_knocks_in_vain(laptop: Laptop, bare: FarHost) -> None:
    """Not for lack of a path: all folders above are open to them."""
    laptop.allow("always")
    process = laptop.start_ssh(bare, "echo began; read line", stdin=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    for folder in [bare.home / ".cache" / "togetherctl", *bare.agents.parents]:
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o001)
    [socket] = bare.sockets()
    knock = ["curl", "-sS", "--max-time", "5", "--unix-socket", str(socket), "http://agent/v1/profiles"]
    other = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]
    refused = subprocess.run([*other, *knock], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (7, "")
    # Neither the folder nor the socket lets them in, each by itself.
    bare.agents.chmod(0o755)
    assert subprocess.run([*other, *knock], capture_output=True, check=False).returncode == 7
    assert subprocess.run(knock, capture_output=True, check=False).returncode == 0
    laptop.end(process, "\n")
    assert laptop.log() == []
