"""Where bundles come from: a file, standard input, or an https address that gets nothing of anybody's."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import pytest

from tests.bundles.conftest import BUNDLE, Publish
from tests.support.issuer import Reply
from togetherctl.errors import ConfigError, Refused, Unreachable, Untrusted, UsageError
from togetherctl.sources.bundle_place import copy_of, drop_copy, name_for, remember, shown, take
from togetherctl.store.models import StoreTable
from togetherctl.store.store import Store
from togetherctl.store.toml_text import TomlText

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run
    from tests.support.issuer import ScriptedIssuer


def test_a_file_is_named_absolutely(team_file: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(team_file.parent)
    taken = take("team.toml", environ)
    assert (taken.source, taken.text) == (str(team_file), BUNDLE.encode())
    assert taken.sha256 == hashlib.sha256(BUNDLE.encode()).hexdigest()
    assert not taken.is_remote


def test_a_file_that_is_none_is_said(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"none.toml cannot be read: No such file"):
        take(str(tmp_path / "none.toml"), environ)
    with pytest.raises(UsageError, match="Is a directory"):
        take(str(tmp_path), environ)
    (tmp_path / "big").write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    with pytest.raises(UsageError, match="Larger than 4096 KiB"):
        take(str(tmp_path / "big"), environ)


def test_standard_input_can_be_read_once(environ: dict[str, str]) -> None:
    taken = take("-", environ, stdin=lambda: io.BytesIO(BUNDLE.encode()))
    assert (taken.source, taken.origin, taken.text) == ("-", "standard input", BUNDLE.encode())
    with pytest.raises(UsageError, match="cannot be asked again"):
        take("-", environ)
    with pytest.raises(ConfigError, match="larger than 4096 KiB"):
        take("-", environ, stdin=lambda: io.BytesIO(b"x" * (4 * 1024 * 1024 + 1)))


def test_an_address_gets_no_credentials(publish: Publish, tls_issuer: ScriptedIssuer, environ: dict[str, str]) -> None:
    lines: list[str] = []
    url = publish()
    taken = take(f"{url}?key=of-the-address", environ, log=lines.append)
    assert taken.text == BUNDLE.encode()
    assert taken.is_remote
    assert taken.origin == url
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
    with pytest.raises(UsageError, match="begins with https://") as refused:
        take(url, environ)
    assert "password@" not in refused.value.sentence()


def test_an_address_that_cannot_be_asked_is_said_without_its_key(environ: dict[str, str]) -> None:
    with pytest.raises(Refused, match="is not a URL that can be asked") as refused:
        take("https://acme..com/team.toml?sig=XYZZY", environ)
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
    table = Store.load(acme, {}).table.bundles["team"]
    assert (table.source, "XYZZY" in repr(table)) == (source, False)


def test_nor_does_a_redirect_lead_elsewhere(
    publish: Publish, tls_issuer: ScriptedIssuer, issuer: ScriptedIssuer, environ: dict[str, str]
) -> None:
    url = publish(b"", status=302, Location=f"{issuer.url}/team.toml")
    with pytest.raises(Untrusted, match="which is not https"):
        take(url, environ)
    assert not issuer.asked
    tls_issuer.always["/moved.toml"] = Reply(200, BUNDLE.encode())
    assert take(publish(b"", status=302, Location="/moved.toml"), environ).text == BUNDLE.encode()


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
        take(publish(status=status), environ)


def test_a_bundle_has_a_size(publish: Publish, environ: dict[str, str]) -> None:
    with pytest.raises(Untrusted, match="larger than 4096 KiB"):
        take(publish(b"x" * (4 * 1024 * 1024 + 1)), environ)


def test_a_certificate_nobody_vouches_for_is_refused(tls_issuer: ScriptedIssuer, environ: dict[str, str]) -> None:
    tls_issuer.always["/team.toml"] = Reply(200, BUNDLE.encode())
    with pytest.raises(Unreachable, match="cannot be verified") as refused:
        take(f"{tls_issuer.url}/team.toml", environ)
    assert str(refused.value.remedy) == "name its certificate authority with SSL_CERT_FILE"


def test_a_bundle_has_a_name(environ: dict[str, str]) -> None:
    digest = "0" * 64
    store = StoreTable.model_validate(
        {
            "bundles": {
                "team": {"source": "https://a/team.toml", "sha256": digest},
                "x": {"source": "-", "sha256": digest},
            }
        }
    )
    assert name_for("https://a/team.toml", store) == "team"
    assert name_for("https://b/team.toml", store) == "team-2"
    assert name_for("/home/me/GPU team.toml", store) == "GPU-team"
    assert name_for("https://b/%2e%2e/x.toml?a=b", store) == "x-2"
    assert name_for("https://b", store) == "bundle"
    assert name_for("-", store) == "bundle"
    assert shown("-", environ) == "standard input"


def test_what_was_taken_is_kept(team_file: Path, environ: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "state" / "bundles"
    taken = take(str(team_file), environ)
    text = TomlText("version = 1\n")
    remember(text, "team", taken, folder)
    assert text.data["bundles"] == {"team": {"source": str(team_file), "sha256": taken.sha256}}
    (path,) = folder.iterdir()
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert copy_of(taken.sha256, folder) == BUNDLE.encode()
    assert copy_of("0" * 64, folder) is None
    drop_copy(taken.sha256, folder, StoreTable.model_validate(text.data))
    assert path.exists()
    path.write_text("another", encoding="utf-8")
    assert copy_of(taken.sha256, folder) is None
    drop_copy(taken.sha256, folder, StoreTable())
    drop_copy(taken.sha256, folder, StoreTable())
    assert not path.exists()
