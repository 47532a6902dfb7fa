"""`kubeconfig convert`: clusters that are known, the question before it writes, and a whole way back."""

from __future__ import annotations

import base64
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kubelogin.test_convert import profiles_of, stanza, written
from tests.support.terminal import terminal
from togetherctl.config.config import Config
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    import trustme

    from tests.conftest import Run, WriteConfig
    from tests.support.canary import Canary

CONFIG = """version = 1
[issuers.work]
url = "https://id.acme.com"
[profiles.me]
issuer = "work"
client_id = "k8s"
scopes = ["openid"]
[clusters.gpu-east]
profile = "me"
server = "https://east.acme.com"
"""
TOGETHERCTL = [sys.executable, "-m", "togetherctl"]


def entries(environ: dict[str, str], home: Path) -> list[str]:
    table = Config.load(home / "tctl" / "config.toml", environ).table
    return [*table.issuers, *table.profiles, *table.clusters]


def test_a_cluster_of_the_configuration_is_known_under_another_name(
    kubeconfig: Path, cli: Run, write_config: WriteConfig
) -> None:
    """The same server and client, though the scopes differ: as `init` has it."""
    config = write_config(CONFIG)
    kubeconfig.write_text(written(east=stanza("--oidc-extra-scope=groups")))
    done = cli("kubeconfig", "convert", "--all")
    assert done.code == 0, done.stderr
    assert "context east is the same cluster as gpu-east\n" in done.stderr
    assert "user east is opened by profile me, whose scopes stay as you have them\n" in done.stderr
    assert config.read_text() == CONFIG
    assert profiles_of(kubeconfig) == {"east": "me"}
    [context] = load(kubeconfig.read_text())["contexts"]
    assert context["context"]["extensions"][0]["extension"] == {"cluster": "gpu-east", "profile": "me"}
    # Nothing was made, so nothing is left over.
    assert (
        cli("kubeconfig", "convert", "--revert").stderr.splitlines()[-1].startswith("The configuration stays as it is.")
    )


@pytest.mark.parametrize("differs", [{"client": "another"}, {"issuer": "https://other.acme.com"}])
def test_another_client_at_the_same_server_is_another_cluster(
    differs: dict[str, str], kubeconfig: Path, cli: Run, write_config: WriteConfig, environ: dict[str, str], home: Path
) -> None:
    write_config(CONFIG)
    kubeconfig.write_text(written(east=stanza(**differs)))
    done = cli("kubeconfig", "convert", "--all")
    assert "context east becomes cluster east\n" in done.stderr
    assert "gpu-east" in entries(environ, home)
    assert "east" in entries(environ, home)


def test_the_way_back_that_is_printed_works(folder: Path, cli: Run) -> None:
    other = folder / "an other file.yaml"
    other.write_text(written(east=stanza(), west=stanza(client="two")))
    before = other.read_bytes()
    done = cli("kubeconfig", "convert", "--all", "--kubeconfig", str(other))
    [line] = [line for line in done.stderr.splitlines() if line.endswith("  # goes back")]
    # Without the name, the one that is on record is offered.
    assert cli("kubeconfig", "convert", "--revert").commands == [line.strip().removesuffix("  # goes back")]
    assert other.read_bytes() != before
    assert cli(*shlex.split(line, comments=True)[1:]).code == 0
    assert other.read_bytes() == before


def test_what_a_conversion_made_can_be_taken_out(
    kubeconfig: Path, cli: Run, environ: dict[str, str], home: Path, write_config: WriteConfig
) -> None:
    write_config(CONFIG)
    kubeconfig.write_text(written(west=stanza(), south=stanza(issuer="https://id.other.com")))
    assert cli("kubeconfig", "convert", "--all").code == 0
    assert entries(environ, home) == ["work", "other", "me", "other", "gpu-east", "west", "south"]
    reverted = cli("kubeconfig", "convert", "--revert")
    assert reverted.code == 0
    assert "what the conversion made: issuer other, cluster west, with all that uses it" in reverted.stderr
    assert entries(environ, home) == ["work", "other", "me", "other", "gpu-east", "west", "south"]
    lines = [line.strip() for line in reverted.stderr.splitlines() if line.startswith("  togetherctl ")]
    assert lines == ["togetherctl issuer remove other --cascade", "togetherctl cluster remove west"]
    for line in lines:
        assert cli(*shlex.split(line)[1:], "--yes").code == 0
    assert entries(environ, home) == ["work", "me", "gpu-east"]
    assert set(profiles_of(kubeconfig)) == set(), "the kubeconfig is as it was"


