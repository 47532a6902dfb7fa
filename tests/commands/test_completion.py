"""What a shell is told at Tab; `tests/real` presses it in real shells."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.programs import need
from togetherctl.commands.root import VERBS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Done, Run, WriteConfig
    from togetherctl.config.types import Kind

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

CONTEXTS = "apiVersion: v1\nkind: Config\ncontexts:\n- {name: lab, context: {cluster: lab, user: me}}\n"


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
        ("togetherctl login ", ["me@acme.com", "work", "h100.east"]),
        ("togetherctl whoami h", ["h100.east"]),
        ("togetherctl doctor h", ["h100.east"]),
        ("togetherctl profile show h", []),
        ("togetherctl profile rm w", ["work"]),
        ("togetherctl run h", ["h100.east"]),
        ("togetherctl run h100.east -- ", []),
        ("togetherctl run h100.east -- kubectl h", []),
        ("togetherctl run --all -- kubectl --", []),
        ("togetherctl help prof", ["profile"]),
        ("togetherctl help profile va", ["validate"]),
        ("togetherctl profile set work sto", ["more,storage="]),
        ("togetherctl profile set work storage=", ["file", "keyring", "memory"]),
        ("togetherctl profile set work storage=file sto", []),
        ("togetherctl profile add new --issuer okta --client-id x gran", ["more,grant="]),
        ("togetherctl profile unset work cl", ["client_id"]),
        ("togetherctl profile unset work mar", []),
        ("togetherctl issuer set okta insecure_skip_tls_verify=", ["true", "false"]),
        ("togetherctl issuer set okta preset=ok", ["okta"]),
        ("togetherctl cluster set h100.east profile=w", ["work"]),
        ("togetherctl config set def", ["more,default_profile="]),
        ("togetherctl config set default_profile=w", ["work"]),
        ("togetherctl config set ag", ["more,agent.idle="]),
        ("togetherctl kubeconfig convert --context l", ["lab"]),
        ("togetherctl kubeconfig convert --kubeconfig other --context ", ["elsewhere"]),
        ("togetherctl kubeconfig convert --kubeconfig broken --context ", []),
        ("togetherctl get-token --oidc-client-i", ["--oidc-client-id"]),
        ("togetherctl get-token --grant-type ", ["auto"]),
        ("togetherctl get-token --grant-type=dev", ["device-code"]),
        ("togetherctl get-token --oidc-issuer-url https://x --oidc-client-i", ["--oidc-client-id"]),
        ("togetherctl login work ", ["me@acme.com"]),
        ("togetherctl login me@a", ["@acme.com"]),
        ("togetherctl logout w", ["work"]),
        ("togetherctl refresh w", ["work"]),
        ("togetherctl status w", ["work"]),
        ("togetherctl doctor w", ["work"]),
        ("togetherctl doctor work --cluster ", ["h100.east"]),
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
def test_what_is_offered(
    line: str,
    offered: list[str],
    cli: Run,
    write_config: WriteConfig,
    environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_config(STORE)
    monkeypatch.chdir(tmp_path)
    environ["KUBECONFIG"] = str(tmp_path / "config")
    for name, text in (("config", CONTEXTS), ("other", CONTEXTS.replace("lab", "elsewhere")), ("broken", "- [")):
        (tmp_path / name).write_text(text)
    done = asked(cli, line)
    assert (done.code, done.stderr) == (0, "")
    values = [row.removeprefix("plain,") for row in done.stdout.splitlines()]
    assert values[: max(len(offered), 1)] == offered


@pytest.mark.parametrize("kind", ["profile", "issuer", "cluster"])
def test_every_key_is_offered_with_its_meaning(kind: Kind, process: Run, write_config: WriteConfig) -> None:
    from togetherctl.config.editing import TABLES

    write_config(STORE)
    rows = asked(process, f"togetherctl {kind} set x ", "fish").stdout.splitlines()
    found = dict(row.removeprefix("more,").split("\t") for row in rows)
    assert list(found) == [f"{key}=" for key in TABLES[kind].model_fields]
    assert all(len(meaning) > 5 and not meaning.endswith(".") for meaning in found.values())


def test_a_cluster_says_whose_it_is(process: Run, write_config: WriteConfig) -> None:
    write_config(STORE)
    rows = asked(process, "togetherctl login ", "fish").stdout.splitlines()
    assert rows == ["plain,me@acme.com", "plain,work", "plain,h100.east\tcluster of profile work"]


def for_kubectl(*words: str, environ: dict[str, str]) -> list[str]:
    """The lines that kubectl reads."""
    script = "from togetherctl.commands.kubectl_completion import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, *words], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ([""], ["get-token", "setup", "clean", "version", "help", ":4"]),
        (["get-token", "--profile", "w"], ["work", ":4"]),
        (["get-token", "--grant-type", "device"], ["device-code", ":4"]),
        (["--con"], ["--context", ":4"]),
        (["--context", ""], ["lab", ":4"]),
        (["--kubeconfig", "x"], [":0"]),
        (["clean", "--token-cache-dir", ""], [":16"]),
        (["nonsense", ""], [":4"]),
        ([], ["get-token", "setup", "clean", "version", "help", ":4"]),
    ],
)
def test_what_kubectl_is_told(
    words: list[str], offered: list[str], write_config: WriteConfig, environ: dict[str, str], tmp_path: Path
) -> None:
    write_config(STORE)
    environ["KUBECONFIG"] = str(tmp_path / "config")
    (tmp_path / "config").write_text(CONTEXTS)
    assert [line.partition("\t")[0] for line in for_kubectl(*words, environ=environ)] == offered


def test_the_program_that_kubectl_looks_for_is_installed() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, name = scripts["kubectl_complete-together_login"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


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
