"""`run`: one command, several at once, and what is left of the kubeconfig when they end."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.real.own_kubeconfig.conftest import Place, is_alive, until
from tests.support.programs import need
from togetherctl.kube.yaml_text import load

TELL = (
    "import json, os; path = os.environ['KUBECONFIG']; "
    "print(json.dumps([os.environ['TOGETHERCTL_CLUSTER'], path, os.stat(path).st_mode & 0o777, "
    "os.stat(os.path.dirname(path)).st_mode & 0o777, open(path).read()]))"
)


def test_kubectl_gets_a_kubeconfig_of_its_own(place: Place) -> None:
    before = place.kubeconfig.read_bytes()
    done = place.run("run", "west-context", "--", need("kubectl"), "get", "pods")
    assert done.returncode == 0, done.stderr
    assert "llm-train-0" in done.stdout
    assert done.stderr.count("Logged in as") == 1
    again = place.run("run", "west", "-n", "ml", "--", sys.executable, "-c", TELL)
    assert (again.returncode, again.stderr) == (0, "")
    name, path, file_mode, folder_mode, text = json.loads(again.stdout)
    assert (name, file_mode, folder_mode) == ("west", 0o600, 0o700)
    assert Path(path).is_relative_to(place.runtime / "togetherctl")
    said = load(text)
    assert [len(said[part]) for part in ("clusters", "contexts", "users")] == [1, 1, 1]
    assert said["current-context"] == "west-context"
    assert said["contexts"][0]["context"]["namespace"] == "ml"
    assert said["users"] == load(place.run("kubeconfig", "show", "west").stdout)["users"]
    assert place.left() == []
    assert place.kubeconfig.read_bytes() == before


def test_what_a_person_added_to_their_context_counts(place: Place) -> None:
    kubectl = need("kubectl")
    set_it = place.run("run", "north", "--", kubectl, "config", "set-context", "--current", "--namespace=gone")
    assert set_it.returncode == 0, set_it.stderr
    text = place.kubeconfig.read_text().replace("user: togetherctl:one", "user: togetherctl:one\n    namespace: mine")
    place.kubeconfig.write_text(text)
    where = [kubectl, "config", "view", "--minify", "-o", "jsonpath={..namespace}"]
    assert place.run("run", "east", "--", *where).stdout == "mine"
    assert place.run("run", "east", "-n", "other", "--", *where).stdout == "other"
    assert place.run("run", "north", "--", *where).stdout == ""
    place.kubeconfig.write_text("{not yaml")
    assert place.run("run", "east", "--", *where).returncode == 0


def test_the_exit_code_is_that_of_the_command(place: Place) -> None:
    def code(*words: str) -> int:
        return place.run("run", "east", "--", *words).returncode

    assert code("sh", "-c", "exit 42") == 42
    assert code("sh", "-c", "kill -TERM $$") == 143
    assert code("sh", "-c", "kill -KILL $$") == 137
    missing = place.run("run", "east", "--", "no-such-command")
    assert (missing.returncode, missing.stderr) == (
        127,
        "togetherctl: no-such-command: there is no such command\n",
    )
    assert code("/") == 126
    blank = place.run("run", "east", "--", " ")
    assert (blank.returncode, blank.stderr) == (127, "togetherctl: ' ': there is no such command\n")
    assert place.left() == []


def test_stdin_passes_through(place: Place) -> None:
    assert place.run("run", "east", "--", "cat", stdin="typed").stdout == "typed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("names", [["east"], ["east", "north"]], ids=["one", "several"])
def test_a_signal_ends_the_command_and_the_kubeconfig(place: Place, number: signal.Signals, names: list[str]) -> None:
    place.run("login", "--all")
    process = place.start("run", *names, "--", "sh", "-c", "echo $$; exec sleep 600")
    assert process.stdout is not None
    pids = [int(process.stdout.readline().rpartition(" ")[2]) for _ in names]
    assert len(place.left()) == 1
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert place.left() == []
    assert not any(map(is_alive, pids))


@pytest.mark.parametrize("names", [["east"], ["east", "west"]], ids=["one", "several"])
def test_a_killed_togetherctl_leaves_its_kubeconfig_to_the_command(place: Place, names: list[str]) -> None:
    """It is swept by the next run, once the last command has ended too."""
    place.run("login", "one")
    process = place.start("run", *names, "--", "sh", "-c", "echo $$; exec sleep 600")
    assert process.stdout is not None
    first, *others = [int(process.stdout.readline().rpartition(" ")[2]) for _ in names]
    process.kill()
    process.wait()
    [left] = place.left()
    assert place.run("run", "east", "--", "true").returncode == 0
    assert place.left() == [left], "the command still uses it"
    for pid in others:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not any(map(is_alive, others)))
    assert place.run("run", "east", "--", "true").returncode == 0
    assert place.left() == [left], "the first command still uses it"
    os.kill(first, signal.SIGKILL)
    until(lambda: not is_alive(first))
    assert place.run("run", "east", "--", "true").returncode == 0
    assert place.left() == []


def test_clean_takes_what_a_killed_one_left(place: Place) -> None:
    place.run("login", "one")
    process = place.start("run", "east", "--", "sh", "-c", "echo $$; exec sleep 600")
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert str(place.left()[0]) not in place.run("clean", "--dry-run").stderr
    process.kill()
    process.wait()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(pid))
    [left] = place.left()
    assert f"Deleted {left}: a kubeconfig that a killed togetherctl left" in place.run("clean").stderr
    assert place.left() == []


def test_several_at_once(place: Place) -> None:
    done = place.run("run", "--all", "--", need("kubectl"), "get", "pods", "--no-headers")
    assert done.returncode == 0, done.stderr
    # One login for each session, before anything runs.
    assert done.stderr.count("Logged in as") == 2
    lines = sorted(line.split()[:3] for line in done.stdout.splitlines())
    pods = ("llm-train-0", "llm-train-1", "notebook")
    assert lines == [[name, "|", pod] for name in ("east", "north", "west") for pod in pods]
    assert place.left() == []


def test_several_lines_are_never_mixed(place: Place) -> None:
    place.run("login", "--all")
    script = (
        "import os, sys, time\n"
        "assert sys.stdin.read() == ''\n"
        "for number in range(50):\n"
        "    for stream in (1, 2):\n"
        "        os.write(stream, b'x' * 3000)\n"
        "        os.write(stream, b'y' * 3000 + b'\\n')\n"
        "os.write(1, b'no end of line')\n"
    )
    done = place.run("run", "--all", "--", sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr[-500:]
    for text, last in ((done.stdout, ["no end of line"]), (done.stderr, [])):
        for name in ("east ", "west ", "north"):
            mine = [line.removeprefix(f"{name} | ") for line in text.splitlines() if line.startswith(name)]
            assert mine == ["x" * 3000 + "y" * 3000] * 50 + last
        assert len(text.splitlines()) == 3 * (50 + len(last))


def test_the_first_failure_in_their_order_decides(place: Place) -> None:
    place.run("login", "--all")
    script = "case $TOGETHERCTL_CLUSTER in west) sleep 1; exit 3 ;; north) exit 4 ;; esac"
    done = place.run("run", "east", "west", "north", "--", "sh", "-c", script)
    assert done.returncode == 3
    assert done.stderr == "2 of 3 failed, with the exit code: west (3), north (4).\n"
    missing = place.run("run", "east", "west", "--", "no-such-command")
    assert missing.returncode == 127
    assert missing.stderr.count("no-such-command: there is no such command") == 2


def test_a_session_that_cannot_be_had_stops_only_its_clusters(place: Place) -> None:
    place.run("login", "one")
    done = place.run("run", "--all", "--", "sh", "-c", "echo ran", CI="1")
    assert done.returncode == 3
    assert sorted(done.stdout.splitlines()) == ["east | ran", "west | ran"]
    assert "profile two" in done.stderr
    assert "1 of 3 failed, with the exit code: north (3)." in done.stderr
    alone = place.run("run", "north", "--", "sh", "-c", "echo ran", CI="1")
    assert (alone.returncode, alone.stdout) == (3, "")


def test_a_reader_that_leaves_ends_them_all(place: Place) -> None:
    place.run("login", "--all")
    process = place.start("run", "--all", "--", "sh", "-c", "while :; do echo y; done")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 1
    assert place.left() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "east"], "there is no command to run"),
        (["run", "east", "--"], "there is no command to run"),
        (["run", "east", "--", ""], "CMD is empty"),
        (["run", "--all", "--", "", "get", "pods"], "CMD is empty"),
        (["run", "--", "true"], "name a cluster, or say --all"),
        (["run", "east", "--all", "--", "true"], "name clusters or say --all, not both"),
        (["run", "nort", "--", "true"], "did you mean north?"),
        (["run", "east", "-n", "A b", "--", "true"], "must be 1 to 63 of a-z"),
        (["shell"], "which cluster? There are east, west, north"),
    ],
)
def test_what_makes_no_sense(place: Place, words: list[str], said: str) -> None:
    done = place.run(*words)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_command_without_its_separator_is_shown_with_it(place: Place) -> None:
    done = place.run("run", "east", "kubectl", "get", "pods")
    assert done.returncode == 2
    assert done.stderr.endswith("  run: togetherctl run east -- kubectl get pods\n")
    assert "-- stands before the command" in place.run("run", "east", "kubectl", "get", "pods", "-o", "json").stderr
    # Options after it are those of the command.
    assert place.run("run", "east", "--", "echo", "-o", "json", "-v", "--all", "--").stdout == "-o json -v --all --\n"


def test_without_a_runtime_folder_it_is_with_the_state(place: Place) -> None:
    place.run("login", "one")
    for changes in ({"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": "/proc"}):
        done = place.run("run", "east", "--", "sh", "-c", "echo $KUBECONFIG", **changes)
        assert done.returncode == 0, done.stderr
        path = Path(done.stdout.strip())
        assert path.is_relative_to(Path(place.environ["TOGETHERCTL_HOME"]) / "state")
        assert stat.S_IMODE(path.parents[1].stat().st_mode) == 0o700
        assert not path.parent.exists()


def test_a_folder_whose_name_kubectl_would_split_is_not_used(place: Place, tmp_path: Path) -> None:
    place.run("login", "one")
    split = tmp_path / "run:user"
    split.mkdir(mode=0o700)
    where = ["run", "east", "--", need("kubectl"), "config", "current-context"]
    done = place.run(*where, XDG_RUNTIME_DIR=str(split))
    assert (done.returncode, done.stdout) == (0, "east\n")
    assert list(split.iterdir()) == []
    # Everything else works there.
    home = tmp_path / "home:user"
    shutil.copytree(place.environ["TOGETHERCTL_HOME"], home)
    for runtime in ("", str(split)):
        for words in (where, ["run", "--all", *where[2:]], ["shell", "east"]):
            none = place.run(*words, XDG_RUNTIME_DIR=runtime, TOGETHERCTL_HOME=str(home))
            assert (none.returncode, none.stdout) == (7, "")
            assert f"{home}/state/kubeconfigs has a : in its name, where KUBECONFIG is split" in none.stderr
            assert "XDG_RUNTIME_DIR" in none.stderr


@pytest.mark.parametrize("names", [["east"], ["east", "west"]], ids=["one", "several"])
def test_output_that_a_closed_stdout_loses_is_a_failure(place: Place, names: list[str]) -> None:
    place.run("login", "one")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return place.run(*words, program=["sh", "-c", 'exec "$@" >&-', "sh", *place.program])

    done = run("run", *names, "--", "sh", "-c", "echo lost")
    assert done.returncode not in (0, 70)
    assert "Bad file descriptor" in done.stderr or "I/O error" in done.stderr
    assert run("run", *names, "--", "sh", "-c", "echo told >&2").returncode == 0
    assert place.left() == []


def test_the_commands_of_the_page_work(place: Place) -> None:
    page = (ROOT / "docs" / "several-clusters.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 6
    for line in lines:
        here = line.replace("gpu-", "").replace("-- k9s", "-- kubectl auth whoami")
        done = place.run(*shlex.split(here)[1:], stdin="exit\n" if " shell " in line else None)
        assert done.returncode == 0, done.stderr


def test_a_context_that_a_template_named_is_found_and_keeps_its_name(place: Place) -> None:
    written = place.run("kubeconfig", "write", "north", "--context-template", "{profile}-{cluster}")
    assert written.returncode == 0, written.stderr
    done = place.run("run", "two-north", "--", "sh", "-c", "kubectl config current-context; echo $TOGETHERCTL_CLUSTER")
    assert (done.returncode, done.stdout) == (0, "two-north\nnorth\n")
