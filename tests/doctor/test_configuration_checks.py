"""The checks of the configuration: what is wrong in it, who can change it, and what nothing uses."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.findings import command, look, look_at, mend

if TYPE_CHECKING:
    from tests.conftest import MakeWorld

# A twin of acme: the same issuer, client and scopes, and so the same session.
TWIN = '\n[profiles.twin]\nissuer = "acme"\nclient_id = "the-client"\nredirect_uris = ["http://localhost:0"]\n'
LAB = '\n[issuers.lab]\nurl = "https://sso.lab.example"\n'


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# configuration-valid


def test_every_problem_of_a_configuration_is_a_finding(acme: Path, make_world: MakeWorld) -> None:
    assert look_at("configuration-valid", make_world()).status == "ok"
    acme.write_text(acme.read_text() + '\n[profiles.b]\nissuer = "nowhere"\nclient_id = "b"\nstorage = "disk"\n')
    found = look("configuration-valid", make_world())
    assert [one.status for one in found] == ["failed", "failed"]
    assert {one.exit_code for one in found} == {2}
    assert ("issuer" in found[0].message, "storage" in found[1].message) == (True, True)
    assert {command(one) for one in found} == {"togetherctl config edit"}


def test_a_file_that_it_names_and_that_is_gone_is_named(acme: Path, home: Path, make_world: MakeWorld) -> None:
    gone = home / "gone.pem"
    acme.write_text(f'{acme.read_text()}ca_file = "{gone}"\n')
    found = look_at("configuration-valid", make_world())
    assert (found.status, f"clusters.east.ca_file: {gone}" in found.message) == ("failed", True)
    assert found.remedy is not None
    assert found.remedy.text == "name one that can be read: togetherctl cluster set east ca_file=FILE"


# configuration-permissions


def test_a_configuration_of_your_own_is_in_order(acme: Path, make_world: MakeWorld) -> None:
    found = look_at("configuration-permissions", make_world())
    assert (found.status, found.subject) == ("ok", str(acme))


def test_a_configuration_that_is_not_there_is_in_order(make_world: MakeWorld) -> None:
    assert look_at("configuration-permissions", make_world()).status == "ok"


def test_a_configuration_that_others_can_write_is_closed(acme: Path, make_world: MakeWorld) -> None:
    acme.chmod(0o666)
    found = look_at("configuration-permissions", make_world())
    assert (found.status, command(found), found.exit_code) == ("failed", f"chmod 600 {acme}", 2)
    # One fact, one failure.
    assert look_at("configuration-valid", make_world()).status == "skipped"
    mend(found)
    assert mode_of(acme) == 0o600
    assert look_at("configuration-permissions", make_world()).status == "ok"


@pytest.mark.parametrize(("secret", "status"), [("", "ok"), ('proxy = "http://me:made-up@127.0.0.1:9"', "warning")])
def test_a_configuration_that_others_can_read_matters_if_it_holds_secrets(
    secret: str, status: str, acme: Path, make_world: MakeWorld
) -> None:
    acme.write_text(acme.read_text().replace("[profiles.acme]", f"{secret}\n[profiles.acme]"))
    acme.chmod(0o644)
    found = look_at("configuration-permissions", make_world())
    assert (found.status, "made-up" in found.message) == (status, False)
    if status == "warning":
        mend(found)
        assert mode_of(acme) == 0o600


def test_a_folder_of_ours_that_others_can_write_is_closed(acme: Path, make_world: MakeWorld) -> None:
    acme.parent.chmod(0o777)
    found = look_at("configuration-permissions", make_world())
    assert (found.status, found.subject) == ("warning", str(acme.parent))
    mend(found)
    # Who can look into it stays as it was: it may hold more than the configuration.
    assert mode_of(acme.parent) == 0o755


def test_what_a_link_leads_to_is_left_to_its_owner(acme: Path, home: Path, make_world: MakeWorld) -> None:
    team = home / "team"
    team.mkdir()
    shared = acme.rename(team / "config.toml")
    acme.symlink_to(shared)
    shared.chmod(0o666)
    team.chmod(0o2777)
    found = look("configuration-permissions", make_world())
    assert [(one.subject, one.mend) for one in found] == [(str(acme), None), (str(team), None)]
    assert (mode_of(shared), mode_of(team)) == (0o666, 0o2777)


def test_a_folder_that_is_not_ours_is_left_to_its_owner(acme: Path, home: Path, make_world: MakeWorld) -> None:
    elsewhere = home / "shared" / "config.toml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(acme.read_text())
    elsewhere.chmod(0o600)
    for folder, world in (
        (elsewhere.parent, make_world(TOGETHERCTL_CONFIG=str(elsewhere))),
        (home, make_world()),
    ):
        folder.chmod(0o777)
        found = look_at("configuration-permissions", world)
        assert (found.status, found.subject, found.mend) == ("warning", str(folder), None)
        assert command(found) == f"chmod go-w {folder}"
        folder.chmod(0o700)


def test_a_file_that_a_person_named_is_left_to_its_owner(acme: Path, home: Path, make_world: MakeWorld) -> None:
    """It may be a team's: closed to the group, none of them could read it."""
    shared = home / "shared" / "x.toml"
    shared.parent.mkdir()
    shared.write_text(acme.read_text().replace("client_id", 'client_secret = "made-up"\nclient_id'))
    for mode, helps in ((0o666, "go-w"), (0o640, "600")):
        shared.chmod(mode)
        found = look_at("configuration-permissions", make_world(TOGETHERCTL_CONFIG=str(shared)))
        assert (found.status != "ok", found.mend, mode_of(shared)) == (True, None, mode)
        assert command(found) == f"chmod {helps} {shared}"
    # Our own place, named.
    acme.chmod(0o666)
    found = look_at("configuration-permissions", make_world(TOGETHERCTL_CONFIG=str(acme)))
    assert mend(found) == f"let only you change {acme} (mode 0600)"


