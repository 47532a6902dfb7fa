"""`shell`, and programs that want a terminal, at a real one."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.own_kubeconfig.conftest import Place, until
from tests.support.programs import need
from tests.support.terminal import Terminal

Window = Callable[..., Terminal]
# What many a start file does.
SPOILS = "export KUBECONFIG=/elsewhere TOGETHERCTL_CLUSTER=other\nalias mine='echo an alias of mine'\nPS1='mine> '\n"


@pytest.fixture(autouse=True)
def logged_in(place: Place) -> None:
    place.run("login", "--all")


def test_a_shell_for_one_cluster(place: Place, window: Window) -> None:
    before = place.kubeconfig.read_bytes()
    shell = window("shell", "west-context", "-n", "ml", PS1="$ ")
    shell.until("A shell for cluster west, namespace ml; exit or Ctrl-D leaves it.")
    shell.paste("kubectl config current-context; echo in $TOGETHERCTL_CLUSTER")
    assert "west-context\nin west" in shell.until("in west")
    shell.paste("togetherctl shell east")
    shell.until("A shell for cluster east, namespace default; exit or Ctrl-D leaves it, back to west.")
    shell.paste("togetherctl run north -- sh -c 'echo run in $TOGETHERCTL_CLUSTER'; echo still in $TOGETHERCTL_CLUSTER")
    assert "run in north\nstill in east" in shell.until("still in east")
    shell.paste("exit")
    shell.paste("echo back in $TOGETHERCTL_CLUSTER")
    shell.until("back in west")
    shell.paste("exit 7")
    shell.until("ended with 7")
    assert place.left() == []
    assert place.kubeconfig.read_bytes() == before


def test_two_terminals_do_not_disturb_each_other(place: Place, window: Window) -> None:
    before = place.kubeconfig.read_bytes()
    one, other = window("shell", "east"), window("shell", "west")
    one.until("A shell for cluster east")
    other.until("A shell for cluster west")
    other.paste("kubectl config set-context --current --namespace=ml")
    other.until("modified.")
    # Its prompt would go on naming the cluster it was opened for.
    other.paste("togetherctl use north")
    assert "for cluster west alone" in other.until("run: togetherctl shell north")
    one.paste("kubectl config current-context; kubectl get pods")
    assert "east\n" in one.until("llm-train-0")
    assert place.kubeconfig.read_bytes() == before
    assert len(place.left()) == 2


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_start_files_cannot_take_the_kubeconfig_away(name: str, place: Place, window: Window, home: Path) -> None:
    fish = home / ".config" / "fish" / "config.fish"
    fish.parent.mkdir(parents=True)
    fish.write_text(
        "set -gx KUBECONFIG /elsewhere\nset -gx TOGETHERCTL_CLUSTER other\nalias mine='echo an alias of mine'\n"
    )
    (home / ".bashrc").write_text(SPOILS)
    (home / ".zshrc").write_text(SPOILS + "HISTSIZE=10 SAVEHIST=10\n")
    shell = window("shell", "east", SHELL=need(name))
    shell.until("A shell for cluster east")
    shell.paste('mine; echo in $TOGETHERCTL_CLUSTER, $KUBECONFIG; echo "zdotdir=$ZDOTDIR."')
    assert "in east, " in shell.until("zdotdir=.")
    said = shell.everything().replace("\n", "")
    assert f"in east, {place.left()[0]}/east.yaml" in said
    assert "\nan alias of mine" in shell.everything()
    shell.paste("exit")
    shell.until("ended with 0")
    assert place.left() == []


@pytest.mark.parametrize(("wrong", "folder"), [("", "run user"), ("if then (\n", "run $HOME `user`")])
@pytest.mark.parametrize(
    ("name", "program"),
    [("dash", "dash"), ("ash", "busybox"), ("sh", "bash")],
    ids=["dash", "busybox", "bash-as-sh"],
)
def test_the_file_of_env_cannot_take_the_kubeconfig_away(
    name: str, program: str, wrong: str, folder: str, window: Window, home: Path, tmp_path: Path
) -> None:
    """Also with an error in it, and in a folder with a name that a shell would expand."""
    shell_path = tmp_path / name
    shell_path.symlink_to(need(program))
    (home / "my shrc").write_text(SPOILS + wrong)
    runtime = tmp_path / folder
    runtime.mkdir(mode=0o700)
    shell = window("shell", "east", SHELL=str(shell_path), ENV="$HOME/my shrc", XDG_RUNTIME_DIR=str(runtime))
    shell.until("mine>")
    shell.paste("mine; echo in $TOGETHERCTL_CLUSTER, env=$ENV.; kubectl config current-context")
    assert "in east, env=$HOME/my shrc.\neast\n" in shell.until("shrc.\neast")
    assert "\nan alias of mine" in shell.everything()
    shell.paste("exit")
    shell.until("ended with 0")


def test_a_zsh_folder_of_ones_own_is_kept(place: Place, window: Window, home: Path) -> None:
    own = home / "zsh"
    own.mkdir()
    (home / ".zshenv").write_text(f"export ZDOTDIR={own} KUBECONFIG=/elsewhere\n")
    (own / ".zshrc").write_text(SPOILS)
    shell = window("shell", "east", SHELL=need("zsh"))
    shell.until("mine>")
    shell.paste("echo zdotdir=$ZDOTDIR. $TOGETHERCTL_CLUSTER")
    shell.until(f"zdotdir={own}. east")
    scripted = place.run("shell", "east", stdin="echo $KUBECONFIG $ZDOTDIR\n", SHELL=need("zsh"))
    assert scripted.stdout.split()[0].endswith("/east.yaml")
    assert scripted.stdout.split()[1] == str(own)


def test_a_cluster_is_chosen(window: Window) -> None:
    shell = window("shell")
    shell.until("Which cluster?")
    shell.press("Down")
    shell.press("Enter")
    shell.until("A shell for cluster west, namespace default")


def test_job_control_works_in_the_shell_and_around_it(window: Window, place: Place) -> None:
    outer = window(program=(need("bash"), "--norc", "-i"), PS1="outer> ", SHELL=need("bash"))
    outer.until("outer>")
    outer.paste("togetherctl shell east")
    outer.until("A shell for cluster east")
    outer.paste("sleep 600")
    until(lambda: "sleep 600" in outer.everything())
    outer.press("C-z")
    outer.until("Stopped")
    outer.paste("fg")
    until(lambda: outer.everything().count("sleep 600") == 3)
    outer.press("C-c")
    outer.paste("exit 3")
    until(lambda: place.left() == [])
    outer.paste("echo the shell ended with $?")
    outer.until("the shell ended with 3")


def test_a_command_is_stopped_and_goes_on(window: Window) -> None:
    outer = window(program=(need("bash"), "--norc", "-i"), PS1="outer> ")
    outer.until("outer>")
    outer.paste("togetherctl run east -- sh -c 'echo begun; read line; echo got $line; exit 5'")
    outer.until("begun\n")
    outer.press("C-z")
    outer.until("Stopped")
    outer.paste("echo meanwhile; fg")
    outer.until("meanwhile\n")
    outer.paste("typed")
    outer.until("got typed")
    outer.paste("echo the command ended with $?")
    outer.until("the command ended with 5")


def test_suspending_the_shell_comes_back_to_the_one_outside(window: Window) -> None:
    outer = window(program=(need("bash"), "--norc", "-i"), PS1="outer> ", SHELL=need("bash"))
    outer.until("outer>")
    outer.paste("togetherctl shell east")
    outer.until("A shell for cluster east")
    outer.paste("suspend")
    outer.until("Stopped")
    outer.paste("echo cluster=$TOGETHERCTL_CLUSTER.; fg")
    outer.until("cluster=.\n")
    outer.paste("echo cluster=$TOGETHERCTL_CLUSTER, again")
    outer.until("cluster=east, again")


def test_ctrl_c_is_the_command_s(window: Window, place: Place) -> None:
    command = window(
        "run", "east", "--", "sh", "-c", "trap 'echo caught; exit 9' INT; echo begun; while :; do sleep 0.1; done"
    )
    command.until("begun")
    command.press("C-c")
    command.until("caught")
    command.until("ended with 9")
    assert place.left() == []
    killed = window("run", "east", "--", "sleep", "600")
    until(place.left)
    killed.press("C-c")
    killed.until("ended with 130")
    assert place.left() == []


def test_ctrl_c_ends_several(window: Window, place: Place) -> None:
    command = window("run", "--all", "--", "sh", "-c", "echo begun; exec sleep 600")
    until(lambda: command.everything().count("| begun") == 3)
    command.press("C-c")
    command.until("ended with 130")
    assert place.left() == []


def test_a_pager_has_the_terminal(window: Window, tmp_path: Path) -> None:
    long = tmp_path / "long"
    long.write_text("".join(f"line {number}\n" for number in range(200)))
    pager = window("run", "east", "--", need("less"), str(long))
    pager.until("line 10")
    pager.press("G")
    pager.until("line 199")
    pager.press("q")
    pager.until("ended with 0")


@pytest.mark.parametrize("kind", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_togetherctl_ends_what_it_started(kind: str, window: Window, place: Place) -> None:
    command = window("run", "east", "--", "sleep", "600")
    until(place.left)
    until(lambda: json.loads(pids_of(place)))
    [pid] = json.loads(pids_of(place))
    os.kill(pid, getattr(signal, kind))
    command.until(f"ended with {128 + getattr(signal, kind)}")
    assert place.left() == []


def test_closing_the_terminal_takes_the_kubeconfig_along(window: Window, place: Place) -> None:
    shell = window("shell", "east", SHELL=need("bash"))
    shell.until("A shell for cluster east")
    until(place.left)
    shell.call("new-window", "-d", "sleep 600")
    shell.call("kill-window", "-t", ":0")
    until(lambda: not place.left())


def pids_of(place: Place) -> str:
    """The process that made the folder, by the folder's name."""
    return json.dumps([int(path.name.split(".")[-3]) for path in place.left()])
