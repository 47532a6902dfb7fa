"""Words that people bring from other tools, typos, and `help`."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import click
import pytest

from docs.generate import verbs
from togetherctl.cli.lazy import LazyGroup
from togetherctl.cli.mistyped import ALIASES, near_verbs
from togetherctl.commands.root import root
from togetherctl.kubelogin import PLUGIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CliIn, Run

COMMANDS = dict(verbs(root, "togetherctl"))
GROUPS = {words: command for words, command in COMMANDS.items() if isinstance(command, LazyGroup)}


@pytest.mark.parametrize("words", COMMANDS)
def test_help_says_what_the_option_says(words: str, cli: Run) -> None:
    path = words.split()[1:]
    shown = cli(*path, "--help").stdout
    assert shown.startswith("Usage: togetherctl")
    assert cli("help", *path).stdout == shown
    if len(path) == 2:
        assert cli(path[0], "help", path[1]).stdout == shown


def test_help_where_it_cannot(cli: Run, cli_in: CliIn) -> None:
    assert "there is no command lgoin; did you mean login?" in cli("help", "lgoin").stderr
    done = cli("help", "login", "acme")
    assert (done.code, done.commands) == (2, ["togetherctl login --help"])
    assert cli_in(program=PLUGIN)("help", "clean").stdout.startswith(f"Usage: {PLUGIN} clean")


@pytest.mark.usefixtures("acme")
def test_other_words_for_the_same(cli: Run, acme: Path) -> None:
    assert cli("profile", "ls").stdout == cli("profile", "list").stdout != ""
    assert cli("cluster", "get", "east").stdout == cli("cluster", "show", "east").stdout != ""
    assert cli("profile", "describe", "acme").stdout == cli("profile", "show", "acme").stdout
    assert cli("cluster", "mv", "east", "west").code == 0
    assert cli("cluster", "rm", "west", "--yes").code == 0
    assert "clusters" not in acme.read_text()
    assert cli("profile", "delete").commands == ["togetherctl profile remove --help"]
    for name, group in GROUPS.items():
        assert not set(ALIASES) & set(group.lazy), name


@pytest.mark.parametrize(
    ("words", "helps"),
    [
        (["ls"], "togetherctl cluster list"),
        (["list"], "togetherctl cluster list"),
        (["debug"], "togetherctl doctor"),
        (["check"], "togetherctl doctor"),
        (["diagnose"], "togetherctl doctor"),
        (["test"], "togetherctl doctor"),
        (["fix"], "togetherctl doctor --fix"),
        (["current"], "togetherctl status"),
        (["token"], "togetherctl get-token --profile NAME"),
        (["rm"], "togetherctl cluster remove NAME"),
        (["edit"], "togetherctl config edit"),
        (["import"], "togetherctl init"),
        (["convert"], "togetherctl kubeconfig convert"),
        (["auth"], "togetherctl login"),
        (["switch"], "togetherctl use CLUSTER"),
        (["profile", "use"], "togetherctl config set default_profile=NAME"),
        (["profile", "edit"], "togetherctl config edit"),
        (["profile", "login"], "togetherctl login"),
        (["cluster", "use"], "togetherctl use"),
        (["cluster", "write"], "togetherctl kubeconfig write NAME"),
        (["kubeconfig", "revert"], "togetherctl kubeconfig convert --revert"),
        (["config", "view"], "togetherctl config show"),
        (["get-token", "acme"], "did you mean --profile acme?"),
        (["get-token", "a-secret"], "did you mean --profile NAME?"),
        (["setup", "acme"], "did you mean --profile acme?"),
        (["status", "--json"], "did you mean -o json?"),
        (
            ["profile", "add", "x", "--issuer", "login.acme.com", "--client-id", "y"],
            "did you mean https://login.acme.com?",
        ),
        (["issuer", "add", "x", "--url", "login.acme.com"], "did you mean https://login.acme.com?"),
        (["issuer", "set", "acme", "url=login.acme.com:8443/dex"], "did you mean https://login.acme.com:8443/dex?"),
        (["issuer", "show", "login.acme.com"], "togetherctl issuer check https://login.acme.com"),
        (["issuer", "remove", "https://login.acme.com/"], "did you mean https://login.acme.com?"),
        (
            ["setup", "--oidc-issuer-url", "login.acme.com", "--oidc-client-id", "y"],
            "did you mean https://login.acme.com?",
        ),
        (["profile", "add", "x", "--issuer", "me@acme.com", "--client-id", "y"], "there is no issuer me@acme.com"),
    ],
)
@pytest.mark.usefixtures("acme")
def test_what_is_meant_is_said(words: list[str], helps: str, cli: Run) -> None:
    done = cli(*words)
    assert done.code == 2
    assert helps in done.stderr
    assert "a-secret" not in done.stderr


def test_every_command_that_is_named_exists() -> None:
    from togetherctl.cli.mistyped import ELSEWHERE

    for group, words in ELSEWHERE.items():
        for word, remedy in words.items():
            if remedy.command:
                assert " ".join(part for part in remedy.command if not part.startswith("-")) in COMMANDS, (group, word)
            known = COMMANDS["togetherctl" if group == "togetherctl" else f"togetherctl {group}"]
            assert isinstance(known, LazyGroup)
            assert word not in known.lazy, (group, word)


@pytest.mark.parametrize("name", GROUPS)
def test_no_typo_leads_to_what_takes_things_away(name: str) -> None:
    """Only a typo of the very word does: one letter left out, doubled, or two of them exchanged."""
    verbs_here = {verb: lazy.removes for verb, lazy in GROUPS[name].lazy.items()}
    for word in {verb for group in GROUPS.values() for verb in group.lazy} | {"use", "unuse", "edit", "clear", "log"}:
        for near in near_verbs(word, verbs_here):
            if verbs_here[near]:
                assert SequenceMatcher(a=word, b=near).ratio() >= 0.85, (word, near)
    for verb, removes in verbs_here.items():
        if removes and len(verb) > 4:
            assert near_verbs(verb[:2] + verb[3:], verbs_here)[0] == verb


def test_what_is_missing_is_said_once(cli: Run) -> None:
    done = cli("completion")
    assert (
        done.stderr == "togetherctl: an argument is missing: bash, zsh or fish\n  run: togetherctl completion --help\n"
    )
    assert cli("config", "set").stderr.startswith("togetherctl: KEY=VALUE is missing\n")
    assert cli("profile", "show").stderr.startswith("togetherctl: NAME is missing\n")


@pytest.mark.parametrize(
    ("form", "way"), [("wide", "-o json has every field"), ("jsonpath={.items}", "-o json, with jq, picks fields")]
)
def test_forms_of_kubectl_are_answered(form: str, way: str, cli: Run) -> None:
    done = cli("status", "-o", form)
    name = form.partition("=")[0]
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"togetherctl: there is no -o {name}; there are table, json, yaml, name\n")
    assert way in done.stderr


def test_aliases_are_not_shown(cli: Run) -> None:
    shown = cli("help", "profile").stdout
    assert not any(f"  {alias} " in shown for alias in ALIASES)
    assert isinstance(root, click.Group)
