"""What a source gave last is the base of the merge, for every source alike; nothing of an older record is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.importing.test_plan import CA, OTHER_CA, Taker, offer
from togetherctl.config.models import ClusterTable
from togetherctl.config.toml_text import TomlText
from togetherctl.importing import last_import
from togetherctl.importing.bundle import read
from togetherctl.importing.bundle_plan import plan_bundle

if TYPE_CHECKING:
    from togetherctl.importing.cluster_offer import Offer
    from togetherctl.importing.merge import ImportPlan

OLD, NEW, PROXY = "https://east.acme.com:6443", "https://192.0.2.7:6443", "http://proxy.acme.com:3128"
Source = Callable[[str], "ImportPlan"]


def from_offers(source: str, **keys: Any) -> tuple[TomlText, Source]:
    taker = Taker()
    taker.take(offer("east", server=OLD, source=source, **keys))

    def again(server: str) -> ImportPlan:
        return taker.take(offer("east", server=server, source=source, **keys))

    return taker.text, again


def from_kubeconfig() -> tuple[TomlText, Source]:
    return from_offers("/home/me/team.yaml")


def from_together() -> tuple[TomlText, Source]:
    return from_offers("", together_cluster_id="c-1")


def by_hand() -> tuple[TomlText, Source]:
    return from_offers("by hand")


def from_bundle() -> tuple[TomlText, Source]:
    text = TomlText("version = 1\n")
    before = None

    def take(server: str) -> ImportPlan:
        nonlocal before
        bundle = read(
            f'[issuers.acme]\nurl = "https://acme.okta.com"\n\n[profiles.acme]\nissuer = "acme"\nclient_id = "k8s"\n\n'
            f'[clusters.east]\nprofile = "acme"\nserver = "{server}"\n'.encode(),
            origin="team.toml",
        )
        plan = plan_bundle(text.data, before, bundle)
        plan.apply(text)
        before = bundle
        return plan

    take(OLD)
    return text, take


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(from_kubeconfig, id="kubeconfig"),
        pytest.param(from_together, id="Together AI"),
        pytest.param(from_bundle, id="bundle"),
        pytest.param(by_hand, id="by hand"),
    ],
)
def test_a_key_of_the_persons_does_not_hold_back_the_others(start: Callable[[], tuple[TomlText, Source]]) -> None:
    text, again = start()
    text.set(("clusters", "east", "proxy_url"), PROXY)
    plan = again(NEW)
    assert list(plan.lines()) == [f'cluster east: server: "{OLD}" -> "{NEW}"']
    assert text.data["clusters"]["east"]["server"] == NEW
    assert text.data["clusters"]["east"]["proxy_url"] == PROXY
    text.set(("clusters", "east", "server"), "https://tunnel.acme.com")
    repeated = again(NEW)
    assert repeated.changes_nothing
    stays = f'cluster east: server keeps your value "https://tunnel.acme.com"; the source has "{NEW}"'
    assert list(repeated.lines()) == ([] if start is from_bundle else [stays]), "an update of a bundle says news alone"
    plan = again(OLD)
    assert list(plan.lines()) == [
        f'cluster east: server keeps your value "https://tunnel.acme.com"; the source has "{OLD}"'
    ]
    assert text.data["clusters"]["east"]["proxy_url"] == PROXY


def test_a_cluster_that_was_renamed_and_edited_is_followed() -> None:
    taker = Taker()
    taker.take(offer("east", server=OLD))
    taker.text.rename(("clusters", "east"), "mine")
    taker.set("clusters", "mine", "proxy_url", value=PROXY)
    taker.take(offer("east", server=NEW))
    assert taker.text.data["clusters"] == {"mine": {"profile": "acme", "server": NEW, "proxy_url": PROXY}}


def by_digest(one: Offer) -> dict[str, Any]:
    """What an older togetherctl remembers of an offer."""
    return {
        last_import.key_of(one): last_import.digest(ClusterTable.model_validate({"profile": "", **(one.cluster or {})}))
    }


def test_a_digest_counts_as_it_did_until_the_next_import() -> None:
    first, moved = offer("east", server=OLD, ca_data=CA), offer("east", server=NEW, ca_data=OTHER_CA)
    untouched = Taker()
    untouched.take(first)
    untouched.given = by_digest(first)
    untouched.take(moved)
    assert untouched.text.data["clusters"]["east"]["server"] == NEW
    assert untouched.given[last_import.key_of(moved)]["server"] == NEW, "the table is kept from now on"
    edited = Taker()
    edited.take(first)
    edited.given = by_digest(first)
    edited.set("clusters", "east", "proxy_url", value=PROXY)
    assert edited.take(moved).touched("cluster") == ["east"], "a key that was added is not in the digest"
    assert edited.text.data["clusters"]["east"]["proxy_url"] == PROXY
    tunnelled = Taker()
    tunnelled.take(first)
    tunnelled.given = by_digest(first)
    tunnelled.set("clusters", "east", "server", value="https://tunnel.acme.com")
    for source in (moved, first, moved):
        assert "server" in {change.key for change in tunnelled.take(source).kept}


def test_the_record_of_an_older_togetherctl_is_read_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state" / "taken.json"
    path.parent.mkdir()
    old = {"/a.yaml east": "0" * 64, "/a.yaml west": "1" * 64}
    path.write_text(json.dumps({"version": 1, "clusters": old}), encoding="utf-8")
    assert last_import.recall(path) == old
    last_import.remember(path, {"/a.yaml east": {"server": OLD}})
    assert last_import.recall(path) == {**old, "/a.yaml east": {"server": OLD}}
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text('{"version": 3, "clusters": {"a": "b"}}', encoding="utf-8")
    assert last_import.recall(path) == {}


def test_what_may_be_secret_or_long_is_kept_as_a_digest() -> None:
    address, authority = "https://me:made-up-password@proxy.acme.com", "A" * 3000
    kept = last_import.recorded({"server": OLD, "proxy_url": address, "ca_data": authority, "ca_file": None})
    assert (kept["server"], set(kept)) == (OLD, {"server", "proxy_url", "ca_data"})
    assert "made-up-password" not in json.dumps(kept)
    assert len(json.dumps(kept)) < 300
    assert last_import.is_last(kept["proxy_url"], address)
    assert last_import.is_last(kept["ca_data"], authority)
    assert not last_import.is_last(kept["ca_data"], None)


def test_what_a_source_may_not_set_is_not_remembered_as_given() -> None:
    taker = Taker()
    one = offer("east", server=OLD)
    taker.take(replace(one, cluster={**(one.cluster or {}), "namespace": "training"}))
    assert taker.given == {"/home/me/team.yaml east": {"server": OLD}}
