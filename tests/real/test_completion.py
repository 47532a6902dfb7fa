"""Completion in real shells, with a person who presses Tab."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import WriteConfig
from tests.support.programs import need
from tests.support.terminal import Terminal, terminal

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
"""
SHELLS = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
START = {
    "bash": "PS1='rea''dy> '; eval \"$(togetherctl completion bash)\"",
    "zsh": "PS1='rea''dy> '; autoload -Uz compinit; compinit -u -D; eval \"$(togetherctl completion zsh)\"",
    "fish": "function fish_prompt; echo -n 'rea''dy> '; end; togetherctl completion fish | source",
}


@contextmanager
def shell(name: str, environ: dict[str, str], folder: Path) -> Iterator[Terminal]:
    """A shell of that kind, with completion set up and the prompt shown."""
    program = need(name)
    # tmux gives its windows the PATH it was called with, whatever it is told.
    path = f"PATH={Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    with terminal(["env", path, program, *SHELLS[name]], environ, folder, columns=200, lines=30) as opened:
        time.sleep(0.5)
        opened.call("send-keys", "-l", START[name])
        opened.press("Enter")
        opened.until("ready> ")
        yield opened


def typed_line(person: Terminal, expected: str) -> str:
    """What stands behind the last prompt, as soon as it is `expected` or half a minute is over."""
    ends = time.monotonic() + 30
    while True:
        line = person.everything().rpartition("ready> ")[2].strip()
        if line == expected or time.monotonic() > ends:
            return line
        time.sleep(0.1)


@pytest.mark.parametrize("name", SHELLS)
def test_what_tab_makes_of_a_line(
    name: str, write_config: WriteConfig, environ: dict[str, str], tmp_path: Path
) -> None:
    write_config(STORE)
    (tmp_path / "my-kubeconfig").touch()
    with shell(name, environ, tmp_path) as person:
        for typed, completed in (
            ("togetherctl whoa", "togetherctl whoami"),
            ("togetherctl login wo", "togetherctl login work"),
            ("togetherctl login me", "togetherctl login me@acme.com"),
            ("togetherctl login me@ac", "togetherctl login me@acme.com"),
            ("togetherctl -v logout work me@", "togetherctl -v logout work me@acme.com"),
            ("togetherctl get-token --profile w", "togetherctl get-token --profile work"),
            ("togetherctl whoami --cluster h", "togetherctl whoami --cluster h100.east"),
            ("togetherctl kubeconfig write h100.", "togetherctl kubeconfig write h100.east"),
            ("togetherctl issuer show o", "togetherctl issuer show okta"),
            ("togetherctl login --grant dev", "togetherctl login --grant device-code"),
            ("togetherctl login --for", "togetherctl login --force"),
            ("togetherctl login h", "togetherctl login h100.east"),
            ("togetherctl profile set work stor", "togetherctl profile set work storage="),
            ("togetherctl profile set work storage=k", "togetherctl profile set work storage=keyring"),
            ("togetherctl get-token --oidc-client-i", "togetherctl get-token --oidc-client-id"),
            ("togetherctl help kubeconfig conv", "togetherctl help kubeconfig convert"),
            (
                f"togetherctl kubeconfig write --kubeconfig {tmp_path}/my-ku",
                f"togetherctl kubeconfig write --kubeconfig {tmp_path}/my-kubeconfig",
            ),
        ):
            person.call("send-keys", "-l", typed)
            person.press("Tab")
            assert typed_line(person, completed) == completed
            person.press("C-u")


@pytest.mark.parametrize("name", SHELLS)
def test_several_are_listed(name: str, write_config: WriteConfig, environ: dict[str, str], tmp_path: Path) -> None:
    write_config(STORE)
    with shell(name, environ, tmp_path) as person:
        person.call("send-keys", "-l", "togetherctl login ")
        person.press("Tab")
        person.press("Tab")
        person.until("me@acme.com")
        person.until("work")


def test_fish_shows_a_description_to_its_end(
    write_config: WriteConfig, environ: dict[str, str], tmp_path: Path
) -> None:
    write_config(STORE)
    with shell("fish", environ, tmp_path) as person:
        person.call("send-keys", "-l", "togetherctl profile ")
        person.press("Tab")
        person.press("Tab")
        person.until("(Print a bundle for others: profiles, issuers, clusters.)")


# What a package of its own gives bash everywhere else.
BASH_WORDS = """_get_comp_words_by_ref() {
cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; }
"""


@pytest.mark.parametrize("name", SHELLS)
def test_kubectl_completes_its_plugin(
    name: str, write_config: WriteConfig, environ: dict[str, str], tmp_path: Path
) -> None:
    write_config(STORE)
    programs = tmp_path / "programs"
    programs.mkdir()
    words = {"bash": BASH_WORDS}.get(name, "")
    (tmp_path / "kubectl-completion").write_text(
        words + subprocess.run([need("kubectl"), "completion", name], capture_output=True, text=True, check=True).stdout
    )
    # As an installation makes it, whenever this one was made.
    (programs / "kubectl_complete-together_login").write_text(
        f"#!{sys.executable}\nfrom togetherctl.commands.kubectl_completion import main\nmain()\n"
    )
    (programs / "kubectl_complete-together_login").chmod(0o700)
    environ["PATH"] = f"{programs}{os.pathsep}{environ['PATH']}"
    with shell(name, environ, tmp_path) as person:
        person.call("send-keys", "-l", f"source {tmp_path}/kubectl-completion")
        person.press("Enter")
        for typed, completed in (
            ("kubectl together-login get-tok", "kubectl together-login get-token"),
            ("kubectl together-login get-token --profile w", "kubectl together-login get-token --profile work"),
            ("kubectl together-login get-token --oidc-client-i", "kubectl together-login get-token --oidc-client-id"),
        ):
            person.call("send-keys", "-l", typed)
            person.press("Tab")
            assert typed_line(person, completed) == completed
            person.press("C-u")


@pytest.mark.parametrize("name", SHELLS)
def test_a_broken_config_spoils_no_line(
    name: str, write_config: WriteConfig, environ: dict[str, str], tmp_path: Path
) -> None:
    write_config("this is [no TOML\n")
    with shell(name, environ, tmp_path) as person:
        person.call("send-keys", "-l", "togetherctl login x")
        person.press("Tab")
        time.sleep(1)
        person.call("send-keys", "-l", "yz")
        shown = person.until("togetherctl login xyz")
        assert "rror" not in shown
        assert "TOML" not in shown
