"""Hosts that have to be agreed to before they get anything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bundles.conftest import BUNDLE
from togetherctl.errors import UsageError
from togetherctl.sources.trusted_hosts import NewHost, agree, new_hosts, to_be_named
from togetherctl.store.models import StoreTable
from togetherctl.store.toml_text import TomlText

EMPTY = StoreTable()
CLIENT = "tokens of client 0oa1b2c3d4 at https://acme.okta.com/oauth2/default"


def store(*changes: tuple[tuple[str, ...], Any]) -> StoreTable:
    text = TomlText(BUNDLE)
    for key, value in changes:
        text.set(key, value)
    return StoreTable.model_validate(text.data)


def hosts(before: StoreTable, after: StoreTable) -> list[str]:
    return [stranger.host for stranger in new_hosts(before, after)]


def test_everything_is_strange_to_an_empty_store() -> None:
    assert new_hosts(EMPTY, store()) == [
        NewHost("acme.okta.com", ("your login, as the issuer acme",)),
        *(
            NewHost(f"{name}.acme.com", (f"{CLIENT}, as the API server of cluster {name}",))
            for name in ("east", "west")
        ),
    ]


def test_nothing_is_where_nothing_changes() -> None:
    assert new_hosts(store(), store()) == []
    assert new_hosts(store(), EMPTY) == []


@pytest.mark.parametrize(
    ("key", "value", "strange"),
    [
        (("clusters", "east", "namespace"), "other", []),
        (("clusters", "east", "server"), "https://east.acme.com:8443", []),
        (("clusters", "east", "server"), "https://WEST.acme.com", []),
        (("clusters", "east", "server"), "https://evil.example", ["evil.example"]),
        (("clusters", "east", "ca_data"), "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t", ["east.acme.com"]),
        (("clusters", "east", "tls_server_name"), "evil.example", ["east.acme.com"]),
        (("issuers", "acme", "ca_data"), "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t", ["acme.okta.com"]),
        (
            ("issuers", "acme", "url"),
            "https://evil.example",
            ["evil.example", "east.acme.com", "west.acme.com"],
        ),
        (("profiles", "acme", "client_id"), "another", ["east.acme.com", "west.acme.com"]),
        (("profiles", "acme", "scopes"), ["openid"], []),
        (("profiles", "acme", "token"), "access", ["east.acme.com", "west.acme.com"]),
        (("profiles", "acme", "grant"), "device-code", []),
        (("profiles", "acme", "grant"), "client-credentials", ["east.acme.com", "west.acme.com"]),
        (("profiles", "acme", "auth_params"), {"audience": "all"}, ["east.acme.com", "west.acme.com"]),
        (("clusters", "north"), {"profile": "acme", "server": "https://[2001:db8::1]:6443"}, ["2001:db8::1"]),
        # A Cyrillic letter in place of the first.
        (("clusters", "east", "server"), "https://\u0435ast.acme.com", ["xn--ast-qdd.acme.com"]),
        # Letters that one rule for names takes for others, and another does not.
        (("clusters", "east", "server"), "https://ea\u017ft.acme.com", ["ea\\u017ft.acme.com"]),
        (("clusters", "east", "server"), "https://ea\u00dft.acme.com", ["ea\\xdft.acme.com"]),
        (("issuers", "acme", "device_authorization_endpoint"), "https://acme.okta.com/device", []),
        (("issuers", "acme", "device_authorization_endpoint"), "https://evil.example/device", ["evil.example"]),
        (("issuers", "acme", "revocation_endpoint"), "https://acme.okta.com/revoke", []),
        (("issuers", "acme", "revocation_endpoint"), "https://evil.example/revoke", ["evil.example"]),
    ],
)
def test_what_is_strange(key: tuple[str, ...], value: Any, strange: list[str]) -> None:
    assert hosts(store(), store((key, value))) == strange


def test_scopes_count_where_they_are_power() -> None:
    token = (("profiles", "acme", "token"), "access")
    wider = (("profiles", "acme", "scopes"), ["openid", "email", "everything"])
    assert hosts(store(), store(wider)) == []
    assert hosts(store(token), store(token, wider)) == ["east.acme.com", "west.acme.com"]


@pytest.mark.parametrize("scope", ["audience:server:client_id:prod", "urn:zitadel:iam:org:project:id:7:aud"])
def test_scopes_that_make_an_id_token_good_for_others_count(scope: str) -> None:
    wider = (("profiles", "acme", "scopes"), ["openid", "email", scope])
    assert hosts(store(), store(wider)) == ["east.acme.com", "west.acme.com"]


def test_without_tls_every_port_of_this_machine_is_strange() -> None:
    east = ("clusters", "east", "server")
    local = store((east, "https://127.0.0.1:6443"))
    assert hosts(local, store((east, "https://127.0.0.1:7443"))) == []
    assert hosts(local, store((east, "http://127.0.0.1:6443"))) == ["127.0.0.1"]
    assert hosts(store((east, "http://127.0.0.1:1")), store((east, "http://127.0.0.1:2"))) == ["127.0.0.1"]


def test_a_sharp_s_is_agreed_to_as_it_is_shown_and_as_it_is_written() -> None:
    (stranger,) = new_hosts(store(), store((("clusters", "east", "server"), "https://gro\u00df.example")))
    for named in (stranger.host, "gro\u00df.example"):
        agree([stranger], trusted=(named,), ask=None)
    with pytest.raises(UsageError):
        agree([stranger], trusted=("gross.example",), ask=None)


def test_tokens_of_one_are_not_led_to_the_servers_of_another() -> None:
    other = [
        (("issuers", "other"), {"url": "https://other.example"}),
        (("profiles", "other"), {"issuer": "other", "client_id": "kube"}),
        (("clusters", "other"), {"profile": "other", "server": "https://kube.other.example"}),
    ]
    before = store(*other)
    led = (("clusters", "trap"), {"profile": "acme", "server": "https://kube.other.example"})
    (stranger,) = new_hosts(before, store(*other, led))
    assert stranger.host == "kube.other.example"
    assert "tokens of client 0oa1b2c3d4 at https://acme.okta.com" in stranger.sentence


def test_a_profile_that_moves_to_another_issuer_is_said() -> None:
    others = [(("issuers", "other"), {"url": "https://other.example"}), (("profiles", "alone"), {"client_id": "x"})]
    before = store(*others, (("profiles", "alone", "issuer"), "acme"))
    after = store(*others, (("profiles", "alone", "issuer"), "other"))
    assert new_hosts(before, after) == [NewHost("other.example", ("the logins of profile alone",), known=True)]


FOUND = [NewHost("a.example", ("tokens",)), NewHost("2001:db8::1", ("your login",))]


def test_hosts_are_agreed_to_by_name() -> None:
    agree([], trusted=(), ask=None)
    agree(FOUND, trusted=("A.example", "[2001:db8::1]"), ask=None)
    with pytest.raises(UsageError, match="this host is not agreed to yet: 2001:db8::1 would get your login") as refused:
        agree(FOUND, trusted=("a.example", "b.example"), ask=None)
    assert str(refused.value.remedy) == "if that is right, add --trust-host 2001:db8::1"


def test_a_file_is_agreed_to_by_writing_it_and_the_network_by_name() -> None:
    new, known = NewHost("a.example", ("tokens",)), NewHost("b.example", ("tokens",), known=True)
    assert to_be_named([new, known], remote=False) == [known]
    assert to_be_named([new, known], remote=True) == [new, known]
    with pytest.raises(UsageError, match="these hosts are not agreed to yet") as refused:
        agree(FOUND, trusted=(), ask=None)
    assert str(refused.value.remedy) == "if that is right, add --trust-host a.example --trust-host 2001:db8::1"


def test_or_by_somebody_who_is_asked_for_each() -> None:
    asked: list[str] = []

    def ask(stranger: NewHost) -> bool:
        asked.append(stranger.host)
        return stranger.host == "a.example"

    agree(FOUND[:1], trusted=(), ask=ask)
    with pytest.raises(UsageError, match="2001:db8::1 was not agreed to; nothing was changed"):
        agree(FOUND, trusted=(), ask=ask)
    assert asked == ["a.example", "a.example", "2001:db8::1"]


def test_many_are_not_all_said() -> None:
    many = [NewHost(f"{number}.example", ("tokens",)) for number in range(50)]
    with pytest.raises(UsageError, match="and 45 more"):
        agree(many, trusted=(), ask=None)
