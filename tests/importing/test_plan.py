"""What taking offers means for a configuration:

what is new, what follows its source, and what stays as the person made it.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from togetherctl.config.toml_text import TomlText
from togetherctl.config.validation import validate
from togetherctl.importing.cluster_offer import Offer, Skipped
from togetherctl.importing.merge import ImportChange
from togetherctl.importing.plan import plan_offers
from togetherctl.importing.secret_place import SecretPlace

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from togetherctl.config.models import ConfigTable
    from togetherctl.importing.merge import ImportPlan

ISSUER = "https://acme.okta.com/oauth2/default"
CA, OTHER_CA = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCgo="
FIRST, SECOND = (f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n" for body in ("MIIBone", "MIIBtwo"))
PEMS = FIRST + SECOND


def offer(name: str, *, server: str | None = None, source: str = "/home/me/team.yaml", **keys: Any) -> Offer:
    """A cluster of one client, as a kubeconfig offers it; `keys` are more of the cluster."""
    return Offer(
        name,
        {"url": ISSUER},
        {"client_id": "k8s", "scopes": ["openid", "email"]},
        {"server": server or f"https://{name}.acme.com:6443", "context": name, **keys},
        source=source,
    )


def without_login(one: Offer) -> Offer:
    return replace(one, issuer=None, profile=None)


class Taker:
    """A configuration that takes offers, as one run after the other would."""

    def __init__(self) -> None:
        self.text = TomlText("version = 1\n")
        self.given: dict[str, Any] = {}

    @property
    def table(self) -> ConfigTable:
        table, problems = validate(self.text.data)
        assert table is not None, problems
        return table

    def look(self, *offers: Offer, **more: Any) -> ImportPlan:
        return plan_offers(self.table, offers, folder=Path("/home/me"), environ={}, given=self.given, **more)

    def take(self, *offers: Offer, **more: Any) -> ImportPlan:
        done = self.look(*offers, **more)
        done.apply(self.text)
        self.given |= done.given
        assert self.look(*offers, **more).changes_nothing, "again, it brings nothing"
        return done

    def set(self, *key: str, value: object) -> None:
        self.text.set(key, value)


@pytest.fixture
def taker() -> Taker:
    return Taker()


def test_an_empty_config(taker: Taker) -> None:
    done = taker.take(offer("east"), offer("west"))
    assert taker.text.data == {
        "version": 1,
        "issuers": {"acme": {"url": ISSUER}},
        "profiles": {"acme": {"issuer": "acme", "client_id": "k8s", "scopes": ["openid", "email"]}},
        "clusters": {
            "east": {"profile": "acme", "server": "https://east.acme.com:6443"},
            "west": {"profile": "acme", "server": "https://west.acme.com:6443"},
        },
    }
    assert (done.clusters, done.profiles, list(done.lines())) == (["east", "west"], ["acme"], [])


def test_again_with_more(taker: Taker) -> None:
    taker.take(offer("east"))
    done = taker.take(offer("east"), offer("west"))
    assert list(done.added) == [("cluster", "west")]
    assert done.clusters == ["east", "west"], "all of them go into the kubeconfig"


def test_what_a_person_edits_stays(taker: Taker) -> None:
    taker.take(offer("east"), offer("west"))
    taker.set("clusters", "east", "namespace", value="training")
    taker.set("clusters", "east", "context", value="e")
    taker.set("profiles", "acme", "storage", value="keyring")
    taker.text.rename(("clusters", "west"), "rheinland")
    done = taker.take(offer("east"), offer("west"))
    assert done.changes_nothing
    assert done.clusters == ["east", "rheinland"]
    assert list(done.lines()) == ["west is the same cluster as rheinland"]


def test_a_server_that_moved_is_followed(taker: Taker) -> None:
    taker.take(offer("east", ca_data=CA))
    moved = offer("east", server="https://192.0.2.7:6443", ca_data=OTHER_CA)
    done = taker.take(moved)
    assert list(done.lines()) == [
        'cluster east: server: "https://east.acme.com:6443" -> "https://192.0.2.7:6443"',
        f"cluster east: ca_data: {CA} -> {OTHER_CA}",
    ]
    assert taker.text.data["clusters"] == {
        "east": {"profile": "acme", "server": "https://192.0.2.7:6443", "ca_data": OTHER_CA}
    }


@pytest.mark.parametrize("keys", [{"ca_data": CA}, {}], ids=["its own authority", "a public one"])
def test_a_server_that_a_person_edited_is_not(taker: Taker, keys: dict[str, str]) -> None:
    taker.take(offer("east", **keys))
    taker.set("clusters", "east", "server", value="https://tunnel.acme.com:6443")
    done = taker.take(offer("east", server="https://192.0.2.7:6443", **keys))
    assert done.changes_nothing
    [said] = done.lines()
    assert said == (
        'cluster east: server keeps your value "https://tunnel.acme.com:6443"; the source has "https://192.0.2.7:6443"'
    )
    assert done.clusters == ["east"]


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        (None, "QQ" * 100, "ca_data stays not set, as you have it; the source has certificates"),
        ("Qg" * 100, "QQ" * 100, "ca_data keeps your certificates; the source has certificates"),
        ("Qg" * 100, None, "ca_data keeps your certificates; the source does not set it"),
        ("mine.pem", "QQ" * 100, "ca_data keeps your value mine.pem; the source has certificates"),
    ],
)
def test_what_stays_is_said_plainly(mine: str | None, theirs: str | None, said: str) -> None:
    kept = ImportChange(("cluster", "east"), "ca_data", mine, theirs).kept
    assert kept == f"cluster east: {said}"


def test_two_clusters_of_one_name_from_two_files(taker: Taker) -> None:
    """They are told apart by what they are, so neither takes the other's place."""
    taker.take(offer("admin", server="https://dev.acme.com", ca_data=CA, source="/a.yaml"))
    done = taker.take(offer("admin", server="https://prod.acme.com", ca_data=OTHER_CA, source="/b.yaml"))
    assert taker.text.data["clusters"] == {
        "admin": {"profile": "acme", "server": "https://dev.acme.com", "ca_data": CA},
        "acme-admin": {"profile": "acme", "server": "https://prod.acme.com", "ca_data": OTHER_CA},
    }
    assert list(done.lines()) == ["admin is called acme-admin here, because the name admin is taken"]