def test_a_folder_like_tmp_lets_others_replace_nothing(acme: Path, home: Path, make_world: MakeWorld) -> None:
    assert acme.exists()
    home.chmod(0o1777)
    assert look_at("configuration-permissions", make_world()).status == "ok"
    home.chmod(0o700)


# configuration-unused


def test_what_nothing_uses_is_named(acme: Path, make_world: MakeWorld) -> None:
    assert look_at("configuration-unused", make_world()).status == "ok"
    acme.write_text(acme.read_text() + LAB + TWIN)
    issuer, profile = look("configuration-unused", make_world())
    assert (issuer.status, issuer.subject, command(issuer)) == (
        "warning",
        "issuer lab",
        "togetherctl issuer remove lab",
    )
    assert (profile.status, profile.subject) == ("warning", "profile twin")
    assert "togetherctl cluster add NAME --profile twin" in str(profile.remedy)
    # Of the profiles, only those that are asked for.
    assert [one.subject for one in look("configuration-unused", make_world(), profiles=["acme"])] == ["issuer lab"]


# configuration-shared-session


def test_profiles_that_share_a_session_and_its_storage_are_named(acme: Path, make_world: MakeWorld) -> None:
    assert look_at("configuration-shared-session", make_world()).message == "no two profiles share a session"
    acme.write_text(acme.read_text() + TWIN)
    found = look_at("configuration-shared-session", make_world())
    assert (found.status, "acme, twin" in found.message) == ("ok", True)


def test_profiles_that_share_a_session_and_not_its_storage_fail(acme: Path, make_world: MakeWorld) -> None:
    acme.write_text(acme.read_text() + TWIN + 'storage = "keyring"\n')
    found = look_at("configuration-shared-session", make_world())
    assert (found.status, found.subject, found.exit_code) == ("failed", "profile twin", 2)
    assert "profile acme" in found.message


def test_a_text_that_is_no_toml_is_not_looked_through(acme: Path, make_world: MakeWorld) -> None:
    acme.write_text("[")
    assert look_at("configuration-shared-session", make_world()).status == "skipped"
    assert look_at("configuration-unused", make_world()).status == "skipped"
