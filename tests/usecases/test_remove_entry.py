"""What goes with a profile, issuer or cluster, and that it is said before anybody is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kube.test_kubeconfig import THEIRS
from tests.support.keyrings import InMemory, locked
from togetherctl import keyring_secrets
from togetherctl.auth.engine import Policy
from togetherctl.config.client_secret import keyring_name

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run, UseKeyring
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer


@pytest.fixture
def config(acme: Path, home: Path, cli: Run) -> Path:
    assert acme.exists()
    path = home / ".kube" / "config"
    path.parent.mkdir()
    path.write_text(THEIRS)
    assert cli("kubeconfig", "write", "--no-shim", "--set-current", "east").code == 0
    return path


def test_all_that_goes_is_said_before_anybody_is_asked(
    acme: Path, config: Path, cli: Run, make_world: MakeWorld, browser: ScriptedBrowser, home: Path
) -> None:
    world = make_world(browser=browser)
    session, _ = world.engine.login(world.config.profile("acme"), Policy())
    before = acme.read_text(), config.read_text()
    used = cli("profile", "remove", "acme")
    assert used.failure == (2, "usage", "togetherctl profile remove acme --cascade")
    assert "togetherctl profile remove acme --cascade" in used.commands
    refused = cli("profile", "remove", "acme", "--cascade")
    assert refused.code == 2
    for line in (
        "cluster east goes too.",
        f"The session of {session.identity} goes too, and the issuer is not told; togetherctl logout acme would.",
        "From ~/.kube/config go: context east; cluster east; user togetherctl:acme.",
        "east is the current context; there will be none.",
    ):
        assert line in refused.stderr
    assert (acme.read_text(), config.read_text()) == before
    sessions = home / "tctl" / "state" / "sessions"
    assert list(sessions.glob("*.json"))

    done = cli("profile", "remove", "acme", "--cascade", "--yes")
    assert (done.code, "Removed profile acme." in done.stderr) == (0, True)
    assert not list(sessions.glob("*.json"))
    assert config.read_text() == THEIRS.replace("current-context: prod", "current-context: ''")
    assert "profiles" not in acme.read_text()
    assert "clusters" not in acme.read_text()
    assert cli("profile", "remove", "acme", "--cascade", "--yes").code == 2


def test_a_session_that_another_profile_shares_stays(
    acme: Path, cli: Run, make_world: MakeWorld, browser: ScriptedBrowser, home: Path
) -> None:
    text = acme.read_text()
    again = text[text.index("[profiles.acme]") : text.index("[clusters")].replace("profiles.acme", "profiles.again")
    acme.write_text(text + "\n" + again)
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    done = cli("profile", "remove", "again", "--yes")
    assert (done.code, "session" in done.stderr) == (0, False)
    assert len(list((home / "tctl" / "state" / "sessions").glob("*.json"))) == 1


def test_an_issuer_takes_profiles_and_clusters_along_if_told(acme: Path, config: Path, cli: Run) -> None:
    used = cli("issuer", "remove", "acme", "--yes")
    assert used.failure == (2, "usage", "togetherctl issuer remove acme --cascade")
    done = cli("issuer", "remove", "acme", "--cascade", "--yes")
    assert done.code == 0
    assert "profile acme goes too.\ncluster east goes too.\n" in done.stderr
    assert acme.read_text().strip() == "version = 1"
    assert "togetherctl" not in config.read_text()


def test_a_cluster_leaves_a_user_that_others_need(acme: Path, config: Path, cli: Run) -> None:
    acme.write_text(acme.read_text() + '\n[clusters.west]\nprofile = "acme"\nserver = "https://w"\n')
    cli("kubeconfig", "write", "west", "--no-shim")
    assert cli("cluster", "remove", "west", "--yes").code == 0
    assert "togetherctl:acme" in config.read_text()
    assert "west" not in config.read_text()
    before = config.read_text()
    assert cli("cluster", "remove", "east", "--yes", "--keep-kubeconfig").code == 0
    assert config.read_text() == before


def test_the_client_secret_in_the_keyring_goes_unless_another_profile_reads_it(
    acme: Path, cli: Run, issuer: ScriptedIssuer, use_keyring: UseKeyring, canary: Canary
) -> None:
    use_keyring(InMemory())
    secret = canary.watch("a client secret", "the-made-up-client-secret")
    name = keyring_name(issuer.url, issuer.client_id)
    keyring_secrets.write(name, secret)
    text = acme.read_text().replace("[clusters.east]", "client_secret = { keyring = true }\n\n[clusters.east]")
    again = text[text.index("[profiles.acme]") : text.index("[clusters")].replace("profiles.acme", "profiles.again")
    acme.write_text(text + "\n" + again)
    assert cli("profile", "remove", "again", "--yes").code == 0
    assert keyring_secrets.read(name) == secret
    done = cli("profile", "remove", "acme", "--cascade", "--yes")
    assert (done.code, "The client secret of profile acme in the keyring goes too." in done.stderr) == (0, True)
    assert keyring_secrets.read(name) is None


def test_a_keyring_that_refuses_is_said_and_stops_nothing(acme: Path, cli: Run, use_keyring: UseKeyring) -> None:
    text = acme.read_text().replace("[clusters.east]", "client_secret = { keyring = true }\n\n[clusters.east]")
    acme.write_text(text)
    use_keyring(locked())
    done = cli("profile", "remove", "acme", "--cascade", "--yes")
    assert (done.code, "is still in the keyring" in done.stderr) == (0, True)
    assert "profiles" not in acme.read_text()


def test_what_has_no_use_afterwards_is_named_with_its_command(acme: Path, cli: Run, tmp_path: Path) -> None:
    secret = tmp_path / "a secret"
    secret.write_text("made-up")
    assert cli("profile", "set", "acme", f'client_secret={{ file = "{secret}" }}').code == 0
    text = acme.read_text()
    again = text[text.index("[profiles.acme]") : text.index("[clusters")].replace("profiles.acme", "profiles.again")
    acme.write_text(text + "\n" + again)
    done = cli("profile", "remove", "again", "--yes")
    assert (done.code, done.stderr) == (0, "Removed profile again.\n"), "another profile uses both"
    done = cli("profile", "remove", "acme", "--cascade", "--yes")
    assert done.code == 0
    assert "note: No profile uses issuer acme any more." in done.stderr
    assert "togetherctl issuer remove acme" in done.commands
    assert f"rm '{secret}'" in done.commands
    assert secret.exists(), "it may be the person's own"
    assert cli("issuer", "remove", "acme", "--yes").code == 0


def test_an_issuer_that_goes_is_not_said_to_stay(acme: Path, cli: Run) -> None:
    done = cli("issuer", "remove", "acme", "--cascade", "--yes")
    assert (done.code, "any more" in done.stderr) == (0, False)
    assert "acme" not in acme.read_text()
