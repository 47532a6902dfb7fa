"""Where bundles come from: a file, standard input, or an https address that gets nothing of anybody's."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.importing.bundles.conftest import BUNDLE, Publish
from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.config.config import Config
from togetherctl.config.models import ConfigTable
from togetherctl.config.toml_text import TomlText
from togetherctl.errors import ConfigError, Refused, Unreachable, Untrusted, UsageError
from togetherctl.importing.fetch import fetch, shown
from togetherctl.importing.last_import import bundle_name, forget_bundle, recall_bundle, remember_bundle

if TYPE_CHECKING:
    from tests.conftest import Run


def test_a_file_is_named_absolutely(team_file: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(team_file.parent)
    fetched = fetch("team.toml", environ)
    assert (fetched.source, fetched.text) == (str(team_file), BUNDLE.encode())
    assert fetched.sha256 == hashlib.sha256(BUNDLE.encode()).hexdigest()
    assert not fetched.is_remote


def test_a_file_that_is_none_is_said(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"none.toml cannot be read: No such file"):
        fetch(str(tmp_path / "none.toml"), environ)
    with pytest.raises(UsageError, match="Is a directory"):
        fetch(str(tmp_path), environ)
    (tmp_path / "big").write_bytes(b"x" * (4 * 1024 * 1024 + 1))


def test_standard_input_can_be_read_once(environ: dict[str, str]) -> None:
    fetched = fetch("-", environ, stdin=lambda: io.BytesIO(BUNDLE.encode()))
    assert (fetched.source, fetched.origin, fetched.text) == ("-", "standard input", BUNDLE.encode())
    with pytest.raises(UsageError, match="cannot be asked again"):
        fetch("-", environ)
    with pytest.raises(ConfigError, match="larger than 4096 KiB"):
        fetch("-", environ, stdin=lambda: io.BytesIO(b"x" * (4 * 1024 * 1024 + 1)))


def test_an_address_gets_no_credentials(publish: Publish, tls_issuer: ScriptedIssuer, environ: dict[str, str]) -> None:
    lines: list[str] = []
    url = publish()
    fetched = fetch(f"{url}?key=of-the-address", environ, log=lines.append)
    assert fetched.text == BUNDLE.encode()
    assert fetched.is_remote
    assert fetched.origin == url
    assert "of-the-address" not in "".join(lines)
    (asked,) = tls_issuer.asked
    assert set(asked.headers) <= {"host", "accept", "accept-encoding", "connection", "user-agent"}


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/team.toml",
        "ftp://acme.com/team.toml",
        "file:///etc/passwd",
        "https://",
        "https://[::1/team.toml",
        "https://localhost:99999/team.toml",
        "https://me:password@localhost/team.toml",
    ],
)
def test_only_https_is_asked(url: str, environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="must begin with https://") as refused:
        fetch(url, environ)
    assert "password@" not in refused.value.sentence()


def test_an_address_that_cannot_be_asked_is_said_without_its_key(environ: dict[str, str]) -> None:
    with pytest.raises(Refused, match="is not a URL that can be asked") as refused:
        fetch("https://acme..com/team.toml?sig=XYZZY", environ)
    assert "XYZZY" not in refused.value.sentence()


def test_a_signed_address_is_kept_whole_and_shown_without_its_key(acme: Path, cli: Run) -> None:
    source = "https://acme.com/team.toml?sig=XYZZY"
    acme.write_text(f'{acme.read_text()}\n[bundles.team]\nsource = "{source}"\nsha256 = "{"0" * 64}"\n')
    for command in (("config", "show"), ("config", "show", "-o", "json")):
        done = cli(*command)
        assert (done.code, "https://acme.com/team.toml?(hidden)" in done.stdout) == (0, True), done
        assert "XYZZY" not in done.stdout
    assert cli("profile", "set", "acme", "margin=30").code == 0
    assert source in acme.read_text()
    table = Config.load(acme, {}).table.bundles["team"]
    assert (table.source, "XYZZY" in repr(table)) == (source, False)


def test_nor_does_a_redirect_lead_elsewhere(
    publish: Publish, tls_issuer: ScriptedIssuer, issuer: ScriptedIssuer, environ: dict[str, str]
) -> None:
    url = publish(b"", status=302, Location=f"{issuer.url}/team.toml")
    with pytest.raises(Untrusted, match="which is not https"):
        fetch(url, environ)
    assert not issuer.asked
    tls_issuer.always["/moved.toml"] = Reply(200, BUNDLE.encode())
    assert fetch(publish(b"", status=302, Location="/moved.toml"), environ).text == BUNDLE.encode()


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (404, Refused, "answered HTTP 404 instead of a bundle"),
        (401, Refused, "wants to know who asks.*sends no credentials"),
        (403, Refused, "wants to know who asks"),
        (503, Unreachable, "answered HTTP 503"),
    ],
)
def test_an_address_without_a_bundle_is_said(
    publish: Publish, environ: dict[str, str], status: int, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        fetch(publish(status=status), environ)


def test_a_bundle_has_a_size(publish: Publish, environ: dict[str, str]) -> None:
    with pytest.raises(Untrusted, match="larger than 4096 KiB"):
        fetch(publish(b"x" * (4 * 1024 * 1024 + 1)), environ)


def test_a_certificate_nobody_vouches_for_is_refused(tls_issuer: ScriptedIssuer, environ: dict[str, str]) -> None:
    tls_issuer.always["/team.toml"] = Reply(200, BUNDLE.encode())
    with pytest.raises(Unreachable, match="cannot be verified") as refused:
        fetch(f"{tls_issuer.url}/team.toml", environ)
    assert str(refused.value.remedy) == "name its certificate authority with SSL_CERT_FILE"


def test_a_bundle_has_a_name(environ: dict[str, str]) -> None:
    digest = "0" * 64
    config = ConfigTable.model_validate(
        {
            "bundles": {
                "team": {"source": "https://a/team.toml", "sha256": digest},
                "x": {"source": "-", "sha256": digest},
            }
        }
    )
    assert bundle_name("https://a/team.toml", config) == "team"
    assert bundle_name("https://b/team.toml", config) == "team-2"
    assert bundle_name("/home/me/GPU team.toml", config) == "GPU-team"
    assert bundle_name("https://b/%2e%2e/x.toml?a=b", config) == "x-2"
    assert bundle_name("https://b", config) == "bundle"
    assert bundle_name("-", config) == "bundle"
    assert shown("-", environ) == "standard input"


def test_what_was_taken_is_kept(team_file: Path, environ: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "state" / "bundles"
    fetched = fetch(str(team_file), environ)
    text = TomlText("version = 1\n")
    remember_bundle(text, "team", fetched, folder)
    assert text.data["bundles"] == {"team": {"source": str(team_file), "sha256": fetched.sha256}}
    (path,) = folder.iterdir()
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert recall_bundle(fetched.sha256, folder) == BUNDLE.encode()
    assert recall_bundle("0" * 64, folder) is None
    forget_bundle(fetched.sha256, folder, ConfigTable.model_validate(text.data))
    assert path.exists()
    path.write_text("another", encoding="utf-8")
    assert recall_bundle(fetched.sha256, folder) is None
    forget_bundle(fetched.sha256, folder, ConfigTable())
    forget_bundle(fetched.sha256, folder, ConfigTable())
    assert not path.exists()
