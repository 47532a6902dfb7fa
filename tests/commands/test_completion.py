"""What a shell is told at Tab; `tests/real` presses it in real shells."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import need
from togetherctl.commands.root import VERBS

if TYPE_CHECKING:
    from tests.conftest import Done, Run, WriteConfig

BREAKS = " \t\n\"'@><=;|&(:"
STORE = """version = 1
[issuers.okta]
url = "https://acme.okta.com"
[profiles."me@acme.com"]
issuer = "okta"
client_id = "a"
[profiles.work]
issuer = "okta"
client_id = "b"
[clusters."h100.east"]
profile = "work"
server = "https://127.0.0.1:6443"
[clusters."not; a name"]
profile = "work"
server = "https://127.0.0.1:6443"
[bundles.team]
source = "https://intranet.acme.com/team.toml"
"""


def asked(run: Run, line: str, shell: str = "bash", **changes: str) -> Done:
    """What the shell's script would ask with the cursor at the end of `line`."""
    words = line.split(" ")
    said = {
        "bash": {"COMP_LINE": line, "COMP_WORDBREAKS": BREAKS},
        "zsh": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
        "fish": {"COMP_WORDS": line, "COMP_CWORD": words[-1]},
    }[shell]
    return run(_TOGETHERCTL_COMPLETE=f"{shell}_complete", **said, **changes)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("togetherctl who", ["whoami"]),
        ("togetherctl profile va", ["validate"]),
        ("togetherctl login ", ["me@acme.com", "work"]),
        ("togetherctl login work ", ["me@acme.com"]),
        ("togetherctl login me@a", ["@acme.com"]),
        ("togetherctl logout w", ["work"]),
        ("togetherctl refresh w", ["work"]),
        ("togetherctl status w", ["work"]),
        ("togetherctl whoami w", ["work"]),
        ("togetherctl whoami work --cluster ", ["h100.east"]),
        ("togetherctl get-token --profile w", ["work"]),
        ("togetherctl setup --profile w", ["work"]),
        ("togetherctl -v --v=2 login w", ["work"]),
        ("togetherctl profile set w", ["work"]),
        ("togetherctl profile remove m", ["me@acme.com"]),
        ("togetherctl cluster show h", ["h100.east"]),
        ("togetherctl issuer unset o", ["okta"]),
        ("togetherctl profile add new --issuer ", ["okta"]),
        ("togetherctl profile add w", []),
        ("togetherctl kubeconfig write ", ["h100.east"]),
        ("togetherctl use ", ["h100.east"]),
        ("togetherctl cluster rename ", ["h100.east"]),
        ("togetherctl profile rename w", ["work"]),
        ("togetherctl profile rename work ", []),
        ("togetherctl profile export m", ["me@acme.com"]),
        ("togetherctl profile update ", ["team"]),
        ("togetherctl issuer presets ok", ["okta"]),
        ("togetherctl issuer presets au", ["auth0", "authelia", "authentik"]),
        ("togetherctl login --grant=pas", ["paste", "password"]),
        ("togetherctl whoami -o y", ["yaml"]),
        ("togetherctl login --fo", ["--force"]),
        ("togetherctl completion z", ["zsh"]),
        ("togetherctl nonsense ", []),
        ("togetherctl login 'unfinished", []),
        ("", ["init"]),
    ],
)
def test_what_is_offered(line: str, offered: list[str], cli: Run, write_config: WriteConfig) -> None:
    write_config(STORE)
    done = asked(cli, line)
    assert (done.code, done.stderr) == (0, "")
    values = [row.removeprefix("plain,") for row in done.stdout.splitlines()]
    assert values[: max(len(offered), 1)] == offered


def test_files(cli: Run) -> None:
    assert asked(cli, "togetherctl kubeconfig write --kubeconfig x").stdout == "file,x\n"
    assert asked(cli, "togetherctl cluster add a --ca-file ").stdout == "file,\n"


def test_zsh_and_fish_say_what_a_command_does(process: Run) -> None:
    said = VERBS["whoami"].summary
    assert asked(process, "togetherctl who", "zsh").stdout == f"plain\nwhoami\n{said}\n"
    assert asked(process, "togetherctl who", "fish").stdout == f"plain,whoami\t{said}\n"


@pytest.mark.parametrize(
    "text", ["not [TOML", "profiles = 7", "version = 99\n[profiles]\n7 = 1", "\x00", "[profiles.'a b']\n"]
)
def test_a_broken_config_is_silent(text: str, cli: Run, write_config: WriteConfig) -> None:
    write_config(text)
    done = asked(cli, "togetherctl login ")
    assert (done.code, done.stderr) == (0, "")
    assert set(done.stdout.splitlines()) <= {"plain,7"}


@pytest.mark.parametrize(
    ("instruction", "words"),
    [
        ("bash_complete", {}),
        ("zsh_complete", {}),
        ("zsh_complete", {"COMP_WORDS": "togetherctl", "COMP_CWORD": "x"}),
        ("fish_complete", {"COMP_WORDS": "'", "COMP_CWORD": "'"}),
        ("powershell_complete", {"COMP_WORDS": "togetherctl", "COMP_CWORD": "1"}),
        ("bash_source", {}),
        ("nonsense", {}),
    ],
)
def test_a_shell_that_asks_badly_hears_no_error(instruction: str, words: dict[str, str], process: Run) -> None:
    done = process(_TOGETHERCTL_COMPLETE=instruction, **words)
    assert (done.code, done.stderr) == (0, "")


def test_no_home_is_silent(process: Run) -> None:
    assert asked(process, "togetherctl login ", TOGETHERCTL_HOME="~nobody/x", HOME="").stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_its_shell_reads(shell: str, cli: Run) -> None:
    done = cli("completion", shell)
    assert (done.code, done.stderr) == (0, "")
    read = subprocess.run([need(shell), "-n"], input=done.stdout, capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def test_another_shell_is_refused(cli: Run) -> None:
    assert cli("completion", "tcsh").code == 2
