"""Every example that a help page shows, run in a world that has what it names."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from docs.generate import verbs
from tests.support.cluster import ScriptedCluster
from tests.support.issuer import Reply
from tests.support.keyrings import InAFile
from tests.support.programs import need
from tests.support.together import ScriptedTogether, oidc
from togetherctl import __version__
from togetherctl.cli.kubelogin_flags import FlagsCommand
from togetherctl.cli.lazy import Command, LazyGroup
from togetherctl.commands.kubectl_plugin import plugin
from togetherctl.commands.root import root
from togetherctl.kubelogin import PLUGIN
from togetherctl.usecases import release_check

if TYPE_CHECKING:
    import trustme

    from tests.conftest import CliIn, UseKeyring, WriteConfig
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer

WIDTH = 80
# In a help page; what stands for them in the test's world is at the other end of loopback.
ISSUER, SERVER, CLIENT = "https://login.acme.com", "https://203.0.113.7:6443", "kubernetes"
HELP = dict([*verbs(root, "togetherctl"), (PLUGIN, plugin)])
ASKS_NOTHING = ("-h", "--help", "--version", "-o", "--output")
# What needs more than this world has, and where it runs.
ELSEWHERE = {
    "togetherctl ssh": "tests/real/ssh has a server",
    **{
        f"togetherctl agent {verb}": "tests/agent has an agent, which would become this process or outlive it"
        for verb in ("run", "start", "stop", "restart", "status", "answer")
    },
}
EXAMPLES = [
    (words, example)
    for words, command in HELP.items()
    if isinstance(command, (Command, LazyGroup)) and words not in ELSEWHERE
    for example in command.examples
]


def takes_arguments(command: click.Command) -> bool:
    """Whether a person types words of their own after it."""
    return isinstance(command, FlagsCommand) or any(
        isinstance(parameter, click.Argument)
        or (isinstance(parameter, click.Option) and not parameter.is_flag and not parameter.hidden)
        for parameter in command.params
        if not set(parameter.opts) & set(ASKS_NOTHING)
    )


@pytest.mark.parametrize("words", [words for words, command in HELP.items() if takes_arguments(command)])
def test_a_command_that_takes_arguments_has_examples(words: str) -> None:
    command = HELP[words]
    assert isinstance(command, (Command, LazyGroup)), "declare it with cls=Command"
    assert 1 <= len(command.examples) <= 3
    assert any(f"{words} " in f"{example} " or words == PLUGIN for example in command.examples)
    # click keeps the help option on the command, so the names of the first context are those of all.
    context = click.Context(
        command,
        info_name=PLUGIN if words == PLUGIN else "togetherctl",
        terminal_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    shown = command.get_help(context)
    assert "\n\nExamples:\n  " in shown
    assert max(map(len, shown.partition("\nExamples:\n")[2].splitlines())) <= WIDTH


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[ScriptedCluster]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedCluster(context) as running:
        yield running


@pytest.fixture
def together(clock: StoppedClock, canary: Canary) -> Iterator[ScriptedTogether]:
    with ScriptedTogether(clock=clock, canary=canary) as running:
        yield running


BUNDLE = """version = 1
[issuers.acme]
url = "{issuer}"
[profiles.acme]
issuer = "acme"
client_id = "the-client"
[clusters.gpu-east]
profile = "acme"
server = "{server}"
namespace = "training"
"""
CONFIG = """version = 1
default_profile = "acme"
[issuers.acme]
url = "{issuer}"
[issuers.lab]
url = "https://sso.lab.example"
[profiles.acme]
issuer = "acme"
client_id = "the-client"
redirect_uris = ["http://localhost:0"]
[profiles.admin]
issuer = "acme"
client_id = "the-client"
scopes = ["openid", "email", "groups"]
redirect_uris = ["http://localhost:0"]
[clusters.gpu]
profile = "acme"
server = "{server}"
ca_file = "{ca_file}"
[clusters.train]
profile = "acme"
server = "{server}"
ca_file = "{ca_file}"
[bundles.team]
source = "{bundle}"
sha256 = "{digest}"
"""


class World:
    """A home folder with a configuration, a session, a kubeconfig and files, and what they lead to on loopback."""

    def __init__(self, home: Path, environ: dict[str, str], real: dict[str, str]) -> None:
        self.home, self.environ, self.real = home, environ, real

    def translate(self, text: str) -> str:
        """An example with the addresses that answer here."""
        for shown, real in self.real.items():
            text = text.replace(shown, real)
        return text


@pytest.fixture
def world(
    home: Path,
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    write_config: WriteConfig,
    issuer: ScriptedIssuer,
    server: ScriptedCluster,
    together: ScriptedTogether,
    ca_file: Path,
    use_keyring: UseKeyring,
) -> World:
    real = {ISSUER: issuer.url, SERVER: server.url, CLIENT: issuer.client_id}
    work = home / "secrets"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "ca.pem").write_bytes(ca_file.read_bytes())
    (home / "ca.pem").write_bytes(ca_file.read_bytes())
    bundle = BUNDLE.format(issuer=issuer.url, server=server.url)
    (work / "team.toml").write_text(bundle)
    older = bundle.replace("training", "default")
    digest = hashlib.sha256(older.encode()).hexdigest()
    kept = home / "tctl" / "state" / "bundles" / f"{digest}.toml"
    kept.parent.mkdir(mode=0o700, parents=True)
    kept.write_text(older)
    write_config(
        CONFIG.format(issuer=issuer.url, server=server.url, ca_file=ca_file, bundle=work / "team.toml", digest=digest)
    )
    (work / "kubeconfig.yaml").write_text(json.dumps(sent(issuer, server, ca_file)))
    (work / "config").write_text(json.dumps(sent(issuer, server, ca_file)))
    reach = {"server": server.url, "certificate-authority-data": base64.b64encode(ca_file.read_bytes()).decode()}
    together.add(
        "h100-east",
        oidc_config=oidc(issuer_url=issuer.url, client_id=issuer.client_id, ca_cert=None),
        kube_config=together.kube_config(**reach),
    )
    issuer.always["/releases/latest.json"] = Reply(body={"version": __version__})
    monkeypatch.setattr(release_check, "_named_addresses", lambda: [f"{issuer.url}/releases"])
    programs = home / "bin"
    programs.mkdir()
    (programs / "pass").write_text("#!/bin/sh\necho made-up-secret\n")
    (programs / "pass").chmod(0o700)
    # The API server of this world has no nodes: kubectl says which context the kubeconfig leads to.
    (programs / "kubectl").write_text(f"#!/bin/sh\nexec {need('kubectl')} config current-context\n")
    (programs / "kubectl").chmod(0o700)
    environ |= {
        **together.environ,
        "KUBECONFIG": str(work / "config"),
        "PATH": f"{Path(sys.executable).parent}:{programs}:{environ['PATH']}",
        "PYTHON_KEYRING_BACKEND": "tests.support.keyrings.InAFile",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "EDITOR": "true",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    # The library chooses once in a process, and another test may have had it choose before the variable was set.
    use_keyring(InAFile())
    return World(home, environ, real)


def sent(issuer: ScriptedIssuer, server: ScriptedCluster, ca_file: Path) -> dict[str, Any]:
    """A kubeconfig: a context of kubelogin's plugin, and one of the provider that kubectl had."""
    flags = [f"--oidc-issuer-url={issuer.url}", f"--oidc-client-id={issuer.client_id}", "--listen-address=127.0.0.1:0"]
    plugin = {"command": "kubectl", "args": ["together-login", "get-token", *flags]}
    provider = {"idp-issuer-url": issuer.url, "client-id": issuer.client_id}
    users = {"east": {"exec": plugin}, "me": {"auth-provider": {"name": "oidc", "config": provider}}}
    reach = {"server": server.url, "certificate-authority": str(ca_file)}
    contexts = {"gpu-east": "east", "lab": "me"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": name, "cluster": reach} for name in contexts],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}} for name, user in contexts.items()],
        "users": [{"name": name, "user": user} for name, user in users.items()],
    }


