"""Adding by hand: the same look at the issuer, whoever asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from togetherctl.actions.adding import Wish, add, looked_at, tables_for
from togetherctl.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeWorld
    from tests.support.issuer import ScriptedIssuer

METADATA = "/.well-known/openid-configuration"


def test_another_address_of_an_issuer_that_is_there_makes_no_second_one(
    acme: Path, issuer: ScriptedIssuer, make_world: MakeWorld
) -> None:
    world = make_world()
    typed = tables_for(world, Wish("corp", f"{issuer.url}{METADATA}", "the-client"))
    assert ("issuer", "corp") in typed
    tables, report = looked_at(world, typed)
    assert report is not None
    assert list(tables) == [("profile", "corp")]
    add(world, tables)
    text = acme.read_text("utf-8")
    assert '[profiles.corp]\nissuer = "acme"' in text
    assert "[issuers.corp]" not in text


def test_the_look_goes_by_what_the_profile_will_want(home: Path, issuer: ScriptedIssuer, make_world: MakeWorld) -> None:
    issuer.metadata_changes["authorization_endpoint"] = None
    assert not (home / "tctl" / "config.toml").exists()
    world = make_world()

    def wrong(*settings: str) -> list[str]:
        wish = Wish("acme", issuer.url, "the-client", settings=settings)
        report = looked_at(world, tables_for(world, wish))[1]
        assert report is not None
        return [finding.about for finding in report.to_mend]

    assert wrong()
    assert not wrong("grant=client-credentials")


def test_the_name_that_was_typed_is_the_one_that_is_in_the_way(acme: Path, make_world: MakeWorld) -> None:
    before = acme.read_bytes()
    world = make_world()
    tables = tables_for(world, Wish("acme", "https://new.example", "the-client"))
    with pytest.raises(UsageError, match="there is a profile acme already"):
        add(world, looked_at(world, tables, offline=True)[0])
    assert acme.read_bytes() == before