@pytest.mark.parametrize("there", [False, True], ids=["both are new", "one is there"])
@pytest.mark.parametrize("turned", [False, True])
def test_two_clusters_of_one_name_and_authority_at_once(taker: Taker, *, there: bool, turned: bool) -> None:
    """One authority may vouch for several API servers, so two that are offered together are two."""
    dev = offer("admin", server="https://dev.acme.com", ca_data=CA, source="/a.yaml")
    prod = offer("admin", server="https://prod.acme.com", ca_data=CA, source="/b.yaml")
    if there:
        taker.take(dev)
    done = taker.take(*((prod, dev) if turned else (dev, prod)))
    assert {table["server"] for table in taker.text.data["clusters"].values()} == {
        "https://dev.acme.com",
        "https://prod.acme.com",
    }
    assert set(taker.text.data["clusters"]) == {"admin", "acme-admin"}
    assert (done.changes, done.kept) == ([], [])
    assert "admin is called acme-admin here, because the name admin is taken" in list(done.lines())


def test_two_clusters_of_one_name_and_authority_move(taker: Taker) -> None:
    dev = offer("admin", server="https://dev.acme.com", ca_data=CA, source="/a.yaml")
    taker.take(dev, offer("admin", server="https://prod.acme.com", ca_data=CA, source="/b.yaml"))
    taker.take(dev, offer("admin", server="https://prod-2.acme.com", ca_data=CA, source="/b.yaml"))
    assert {name: table["server"] for name, table in taker.text.data["clusters"].items()} == {
        "admin": "https://dev.acme.com",
        "acme-admin": "https://prod-2.acme.com",
    }


def test_contexts_keep_their_names_where_they_can(taker: Taker) -> None:
    east, west = "https://east.acme.com", "https://west.acme.com"
    taker.take(offer("me@east", server=east), offer("größe/2", server=west))
    assert taker.text.data["clusters"]["me@east"] == {"profile": "acme", "server": east}
    assert taker.text.data["clusters"]["gr-e-2"]["context"] == "größe/2"


