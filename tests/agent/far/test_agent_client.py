"""The client of a forwarded agent: which socket it takes, whose it may be, and what each answer means."""

from __future__ import annotations

import _socket
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.agent import TOKEN, Handler, Reply, ScriptedAgent, failure
from togetherctl import agent_client, agent_socket
from togetherctl.agent_client import fetch_credential, fetch_profiles, log_in_there
from togetherctl.errors import LoginRequired, Refused, TogetherctlError, Unreachable, Untrusted, UsageError

Environ = dict[str, str]


@pytest.fixture
def agent(short: Path) -> Iterator[ScriptedAgent]:
    with ScriptedAgent(short / "far" / "a.sock") as running:
        running.hands_out("gpu")
        yield running


@pytest.fixture
def far(environ: Environ, agent: ScriptedAgent) -> Environ:
    return {**environ, "TOGETHERCTL_AGENT": str(agent.path)}


@contextmanager
def answering(path: Path, data: bytes) -> Iterator[None]:
    """Something that takes one connection, sends `data` and ends."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(60)


def dead_socket(path: Path, *, age: float = 3600) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))


def test_the_socket_that_the_environment_names_is_asked(far: Environ, agent: ScriptedAgent) -> None:
    got = fetch_credential(far, "gpu")
    assert (got.token, got.socket) == ("from-the-agent", str(agent.path))
    assert agent.asked == ["GET /v1/credentials/gpu"]
    assert "from-the-agent" not in repr(got)


@pytest.mark.parametrize("folder", ["run/togetherctl/agents", "home/.cache/togetherctl/agents"])
def test_without_a_name_the_newest_that_answers_is_asked_and_dead_ones_go(
    environ: Environ, short: Path, folder: str
) -> None:
    environ |= {"XDG_RUNTIME_DIR": str(short / "run"), "HOME": str(short / "home")}
    place, here = short / folder, os.uname().nodename
    with ScriptedAgent(place / "old.sock") as old, ScriptedAgent(place / "new.sock") as new:
        os.utime(old.path, (1, 1))
        old.hands_out("gpu", "old")
        new.hands_out("gpu", "new")
        dead_socket(place / f"{here}-dead.sock", age=-60)
        os.utime(place / f"{here}-dead.sock")
        dead_socket(place / f"{here}-gone.sock", age=20)
        dead_socket(place / "o-gone.sock", age=20)
        assert fetch_credential(environ, "gpu").token == "new"
        assert (place / f"{here}-dead.sock").exists(), "it may be about to listen"
        os.utime(place / f"{here}-dead.sock", (2_000_000_000, 2_000_000_000))
        os.utime(new.path, (2, 2))
    for name in (here, "o"):
        os.utime(place / f"{name}-gone.sock", (3, 3))
    with pytest.raises(Unreachable, match="no agent is forwarded to this machine"):
        fetch_credential(environ, "gpu")
    assert not (place / f"{here}-gone.sock").exists()
    assert (place / "o-gone.sock").exists(), "homes are shared, and it may be alive there"


def test_a_socket_elsewhere_is_not_removed(environ: Environ, short: Path) -> None:
    dead_socket(short / "mine" / "a.sock")
    environ["TOGETHERCTL_AGENT"] = str(short / "mine" / "a.sock")
    with pytest.raises(Unreachable, match="nothing listens there any more") as caught:
        fetch_credential(environ, "gpu")
    assert caught.value.exit_code == 4
    assert "togetherctl ssh" in str(caught.value.remedy)
    assert (short / "mine" / "a.sock").exists()


def test_a_socket_of_ours_with_no_agent_behind_it_says_how_to_start_one(environ: Environ, short: Path) -> None:
    place = short / "home/.cache/togetherctl/agents"
    environ["HOME"] = str(short / "home")
    place.mkdir(mode=0o700, parents=True)
    with answering(place / "a.sock", b""), pytest.raises(Unreachable) as caught:
        fetch_credential(environ, "gpu")
    assert caught.value.message == f"a socket is at {place}/a.sock, but no agent is behind it"
    assert "togetherctl agent start is enough" in str(caught.value.remedy)
    assert (place / "a.sock").exists(), "the next agent takes its place"


def test_a_folder_that_others_may_enter_is_not_looked_into(environ: Environ, short: Path) -> None:
    place = short / "home/.cache/togetherctl/agents"
    environ["HOME"] = str(short / "home")
    with ScriptedAgent(place / "a.sock") as agent:
        agent.hands_out("gpu")
        place.chmod(0o755)
        with pytest.raises(Unreachable, match="no agent is forwarded"):
            fetch_credential(environ, "gpu")
        assert agent.asked == []


def test_a_socket_that_is_not_there(environ: Environ, short: Path) -> None:
    with pytest.raises(Unreachable, match="there is no such socket"):
        fetch_credential({**environ, "TOGETHERCTL_AGENT": str(short / "none.sock")}, "gpu")


def test_a_relative_path_is_wrong_usage(environ: Environ) -> None:
    with pytest.raises(UsageError, match="no absolute path"):
        fetch_credential({**environ, "TOGETHERCTL_AGENT": "a.sock"}, "gpu")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can stand in for another user")
@pytest.mark.skipif(sys.platform != "linux", reason="Linux says who listens")
def test_who_listens_counts_and_not_whose_the_path_was(environ: Environ, short: Path) -> None:
    """As where a folder above is exchanged after the look at it."""
    path = short / "a.sock"
    listens = (
        "import os, socket, sys\n"
        "one = socket.socket(socket.AF_UNIX)\n"
        "one.bind(sys.argv[1])\n"
        "os.setuid(65534)\n"
        "one.listen()\n"
        "print('listens', flush=True)\n"
        "taken, _ = one.accept()\n"
        "print(taken.recv(100), flush=True)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", listens, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "listens\n"
        with pytest.raises(Untrusted, match=r"a process of another user \(uid 65534\) listens at "):
            fetch_credential({**environ, "TOGETHERCTL_AGENT": str(path)}, "gpu")
        # Not a byte was sent there.
        assert other.communicate(timeout=60)[0] == "b''\n"
    finally:
        other.kill()
        other.communicate()


def test_a_file_is_no_socket(environ: Environ, short: Path) -> None:
    (short / "a.sock").write_text("")
    with pytest.raises(Untrusted, match="is no socket"):
        fetch_credential({**environ, "TOGETHERCTL_AGENT": str(short / "a.sock")}, "gpu")


def test_a_folder_in_which_others_may_exchange_the_socket(far: Environ, agent: ScriptedAgent) -> None:
    agent.path.parent.chmod(0o777)
    with pytest.raises(Untrusted, match="another user's"):
        fetch_credential(far, "gpu")
    assert agent.asked == []
    # As /tmp is: a user can remove only what is theirs.
    agent.path.parent.chmod(0o1777)
    assert fetch_credential(far, "gpu").token


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a socket away")
def test_the_socket_of_another_user_is_not_asked(far: Environ, agent: ScriptedAgent) -> None:
    os.chown(agent.path, 65534, -1)
    with pytest.raises(Untrusted, match="another user's"):
        fetch_credential(far, "gpu")
    assert agent.asked == []


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (failure(401, "login_required", "login required: the session has expired"), LoginRequired, 3),
        (failure(403, "forbidden", "profile gpu may not go out"), Refused, 5),
        (failure(404, "usage", "there is no profile gpu"), UsageError, 2),
        (failure(503, "unreachable", "login.acme.com does not answer"), Unreachable, 4),
        (failure(503, "busy", "too many at once"), Unreachable, 4),
        (failure(502, "refused", "the issuer said no", exit_code=5), Refused, 5),
        (failure(502, "untrusted", "the issuer cannot be believed", exit_code=5), Untrusted, 5),
        (failure(500, "failed", "it broke"), TogetherctlError, 1),
        ((500, {}), TogetherctlError, 1),
    ],
    ids=lambda value: str(value[1].get("error", {}).get("code")) if isinstance(value, tuple) else "",
)
def test_what_the_agent_fails_with_is_told_as_it_is(
    far: Environ, agent: ScriptedAgent, reply: Reply, kind: type[TogetherctlError], code: int
) -> None:
    agent.answers["GET /v1/credentials/gpu"] = reply
    with pytest.raises(kind) as caught:
        fetch_credential(far, "gpu")
    assert (type(caught.value), caught.value.exit_code) == (kind, code)
    said = reply[1].get("error", {}).get("message", "the agent answered with HTTP status 500")  # type: ignore[union-attr] # documents all
    assert caught.value.message == said


def test_what_helps_is_to_be_done_there(far: Environ, agent: ScriptedAgent) -> None:
    error = {"code": "forbidden", "message": "not this one", "hint": None}
    error["hint_command"] = "togetherctl profile set gpu forward=ask"
    agent.answers["GET /v1/credentials/gpu"] = 403, {"error": error}
    with pytest.raises(Refused) as caught:
        fetch_credential(far, "gpu")
    assert caught.value.hint == "where the agent runs: togetherctl profile set gpu forward=ask"
    # A command of the other machine is none of this one.
    assert caught.value.hint_command is None


@pytest.mark.parametrize(
    "document",
    [
        b"[]",
        b"{",
        b'{"status": []}',
        b'{"status": {"token": "a b", "expirationTimestamp": "2027-01-01T00:00:00Z"}}',
        b'{"status": {"token": 7, "expirationTimestamp": "2027-01-01T00:00:00Z"}}',
        b'{"status": {"token": "t", "expirationTimestamp": "tomorrow, at the latest"}}',
        b'{"status": {"token": "t", "expirationTimestamp": "2027-13-01T00:00:00Z"}}',
    ],
)
def test_an_answer_that_is_no_credential_is_not_believed(far: Environ, agent: ScriptedAgent, document: bytes) -> None:
    agent.answers["GET /v1/credentials/gpu"] = 200, document
    with pytest.raises(Untrusted, match="no agent of togetherctl"):
        fetch_credential(far, "gpu")


@pytest.mark.parametrize("ended", ["2001-09-09T01:46:40Z", "0000-01-31T00:00:00Z"])
def test_a_credential_that_ended_is_not_handed_on(far: Environ, agent: ScriptedAgent, ended: str) -> None:
    agent.answers["GET /v1/credentials/gpu"] = 200, {"status": {"token": "t", "expirationTimestamp": ended}}
    with pytest.raises(Untrusted, match=f"ended at {ended}, and it is 20") as caught:
        fetch_credential(far, "gpu")
    assert "clocks" in str(caught.value.hint)


def test_the_clocks_of_two_machines_may_differ(far: Environ, agent: ScriptedAgent) -> None:
    agent.hands_out("gpu", seconds=-60)
    assert fetch_credential(far, "gpu").token == TOKEN


def test_an_answer_without_end_is_cut(far: Environ, agent: ScriptedAgent) -> None:
    agent.answers["GET /v1/credentials/gpu"] = 200, b" " * (2 * 1024 * 1024)
    with pytest.raises(Untrusted):
        fetch_credential(far, "gpu")


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_what_is_not_http_is_unreachable(environ: Environ, short: Path, data: bytes) -> None:
    path = short / "a.sock"
    with answering(path, data), pytest.raises(Unreachable) as caught:
        fetch_credential({**environ, "TOGETHERCTL_AGENT": str(path)}, "gpu")
    assert ("broke off" if data else "no agent is behind that socket") in caught.value.message


def test_an_agent_that_sleeps_is_not_waited_for(environ: Environ, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (agent_client, agent_socket):
        monkeypatch.setattr(module, "SILENCE_SECONDS", 0.1)
    path = short / "a.sock"
    with socket.socket(socket.AF_UNIX) as stopped:
        stopped.bind(str(path))
        stopped.listen()
        with pytest.raises(Unreachable, match="may be asleep"):
            fetch_credential({**environ, "TOGETHERCTL_AGENT": str(path)}, "gpu")


def test_a_silence_is_remembered_until_an_answer_or_for_a_minute(
    far: Environ, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    class Watched(_socket.socket):
        def settimeout(self, value: float | None, /) -> None:
            waits.append(value or 0.0)
            super().settimeout(value)

    monkeypatch.setattr(_socket, "socket", Watched)
    mark = agent.path.with_name("a.sock.silent")
    agent_socket.silent(str(agent.path))
    assert mark.stat().st_mode & 0o777 == 0o600
    connection = agent_socket.connect_to(str(agent.path))
    connection.close()
    assert waits == [1.0]
    before = mark.stat().st_mtime_ns - 30 * 10**9
    os.utime(mark, ns=(before, before))
    agent_socket.silent(str(agent.path))
    assert mark.stat().st_mtime_ns == before, "a silence that was waited for shortly proves less"
    os.utime(mark, (1, 1))
    assert not agent_socket.was_silent(str(agent.path))
    agent_socket.silent(str(agent.path))
    assert agent_socket.was_silent(str(agent.path))
    assert fetch_credential(far, "gpu").token
    assert not mark.exists()
    agent.path.parent.chmod(0o1777)
    agent_socket.silent(str(agent.path))
    assert not mark.exists(), "others could put a link there"


def test_an_older_agent_is_asked_where_the_newest_sleeps_or_does_not_know_the_profile(
    environ: Environ, short: Path
) -> None:
    environ |= {"XDG_RUNTIME_DIR": str(short / "run"), "HOME": str(short / "home")}
    place = short / "run/togetherctl/agents"
    with ScriptedAgent(place / "old.sock") as old, ScriptedAgent(place / "new.sock") as new:
        os.utime(old.path, (1, 1))
        old.hands_out("gpu", "old")
        assert fetch_credential(environ, "gpu").token == "old"
        assert new.asked == ["GET /v1/credentials/gpu"]
        with pytest.raises(UsageError):
            fetch_credential(environ, "other")
        with socket.socket(socket.AF_UNIX) as stopped:
            stopped.bind(str(place / "asleep.sock"))
            stopped.listen()
            # As after a call that waited the full five seconds.
            (place / "asleep.sock.silent").touch()
            assert fetch_credential(environ, "gpu").token == "old"
            with pytest.raises(Unreachable, match="asleep.sock does not answer"):
                fetch_credential(environ, "other")


def test_an_agent_that_asks_its_person_is_waited_for(
    far: Environ, agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_client, "_LOOK_SECONDS", 0.1)
    answered = threading.Event()
    reply = agent.answers["GET /v1/credentials/gpu"]
    assert isinstance(reply, tuple)

    def ask(_request: Handler) -> Reply:
        answered.wait(60)
        return reply

    agent.answers["GET /v1/credentials/gpu"] = ask
    told: list[bool] = []

    def waiting() -> None:
        told.append(True)
        answered.set()

    assert fetch_credential(far, "gpu", waiting=waiting).token == "from-the-agent"
    assert told == [True]
    assert "GET /v1/profiles" in agent.asked


def test_profiles(far: Environ, agent: ScriptedAgent) -> None:
    agent.offers({"name": "gpu", "forward": "ask"}, login_seconds=42)
    offered = fetch_profiles(far)
    assert ([each["name"] for each in offered.profiles], offered.login_seconds) == (["gpu"], 42.0)
    agent.answers["GET /v1/profiles"] = 200, {"profiles": [], "login_seconds": 10**9}
    assert fetch_profiles(far).login_seconds > 60
    agent.answers["GET /v1/profiles"] = 200, {"profiles": ["gpu"]}
    with pytest.raises(Untrusted):
        fetch_profiles(far)


def test_a_name_of_any_letters_is_one_segment(far: Environ, agent: ScriptedAgent) -> None:
    with pytest.raises(UsageError):
        fetch_credential(far, "a/../ü\r\nX: y")
    assert agent.asked == ["GET /v1/credentials/a%2F..%2F%C3%BC%0D%0AX%3A%20y"]


def test_a_login_there_waits_for_its_end(far: Environ, agent: ScriptedAgent) -> None:
    bodies: list[bytes] = []

    def log_in(request: Handler) -> Reply:
        bodies.append(request.body)
        return 200, {"profile": "gpu", "logged_in": True}

    agent.answers["POST /v1/logins"] = log_in
    log_in_there(far, "gpu", seconds=60)
    assert bodies == [b'{"profile":"gpu"}']


def test_calling_off_a_login_closes_the_connection(far: Environ, agent: ScriptedAgent) -> None:
    closed: list[bool] = []
    began, over = threading.Event(), threading.Event()

    def log_in(request: Handler) -> Reply:
        began.set()
        closed.append(request.wait_for_the_end())
        over.set()
        return 200, {}

    agent.answers["POST /v1/logins"] = log_in

    def go_on() -> None:
        if began.is_set():
            raise KeyboardInterrupt

    call: Callable[[], None] = lambda: log_in_there(far, "gpu", seconds=60, go_on=go_on)  # noqa: E731 # one line
    with pytest.raises(KeyboardInterrupt):
        call()
    assert over.wait(60)
    assert closed == [True]
