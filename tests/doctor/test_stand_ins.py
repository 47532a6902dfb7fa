"""Stand-ins: what is a name or an address, what is none, and the same one for the same name."""

from __future__ import annotations

import pytest

from togetherctl.doctor.stand_ins import StandIns

KNOWN = [
    ("profile", "acme"),
    ("issuer", "acme"),
    ("cluster", "east"),
    ("client", "0oa1b2c3d4"),
    ("user", "bob"),
    ("subject", "auth0|ab/cd.ef"),
    ("profile", "login"),
    ("profile", "x"),
    ("path", "certs/of-ours/ca.pem"),
    ("person", "Bob Miller"),
    ("path", "/Volumes/Our Drive/ca.pem"),
    ("path", "~/Our Drive/key.pem"),
    ("authority", "Our CA #2, Inc."),
]


@pytest.fixture
def stand_ins() -> StandIns:
    return StandIns(KNOWN, home="/home/bob", common=["login"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "https://acme.okta.com/oauth2/default/ not https://acme.okta.com.",
            "https://host-1/oauth2/default/ not https://host-1.",
        ),
        ("/home/bob/.config/togetherctl/config.toml:12", "~/.config/togetherctl/config.toml:12"),
        ("/home/bobby/x", "/home/path-1/path-2"),
        ("profiles.acme.client_id is 0oa1b2c3d4", "profiles.name-1.client_id is client-1"),
        ("me@acme.com, ME@acme.com", "email-1, email-1"),
        ("acme-admins, EAST, eastern", "name-1-admins, cluster-1, eastern"),
        ("subject auth0|ab/cd.ef", "subject subject-1"),
        ("203.0.113.7:6443 and [2001:db8::7]:443", "ip-1:6443 and ip-2:443"),
        ("https://[2001:db8::7]:443/apis", "https://ip-1:443/apis"),
        ("http://localhost:8000 127.0.0.1:8000 ::1 0.0.0.0", "http://localhost:8000 127.0.0.1:8000 ::1 0.0.0.0"),
        ("at 12:30:45, 2026-11-28T13:30:00Z", "at 12:30:45, 2026-11-28T13:30:00Z"),
        ("Python 3.11.7, httpx2 0.28.1", "Python 3.11.7, httpx2 0.28.1"),
        ("/usr/lib/python3.11/site-packages/acme", "/usr/lib/python3.11/site-packages/name-1"),
        ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1"),
        ("http://bob:(hidden)@proxy.corp:3128/?x=1", "http://user-1:…@host-1:3128/?…"),
        ("keycloak.corp.local and token.json", "host-1 and path-1.json"),
        ("C:\\Users\\bob\\AppData\\x", "C:\\Users\\user-1\\AppData\\path-1"),
        ("togetherctl login acme; /usr/local/bin/togetherctl", "togetherctl login name-1; /usr/local/bin/togetherctl"),
        ("8F14E45F-ceea-467f-a0e6-aa0e4bd1c1a7", "uuid-1"),
        ("in certs/of-ours/ca.pem", "in path-1"),
        ("x of togetherctl.auth", "x of togetherctl.auth"),
        ("by Bob  Miller, bob miller; Our CA #2, Inc.", "by user-1  Miller, person-1; authority-1"),
        ("/Volumes/Our Drive/ca.pem is gone", "path-1 is gone"),
        ("/home/bob/Our Drive/key.pem", "path-1"),
        ("401/403, and/or", "401/403, and/or"),
    ],
)
def test_one_text(text: str, shown: str, stand_ins: StandIns) -> None:
    assert stand_ins.replace(text) == shown


def test_a_name_keeps_its_word_and_no_word_is_replaced_again() -> None:
    stand_ins = StandIns([("profile", "profile-2"), ("profile", "profile-1")])
    assert stand_ins.replace("profile-1 profile-2 profile-1") == "profile-1 profile-2 profile-1"
    assert stand_ins.replace("profile-2 profile-1") == "profile-2 profile-1"


def test_names_of_nothing_leave_the_text() -> None:
    assert StandIns([("profile", ""), ("user", "  ")]).replace("a b") == "a b"
