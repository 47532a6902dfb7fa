"""Logins that a certified provider refuses, on a page of its own or not, and the commands that are named then."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.provider import CLIENT_ID, certified_provider
from tests.support.running import free_port

if TYPE_CHECKING:
    from tests.conftest import Done, Run


@pytest.fixture
def uri() -> str:
    """A redirect URI whose port no other test holds."""
    return f"http://localhost:{free_port()}"


@pytest.fixture
def issuer(uri: str) -> Iterator[str]:
    with certified_provider(lifetime=300, webUris=[uri], webScope="openid email") as url:
        yield url


@pytest.fixture
def last_page(tmp_path: Path, environ: dict[str, str]) -> Path:
    """The page on which the person's browser ends."""
    page = tmp_path / "page.html"
    environ["PYTHONPATH"] = str(ROOT)
    environ["TOGETHERCTL_BROWSER"] = shlex.join(
        [sys.executable, "-m", "tests.support.person", "me", "{url}", str(page)]
    )
    return page


def read_page(page: Path) -> str:
    """The page, which the browser of a busy machine may get after the login has ended."""
    ends = time.monotonic() + 60
    while not page.exists() and time.monotonic() < ends:
        time.sleep(0.1)
    return page.read_text()


def run_hint(done: Done, process: Run) -> Done:
    """Run the one command that was said to help."""
    [command] = done.commands
    return process(*shlex.split(command)[1:])


def add(process: Run, issuer: str, client_id: str, *settings: str) -> None:
    added = process("profile", "add", "acme", "--issuer", issuer, "--client-id", client_id)
    assert added.code == 0, added.stderr
    assert process("profile", "set", "acme", "login_timeout=10", *settings).code == 0


@pytest.mark.parametrize(
    ("client_id", "path"),
    [("nosuch", ""), (CLIENT_ID, "/elsewhere")],
    ids=["client", "redirect URI"],
)
def test_a_page_of_the_issuer_ends_in_what_must_be_registered(
    client_id: str, path: str, uri: str, issuer: str, process: Run, last_page: Path
) -> None:
    uri += path
    add(process, issuer, client_id, f"redirect_uris={uri}")
    done = process("login", "acme")
    # It is the provider's own, and it sends no browser back.
    assert "oops" in read_page(last_page).lower()
    assert (done.code, done.stdout) == (3, "")
    assert f"client {client_id} must be registered there with the redirect URI {uri}, to the letter" in done.stderr
    assert done.commands == [f"togetherctl issuer check {issuer_name(process)} --client-id {client_id}"]
    checked = run_hint(done, process)
    assert checked.code == 5
    assert "one of the two is not registered (HTTP 400)" in " ".join(checked.stdout.split())


def issuer_name(process: Run) -> str:
    return process("issuer", "list", "-o", "name").stdout.strip()


@pytest.mark.usefixtures("last_page")
def test_get_token_says_it_at_its_end_and_nowhere_else(uri: str, issuer: str, process: Run) -> None:
    add(process, issuer, "nosuch", f"redirect_uris={uri}")
    done = process("get-token", "--profile", "acme")
    assert (done.code, done.stdout) == (3, "")
    assert done.stderr.count(f"must be registered there with the redirect URI {uri}") == 1
    assert "has not come back yet" not in done.stderr


def test_a_scope_that_is_refused_is_left_out_by_the_command(
    uri: str, issuer: str, process: Run, last_page: Path
) -> None:
    add(
        process,
        issuer,
        "web",
        "scopes=email,groups",
        "offline_access=never",
        "login_timeout=45",
        f"redirect_uris={uri}",
    )
    done = process("login", "acme")
    assert done.code == 5, done.stderr
    assert "invalid_scope" in done.stderr
    assert "This client may not have the scope groups" in read_page(last_page)
    assert run_hint(done, process).code == 0
    again = process("login", "acme")
    assert (again.code, "Logged in as me@example.com" in again.stderr) == (0, True), again.stderr
