"""Adding by hand: the same look at the issuer, whoever asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.errors import UsageError
from togetherctl.usecases.add_entry import NewProfile, add_profile, look_at_issuer, tables_for

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.issuer import ScriptedIssuer

METADATA = "/.well-known/openid-configuration"


def test_another_address_of_an_issuer_that_is_there_makes_no_second_one(
    acme: Path, issuer: ScriptedIssuer, make_world: MakeWorld
) -> None:
    world = make_world()
    typed = tables_for(world, NewProfile("corp", f"{issuer.url}{METADATA}", "the-client"))
    assert ("issuer", "corp") in typed
    tables, report = look_at_issuer(world, typed)
    assert report is not None
    assert list(tables) == [("profile", "corp")]
    add_profile(world, tables)
    text = acme.read_text("utf-8")
    assert '[profiles.corp]\nissuer = "acme"' in text
    assert "[issuers.corp]" not in text


def test_the_look_goes_by_what_the_profile_will_want(home: Path, issuer: ScriptedIssuer, make_world: MakeWorld) -> None:
    issuer.metadata_changes["authorization_endpoint"] = None
    assert not (home / "tctl" / "config.toml").exists()
    world = make_world()

    def wrong(*settings: str) -> list[str]:
        wish = NewProfile("acme", issuer.url, "the-client", settings=settings)
        report = look_at_issuer(world, tables_for(world, wish))[1]
        assert report is not None
        return [finding.about for finding in report.to_mend]

    assert wrong()
    assert not wrong("grant=client-credentials")


def test_the_name_that_was_typed_is_the_one_that_is_in_the_way(acme: Path, make_world: MakeWorld) -> None:
    before = acme.read_bytes()
    world = make_world()
    tables = tables_for(world, NewProfile("acme", "https://new.example", "the-client"))
    with pytest.raises(UsageError, match="profile acme is there already"):
        add_profile(world, look_at_issuer(world, tables, offline=True)[0])
    assert acme.read_bytes() == before
