"""What a cluster says of the token: who you are, 401 and 403 explained, and one forced refresh in ten minutes."""

from __future__ import annotations

import json
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import ScriptedBrowser
from tests.support.cluster import ScriptedCluster
from tests.support.findings import command, mend
from tests.support.issuer import Reply, ScriptedIssuer, signing_key
from togetherctl.auth.engine import Policy
from togetherctl.doctor.check import find_checks
from togetherctl.doctor.examine import examine
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.forced_refresh import force_refresh
from togetherctl.errors import ExitCode, TogetherctlError
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.clock import StoppedClock
    from togetherctl.wiring import World

UNAUTHORIZED = Reply(401, {"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"})

MORE_OF_THE_SESSION = """
[clusters.c1]
profile = "acme"
server = "{server}"
[profiles.twin]
issuer = "acme"
client_id = "the-client"
redirect_uris = ["http://localhost:0"]
[clusters.c2]
profile = "twin"
server = "{server}"
"""


def forbidden(user: str) -> Reply:
    message = f'selfsubjectreviews.authentication.k8s.io is forbidden: User "{user}" cannot create resource'
    return Reply(403, {"kind": "Status", "code": 403, "reason": "Forbidden", "message": message})


class Patient:
    """A person who is logged in at an issuer over TLS, and a cluster that answers as a test says."""

    def __init__(self, issuer: ScriptedIssuer, server: ScriptedCluster, path: Path, make: MakeWorld) -> None:
        self.issuer = issuer
        self.server = server
        self._path = path
        self._make = make
        self._text = path.read_text("utf-8").replace("https://127.0.0.1:6443", server.url)
        self.configure("")

    def configure(self, cluster_keys: str, profile_keys: str = "") -> None:
        text = self._text.replace("[clusters.east]", f"{profile_keys}\n[clusters.east]")
        self._path.write_text(f"{text}{cluster_keys}\n", "utf-8")

    def move_to(self, server: ScriptedCluster) -> None:
        self._text = self._text.replace(self.server.url, server.url)
        self.server = server
        self.configure("")

    def world(self) -> World:
        return self._make(browser=ScriptedBrowser(self.issuer))

    def log_in(self) -> None:
        world = self.world()
        world.engine.login(world.config.profile("acme"), Policy(), force=True)

    def findings(self, *, fixing: bool = False) -> list[Finding]:
        [check] = [one for one in find_checks() if one.name == "cluster-access"]
        return [one.finding for one in examine(Facts(self.world(), fixing=fixing), [check])]

    def finding(self, *, fixing: bool = False) -> Finding:
        [finding] = self.findings(fixing=fixing)
        return finding

    @property
    def refreshes(self) -> int:
        return len([one for one in self.issuer.asked if one.form.get("grant_type") == "refresh_token"])


@pytest.fixture
def server() -> Iterator[ScriptedCluster]:
    with ScriptedCluster() as running:
        yield running


@pytest.fixture
def patient(
    tls_issuer: ScriptedIssuer, server: ScriptedCluster, ca_file: Path, config_at: MakeConfig, make_world: MakeWorld
) -> Patient:
    tls_issuer.lifetime = 3600
    return Patient(tls_issuer, server, config_at(tls_issuer, f'ca_file = "{ca_file}"'), make_world)


# Without a token


def test_doctor_never_refreshes_by_itself(patient: Patient, clock: StoppedClock) -> None:
    found = patient.finding()
    assert (found.status, command(found)) == ("skipped", "togetherctl login acme")
    patient.log_in()
    clock.advance(7200)
    found = patient.finding()
    assert (found.status, command(found)) == ("skipped", "togetherctl refresh acme")
    assert found.message == "the token has expired; doctor renews it only with --fix"
    assert (patient.refreshes, patient.server.asked.total()) == (0, 0)
    # As any call of kubectl would.
    found = patient.finding(fixing=True)
    assert (found.status, found.message) == ("ok", "it knows you as me@acme.com, in 1 group")
    assert patient.refreshes == 1


def test_a_session_that_ended_is_a_login(patient: Patient, clock: StoppedClock) -> None:
    patient.issuer.token_changes = {"refresh_token": None}
    patient.log_in()
    clock.advance(7200)
    for fixing in (False, True):
        found = patient.finding(fixing=fixing)
        assert (found.status, command(found)) == ("skipped", "togetherctl login acme")


def test_a_session_in_memory_is_another_process_own(patient: Patient) -> None:
    patient.configure("", 'storage = "memory"')
    assert patient.finding().message == "profile acme keeps its session in memory, and this run has none"


def test_a_session_that_cannot_be_read(patient: Patient) -> None:
    patient.log_in()
    world = patient.world()
    (world.paths.sessions / f"{world.config.profile('acme').key}.json").write_bytes(b"{")
    assert (patient.finding().status, patient.finding().message) == ("skipped", "the session cannot be read")


# Who you are


