"""The names an API server gives, and commands that nothing in a token breaks out of."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import need
from togetherctl.errors import UsageError
from togetherctl.kube.api_server_setup import Naming, bindings, remarks
from togetherctl.kube.yaml_text import load

ISSUER = "https://issuer.acme.com"
CLAIMS = {"sub": "user-1", "email": "me@acme.com", "name": "Me"}
HOSTILE = [
    "me@acme.com",
    "me'; touch oops; '",
    "$(touch oops)`touch oops`",
    "--as=admin",
    'a "quoted" name, with a comma',
    "back\\slash\\",
    "a#b !c ~d *e ?f [g] {h}",
    "Ünïcødé",
]


@pytest.mark.parametrize(
    ("naming", "expected"),
    [
        (Naming("email"), "me@acme.com"),
        (Naming("email", "oidc:"), "oidc:me@acme.com"),
        (Naming("email", "-"), "me@acme.com"),
        (Naming("sub"), f"{ISSUER}#user-1"),
        (Naming("sub", "oidc:"), "oidc:user-1"),
        (Naming("sub", "-"), "user-1"),
        (Naming("name", ""), f"{ISSUER}#Me"),
    ],
)
def test_the_user_name_an_api_server_sees(naming: Naming, expected: str) -> None:
    assert naming.username(CLAIMS, ISSUER) == expected


@pytest.mark.parametrize(
    ("value", "prefix", "expected"),
    [
        (["a", "b"], None, ["a", "b"]),
        ("a", None, ["a"]),
        (["a"], "oidc:", ["oidc:a"]),
        # Only user names know `-`.
        (["a"], "-", ["-a"]),
        ([], "oidc:", []),
        (None, "oidc:", []),
    ],
)
def test_the_groups_an_api_server_sees(value: Any, prefix: str | None, expected: list[str]) -> None:
    assert Naming("sub", None, "groups", prefix).groups({"groups": value}) == expected
    assert Naming("sub").groups({"groups": value}) == []


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (CLAIMS, Naming("email")),
        ({**CLAIMS, "email_verified": True}, Naming("email")),
        ({**CLAIMS, "email_verified": False}, Naming("sub")),
        ({**CLAIMS, "email_verified": "true"}, Naming("sub")),
        ({**CLAIMS, "email": ""}, Naming("sub")),
        ({"sub": "user-1"}, Naming("sub")),
        ({**CLAIMS, "groups": ["a"]}, Naming("email", None, "groups")),
        ({**CLAIMS, "groups": "a"}, Naming("email", None, "groups")),
        ({**CLAIMS, "groups": []}, Naming("email")),
        ({**CLAIMS, "groups": [1]}, Naming("email")),
        ({**CLAIMS, "groups": {"a": 1}}, Naming("email")),
    ],
)
def test_what_is_suggested(claims: dict[str, Any], expected: Naming) -> None:
    assert Naming.suggested(claims) == expected


def test_what_is_asked_for_goes_before_what_is_suggested() -> None:
    naming = Naming.suggested(
        {**CLAIMS, "groups": ["a"]}, username_claim="sub", username_prefix="-", groups_claim="roles", groups_prefix="x:"
    )
    assert naming == Naming("sub", "-", "roles", "x:")


@pytest.mark.parametrize(
    ("naming", "claims", "said"),
    [
        (Naming("upn"), CLAIMS, "no claim upn that is text"),
        (Naming("sub"), {"sub": 7}, "no claim sub that is text"),
        (Naming("sub"), {"sub": ""}, "no claim sub that is text"),
        (Naming("email"), {**CLAIMS, "email_verified": False}, "the email is not verified"),
    ],
)
def test_a_token_that_an_api_server_would_refuse(naming: Naming, claims: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        naming.username(claims, ISSUER)
    assert raised.value.remedy


@pytest.mark.parametrize("value", [7, {"a": 1}, ["a", 7], True])
def test_groups_that_an_api_server_would_refuse(value: object) -> None:
    with pytest.raises(UsageError, match="no text and no list of texts"):
        Naming("sub", None, "groups").groups({"groups": value})


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_shell_and_kubectl_make_of_a_binding(name: str, tmp_path: Path) -> None:
    need("kubectl")
    for command in bindings(name, [name]):
        done = subprocess.run(
            ["sh", "-c", f"{command} --dry-run=client -o yaml"],  # noqa: S607 # the shell of a person
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        binding = load(done.stdout)
        kind = "User" if "--user=" in command else "Group"
        assert [(subject["kind"], subject["name"]) for subject in binding["subjects"]] == [(kind, name)]
        assert binding["roleRef"]["name"] == ("cluster-admin" if kind == "User" else "view")
    assert not (tmp_path / "oops").exists()


def test_bindings_have_names_of_their_own() -> None:
    commands = [shlex.split(command) for command in bindings("me", ["a b", "a/b", "A-B", "!", "?"])]
    names = [words[3] for words in commands]
    assert names == [
        "oidc-cluster-admin",
        "oidc-group-a-b",
        "oidc-group-a-b-2",
        "oidc-group-a-b-3",
        "oidc-group",
        "oidc-group-2",
    ]


@pytest.mark.parametrize("name", ["me\n--as=root", "me\x1b[2J", "me\u202eadmin", "a\u200bb"])
def test_a_name_that_cannot_be_shown_gets_no_command(name: str) -> None:
    assert bindings(name, [name]) == []
    said = remarks(name, [name])
    assert len(said) == 2
    assert all("cannot be shown" in sentence and sentence.isprintable() for sentence in said)


def test_kubernetes_own_names_are_warned_of() -> None:
    said = remarks("system:admin", ["system:masters", "gpu"])
    assert ["--username-prefix" in said[0], "--groups-prefix" in said[1], len(said)] == [True, True, 2]
    assert remarks("me", ["gpu"]) == []


def test_many_groups_are_not_all_spelled_out() -> None:
    groups = [f"group-{number}" for number in range(8)]
    assert len(bindings("me", groups)) == 6
    assert remarks("me", groups) == ["There are 3 more groups; each is bound the same way."]
