"""Kubeconfigs as they come: in UTF-16, in a Secret, as base64, with users of several kinds."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kubelogin.test_convert import written
from togetherctl.config.config import Config

if TYPE_CHECKING:
    from tests.conftest import Run

WORDS = ["get-token", "--oidc-issuer-url=https://id.acme.com", "--oidc-client-id=k8s"]
KUBELOGIN = json.dumps({"exec": {"command": "kubelogin", "args": WORDS}})
PROVIDER = json.dumps(
    {"auth-provider": {"name": "oidc", "config": {"idp-issuer-url": "https://id.acme.com", "client-id": "k8s"}}}
)
TEXT = written(east=KUBELOGIN)
ENCODED = b64encode(TEXT.encode()).decode()


def secret(key: str, value: str, field: str = "data") -> str:
    return (
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: acme-kubeconfig}}\n{field}:\n  {key}: {json.dumps(value)}\n"
    )


FORMS = {
    "UTF-16, little": ("\ufeff" + TEXT).encode("utf-16-le"),
    "UTF-16, big": ("\ufeff" + TEXT).encode("utf-16-be"),
    "UTF-8 with a byte order mark": TEXT.encode("utf-8-sig"),
    "base64": ENCODED.encode() + b"\n",
    "base64 in lines": "\n".join(ENCODED[at : at + 76] for at in range(0, len(ENCODED), 76)).encode(),
    "base64 in UTF-16": ("\ufeff" + ENCODED).encode("utf-16-le"),
    "a Secret of Cluster API": secret("value", ENCODED).encode(),
    "a Secret with text": secret("kubeconfig", TEXT, "stringData").encode(),
    "a Secret as JSON": json.dumps({"kind": "Secret", "data": {"other": "QQ==", "super-admin.conf": ENCODED}}).encode(),
}


def clusters(home: Path) -> list[str]:
    return list(Config.load(home / "tctl" / "config.toml", {"HOME": str(home)}).table.clusters)


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("how", ["file", "folder"])
def test_it_is_taken(data: bytes, how: str, home: Path, cli: Run) -> None:
    folder = home / "sent"
    folder.mkdir()
    (folder / "east.yaml").write_bytes(data)
    done = cli("profile", "import", str(folder if how == "folder" else folder / "east.yaml"), "--yes")
    assert done.code == 0, done.stderr
    assert clusters(home) == ["east"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (secret("password", "QQ==").encode(), "is a Secret of Kubernetes, and none of its keys holds a kubeconfig"),
        (
            b64encode(b"just words, and not a few of them at that, I think").strip(),
            "is not a kubeconfig: it holds only text",
        ),
        (b"\xff\xfe\x00\xd8", "is neither UTF-8 text nor UTF-16 with a byte order mark"),
        (b"a: \xe9\n", "is neither UTF-8 text nor UTF-16 with a byte order mark"),
    ],
)
def test_what_holds_none_is_said(data: bytes, said: str, home: Path, cli: Run) -> None:
    path = home / "sent.yaml"
    path.write_bytes(data)
    done = cli("profile", "import", str(path), "--yes")
    assert (done.code in (2, 7), said in done.stderr) == (True, True), done.stderr


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_changed_in_utf_16(encoding: str, home: Path, cli: Run, acme: Path) -> None:
    """kubectl reads both, as PowerShell's `>` makes them."""
    assert acme.exists()
    config = home / ".kube" / "config"
    config.parent.mkdir()
    before = ("\ufeff" + written(mine='{"token": "x"}').replace("\n", "\r\n")).encode(encoding)
    config.write_bytes(before)
    assert cli("kubeconfig", "write", "--portable").code == 0
    text = config.read_bytes().decode(encoding)
    assert text.startswith("\ufeffapiVersion: v1\r\n")
    assert "togetherctl:acme" in text
    assert text.count("\r\n") == text.count("\n")
    assert cli("kubeconfig", "remove", "--all", "--yes").code == 0
    assert config.read_bytes() == before


def test_converting_utf_16_and_back(home: Path, cli: Run) -> None:
    config = home / "config"
    before = ("\ufeff" + TEXT).encode("utf-16-le")
    config.write_bytes(before)
    assert cli("kubeconfig", "convert", "--portable", "--kubeconfig", str(config)).code == 0
    assert "togetherctl" in config.read_bytes().decode("utf-16")
    assert cli("kubeconfig", "convert", "--revert", "--kubeconfig", str(config)).code == 0
    assert config.read_bytes() == before


def test_converting_names_who_takes_the_others(home: Path, cli: Run) -> None:
    config = home / "config"
    config.write_text(written(east=KUBELOGIN, west=PROVIDER))
    done = cli("kubeconfig", "convert", "--all", "--portable", "--kubeconfig", str(config))
    said = f"user west logs in by auth-provider: oidc, which is no plugin's stanza and stays; togetherctl init {config}"
    assert (done.code, said in done.stderr) == (0, True), done.stderr
    alone = cli("kubeconfig", "convert", "--context", "west", "--kubeconfig", str(config))
    assert (alone.code, said in alone.stderr) == (1, True)
    taken = cli("profile", "import", str(config), "--yes", "--trust-host", "west.acme.com")
    assert taken.code == 0, taken.stderr
    assert sorted(clusters(home)) == ["east", "west"]


def test_what_needs_an_issuer_can_be_left_out(home: Path, cli: Run) -> None:
    config = home / "config"
    config.write_text(written(east=KUBELOGIN, west='{"token": "x"}', north='{"token": "y"}'))
    done = cli("profile", "import", str(config), "--yes")
    assert (done.code, "--issuer-url: the issuer for west, north" in done.stderr) == (2, True), done.stderr
    assert "--clusters east: instead of the issuer, which leaves west, north out" in done.stderr
    assert cli("profile", "import", str(config), "--yes", "--clusters", "east").code == 0
    assert clusters(home) == ["east"]


def test_duplicate_keys_and_a_second_document_are_read_as_kubectl_reads_them(home: Path, cli: Run) -> None:
    config = home / "config"
    config.write_text(TEXT.replace("kind: Config\n", "kind: Other\nkind: Config\n") + "---\nclusters: [\n")
    assert cli("profile", "import", str(config), "--yes").code == 0
    assert clusters(home) == ["east"]