@pytest.mark.parametrize(
    ("info", "keys", "status", "said"),
    [
        ({"username": "me@acme.com"}, "", "ok", "it knows you as me@acme.com, in no group of the issuer"),
        ({"username": "me@acme.com"}, 'username_claim = "email"', "ok", "it knows you as me@acme.com"),
        ({"username": "o:user-1"}, 'username_claim = "sub"\nusername_prefix = "o:"', "ok", "it knows you as o:user-1"),
        (
            {"username": "proxy"},
            'username_claim = "email"',
            "warning",
            "it knows you as proxy, in no group of the issuer, though token and configuration make it me@acme.com",
        ),
        (
            {"username": "system:serviceaccount:gate:proxy"},
            "",
            "warning",
            "a name of Kubernetes itself: something between you and it uses another credential",
        ),
        (
            {"username": "system:anonymous", "groups": ["system:unauthenticated"]},
            "",
            "failed",
            "it knows you only as system:anonymous: it ignored the token, or that did not arrive",
        ),
    ],
)
def test_who_you_are(info: dict[str, Any], keys: str, status: str, said: str, patient: Patient) -> None:
    patient.configure(keys)
    patient.log_in()
    patient.server.info = info
    found = patient.finding()
    assert (found.status, said in found.message) == (status, True), found
    assert (found.remedy is None) == (status == "ok")


def test_403_names_the_command_of_the_admin(patient: Patient) -> None:
    patient.log_in()
    patient.server.always = forbidden("me@acme.com")
    found = patient.finding()
    assert (found.status, found.exit_code) == ("failed", ExitCode.REFUSED)
    assert "takes your token and knows you as me@acme.com" in found.message
    assert found.remedy is not None
    assert found.remedy.hint == (
        "the cluster's admin can run: kubectl create clusterrolebinding oidc-basic-user "
        "--clusterrole=system:basic-user --user=me@acme.com"
    )
    patient.server.always = forbidden("system:anonymous")
    assert "the token did not arrive there" in patient.finding().message


def test_a_token_that_a_proxy_finds_too_large(patient: Patient) -> None:
    patient.issuer.claims |= {"groups": [f"group-{number:04}-of-a-long-name.acme" for number in range(300)]}
    patient.log_in()
    patient.server.always = Reply(400, b"<html>400 Request Header Or Cookie Too Large", {"Content-Type": "text/html"})
    found = patient.finding()
    assert (found.status, "perhaps because the token is large (" in found.message) == ("failed", True)
    patient.issuer.claims.pop("groups")
    patient.log_in()
    assert "large" not in patient.finding().message


def test_a_server_that_is_away(patient: Patient) -> None:
    patient.log_in()
    patient.server.always = Reply(503, b"")
    found = patient.finding()
    assert (found.status, found.exit_code) == ("failed", ExitCode.UNREACHABLE)


# 401


def test_401_is_held_against_what_is_known_of_the_cluster(patient: Patient) -> None:
    patient.configure('username_claim = "upn"')
    patient.log_in()
    patient.server.always = UNAUTHORIZED
    found = patient.finding()
    assert (found.status, found.exit_code) == ("failed", ExitCode.REFUSED)
    assert "does not take this token (HTTP 401): the token has no claim upn" in found.message
    assert command(found) == "togetherctl setup --profile acme"
    # The next token would lack that too, so no refresh is offered.
    assert found.mend is None


def test_401_of_a_token_that_fits_says_what_the_server_must_be_told(patient: Patient) -> None:
    patient.log_in()
    patient.server.always = UNAUTHORIZED
    found = patient.finding()
    assert "for the audience (aud) the-client, and its email is me@acme.com" in found.message
    assert command(found) == "togetherctl setup --profile acme"
    assert found.remedy is not None
    assert "doctor --fix offers one forced refresh" in found.remedy.text
    assert "compare client_id with what your admin gave you" in found.remedy.text
    assert patient.refreshes == 0


def test_401_of_a_token_whose_key_the_issuer_no_longer_has(patient: Patient) -> None:
    patient.log_in()
    patient.issuer.key = signing_key("second")
    patient.server.always = UNAUTHORIZED
    found = patient.finding()
    assert found.message.endswith("it is signed with a key that the issuer no longer offers (kid first)")
    assert (found.status, command(found)) == ("failed", "togetherctl refresh acme --force")
    assert found.mend is not None
    # Where the issuer is not asked, that is not known.
    patient.issuer.always["/keys"] = Reply(503, {})
    assert "the API server must be told just that" in patient.finding().message
    assert patient.refreshes == 0


class TakesNewTokensOnly(ScriptedCluster):
    """An API server that refuses the tokens it has seen so far, as after a change of the issuer's keys."""

    def __init__(self) -> None:
        super().__init__()
        self.old: set[str | None] = set()

    def answer(self, path: str) -> Reply:
        return UNAUTHORIZED if self.bearers[-1] in self.old else super().answer(path)


@pytest.fixture
def picky() -> Iterator[TakesNewTokensOnly]:
    with TakesNewTokensOnly() as running:
        yield running