# What has to be there first, by the words of the command.
BEFORE = {
    "togetherctl issuer unset": ["togetherctl issuer set acme proxy=http://proxy.acme.com:3128"],
    "togetherctl kubeconfig remove": ["togetherctl kubeconfig write"],
    "togetherctl kubeconfig prune": [
        "togetherctl kubeconfig write",
        "togetherctl cluster remove gpu --keep-kubeconfig",
    ],
    "togetherctl use -": ["togetherctl use gpu"],
    "togetherctl kubeconfig convert --revert": ["togetherctl kubeconfig convert --all"],
}
# A session is no help, or in the way.
WITHOUT_SESSION = ("togetherctl init", "togetherctl login", "togetherctl config", "togetherctl issuer add")


@pytest.mark.parametrize(("words", "example"), EXAMPLES, ids=[example.partition("  #")[0] for _, example in EXAMPLES])
def test_an_example_works(
    words: str,
    example: str,
    world: World,
    cli_in: CliIn,
    browser: ScriptedBrowser,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(line: str) -> None:
        program = PLUGIN if words == PLUGIN else "togetherctl"
        cli = cli_in(program=program, clock=clock, sleep=clock.sleep, open_browser=browser)
        monkeypatch.setattr(sys, "stdin", io.StringIO("made-up-secret\n"))
        typed = shlex.split(line.replace("\\\n", ""))
        command = HELP[max((known for known in HELP if f"{line} ".startswith(f"{known} ")), key=len)]
        done = cli(*answered(command, typed[1:]))
        assert done.code == 0, done.stderr

    line = world.translate(example.partition("  # ")[0])
    first = next((lines for start, lines in BEFORE.items() if line.startswith(start)), [])
    if not line.startswith(WITHOUT_SESSION) and words != PLUGIN:
        cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)("login", "acme")
    for before in first:
        run(before)
    if set(line) & set('|>$"'):
        in_a_shell(line, world)
    else:
        run(line)


def answered(command: click.Command, words: list[str]) -> list[str]:
    """The words with what a person would do at the terminal, which is not there: agree; and a port that is free."""
    yes = any("--yes" in parameter.opts for parameter in command.params)
    flags = any(word.startswith("--oidc-issuer-url") for word in words)
    return [*words, *(["--yes"] if yes else []), *(["--listen-address=127.0.0.1:0"] if flags else [])]


def in_a_shell(line: str, world: World) -> None:
    """In the shell that the line is for."""
    name = next((shell for shell in ("zsh", "fish") if f"completion {shell}" in line), "bash")
    start = {"zsh": "autoload -Uz compinit; compinit -u -D; ", "bash": "set -eo pipefail; "}.get(name, "")
    bare = {"zsh": ["-f"], "bash": ["--norc", "--noprofile"], "fish": ["--no-config"]}[name]
    done = subprocess.run(
        [need(name), *bare, "-c", start + line],
        env=world.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "togetherctl:" not in done.stderr
