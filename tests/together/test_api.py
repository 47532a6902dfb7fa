"""Together AI's API: what is asked, what is tried again, and what a refusal says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.issuer import Gate, Reply
from tests.support.keyrings import InMemory, locked
from tests.support.together import CLUSTERS, WHOAMI, ScriptedTogether
from togetherctl.errors import Refused, Unreachable, Untrusted, UsageError
from togetherctl.together.api import Caller, base_url
from togetherctl.usecases.together_api_key import keep_key, read_key

if TYPE_CHECKING:
    from tests.conftest import UseKeyring
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.together.conftest import MakeAPI


def test_a_key_is_somebodys(make_api: MakeAPI, together: ScriptedTogether, only_loopback: list[object]) -> None:
    assert make_api().whoami() == Caller("research", "Acme")
    assert together.asked[0].headers["authorization"] == f"Bearer {together.key}"
    assert set(only_loopback) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("answer", "caller"),
    [
        ({}, Caller()),
        ({"type": "org_api_key", "project": None, "organization": {"id": "org_1"}}, Caller("", "org_1")),
        ({"project": "research", "organization": ["Acme"]}, Caller()),
        ({"project": {"slug": "r-and-d", "name": 7}}, Caller("r-and-d")),
    ],
)
def test_what_is_missing_of_it_is_empty(
    make_api: MakeAPI, together: ScriptedTogether, answer: dict[str, Any], caller: Caller
) -> None:
    together.caller = answer
    assert make_api().whoami() == caller


def test_clusters_are_asked_for_by_project(make_api: MakeAPI, together: ScriptedTogether) -> None:
    together.add()
    assert [record.name for record in make_api().clusters()] == ["h100-east"]
    assert [record.name for record in make_api().clusters("proj 2")] == ["h100-east"]
    assert [asked.query for asked in together.asked] == [{}, {"projectId": "proj 2"}]


def test_no_repr_and_no_error_shows_what_is_secret(
    make_api: MakeAPI, together: ScriptedTogether, canary: Canary
) -> None:
    together.add()
    api = make_api()
    canary.saw("the repr of the API", repr(api))
    canary.saw("the repr of the clusters", repr(api.clusters()))
    with pytest.raises(Refused) as refused:
        make_api("tgp_v1_another").clusters()
    canary.saw("the refusal", f"{refused.value.sentence()} {refused.value.remedy!s}")
    assert not canary.leaks()


@pytest.mark.parametrize(
    "listed",
    [None, []],
)
def test_an_empty_list_is_no_cluster(make_api: MakeAPI, together: ScriptedTogether, listed: object) -> None:
    together.always[CLUSTERS] = Reply(body={"clusters": listed})
    assert make_api().clusters() == []


def test_what_is_no_cluster_is_passed_over(make_api: MakeAPI, together: ScriptedTogether) -> None:
    together.listed = [None, "h100", {}, {"cluster_name": 7}, {"cluster_id": "0b6d"}]
    together.add("east", status=None, control_plane_ready="yes", kube_config=["no"], oidc_config="none")
    records = make_api().clusters()
    assert [(record.name, record.status, record.control_plane_ready, record.oidc) for record in records] == [
        ("0b6d", "", None, None),
        ("east", "", None, None),
    ]


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(
    make_api: MakeAPI, together: ScriptedTogether, clock: StoppedClock, status: int
) -> None:
    together.replies[CLUSTERS].extend([Reply(status), Reply(status)])
    began = clock.now
    assert make_api().clusters() == []
    assert together.counts[CLUSTERS] == 3
    assert clock.now - began == 1.5


def test_the_api_says_how_long_to_wait(make_api: MakeAPI, together: ScriptedTogether, clock: StoppedClock) -> None:
    together.replies[CLUSTERS].append(Reply(429, headers={"Retry-After": "17"}))
    began = clock.now
    assert make_api().clusters() == []
    assert clock.now - began == 17


def test_a_wait_that_is_too_long_is_said_instead(
    make_api: MakeAPI, together: ScriptedTogether, clock: StoppedClock
) -> None:
    together.always[CLUSTERS] = Reply(429, headers={"Retry-After": "600"})
    began = clock.now
    with pytest.raises(Unreachable, match="HTTP 429.*asks to wait 600 s"):
        make_api().clusters()
    assert (together.counts[CLUSTERS], clock.now) == (1, began)


def test_it_ends_within_a_bound(make_api: MakeAPI, together: ScriptedTogether, clock: StoppedClock) -> None:
    together.always[CLUSTERS] = Reply(503, headers={"Retry-After": "29"})
    began = clock.now
    with pytest.raises(Unreachable, match="HTTP 503"):
        make_api().clusters()
    assert clock.now - began <= 90
    together.always[CLUSTERS] = Reply(500)
    together.counts.clear()
    with pytest.raises(Unreachable, match="HTTP 500"):
        make_api().clusters()
    assert together.counts[CLUSTERS] == 5


def test_an_answer_that_breaks_off_is_asked_for_again(make_api: MakeAPI, together: ScriptedTogether) -> None:
    gate = Gate(drops=True)
    gate.open()
    together.gates[CLUSTERS] = gate
    with pytest.raises(Unreachable, match="broke off"):
        make_api().clusters()
    assert together.counts[CLUSTERS] == 5


def test_one_that_is_not_there_is_said(make_api: MakeAPI, clock: StoppedClock) -> None:
    began = clock.now
    with pytest.raises(Unreachable, match="refused the connection"):
        make_api(url="http://127.0.0.1:1").clusters()
    assert clock.now - began == 7.5


def test_a_slow_answer_is_not_waited_for_for_ever(
    make_api: MakeAPI, together: ScriptedTogether, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("togetherctl.together.api._REQUEST_SECONDS", 0.2)
    monkeypatch.setattr("togetherctl.together.api._PAUSES", (0.5,))
    together.gates[CLUSTERS] = Gate()
    with pytest.raises(Unreachable, match="did not answer in time"):
        make_api().clusters()
    together.gates[CLUSTERS].open()
    assert together.counts[CLUSTERS] == 2


@pytest.mark.parametrize(
    ("status", "project", "said", "hint"),
    [
        (401, None, "wrong, expired or revoked", "make a key at https://api.together.ai/settings/api-keys"),
        (403, None, "does not let it see the clusters of its project", "have an admin of it add you as a member"),
        (403, "proj_2", "clusters of project proj_2", "use a key of the project"),
        (404, "proj_2", "knows no project proj_2", "--project takes the project's ID"),
        (404, None, "answered HTTP 404", "is TOGETHER_BASE_URL right?"),
        (400, None, "answered HTTP 400", "is TOGETHER_BASE_URL right?"),
    ],
)
def test_a_refusal_says_what_to_do(
    make_api: MakeAPI, together: ScriptedTogether, status: int, project: str | None, said: str, hint: str
) -> None:
    together.always[CLUSTERS] = Reply(status, {"error": {"message": f"no: {together.key}"}})
    with pytest.raises(Refused, match=said) as refused:
        make_api().clusters(project)
    assert hint in (str(refused.value.remedy or ""))
    assert together.counts[CLUSTERS] == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>login</html>", "is not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "holds no list of clusters"),
        (b'{"clusters": {}}', "holds no list of clusters"),
        (b'{"clusters": [' + b",".join([b"{}"] * 2001) + b"]}", "more than 2000 clusters"),
        (b" " * (16 * 1024 * 1024 + 1), "larger than 16384 KiB"),
    ],
)
def test_an_answer_that_cannot_be_one_is_not_believed(
    make_api: MakeAPI, together: ScriptedTogether, body: bytes, said: str
) -> None:
    together.always[CLUSTERS] = Reply(200, body)
    with pytest.raises(Untrusted, match=said):
        make_api().clusters()


def test_more_than_the_usual_may_come(make_api: MakeAPI, together: ScriptedTogether) -> None:
    for number in range(40):
        together.add(f"cluster-{number}", add_ons=["x" * 40_000])
    assert len(make_api().clusters()) == 40


def test_a_key_follows_no_redirect_elsewhere(make_api: MakeAPI, together: ScriptedTogether) -> None:
    port = together.url.rpartition(":")[2]
    together.always[WHOAMI] = Reply(302, b"", {"Location": f"http://localhost:{port}/elsewhere"})
    with pytest.raises(Refused):
        make_api().whoami()
    assert [asked.headers.get("authorization") for asked in together.asked if asked.path == "/elsewhere"] == [None]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("", "https://api.together.ai"),
        ("https://api.together.xyz/v1", "https://api.together.xyz"),
        ("https://api.example.com/together/v1/", "https://api.example.com/together"),
        ("http://localhost:8080/", "http://localhost:8080"),
        (" https://api.example.com ", "https://api.example.com"),
    ],
)
def test_where_the_api_is(given: str, url: str) -> None:
    assert base_url({"TOGETHER_BASE_URL": given}) == url


@pytest.mark.parametrize(
    "given",
    ["http://api.example.com", "ftp://localhost", "api.together.ai", "https://", "https://me:pw@x", "https://x/?a=b"],
)
def test_where_no_key_is_sent(given: str) -> None:
    with pytest.raises(UsageError, match="TOGETHER_BASE_URL must"):
        base_url({"TOGETHER_BASE_URL": given})


@pytest.mark.parametrize("key", ["", "  ", "two words", "k\u00e4y", "line\nbreak", "x" * 5000])
def test_what_is_no_key_is_not_sent(make_api: MakeAPI, together: ScriptedTogether, key: str) -> None:
    with pytest.raises(UsageError, match="not an API key"):
        keep_key(key, base_url=together.url)
    if key.strip():
        with pytest.raises(UsageError, match="not an API key"):
            make_api(key)
    assert not together.asked


def test_the_environment_names_a_key(use_keyring: UseKeyring) -> None:
    use_keyring(InMemory())
    assert read_key({"TOGETHER_API_KEY": " tgp_v1_x "}, base_url="https://a") == "tgp_v1_x"
    assert read_key({}, base_url="https://a") is None


def test_a_kept_key_goes_only_where_it_was_kept_for(use_keyring: UseKeyring, canary: Canary) -> None:
    use_keyring(InMemory())
    key = canary.watch("a kept API key", "tgp_v1_kept")
    keep_key(key, base_url="https://a")
    assert read_key({}, base_url="https://a") == key
    assert read_key({}, base_url="https://b") is None


def test_a_keyring_that_fails_is_no_key(use_keyring: UseKeyring) -> None:
    use_keyring(locked())
    assert read_key({}, base_url="https://a") is None
