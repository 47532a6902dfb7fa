"""`kubectl together-login`: kubelogin's commands under the name kubectl looks for, and one without a command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from togetherctl.cli.lazy import Lazy
from togetherctl.commands import plugin
from togetherctl.kubelogin import PLUGIN
from togetherctl.kubelogin.known import FLAGS

if TYPE_CHECKING:
    from tests.conftest import CliIn, Run


@pytest.fixture
def together_login(cli_in: CliIn) -> Run:
    return cli_in(program=PLUGIN)


def test_help_shows_the_commands(together_login: Run) -> None:
    done = together_login("--help")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: {PLUGIN} ")
    assert [verb for verb in plugin.VERBS if f"\n  {verb}" not in done.stdout] == []
    assert together_login("--logtostderr", "-v1", "--help").stdout == done.stdout


def test_the_lines_in_the_help_are_the_commands_own_first_sentences() -> None:
    for name, verb in plugin.VERBS.items():
        command = plugin.plugin.get_command(click.Context(plugin.plugin), name)
        assert command is not None
        assert verb.summary == (command.help or "").split("\n\n")[0].replace("\n", " "), name


def test_help_of_get_token_shows_every_flag_with_its_meaning(together_login: Run) -> None:
    done = together_login("get-token", "-h")
    assert done.stdout.startswith(f"Usage: {PLUGIN} get-token ")
    assert done.stdout.index("--profile NAME") < done.stdout.index("--oidc-issuer-url URL")
    missing = [flag.name for flag in FLAGS if "get-token" in flag.commands and f"  --{flag.name}" not in done.stdout]
    assert missing == []


def test_a_command_that_does_not_exist(together_login: Run) -> None:
    done = together_login("get-tokn")
    assert (done.code, "there is no command get-tokn; did you mean get-token?" in done.stderr) == (2, True)


@pytest.mark.parametrize("before", [[], ["--logtostderr"], ["--log_dir", "get-token"], ["--log_file=x", "-v", "2"]])
def test_flags_of_the_log_may_come_first(before: list[str], together_login: Run) -> None:
    done = together_login(*before, "version", "-o", "name")
    assert (done.code, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "got"), [([], []), (["--context", "get-token"], ["--context", "get-token"]), (["--log_dir=x"], [])]
)
def test_what_is_typed_without_a_command_goes_to_the_one_that_runs_alone(
    words: list[str], got: list[str], together_login: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = type(sys)("standing_alone")

    @click.command("alone", context_settings={"ignore_unknown_options": True})
    @click.argument("given", nargs=-1, type=click.UNPROCESSED)
    def command(given: tuple[str, ...]) -> None:
        click.echo(repr(list(given)))

    module.command = command  # type: ignore[attr-defined] # a module made here
    monkeypatch.setitem(sys.modules, "standing_alone", module)
    monkeypatch.setattr(plugin, "ALONE", Lazy("standing_alone", "Stands alone."))
    assert together_login(*words).stdout == f"{got!r}\n"
    assert together_login("version", "-o", "name").code == 0


def test_the_console_script_is_that_program(environ: dict[str, str]) -> None:
    script = Path(sys.executable).parent / "kubectl-together_login"
    done = subprocess.run([script, "get-token"], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "--oidc-issuer-url is missing" in done.stderr) == (2, True)
