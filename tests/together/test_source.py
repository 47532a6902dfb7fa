"""Clusters of Together AI as a source: what is taken from where, and why the rest is not."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.issuer import Reply
from tests.support.together import CA_DATA, CLUSTERS, ISSUER_CA, WHOAMI, ScriptedTogether, oidc
from togetherctl.errors import Refused, Unreachable
from togetherctl.importing.from_together import from_together

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from tests.together.conftest import MakeAPI
    from togetherctl.importing.cluster_offer import Offer


@pytest.fixture
def take(make_api: MakeAPI, canary: Canary) -> Any:
    """What the source offers; its repr and reasons are looked through for secrets."""

    def take(project: str | None = None) -> Any:
        found = from_together(make_api(), project=project)
        canary.saw("what the source found", repr(found))
        canary.saw("what the source offers", repr([(offer.issuer, offer.profile) for offer in found.offers]))
        return found

    return take


def the_offer(found: Any) -> Offer:
    assert found.skipped == ()
    (offer,) = found.offers
    assert isinstance(offer.name, str)
    return offer  # type: ignore[no-any-return] # found is what `take` gives


def the_reason(found: Any) -> str:
    assert found.offers == ()
    (passed,) = found.skipped
    return str(passed.reason)


def test_a_cluster_is_offered_whole(take: Any, together: ScriptedTogether) -> None:
    cluster = together.add("H100 east")
    found = take()
    offer = the_offer(found)
    assert found.origin == "Together AI (research)"
    assert offer.name == "H100-east"
    assert offer.issuer == {
        "url": "https://acme.eu.auth0.com/",
        "ca_data": base64.b64encode(ISSUER_CA.encode()).decode(),
    }
    assert offer.profile == {"client_id": "the-client", "scopes": ["openid", "email"]}
    assert offer.cluster == {
        "server": "https://203.0.113.7:6443",
        "ca_data": CA_DATA,
        "username_claim": "email",
        "username_prefix": "oidc:",
        "groups_claim": "groups",
        "together_cluster_id": cluster["cluster_id"],
    }
    assert offer.notes == ()


@pytest.mark.parametrize("user", ["certificate", "token", "exec"])
def test_whoever_may_log_in_by_its_kubeconfig_is_dropped(take: Any, together: ScriptedTogether, user: str) -> None:
    together.add(kube_config=together.kube_config(user=user))
    assert set(the_offer(take()).cluster or {}) == {
        "server",
        "ca_data",
        "username_claim",
        "username_prefix",
        "groups_claim",
        "together_cluster_id",
    }


@pytest.mark.parametrize(
    ("claim", "scopes", "notes"),
    [
        ("email", ["openid", "email"], 0),
        ("preferred_username", ["openid", "profile"], 0),
        ("sub", ["openid"], 0),
        ("", ["openid"], 0),
        ("upn", ["openid", "email", "profile"], 1),
    ],
)
def test_scopes_go_by_the_claim(
    take: Any, together: ScriptedTogether, claim: str, scopes: list[str], notes: int
) -> None:
    together.add(oidc_config=oidc(username_claim=claim))
    offer = the_offer(take())
    assert (offer.profile or {})["scopes"] == scopes
    assert len(offer.notes) == notes


@pytest.mark.parametrize(
    "url", ["https://acme.okta.com/oauth2/default", "https://Acme.example/realms/GPU/", "https://x"]
)
def test_an_issuer_is_kept_byte_for_byte(take: Any, together: ScriptedTogether, url: str) -> None:
    together.add(oidc_config=oidc(issuer_url=url, ca_cert=None))
    assert the_offer(take()).issuer == {"url": url}


def test_the_way_to_the_server_is_kept(take: Any, together: ScriptedTogether) -> None:
    changes: dict[str, Any] = {
        "certificate-authority-data": None,
        "tls-server-name": "cp-1.internal",
        "proxy-url": "http://proxy.example:3128",
        "insecure-skip-tls-verify": True,
    }
    together.add(kube_config=together.kube_config(**changes), oidc_config=oidc(group_claim=None, username_prefix="-"))
    offer = the_offer(take())
    assert offer.cluster == {
        "server": "https://203.0.113.7:6443",
        "tls_server_name": "cp-1.internal",
        "proxy_url": "http://proxy.example:3128",
        "insecure_skip_tls_verify": True,
        "username_claim": "email",
        "username_prefix": "-",
        "together_cluster_id": (together.listed[0])["cluster_id"],
    }
    assert offer.notes == ("its kubeconfig says not to verify the API server's certificate",)


def test_the_cluster_of_the_context_counts(take: Any, together: ScriptedTogether) -> None:
    text = """{"current-context": "b", "clusters": [
        {"name": "one", "cluster": {"server": "https://one.example"}},
        {"name": "two", "cluster": {"server": "https://two.example", "certificate-authority": "/etc/ca.crt"}}],
        "contexts": [{"name": "a", "context": {"cluster": "one"}}, {"name": "b", "context": {"cluster": "two"}}]}"""
    together.add(kube_config=base64.encodebytes(text.encode()).decode())
    offer = the_offer(take())
    assert (offer.cluster or {})["server"] == "https://two.example"
    assert "ca_data" not in (offer.cluster or {})
    assert "CA file on another machine" in offer.notes[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"oidc_config": None}, "made without OIDC.*tg clusters get-credentials 0b6d"),
        ({"oidc_config": {"issuer_url": "", "client_id": ""}}, "made without OIDC"),
        ({"oidc_config": oidc(client_id="")}, "its profile cannot be used: client_id: must not be empty"),
        (
            {"oidc_config": oidc(issuer_url="http://acme.example")},
            "its issuer cannot be used: url: must begin with https",
        ),
        ({"oidc_config": oidc(issuer_url=None)}, "its issuer cannot be used: url"),
        ({"oidc_config": oidc(ca_cert="not PEM")}, "its issuer cannot be used: ca_data"),
        ({"status": "Deleting"}, "being deleted"),
        (
            {"status": "InstallingDrivers", "control_plane_ready": False},
            r"not ready yet \(InstallingDrivers\).*run this",
        ),
        ({"status": "Paused", "control_plane_ready": None}, r"not ready yet \(Paused\)"),
        ({"status": None, "control_plane_ready": False}, "not ready yet"),
        ({"kube_config": None}, "gives no kubeconfig.*download its OIDC kubeconfig"),
        ({"kube_config": ""}, "gives no kubeconfig"),
        ({"kube_config": "%%%"}, "not base64"),
        ({"kube_config": base64.b64encode(b"\xff\xfe").decode()}, "not base64 of text"),
        ({"kube_config": base64.b64encode(b"a: [").decode()}, "it is not YAML"),
        ({"kube_config": base64.b64encode(b"- a").decode()}, "it has no cluster"),
        ({"kube_config": base64.b64encode(b"apiVersion: v1\nkind: Config\n").decode()}, "it has no cluster"),
        (
            {"kube_config": base64.b64encode(b'{"clusters": [{"name": "a", "cluster": {}}]}').decode()},
            "names no server",
        ),
        (
            {"kube_config": base64.b64encode(b'{"clusters": [{"name": "a", "cluster": {"server": "x"}}]}').decode()},
            "its cluster cannot be used: server",
        ),
    ],
)
def test_what_cannot_be_taken_says_why(
    take: Any, together: ScriptedTogether, changes: dict[str, Any], reason: str
) -> None:
    together.add(**changes)
    assert re.search(reason, the_reason(take())), the_reason(take())


@pytest.mark.parametrize(
    ("changes", "notes"),
    [
        ({"status": "Degraded"}, ("Together AI says it is Degraded",)),
        ({"status": "WaitingForDataPlaneNodes"}, ("Together AI says it is WaitingForDataPlaneNodes",)),
        ({"status": "Ready", "control_plane_ready": None}, ()),
        ({"status": None, "control_plane_ready": None}, ()),
    ],
)
def test_one_that_answers_already_is_taken(
    take: Any, together: ScriptedTogether, changes: dict[str, Any], notes: tuple[str, ...]
) -> None:
    together.add(**changes)
    assert the_offer(take()).notes == notes


def test_what_the_api_says_is_made_printable(take: Any, together: ScriptedTogether) -> None:
    together.add("ev\x1b[2Jil", oidc_config=None, cluster_id="x; rm -rf ~")
    together.add("east", status="\u202eReady")
    found = take()
    (passed,) = found.skipped
    assert passed.name == "ev\\x1b[2Jil"
    assert passed.reason.endswith("tg clusters get-credentials ev-2Jil")
    assert found.offers[0].notes == ("Together AI says it is \\u202eReady",)


@pytest.mark.parametrize(
    "broken",
    [
        {"cluster_id": "\ud800"},
        {"cluster_name": "\ud800"},
        {"status": "\ud800"},
        {"kube_config": "\ud800"},
        {"oidc_config": {**oidc(), "ca_cert": f"{ISSUER_CA}\ud800"}},
        {"oidc_config": {**oidc(), "username_claim": "\ud800"}},
    ],
)
def test_halves_of_characters_are_nothing(take: Any, together: ScriptedTogether, broken: dict[str, Any]) -> None:
    together.caller["project"]["name"] = "\ud800"
    together.add(**broken)
    found = take()
    assert len(found.offers) + len(found.skipped) == 1
    json.dumps([[offer.issuer, offer.profile, offer.cluster] for offer in found.offers], ensure_ascii=False).encode()
    repr(found).encode()


def test_whose_key_it_is_is_made_printable(take: Any, together: ScriptedTogether) -> None:
    together.caller["project"]["name"] = "ev\x1b[2Jil"
    found = take()
    assert found.origin == "Together AI (ev\\x1b[2Jil)"
    assert found.skipped[0].name == "project ev\\x1b[2Jil"


def test_one_that_is_broken_does_not_keep_the_others(take: Any, together: ScriptedTogether) -> None:
    together.add("east")
    together.add("west", oidc_config=None)
    together.add("north", kube_config="%%%")
    together.add("south")
    found = take()
    assert [offer.name for offer in found.offers] == ["east", "south"]
    assert [passed.name for passed in found.skipped] == ["west", "north"]


def test_an_empty_list_says_that_membership_matters(take: Any, together: ScriptedTogether) -> None:
    (passed,) = take().skipped
    assert passed.name == "project research"
    assert "Only members of a project see its clusters" in passed.reason
    (passed,) = take("proj_2").skipped
    assert passed.name == "project proj_2"
    assert together.asked[-1].query == {"projectId": "proj_2"}


@pytest.mark.parametrize("reply", [Reply(403), Reply(404), Reply(200, b"<html>")])
def test_a_key_that_may_not_say_whose_it_is_may_list(take: Any, together: ScriptedTogether, reply: Reply) -> None:
    together.always[WHOAMI] = reply
    together.add()
    assert take().origin == "Together AI"


def test_a_wrong_key_ends_it_at_once(make_api: MakeAPI, together: ScriptedTogether) -> None:
    with pytest.raises(Refused, match="HTTP 401"):
        from_together(make_api("tgp_v1_wrong"))
    assert together.counts == {WHOAMI: 1}


def test_no_answer_ends_it(make_api: MakeAPI, together: ScriptedTogether) -> None:
    together.always[CLUSTERS] = Reply(503)
    with pytest.raises(Unreachable):
        from_together(make_api())
