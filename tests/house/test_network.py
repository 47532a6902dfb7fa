"""The page about the network names each file that sends or listens, and a day goes to no other host."""

from __future__ import annotations

import ast
import json
import re
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.cluster import ScriptedCluster
from tests.support.pages import typed_on

if TYPE_CHECKING:
    import trustme

    from tests.conftest import Run, WriteConfig
    from tests.support.issuer import ScriptedIssuer

SOURCES = ROOT / "togetherctl"
PAGE = ROOT / "docs" / "network.md"
# What sends: requests of our client, and the libraries below it.
REQUESTS = frozenset({"get", "post_form", "post_json"})
CONNECTS = frozenset({"create_connection", "getaddrinfo", "gethostbyname", "open_connection", "urlopen", "connect_ex"})
LIBRARIES = ("httpx2", "http.client", "urllib.request", "ftplib", "imaplib", "poplib", "smtplib", "xmlrpc", "requests")
# What listens.
LISTENS = frozenset({"accept", "bind", "start_server"})
SERVERS = ("http.server", "socketserver", "wsgiref")
# Each process notes where it connects, and what it looks up.
WATCH = """\
import json, os, sys
def see(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        note("connect", *arguments[1][:2])
    elif event == "socket.getaddrinfo":
        note("look up", arguments[0], arguments[1])
def note(*what):
    said = json.dumps([part.decode() if isinstance(part, bytes) else part for part in what])
    with open(os.environ["WATCHED"], "a") as file:
        file.write(said + "\\n")
sys.addaudithook(see)
"""


def does(path: Path, calls: frozenset[str], libraries: tuple[str, ...]) -> bool:
    """Whether a file calls one of these methods, or imports one of these libraries when it runs."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    modules = {module for node in nodes if (module := _imported(node)) is not None}
    # People accept, and keys are bound: only with sockets it means the network.
    meant = calls if modules & {"asyncio", "socket"} else calls - LISTENS
    return any(_calls(node, meant) for node in nodes) or any(
        f"{module}.".startswith(f"{name}.") for module in modules for name in libraries
    )


def _calls(node: ast.AST, names: frozenset[str]) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in names:
        return False
    # Everything has a `get`; only our client is called so.
    return node.func.attr not in REQUESTS or ast.unparse(node.func.value).endswith("http")


def _imported(node: ast.AST) -> str | None:
    if isinstance(node, ast.ImportFrom):
        return node.module
    return node.names[0].name if isinstance(node, ast.Import) else None


def found(calls: frozenset[str], libraries: tuple[str, ...]) -> set[str]:
    return {path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.py") if does(path, calls, libraries)}


def named(title: str) -> set[str]:
    """The files of ours that a part of the page names."""
    part = re.search(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert part is not None, title
    return {name for name in re.findall(r"`([a-z_/]+\.py)`", part[1]) if not name.startswith("tests/")}


def test_what_sends_is_on_the_page() -> None:
    # The listener looks up the address it is told to listen on.
    assert found(REQUESTS | CONNECTS, LIBRARIES) - {"auth/callback.py"} == named("Where that is in the code")


def test_what_listens_is_on_the_page() -> None:
    assert found(LISTENS, SERVERS) == named("What listens")


@pytest.fixture
def cluster(authority: trustme.CA) -> Iterator[ScriptedCluster]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedCluster(context) as running:
        yield running


@pytest.fixture
def watched(tmp_path: Path, environ: dict[str, str]) -> Path:
    """Where each process of ours notes its connections."""
    folder = tmp_path / "watch"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WATCH)
    notes = tmp_path / "connections"
    environ |= {"PYTHONPATH": f"{folder}:{ROOT}", "WATCHED": str(notes)}
    return notes


@pytest.fixture
def east(write_config: WriteConfig, issuer: ScriptedIssuer, cluster: ScriptedCluster, ca_file: Path) -> None:
    write_config(
        f'version = 1\n[issuers.acme]\nurl = "{issuer.url}"\n[profiles.acme]\nissuer = "acme"\n'
        f'client_id = "{issuer.client_id}"\nredirect_uris = ["http://localhost:0"]\n'
        f'[clusters.h100-east]\nprofile = "acme"\nserver = "{cluster.url}"\nca_file = "{ca_file}"\n'
    )


def connections(notes: Path) -> set[tuple[str, ...]]:
    return {tuple(map(str, json.loads(line))) for line in notes.read_text().splitlines()} if notes.exists() else set()


@pytest.mark.usefixtures("east")
def test_what_sends_nothing_sends_nothing(process: Run, watched: Path) -> None:
    lines = [typed.line.split() for typed in typed_on(PAGE)]
    assert process("kubeconfig", "write").code == 0
    for _, *words in lines:
        done = process(*words, *(["--yes"] if "write" in words else []))
        assert done.code in (0, 3), (words, done.stderr)
    assert connections(watched) == set()
    # It would be seen.
    assert process("issuer", "check", "acme").code == 0
    assert connections(watched) != set()


@pytest.mark.usefixtures("east")
def test_a_day_goes_to_the_issuer_and_the_cluster_alone(
    process: Run,
    environ: dict[str, str],
    issuer: ScriptedIssuer,
    cluster: ScriptedCluster,
    watched: Path,
    tmp_path: Path,
) -> None:
    visit = f"{sys.executable} -m tests.support.visit log-in {tmp_path / 'visits'} {{url}}"
    environ["TOGETHERCTL_BROWSER"] = visit.replace(sys.executable, f"env -u WATCHED PYTHONPATH={ROOT} {sys.executable}")
    for words in (
        "kubeconfig write --set-current",
        "login acme",
        "get-token --profile acme",
        "refresh acme",
        "status --check",
        "whoami",
        "doctor",
        "support",
        "logout acme",
    ):
        done = process(*words.split(), stdin="")
        assert done.code in (0, 2), (words, done.stderr)
    ports = {issuer.url.rpartition(":")[2], str(cluster.port)}
    assert {place[1:] for place in connections(watched) if place[0] == "connect"} == {
        ("127.0.0.1", port) for port in ports
    }
