"""Agreeing to hosts at a real terminal: each is named, and "no" to one changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.importing.bundles.conftest import BUNDLE, Publish, Took
from tests.support.terminal import terminal

NEWER = BUNDLE.replace("west.acme.com", "west.acme.org") + (
    '\n[clusters.north]\nprofile = "acme"\nserver = "https://north.acme.org"\n'
)


@pytest.mark.parametrize("last", ["y", "n"])
def test_each_host_is_asked_about(
    took: Took, publish: Publish, environ: dict[str, str], ca_file: Path, tmp_path: Path, last: str
) -> None:
    path = took(publish(NEWER))
    before = path.read_bytes()
    words = [sys.executable, "-m", "togetherctl", "profile", "update"]
    bare = {name: value for name, value in environ.items() if name != "COLUMNS"}
    bare |= {"SSL_CERT_FILE": str(ca_file), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    with terminal(words, bare, tmp_path, columns=120) as screen:
        screen.until("west.acme.org would get tokens of client 0oa1b2c3d4")
        screen.paste("y")
        screen.until("north.acme.org would get tokens")
        assert path.read_bytes() == before
        screen.paste(last)
        if last == "n":
            screen.until("north.acme.org was not agreed to; nothing was changed")
            screen.until("ended with 2")
            assert path.read_bytes() == before
            return
        screen.until("config.toml like that?")
        assert path.read_bytes() == before
        screen.paste("y")
        screen.until("togetherctl kubeconfig write west north")
        screen.until("ended with 0")
    assert b"north.acme.org" in path.read_bytes()
