"""Which kind of source a word names, and whether a file is a bundle or a kubeconfig."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bundles.conftest import BUNDLE
from tests.sources.test_kubeconfigs import CORPUS, PLATFORM
from togetherctl.errors import UsageError
from togetherctl.sources.recognise import is_bundle, recognise

if TYPE_CHECKING:
    from pathlib import Path


def test_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "together").write_text("a file of that name")
    (tmp_path / "clusters").mkdir()
    environ = {"HOME": str(tmp_path)}
    assert recognise("together", environ).kind == "together"
    assert recognise("./together", environ).kind == "file"
    assert recognise("~/together", environ).path == tmp_path / "together"
    assert recognise("clusters", environ).kind == "folder"
    assert recognise("https://acme.com/team.toml", environ).kind == "url"
    assert recognise("-", environ).kind == "stdin"
    with pytest.raises(UsageError, match="there is no file or folder team.yaml") as failed:
        recognise("team.yaml", environ)
    assert "a source is together, a kubeconfig" in (str(failed.value.remedy or ""))
    with pytest.raises(UsageError) as failed:
        recognise("Together", environ)
    assert str(failed.value.remedy) == "togetherctl init together"


def test_bundles_by_what_is_in_them() -> None:
    assert is_bundle(BUNDLE.encode())
    assert is_bundle(b"version = 1\n")
    assert is_bundle(b"[clusters.east]\nserver = broken\n"), "though it is no TOML"
    assert is_bundle(b'clusters.east.server = "https://east"\n')
    assert not is_bundle(PLATFORM.encode())
    assert not is_bundle(b"")
    assert not is_bundle(b"\xff\xfe")
    for path in CORPUS:
        assert not is_bundle(path.read_bytes()), path
