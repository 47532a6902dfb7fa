"""An issuer and a client with which no login can work: told before anything is written, at a terminal and without."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.issuer import Reply, ScriptedIssuer
from tests.support.terminal import Terminal, terminal

if TYPE_CHECKING:
    from tests.conftest import Run

Open = Callable[..., Terminal]


@pytest.fixture
def keyless(issuer: ScriptedIssuer) -> ScriptedIssuer:
    """An issuer whose ID tokens can be checked with none of its keys."""
    issuer.always["/keys"] = Reply(200, {"keys": []})
    return issuer


@pytest.fixture
def configuration(home: Path) -> Path:
    return home / "tctl" / "config.toml"


@pytest.fixture
def at_a_terminal(environ: dict[str, str], home: Path, tmp_path: Path) -> Iterator[Open]:
    changes = {"PYTHONPATH": str(ROOT), "KUBECONFIG": str(home / "kubeconfig"), "TERM": "xterm-256color"}
    variables = {**environ, **changes, "LC_ALL": "C.UTF-8"}
    variables.pop("COLUMNS", None)
    with ExitStack() as stack:
        yield lambda *words: stack.enter_context(
            terminal([sys.executable, "-m", "togetherctl", *words], variables, tmp_path)
        )


@pytest.mark.parametrize(
    "words",
    [
        ("profile", "add", "lab", "--client-id", "kubernetes", "--issuer"),
        ("issuer", "add", "lab", "--url"),
    ],
    ids=["profile add", "issuer add"],
)
def test_adding_at_a_terminal(
    words: tuple[str, ...], at_a_terminal: Open, keyless: ScriptedIssuer, configuration: Path
) -> None:
    window = at_a_terminal(*words, keyless.url)
    screen = window.until("Add it all the same? (y/N)")
    assert "warning: none of its keys can check an ID token" in " ".join(screen.split())
    assert not configuration.exists()
    window.press("Enter")
    assert "Nothing was changed." in window.until("ended with 1")
    assert not configuration.exists()


def test_adding_without_a_terminal(cli: Run, keyless: ScriptedIssuer, configuration: Path) -> None:
    """A script goes on as it did before there was this look, and is told."""
    words = ["profile", "add", "lab", "--client-id", "kubernetes", "--issuer", keyless.url]

    done = cli(*words)
    assert done.code == 0, done.stderr
    assert "none of its keys can check an ID token" in done.stderr
    assert configuration.exists()


def test_init_by_hand(at_a_terminal: Open, keyless: ScriptedIssuer, configuration: Path) -> None:
    window = at_a_terminal("init", "--client-id", "kubernetes")
    window.until("The URL of the issuer for the cluster:")
    window.paste(keyless.url)
    screen = window.until("What now?")
    assert "It cannot be used as it is." in screen
    assert "It is there." not in screen
    assert " » Type another address" in screen
    assert "client ID" not in screen, "the client is not asked about yet"
    window.press("C-c")
    window.until("interrupted; nothing was written")
    assert not configuration.exists()
