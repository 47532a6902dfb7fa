"""What the pages tell people to type is typed: page by page, in a shell, at an issuer and an API server on loopback."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from joserfc.jwk import KeySet

from tests.conftest import ROOT
from tests.support.issuer import Asked, ScriptedIssuer
from tests.support.pages import PAGES, Typed, find_command, typed_on
from tests.support.programs import need
from togetherctl.demo.api_server import ApiServer
from togetherctl.demo.certificate import make_certificate

if TYPE_CHECKING:
    from tests.support.canary import Canary

pytestmark = pytest.mark.xdist_group("ports 8000 and 18000")

ISSUER, SERVER, CLIENT = "https://acme.okta.com/oauth2/default", "https://203.0.113.7:6443", "0oa1b2c3d4"
ROBOT_SECRET = "made-up-secret"
# What is typed and not run here, each with the reason.
NOT_RUN = {
    "make ": "builds and tests in a clone; tests/real/release builds a release twice, and installs it",
    "chmod +x togetherctl.pyz": "the single file; tests/real/release downloads it and types these lines",
    "./togetherctl.pyz": "the single file, as above",
    "curl -fLO RELEASES/": "downloads a release, as above",
    "sha256sum --check": "needs the files of a release; tests/real/release checks the sums",
    "install -D -m 755": "the single file, as above",
    "rm ~/.local/bin/togetherctl": "takes away the single file, as above",
    "rm -r ~/.local/share/togetherctl-venv": "takes away what pip alone installed",
    "sudo apt": "installs the Debian package; tests/real/release does",
    "togetherctl version --check": "needs a togetherctl built with an address of releases; tests/real/release has one",
    "pipx ": "installs from an index; tests/demo installs the wheel",
    "uv ": "installs from an index; tests/demo installs the wheel",
    "python3 -m venv": "makes the folder that the next line installs into",
    "~/.local/share/togetherctl-venv/bin/pip": "installs from an index; tests/demo installs the wheel",
    "ln -s ~/.local/share/togetherctl-venv": "links what the line before installs",
    "togetherctl demo": "tests/demo runs it to its end, and until it is ended with --keep",
    "togetherctl ui": "the terminal interface has tests/tui",
    "togetherctl init together": "tests/together has its API",
    "togetherctl init https://": "needs a web server; tests/importing has one",
    "togetherctl agent start": "it would outlive the test; tests/agent starts agents",
    "docker run": "needs a daemon; tests/agent/far/test_containers.py mounts the same into namespaces",
    "podman run": "as docker run",
    "togetherctl init agent": "needs a socket of another machine; tests/agent/far has one",
    "togetherctl login acme --grant paste": "a person pastes; tests/auth/grants does",
    "togetherctl login --all": "shows an issuer that is gone; tests/commands/test_login_many.py has one",
    "togetherctl profile update --yes --trust-host north.acme.com": "the host is one of a bundle at a web server",
}
RUN_ELSEWHERE = {
    "agent-protocol.md": "tests/agent/test_commands.py starts the agent that answers",
    "agent.md": "tests/real/ssh/test_page.py has a server to log in to",
    "two-accounts.md": "tests/commands/test_accounts.py logs in with both accounts",
}
# What asks at a terminal gets its answer as the flag that stands for it.
ANSWERS = {"togetherctl init": f"--issuer-url {ISSUER} --client-id {CLIENT} --server {SERVER} --ca-file h100-east.pem"}
# How a line ends that shows a failure, and what it says then.
FAILS = {Typed("plugin.md", "kubectl get pods"): (1, "login required: there is no session")}
# Pages that begin with nothing; the others go on from a configuration with a session.
NEWCOMERS = ("README.md", "first-cluster.md", "onboarding.md", "standalone.md", "plugin.md")
CONFIGURED = [
    f"togetherctl profile add acme --issuer {ISSUER} --client-id {CLIENT}",
    f"togetherctl cluster add h100-east --profile acme --server {SERVER} --ca-file h100-east.pem",
    "togetherctl kubeconfig write --set-current",
    "togetherctl login acme",
]
# What a page has beyond that.
ALSO = {
    "several-clusters.md": [
        f"togetherctl cluster add {name} --profile acme --server {SERVER} --ca-file h100-east.pem"
        for name in ("gpu-east", "gpu-west")
    ]
}
START_AGAIN = "rm -rf ~/.config/togetherctl ~/.local/state/togetherctl ~/.cache/togetherctl ~/.kube/config"
# What a page takes for granted before a line, because it is about one thing after another.
BEFORE = {
    Typed("bundles.md", "togetherctl profile update"): ["togetherctl profile import ~/bundles/team.toml"],
    Typed("converting.md", "togetherctl kubeconfig convert --all --dry-run"): [
        "cp ~/Downloads/oidc.yaml ~/.kube/config"
    ],
    Typed("converting.md", "togetherctl kubeconfig convert --revert --kubeconfig ~/lab.yaml"): [
        "cp ~/Downloads/oidc.yaml ~/lab.yaml",
        "togetherctl kubeconfig convert --all --kubeconfig ~/lab.yaml",
    ],
    Typed("first-cluster.md", f"togetherctl issuer check {ISSUER}"): [START_AGAIN],
    Typed("managing.md", "togetherctl cluster remove h100-east"): [START_AGAIN, *CONFIGURED],
    Typed("managing.md", "togetherctl kubeconfig remove h100-east"): [START_AGAIN, *CONFIGURED],
    Typed("plugin.md", "kubectl get pods"): ["cp ~/Downloads/oidc.yaml ~/.kube/config"],
    Typed("standalone.md", "kubectl together-login"): ["cp ~/Downloads/provider.yaml ~/.kube/config"],
}
# Where no person is, as in CI.
ALONE = ("plugin.md",)
# What is about tokens in a kubeconfig; everywhere else they have no business there.
TOKENS_IN_KUBECONFIG = ("standalone.md",)
# Names that a page leaves open.
NAMES = {"NAME": "acme"}


class Issuer(ScriptedIssuer):
    """It knows two clients: that of people, and `ci-robot`, which has a secret."""

    def _is_the_client(self, asked: Asked) -> bool:
        robot = f"ci-robot:{ROBOT_SECRET}"
        return (
            super()._is_the_client(asked)
            or asked.headers.get("authorization") == f"Basic {base64.b64encode(robot.encode()).decode()}"
        )


@dataclass
class World:
    """A person's home, and what the addresses of the pages stand for."""

    home: Path
    environ: dict[str, str]
    real: dict[str, str]
    canary: Canary

    def type(self, line: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run a line in the shell of a person who stands in `~/work`."""
        line = answered(line)
        for shown, there in self.real.items():
            line = line.replace(shown, there)
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            env={**self.environ, **changes},
            cwd=self.home / "work",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if "get-token" not in line:
            self.canary.saw(line, done.stdout + done.stderr)
        return done


@pytest.fixture
def world(home: Path, environ: dict[str, str], tmp_path: Path, canary: Canary) -> Iterator[World]:
    certificate = make_certificate(tmp_path)
    with Issuer(clock=time.time, canary=canary) as issuer:
        issuer.client_id = CLIENT
        # As in the pages: groups of the person, and device codes that come at once.
        issuer.claims["groups"] = ["gpu-users"]
        issuer.device_changes = {"interval": 0}
        server = ApiServer(
            issuer=issuer.url,
            client_id=CLIENT,
            keys=lambda refetch: dict(KeySet([issuer.key]).as_dict(private=False)),  # noqa: ARG005 # they never change
            certificate=certificate,
        )
        with server.running():
            yield furnish(home, environ, issuer, server, certificate[0], canary)


def furnish(
    home: Path, environ: dict[str, str], issuer: ScriptedIssuer, server: ApiServer, ca_file: Path, canary: Canary
) -> World:
    for name in ("work", "Downloads", "bundles", "bin", ".kube"):
        (home / name).mkdir()
    certificate = ca_file.read_bytes()
    (home / "work" / "h100-east.pem").write_bytes(certificate)
    authority = base64.b64encode(certificate).decode()
    flags = [f"--oidc-issuer-url={issuer.url}", f"--oidc-client-id={CLIENT}"]
    call = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable", "command": "kubectl"}
    plugin = {"exec": {**call, "args": ["together-login", "get-token", *flags]}}
    provider = {"auth-provider": {"name": "oidc", "config": {"idp-issuer-url": issuer.url, "client-id": CLIENT}}}
    for path, user in (
        (home / "Downloads" / "oidc.yaml", plugin),
        (home / "work" / "oidc.yaml", plugin),
        (home / "Downloads" / "provider.yaml", provider),
    ):
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "h100-east",
            "clusters": [
                {"name": "h100-east", "cluster": {"server": server.url, "certificate-authority-data": authority}}
            ],
            "users": [{"name": "me", "user": user}],
            "contexts": [{"name": "h100-east", "context": {"cluster": "h100-east", "user": "me"}}],
        }
        path.write_text(json.dumps(kubeconfig), encoding="utf-8")
    (home / "bundles" / "team.toml").write_text(
        f'version = 1\n[issuers.north]\nurl = "{issuer.url}"\n[profiles.north]\nissuer = "north"\n'
        f'client_id = "{CLIENT}"\n'
        f'[clusters.north]\nprofile = "north"\nserver = "{server.url}"\nca_data = "{authority}"\n',
        encoding="utf-8",
    )
    k9s = home / "bin" / "k9s"
    k9s.write_text("#!/bin/sh\nexec kubectl get pods\n", encoding="utf-8")
    k9s.chmod(0o700)
    visit = [sys.executable, "-m", "tests.support.visit", "log-in", str(home / "visits"), "{url}"]
    return World(
        home,
        {
            **{name: value for name, value in environ.items() if not name.startswith("TOGETHERCTL_")},
            "PATH": f"{Path(sys.executable).parent}:{home / 'bin'}:{environ['PATH']}",
            "SHELL": "/bin/sh",
            "PYTHONPATH": str(ROOT),
            "PYTHON_KEYRING_BACKEND": "tests.support.keyrings.InAFile",
            "TOGETHERCTL_BROWSER": shlex.join(visit),
            "ROBOT_SECRET": ROBOT_SECRET,
        },
        {ISSUER: issuer.url, SERVER: server.url},
        canary,
    )


def reason_not_to_run(line: str) -> str | None:
    """Why a line is not run, where that is so."""
    return next((reason for start, reason in NOT_RUN.items() if line.startswith(start)), None)


def answered(line: str) -> str:
    """The line with the answers that a person would give at the terminal, which is not there."""
    line = f"{line} {ANSWERS[line]}" if line in ANSWERS else line
    for shown, name in NAMES.items():
        line = " ".join(name if word == shown else word for word in line.split(" "))
    command, rest = line, ""
    for mark in (" | ", " > "):
        before, found, after = command.partition(mark)
        command, rest = before, (found + after + rest if found else rest)
    if command.startswith("togetherctl ") and "&&" not in command:
        asks, words = find_command(command)
        if any("--yes" in parameter.opts for parameter in asks.params) and not {"--yes", "-y"} & set(words):
            command += " --yes"
    return command + rest


TYPED = {page: typed_on(page) for page in PAGES if page.name not in RUN_ELSEWHERE}


@pytest.mark.parametrize("page", [page for page in TYPED if TYPED[page]], ids=lambda page: page.name)
def test_what_a_page_tells_people_to_type_works(page: Path, world: World) -> None:
    need("kubectl")
    changes = {"CI": "1"} if page.name in ALONE else {}
    for line in [] if page.name in NEWCOMERS else [*CONFIGURED, *ALSO.get(page.name, ())]:
        works(world, line)
    for typed in TYPED[page]:
        if reason_not_to_run(typed.line) is None:
            for line in BEFORE.get(typed, ()):
                works(world, line)
            works(world, typed.line, FAILS.get(typed, (0, "")), **changes)
    if page.name in TOKENS_IN_KUBECONFIG:
        (world.home / ".kube" / "config").unlink()


def works(world: World, line: str, ending: tuple[int, str] = (0, ""), **changes: str) -> None:
    if "| jq" in line:
        need("jq")
    code, says = ending
    done = world.type(line, **changes)
    assert done.returncode == code, (line, done.stdout, done.stderr)
    assert says in done.stderr, line
    assert "Traceback" not in done.stderr, line


def test_every_exception_is_still_on_a_page() -> None:
    lines = [typed for page in TYPED for typed in TYPED[page]]
    assert [start for start in NOT_RUN if not any(typed.line.startswith(start) for typed in lines)] == []
    assert [start for start in ANSWERS if not any(typed.line == start for typed in lines)] == []
    assert [typed for typed in (*FAILS, *BEFORE) if typed not in lines] == []