def test_a_context_that_somebody_else_wrote(taker: Taker) -> None:
    done = taker.take(offer("east"), foreign_contexts={"east"})
    assert taker.text.data["clusters"]["east"]["context"] == "acme-east"
    assert list(done.lines()) == ["east gets the context acme-east, because your kubeconfig has another east"]


def test_scopes_that_a_person_edited(taker: Taker) -> None:
    taker.take(offer("east"))
    taker.set("profiles", "acme", "scopes", value=["openid", "groups"])
    done = taker.take(offer("west"), offer("east"))
    assert list(done.added) == [("cluster", "west")]
    said = "is opened by profile acme, whose scopes stay as you have them"
    assert list(done.lines()) == [f"west {said}", f"east {said}"]


def test_a_profile_that_asks_for_more_will_do(taker: Taker) -> None:
    taker.take(offer("east"))
    taker.set("profiles", "acme", "scopes", value=["openid", "email", "groups"])
    assert list(taker.take(offer("west")).added) == [("cluster", "west")]
    taker.set("profiles", "acme", "scopes", value=["openid"])
    assert list(taker.take(offer("north")).added) == [("profile", "north"), ("cluster", "north")]


def test_another_client_is_another_profile(taker: Taker) -> None:
    other = replace(offer("west"), profile={"client_id": "other"})
    done = taker.take(offer("east"), other)
    assert taker.text.data["profiles"]["west"] == {"issuer": "acme", "client_id": "other"}
    assert list(done.lines()) == ["west gets a profile called west, because the name acme is taken"]
    assert list(taker.text.data["issuers"]) == ["acme"]


def test_two_clients_of_one_server(taker: Taker) -> None:
    admin = replace(offer("admin", server="https://east.acme.com:6443"), profile={"client_id": "admins"})
    taker.take(offer("east"), admin)
    assert {name: table["profile"] for name, table in taker.text.data["clusters"].items()} == {
        "east": "acme",
        "admin": "admin",
    }


def test_the_way_to_an_issuer_is_the_persons(taker: Taker) -> None:
    taker.take(offer("east"))
    taker.set("issuers", "acme", "ca_file", value="acme.pem")
    assert list(taker.take(offer("west")).added) == [("cluster", "west")]
    done = taker.take(replace(offer("north"), issuer={"url": ISSUER, "ca_data": CA}))
    assert [entry[0] for entry in done.added] == ["issuer", "profile", "cluster"], "trust is not widened by a source"


def test_contexts_that_differ_in_their_namespace(taker: Taker) -> None:
    taker.take(
        offer("dev", server="https://one.acme.com", namespace="dev"),
        offer("prod", server="https://one.acme.com", namespace="prod"),
        offer("again", server="https://one.acme.com", namespace="prod"),
    )
    assert list(taker.text.data["clusters"]) == ["dev", "prod"]


def test_a_cluster_is_known_by_its_id(taker: Taker) -> None:
    first = offer("east", source="", together_cluster_id="c-1")
    taker.take(first)
    taker.text.rename(("clusters", "east"), "mine")
    taker.take(offer("renamed", server="https://192.0.2.9:6443", source="", together_cluster_id="c-1"))
    assert taker.text.data["clusters"]["mine"]["server"] == "https://192.0.2.9:6443"
    taker.take(offer("renamed", server="https://192.0.2.9:6443", source="", together_cluster_id="c-2"))
    assert list(taker.text.data["clusters"]) == ["mine", "renamed"]


def test_what_another_source_knows_besides(taker: Taker) -> None:
    taker.take(offer("east"))
    taker.take(offer("east", source="", together_cluster_id="c-1", username_claim="email"))
    assert taker.text.data["clusters"]["east"] == {
        "profile": "acme",
        "server": "https://east.acme.com:6443",
        "username_claim": "email",
        "together_cluster_id": "c-1",
    }


def test_a_cluster_that_a_person_gave_another_profile(taker: Taker) -> None:
    taker.take(offer("east", source="", together_cluster_id="c-1"))
    taker.set("profiles", "own", value={"issuer": "acme", "client_id": "own"})
    taker.set("clusters", "east", "profile", value="own")
    done = taker.take(offer("east", source="", together_cluster_id="c-1"))
    assert done.changes_nothing
    assert done.profiles == ["own"]
    assert list(done.lines()) == ["east stays with profile own, as you have it"]


