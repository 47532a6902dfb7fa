"""Taking a bundle into a configuration: what comes, under which names, and only to hosts that were agreed to."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.importing.bundles.conftest import BUNDLE, Publish, Took
from togetherctl.config.editing import edit_config
from togetherctl.errors import ConfigError, TogetherctlError, UsageError
from togetherctl.importing.fetch import fetch
from togetherctl.importing.trusted_hosts import agree
from togetherctl.usecases.import_clusters import carry_out, plan_of_bundle, plan_of_update

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run, WriteConfig
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.wiring import World

HOSTS = ("acme.okta.com", "east.acme.com", "west.acme.com")


def data(world: World) -> dict[str, Any]:
    return tomllib.loads(world.paths.config.read_text(encoding="utf-8"))


def test_an_empty_config_takes_all_of_it(make_world: MakeWorld, publish: Publish, cli: Run) -> None:
    world = make_world()
    url = publish()
    fetched = fetch(url, world.environ)
    newer = plan_of_bundle(world, fetched)
    assert not world.paths.config.exists()
    with pytest.raises(UsageError, match="these hosts are not agreed to yet"):
        agree(newer.plan.new_hosts, trusted=(), ask=None)
    agree(newer.plan.new_hosts, trusted=HOSTS, ask=None)
    carry_out(world, newer)
    assert data(world) == {
        **tomllib.loads(BUNDLE),
        "bundles": {"team": {"source": url, "sha256": fetched.sha256}},
    }
    assert newer.plan.clusters == ["east", "west"]
    assert cli("profile", "validate").code == 0
    assert f"Bundle team is as it was at {url}." in cli("profile", "update").stderr


def test_it_brings_what_the_chosen_clusters_need(make_world: MakeWorld, team_file: Path) -> None:
    lab = '\n[issuers.lab]\nurl = "https://lab.acme.com"\n\n[profiles.lab]\nissuer = "lab"\nclient_id = "kube"\n'
    team_file.write_text(BUNDLE + lab, encoding="utf-8")
    world = make_world()
    with pytest.raises(UsageError, match=r"team.toml has no cluster eas; did you mean east\?"):
        plan_of_bundle(world, fetch(str(team_file), world.environ), clusters=["eas"])
    carry_out(world, plan_of_bundle(world, fetch(str(team_file), world.environ), clusters=["east"]))
    write_config = data(world)
    assert (list(write_config["issuers"]), list(write_config["profiles"]), list(write_config["clusters"])) == (
        ["acme"],
        ["acme"],
        ["east"],
    )


def test_taking_it_again_brings_what_is_missing(make_world: MakeWorld, team_file: Path, cli: Run) -> None:
    world = make_world()
    carry_out(world, plan_of_bundle(world, fetch(str(team_file), world.environ), clusters=["east"]))
    assert cli("cluster", "set", "east", "namespace=mine").code == 0
    team_file.write_text(BUNDLE.replace("training", "serving"), encoding="utf-8")
    world = make_world()
    newer = plan_of_bundle(world, fetch(str(team_file), world.environ))
    assert list(newer.plan.difference()) == [
        "+ cluster west: https://west.acme.com:6443",
        '= cluster east: namespace keeps your value "mine"; the source has "serving"',
    ]
    carry_out(world, newer)
    assert list(data(world)["bundles"]) == ["team"]
    assert data(world)["clusters"]["east"]["namespace"] == "mine"
    assert len(list(world.paths.bundles.iterdir())) == 1


def test_a_config_with_a_login_keeps_it(
    make_world: MakeWorld, acme: Path, team_file: Path, issuer: ScriptedIssuer
) -> None:
    world = make_world()
    before = acme.read_text(encoding="utf-8")
    team_file.write_text(BUNDLE.replace("https://acme.okta.com/oauth2/default", issuer.url), encoding="utf-8")
    newer = plan_of_bundle(world, fetch(str(team_file), world.environ))
    assert (newer.plan.profiles, newer.plan.clusters) == (["acme-2"], ["east-2", "west"])
    assert newer.plan.added["profile", "acme-2"]["issuer"] == "acme"
    assert {stranger.host for stranger in newer.plan.new_hosts} == {"east.acme.com", "west.acme.com"}
    carry_out(world, newer)
    for line in before.splitlines():
        assert line in acme.read_text(encoding="utf-8")


def test_a_config_that_changed_meanwhile_is_left_alone(make_world: MakeWorld, team_file: Path) -> None:
    world = make_world()
    newer = plan_of_bundle(world, fetch(str(team_file), world.environ))
    with edit_config(world.paths) as text:
        text.set(("issuers", "acme"), {"url": "https://mine.example"})
    before = world.paths.config.read_bytes()
    with pytest.raises(TogetherctlError, match="has changed meanwhile"):
        carry_out(world, newer)
    assert world.paths.config.read_bytes() == before


def test_other_tokens_do_not_go_where_these_were_agreed_to(took: Took, make_world: MakeWorld, team_file: Path) -> None:
    took(str(team_file))
    team_file.write_text(BUNDLE.replace("https://east.", "https://far."), encoding="utf-8")
    world = make_world()
    newer = plan_of_update(world, "team")
    assert newer is not None
    assert [stranger.host for stranger in newer.plan.new_hosts] == ["far.acme.com"]
    with edit_config(world.paths) as text:
        text.set(("profiles", "mine"), {"issuer": "acme", "client_id": "mine"})
        text.set(("clusters", "east", "profile"), "mine")
    before = world.paths.config.read_bytes()
    with pytest.raises(TogetherctlError, match="has changed meanwhile"):
        carry_out(world, newer)
    assert world.paths.config.read_bytes() == before


def test_a_copy_that_cannot_be_kept_changes_nothing(make_world: MakeWorld, team_file: Path) -> None:
    world = make_world()
    world.paths.state.mkdir(parents=True)
    world.paths.bundles.write_text("not a folder", encoding="utf-8")
    newer = plan_of_bundle(world, fetch(str(team_file), world.environ))
    with pytest.raises(TogetherctlError, match="a copy of the bundle cannot be kept"):
        carry_out(world, newer)
    assert not world.paths.config.exists()


def test_a_config_that_is_wrong_is_said(
    make_world: MakeWorld, team_file: Path, write_config: WriteConfig, environ: dict[str, str]
) -> None:
    write_config("hook = 1\n")
    with pytest.raises(ConfigError, match="hook: not a known key"):
        plan_of_bundle(make_world(), fetch(str(team_file), environ))
