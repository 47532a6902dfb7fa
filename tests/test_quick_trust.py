"""A POST trusts what is cheap to read first: the folder of hashed certificates, then everything the system trusts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.connection_settings import Connection
from togetherctl.errors import Unreachable
from togetherctl.transport import HTTP

if TYPE_CHECKING:
    import ssl

    from tests.support.issuer import ScriptedIssuer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder of hashed certificates, and beside it a bundle; both trust nobody yet."""
    folder = tmp_path / "certs"
    folder.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    return folder


@pytest.fixture
def read_whole(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """Each time everything that is trusted was read."""
    reads: list[Connection] = []
    real = Connection.tls_context

    def tls_context(connection: Connection) -> ssl.SSLContext:
        reads.append(connection)
        return real(connection)

    monkeypatch.setattr(Connection, "tls_context", tls_context)
    return reads


def hash_into(folder: Path, certificate: Path) -> None:
    """As `openssl rehash` names it."""
    words = ["openssl", "x509", "-noout", "-hash", "-in", str(certificate)]
    name = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    (folder / f"{name}.0").write_bytes(certificate.read_bytes())


def ask_twice(issuer: ScriptedIssuer, connection: Connection | None = None) -> None:
    with HTTP(connection or Connection(), {}) as http:
        for _ in range(2):
            http.post_form(f"{issuer.url}/token", {"grant_type": "refresh_token"})


def test_a_hashed_certificate_is_enough(
    tls_issuer: ScriptedIssuer, ca_file: Path, folder: Path, read_whole: list[Connection]
) -> None:
    hash_into(folder, ca_file)
    ask_twice(tls_issuer)
    assert (tls_issuer.counts["/token"], read_whole) == (2, [])


def test_a_certificate_in_the_bundle_alone_is_trusted_after_a_second_look(
    tls_issuer: ScriptedIssuer, ca_file: Path, folder: Path, read_whole: list[Connection]
) -> None:
    (folder.parent / "bundle.pem").write_bytes(ca_file.read_bytes())
    ask_twice(tls_issuer)
    # Each was sent once, and what was read once stays.
    assert (tls_issuer.counts["/token"], len(read_whole)) == (2, 1)


def test_the_issuers_own_authority_needs_no_second_look(
    tls_issuer: ScriptedIssuer, ca_file: Path, folder: Path, read_whole: list[Connection]
) -> None:
    assert list(folder.iterdir()) == []
    ask_twice(tls_issuer, Connection(ca_files=(ca_file,)))
    assert (tls_issuer.counts["/token"], read_whole) == (2, [])


@pytest.mark.usefixtures("folder")
def test_what_nothing_vouches_for_is_refused_and_gets_nothing(
    tls_issuer: ScriptedIssuer, read_whole: list[Connection]
) -> None:
    with pytest.raises(Unreachable, match="cannot be verified"):
        ask_twice(tls_issuer)
    assert (tls_issuer.counts["/token"], len(read_whole)) == (0, 1)


def test_a_certificate_for_another_name_is_refused_by_both(
    tls_issuer: ScriptedIssuer, ca_file: Path, folder: Path, read_whole: list[Connection]
) -> None:
    hash_into(folder, ca_file)
    (folder.parent / "bundle.pem").write_bytes(ca_file.read_bytes())
    tls_issuer.url = tls_issuer.url.replace("localhost", "127.0.0.1")
    with pytest.raises(Unreachable, match="cannot be verified"):
        ask_twice(tls_issuer)
    assert (tls_issuer.counts["/token"], len(read_whole)) == (0, 1)


def test_a_folder_that_is_not_there_leaves_the_bundle(
    tls_issuer: ScriptedIssuer, ca_file: Path, folder: Path, read_whole: list[Connection]
) -> None:
    (folder.parent / "bundle.pem").write_bytes(ca_file.read_bytes())
    folder.rmdir()
    ask_twice(tls_issuer)
    assert (tls_issuer.counts["/token"], len(read_whole)) == (2, 1)