def test_nobody_said_how_to_log_in(taker: Taker) -> None:
    static = without_login(offer("east", server="https://east.acme.com:6443"))
    done = taker.look(static)
    assert (done.without_login, done.changes_nothing) == (["east"], True)
    taker.take(offer("east"))
    assert taker.look(static).clusters == ["east"]
    assert taker.look(static).without_login == []


def test_one_says_how_to_log_in_to_the_same_cluster(taker: Taker) -> None:
    done = taker.take(without_login(offer("admin", server="https://east.acme.com:6443")), offer("east"))
    assert (done.clusters, done.without_login) == (["east"], [])


def test_a_profile_that_somebody_named(taker: Taker) -> None:
    taker.take(offer("east"))
    static = replace(without_login(offer("west")), opened_by="acme")
    taker.take(static)
    assert taker.text.data["clusters"]["west"]["profile"] == "acme"


def test_a_cluster_that_cannot_be_had_brings_nothing(taker: Taker) -> None:
    done = taker.take(offer("east", server="http://east.acme.com"))
    assert done.changes_nothing
    [passed] = done.skipped
    assert passed.name == "east"
    assert passed.reason.startswith("its server: must begin with https://")


def test_a_client_secret_is_nowhere_to_be_seen(taker: Taker, canary: Canary) -> None:
    secret = canary.watch("a client secret", "made-up-client-secret")
    done = taker.look(replace(offer("east"), secret=secret))
    [moved] = done.secrets
    assert (moved.value, moved.profile) == (secret, "acme")
    canary.saw("the plan", f"{done!r} {list(done.lines())} {offer('east')!r}")
    placed = taker.take(replace(offer("east"), secret=secret), place=lambda _moved: SecretPlace("env", "ACME_SECRET"))
    assert taker.text.data["profiles"]["acme"]["client_secret"] == {"env": "ACME_SECRET"}
    canary.saw("the placed plan", repr(placed))
    assert taker.look(replace(offer("east"), secret=secret)).secrets == [], "it was put somewhere already"


def test_two_secrets_of_one_client(taker: Taker, canary: Canary) -> None:
    one, two = canary.watch("a client secret", "made-up-secret-1"), canary.watch("a client secret", "made-up-secret-2")
    other = replace(offer("west"), secret=two, profile={"client_id": "k8s", "scopes": ["openid", "groups"]})
    done = taker.look(replace(offer("east"), secret=one), other)
    assert done.skipped == [
        Skipped("west", "it has another client secret than the one before it that became profile acme")
    ]
    assert done.clusters == ["east"]


@pytest.mark.parametrize("first", ["ca_file", "ca_data"])
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize(
    "written", [PEMS, f"# ours\n{PEMS}", PEMS.replace("\n", "\r\n"), SECOND + FIRST], ids=["", "words", "crlf", "order"]
)
def test_an_issuer_is_one_however_its_certificates_are_kept(
    taker: Taker, tmp_path: Path, first: str, *, at_once: bool, written: str
) -> None:
    (tmp_path / "ca.pem").write_bytes(written.encode())
    ways = {"ca_file": str(tmp_path / "ca.pem"), "ca_data": b64encode(PEMS.encode()).decode()}
    second = next(way for way in ways if way != first)
    east = replace(offer("east"), issuer={"url": ISSUER, first: ways[first]})
    west = replace(offer("west"), issuer={"url": ISSUER, second: ways[second]})
    if at_once:
        taker.take(east, west)
    else:
        taker.take(east)
        taker.take(west)
    assert taker.text.data["issuers"] == {"acme": {"url": ISSUER, first: ways[first]}}
    assert list(taker.text.data["profiles"]) == ["acme"]
    assert list(taker.text.data["clusters"]) == ["east", "west"]


def test_an_issuer_with_other_certificates_is_another(taker: Taker, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(FIRST)
    taker.take(replace(offer("east"), issuer={"url": ISSUER, "ca_file": str(tmp_path / "ca.pem")}))
    taker.take(replace(offer("west"), issuer={"url": ISSUER, "ca_data": b64encode(PEMS.encode()).decode()}))
    assert len(taker.text.data["issuers"]) == 2
