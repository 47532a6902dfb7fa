"""`config validate`: everything that is wrong, in one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.errors import ExitCode

if TYPE_CHECKING:
    from tests.conftest import Run

COMMANDS = [[kind, "validate"] for kind in ("config", "profile", "issuer", "cluster")]


def test_a_sound_configuration_is_counted(acme: Path, cli: Run) -> None:
    done = cli("config", "validate")
    assert (done.code, done.stdout, done.stderr) == (0, "", f"{acme} is sound: 1 profile, 1 issuer, 1 cluster.\n")


def test_a_script_gets_the_counts_and_the_problems(acme: Path, home: Path, cli: Run) -> None:
    sound = json.loads(cli("config", "validate", "-o", "json").stdout)
    assert sound == {"version": 1, "item": {"path": str(acme), "profiles": 1, "issuers": 1, "clusters": 1}}
    assert json.loads(cli("profile", "validate", "-o", "json").stdout)["item"] == {"path": str(acme), "profiles": 1}
    assert cli("config", "validate", "-o", "name").stdout == f"{acme}\n"
    assert cli("cluster", "set", "east", f"ca_file={home / 'gone.pem'}").code == 0
    done = cli("config", "validate", "-o", "json")
    failure = json.loads(done.stdout)["error"]
    assert (done.code, failure["code"], failure["exit"]) == (2, "config", 2)
    assert failure["problems"] == [f"clusters.east.ca_file: {home / 'gone.pem'}: No such file or directory"]
    acme.unlink()
    assert json.loads(cli("config", "validate", "-o", "json").stdout)["item"]["clusters"] == 0


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_each_validate_finds_what_any_entry_names(words: list[str], acme: Path, cli: Run, ca_file: Path) -> None:
    gone, empty = acme.parent / "gone.pem", acme.parent / "empty.pem"
    empty.write_text("no certificate\n")
    for kind, name, setting in (
        ("profile", "acme", 'client_secret={ file = "secret" }'),
        ("issuer", "acme", "ca_file=gone.pem"),
        ("cluster", "east", "ca_file=empty.pem"),
    ):
        assert cli(kind, "set", name, setting).code == 0
    done = cli(*words)
    assert (done.code, done.stdout) == (ExitCode.USAGE, "")
    for problem in (
        f"profiles.acme.client_secret: {acme.parent}/secret: No such file or directory",
        f"issuers.acme.ca_file: {gone}: No such file or directory",
        f"clusters.east.ca_file: {empty}: it holds no PEM certificate",
    ):
        assert problem in done.stderr
    (acme.parent / "secret").write_text("s")
    for path in (gone, empty):
        path.write_bytes(ca_file.read_bytes())
    assert cli(*words).code == 0


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('issuer = "acme"', 'issuer = "other"', "profiles.acme.issuer"),
        ("version = 1", "version = ", "config.toml:1"),
        (
            "[clusters.east]",
            "[clusters.east]\ninsecure_skip_tls_verify = true\nca_file = {ca!r}",
            "kubectl refuses both",
        ),
        ("[clusters.east]", '[clusters.east]\nca_data = "bm8gY2VydGlmaWNhdGU="', "clusters.east.ca_data"),
    ],
)
def test_each_validate_reads_it_all(
    words: list[str], old: str, new: str, said: str, acme: Path, cli: Run, ca_file: Path
) -> None:
    text = acme.read_text()
    assert old in text
    acme.write_text(text.replace(old, new.format(ca=str(ca_file)), 1))
    done = cli(*words)
    assert (done.code, done.stdout) == (ExitCode.USAGE, "")
    assert said in done.stderr
