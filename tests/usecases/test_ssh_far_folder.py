"""The script that makes a place for the socket over there, in the shells that people have."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.programs import need
from togetherctl.usecases.ssh_far_folder import FarFolderMissing, far_socket

NODE = os.uname().nodename


@pytest.fixture
def far_home() -> Iterator[Path]:
    """A short path."""
    with TemporaryDirectory(prefix="ab-") as name:
        yield Path(name)


def listen(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    return listening


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh", "fish", "busybox sh"])
def test_each_shell_makes_a_private_folder_and_removes_the_socket(shell: str, far_home: Path) -> None:
    name, *more = shell.split()
    environ = {"PATH": os.environ["PATH"], "HOME": str(far_home)}
    with far_socket([need(name), *more, "-c"], "head1", environ) as (path, keeper):
        folder = far_home / ".cache" / "togetherctl" / "agents"
        assert Path(path).parent == folder
        assert Path(path).name.startswith(f"{NODE}-")
        for each in (folder, folder.parent):
            assert each.stat().st_mode & 0o777 == 0o700
        listen(Path(path)).close()
        assert keeper.poll() is None
    assert list(folder.iterdir()) == []
    assert keeper.returncode == 0


def test_what_others_left_is_removed_and_nothing_else(far_home: Path) -> None:
    """Homes are shared between hosts: a socket of another one may be alive there."""
    folder = far_home / ".cache" / "togetherctl" / "agents"
    folder.mkdir(parents=True, mode=0o755)
    for name in (f"{NODE}-dead.sock", "other-host-1.sock", "laptop.sock"):
        listen(folder / name).close()
    (folder / f"{NODE}-file.sock").write_text("no socket")
    environ = {"PATH": os.environ["PATH"], "HOME": str(far_home)}
    with (
        listen(folder / f"{NODE}-alive.sock"),
        far_socket([need("sh"), "-c"], "head1", environ),
    ):
        left = {path.name for path in folder.iterdir()}
        assert left == {f"{NODE}-alive.sock", f"{NODE}-file.sock", "other-host-1.sock", "laptop.sock"}
        # One that was open to others is not any more.
        assert folder.stat().st_mode & 0o777 == 0o700


def test_two_at_once_have_a_socket_each(far_home: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(far_home)}
    shell = [need("sh"), "-c"]
    with far_socket(shell, "head1", environ) as (first, _):
        one = listen(Path(first))
        with far_socket(shell, "head1", environ) as (second, _):
            assert second != first
        assert Path(first).exists()
        one.close()


@pytest.mark.parametrize("runtime", ["", "relative", "/nonexistent/run", "/dev/null"])
def test_a_runtime_folder_that_cannot_be_used_is_passed_over(runtime: str, far_home: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(far_home), "XDG_RUNTIME_DIR": runtime}
    if os.geteuid() == 0:
        # Root could make that one.
        environ["XDG_RUNTIME_DIR"] = runtime.replace("/nonexistent", "/proc/nonexistent")
    with far_socket([need("sh"), "-c"], "head1", environ) as (path, _):
        assert path.startswith(f"{far_home}/.cache/")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can stand in for another user")
def test_a_runtime_folder_of_another_user_is_passed_over(far_home: Path, tmp_path: Path) -> None:
    """As `su` leaves the variable: that user could exchange what is in there."""
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o777)
    os.chown(runtime, 12345, -1)
    environ = {"PATH": os.environ["PATH"], "HOME": str(far_home), "XDG_RUNTIME_DIR": str(runtime)}
    with far_socket([need("sh"), "-c"], "head1", environ) as (path, _):
        assert path.startswith(f"{far_home}/.cache/")


def test_what_a_shell_prints_at_its_start_is_passed_over(far_home: Path, tmp_path: Path) -> None:
    chatty = tmp_path / "chatty"
    chatty.write_text('#!/bin/sh\nprintf "Welcome! No newline here: "\nexec sh -c "$1"\n')
    chatty.chmod(0o700)
    environ = {"PATH": os.environ["PATH"], "HOME": str(far_home)}
    with far_socket([str(chatty)], "head1", environ) as (path, _):
        assert path.startswith(f"{far_home}/.cache/")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo This account is not available >&2; exit 1", ": This account is not available"),
        ("exit 0", ""),
        ("echo togetherctl-agent-socket:relative/path", ""),
    ],
)
def test_no_folder_is_a_sentence(script: str, said: str, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.write_text(f"#!/bin/sh\n{script}\n")
    odd.chmod(0o700)
    with (
        pytest.raises(FarFolderMissing) as failed,
        far_socket([str(odd)], "head1", {"PATH": os.environ["PATH"]}),
    ):
        pass
    assert failed.value.message == f"head1 has no private folder for the agent's socket{said}"


OF_OURS = "/togetherctl/agents/n-$token.sock"


@pytest.mark.parametrize(
    "path",
    [
        "/srv/${HOME}" + OF_OURS,
        "/srv/$HOME" + OF_OURS,
        "/srv/%d" + OF_OURS,
        "/srv/a:b" + OF_OURS,
        "/srv/[a]" + OF_OURS,
        "/srv/a b" + OF_OURS,
        "/srv/a\\b" + OF_OURS,
        "/srv/`a`;b" + OF_OURS,
        "/srv/\x1b[2J" + OF_OURS,
        "/srv/\u202e" + OF_OURS,
        "/" + "x" * 90 + OF_OURS,
        "/srv/togetherctl/agents/n-00000000.sock",
        "/srv/other/agents/n-$token.sock",
        "/srv/x.sock",
    ],
)
def test_a_path_that_ssh_could_read_otherwise_is_not_used(path: str, tmp_path: Path) -> None:
    """The host chooses it, and it goes back into `-R`, where ssh puts variables in place of `${NAME}`."""
    begin, _, end = path.partition("$token")
    told = tmp_path / "told"
    told.write_text(f"togetherctl-agent-socket:{begin}")
    odd = tmp_path / "odd"
    token = '"${1##* }"' if end else ""
    odd.write_text(f"#!/bin/sh\ncat {told}; printf '%s%s\\n' {token or chr(34) * 2} '{end}'; cat >/dev/null\n")
    odd.chmod(0o700)
    with (
        pytest.raises(FarFolderMissing) as failed,
        far_socket([str(odd)], "head1", {"PATH": os.environ["PATH"]}),
    ):
        pass
    assert failed.value.message.startswith("head1 names a path for the agent's socket that togetherctl does not use: /")
    assert failed.value.message.isprintable()


def test_what_a_host_prints_without_end_fills_nothing_here(far_home: Path, tmp_path: Path) -> None:
    flood = tmp_path / "flood"
    flood.write_text('#!/bin/sh\nyes >&2 & yes_pid=$!\nsh -c "$1"\nkill $yes_pid\n')
    flood.chmod(0o700)
    environ = {"PATH": os.environ["PATH"], "HOME": str(far_home), "TMPDIR": str(tmp_path)}
    with far_socket([str(flood)], "head1", environ) as (path, keeper):
        assert keeper.stderr is not None
        assert path.startswith(f"{far_home}/.cache/")
        assert stat.S_ISFIFO(os.fstat(keeper.stderr.fileno()).st_mode)
    assert keeper.returncode == 0


def test_a_home_of_a_directory_service_is_used(far_home: Path) -> None:
    home = far_home / "me+x@example.com"
    home.mkdir()
    environ = {"PATH": os.environ["PATH"], "HOME": str(home)}
    with far_socket([need("sh"), "-c"], "head1", environ) as (path, _):
        assert path.startswith(f"{home}/.cache/")


def test_a_path_that_is_too_long_for_a_socket_is_a_sentence(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    environ = {"PATH": os.environ["PATH"], "HOME": str(long)}
    with (
        pytest.raises(FarFolderMissing, match="too long"),
        far_socket([need("sh"), "-c"], "head1", environ),
    ):
        pass