def test_it_is_taken_out_at_once_with_yes(kubeconfig: Path, cli: Run, environ: dict[str, str], home: Path) -> None:
    kubeconfig.write_text(written(west=stanza()))
    assert cli("kubeconfig", "convert", "--all", "--yes").code == 0
    done = cli("kubeconfig", "convert", "--revert", "--yes")
    assert done.code == 0, done.stderr
    assert "Removed issuer acme." in done.stderr
    assert entries(environ, home) == []
    assert "kubelogin" in kubeconfig.read_text()
    assert cli("kubeconfig", "write").code == 2, "there is nothing to write"


def test_a_secret_that_was_moved_into_a_file_is_said_to_stay(
    kubeconfig: Path, folder: Path, cli: Run, canary: Canary
) -> None:
    secret = canary.watch("a client secret", "made-up-client-secret")
    kubeconfig.write_text(written(west=stanza(f"--oidc-client-secret={secret}")))
    assert cli("kubeconfig", "convert", "--secret", f"file:{folder / 'client'}").code == 0
    done = cli("kubeconfig", "convert", "--revert", "--yes")
    assert f"The client secret that was moved to {folder / 'client'} stays there" in done.stderr
    assert (folder / "client").exists()


def test_what_is_used_otherwise_stays(folder: Path, cli: Run, environ: dict[str, str], home: Path) -> None:
    one, two = folder / "one", folder / "two"
    one.write_text(written(west=stanza()))
    two.write_text(written(south=stanza()))
    for path in (one, two):
        assert cli("kubeconfig", "convert", "--kubeconfig", str(path)).code == 0
    assert cli("cluster", "add", "mine", "--profile", "acme", "--server", "https://mine.acme.com").code == 0
    first = cli("kubeconfig", "convert", "--revert", "--yes", "--kubeconfig", str(one))
    assert first.code == 0, first.stderr
    assert "acme" in entries(environ, home)
    assert "south" in entries(environ, home)
    second = cli("kubeconfig", "convert", "--revert", "--yes", "--kubeconfig", str(two))
    assert "Removed cluster south." in second.stderr
    assert {"acme", "mine"} <= set(entries(environ, home))


def test_a_dry_run_shows_both_differences_alike(
    kubeconfig: Path, cli: Run, write_config: WriteConfig, authority: trustme.CA
) -> None:
    write_config(CONFIG)
    pem = base64.b64encode(authority.cert_pem.bytes()).decode()
    text = written(west=stanza()).replace(
        "server: https://west", f"certificate-authority-data: {pem}, server: https://west"
    )
    kubeconfig.write_text(text)
    done = cli("kubeconfig", "convert", "--all", "--dry-run")
    parts = done.stdout.split("--- ")[1:]
    assert len(parts) == 2
    assert all("\n@@ " in part and "\n " in part for part in parts)
    assert "+[clusters.west]" in parts[0]
    assert "(1 certificate, SHA-256 " in done.stdout
    assert pem not in done.stdout
    assert kubeconfig.read_text() == text


def test_a_person_agrees_before_it_is_converted_and_before_it_is_taken_out(
    kubeconfig: Path, environ: dict[str, str], folder: Path, home: Path
) -> None:
    kubeconfig.write_text(written(west=stanza()))
    before = kubeconfig.read_bytes()
    words = [*TOGETHERCTL, "kubeconfig", "convert"]
    with terminal(words, environ, folder, columns=120) as opened:
        screen = opened.until("Convert this?")
        assert "user west: kubelogin becomes profile acme" in screen
        opened.paste("n")
        opened.until("ended with 1")
    assert kubeconfig.read_bytes() == before
    assert not (home / "tctl" / "config.toml").exists()
    with terminal(words, environ, folder, columns=120) as opened:
        opened.until("Convert this?")
        opened.press("Enter")
        assert opened.until("ended with 0").count("becomes profile acme") == 1
    with terminal([*words, "--revert"], environ, folder, columns=120) as opened:
        opened.until("Take it out of the configuration?")
        assert kubeconfig.read_bytes() == before
        opened.press("Enter")
        opened.until("ended with 0")
    assert entries(environ, home) == ["acme", "acme", "west"]