def test_a_forced_refresh_is_a_mend_that_a_person_agrees_to(patient: Patient, picky: TakesNewTokensOnly) -> None:
    patient.move_to(picky)
    patient.log_in()
    assert patient.finding().status == "ok"
    picky.old.update(picky.bearers)
    found = patient.finding()
    assert (found.status, patient.refreshes) == ("failed", 0)
    assert mend(found) == "force one refresh with profile acme"
    assert (patient.finding().status, patient.refreshes) == ("ok", 1)
    # Within ten minutes there is no second one.
    picky.old.update(picky.bearers)
    with pytest.raises(TogetherctlError, match="less than ten minutes ago"):
        mend(found)
    # Nor is one offered.
    found = patient.finding()
    assert found.mend is None
    assert found.remedy is not None
    assert "forced refresh" not in found.remedy.text
    assert patient.refreshes == 1


def test_a_second_look_offers_the_mend_and_does_not_do_it(
    patient: Patient, picky: TakesNewTokensOnly, clock: StoppedClock
) -> None:
    """The token had expired at the first look; its next one, which a call of kubectl would get, is refused."""
    patient.move_to(picky)
    patient.log_in()
    clock.advance(7200)
    assert patient.finding().status == "skipped"
    patient.server.always = UNAUTHORIZED
    found = patient.finding(fixing=True)
    assert (found.status, patient.refreshes) == ("failed", 1)
    assert mend(found) == "force one refresh with profile acme"
    assert patient.refreshes == 2


def test_once_in_ten_minutes(patient: Patient, clock: StoppedClock) -> None:
    patient.log_in()
    patient.server.always = UNAUTHORIZED
    mend(patient.finding())
    assert patient.refreshes == 1
    clock.advance(599)
    found = patient.finding(fixing=True)
    assert found.message.endswith("; this is the token of a refresh that was forced less than ten minutes ago")
    assert (found.mend, patient.refreshes) == (None, 1)
    clock.advance(1)
    mend(patient.finding())
    assert patient.refreshes == 2
    # A clock that was set back counts no pause that would never end.
    clock.advance(-3600)
    mend(patient.finding())
    assert patient.refreshes == 3


def test_the_mark_is_private_and_holds_no_secret(patient: Patient, clock: StoppedClock) -> None:
    patient.log_in()
    patient.server.always = UNAUTHORIZED
    mend(patient.finding())
    world = patient.world()
    marks = world.paths.forced
    assert stat.S_IMODE(marks.stat().st_mode) == 0o600
    assert json.loads(marks.read_text("ascii")) == {world.config.profile("acme").key: clock()}
    # What cannot be understood is no mark, and goes.
    marks.write_text("[", "ascii")
    mend(patient.finding())
    assert patient.refreshes == 2


def test_several_at_once_force_one(patient: Patient) -> None:
    patient.log_in()
    worlds = [patient.world() for _ in range(4)]
    forced: list[object] = []
    profile = worlds[0].config.profile("acme")
    threads = [
        threading.Thread(target=lambda world=world: forced.append(force_refresh(world, profile))) for world in worlds
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (patient.refreshes, sum(one is not None for one in forced)) == (1, 1)


def test_without_a_place_for_the_mark_none_is_forced(patient: Patient) -> None:
    patient.log_in()
    patient.server.always = UNAUTHORIZED
    patient.world().paths.forced.mkdir()
    with pytest.raises(TogetherctlError, match=re.escape("forced.json")):
        mend(patient.finding())
    assert patient.refreshes == 0


def test_a_forced_refresh_that_is_refused_is_said(patient: Patient) -> None:
    patient.log_in()
    patient.server.always = UNAUTHORIZED
    patient.issuer.refresh_tokens.clear()
    with pytest.raises(TogetherctlError, match="login required for new tokens: the issuer refused") as failed:
        mend(patient.finding())
    assert "togetherctl login --force acme" in str(failed.value.remedy)


def test_one_for_all_clusters_and_profiles_of_a_session(patient: Patient) -> None:
    patient.configure(MORE_OF_THE_SESSION.format(server=patient.server.url))
    patient.log_in()
    patient.server.always = UNAUTHORIZED
    found = patient.findings()
    assert [one.status for one in found] == ["failed"] * 3
    assert len({one.mend.what for one in found if one.mend is not None}) == 1
    mend(found[-1])
    assert (patient.refreshes, [one.mend for one in patient.findings()]) == (1, [None] * 3)


def test_no_refresh_where_there_is_no_refresh_token(patient: Patient) -> None:
    patient.issuer.token_changes = {"refresh_token": None}
    patient.log_in()
    patient.server.always = UNAUTHORIZED
    found = patient.finding()
    assert (found.status, found.mend, patient.refreshes) == ("failed", None, 0)


def test_an_access_token_that_is_none_for_api_servers(patient: Patient) -> None:
    patient.configure("", 'token = "access"')
    patient.log_in()
    patient.server.always = UNAUTHORIZED
    found = patient.finding()
    assert "it is no JWT" in found.message
    assert (command(found), found.mend) == ("togetherctl profile set acme token=id", None)
