"""Which kind of source a word names, and whether a file is a bundle or a kubeconfig."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.importing.bundles.conftest import BUNDLE
from tests.importing.test_from_kubeconfig import CORPUS, PLATFORM
from togetherctl.errors import ConfigError, UsageError
from togetherctl.importing.fetch import is_bundle, read_source, recognise


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
    assert "a source is together, agent, a kubeconfig" in (str(failed.value.remedy or ""))
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


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [(PLATFORM.encode(), "kubeconfig"), (BUNDLE.encode(), "bundle")],
)
def test_what_is_too_large_is_called_what_it_is(tmp_path: Path, beginning: bytes, kind: str) -> None:
    path = tmp_path / "large"
    path.write_bytes(beginning + b"\n# " + b"x" * 4 * 1024 * 1024)
    for word, origin in ((str(path), str(path)), ("-", "standard input")):
        with path.open("rb") as stdin, pytest.raises(ConfigError) as failed:
            read_source(recognise(word, {}), {}, stdin=lambda stdin=stdin: stdin, log=lambda _line: None)  # type: ignore[misc] # bound at once
        assert failed.value.message == f"the {kind} {origin} is larger than 4096 KiB"


def test_what_cannot_be_read_is_not_called_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    with pytest.raises(UsageError, match=r"gone.yaml cannot be read: No such file") as failed:
        read_source(recognise(str(tmp_path / "gone.yaml"), {}), {}, log=lambda _line: None)
    assert "bundle" not in failed.value.message
