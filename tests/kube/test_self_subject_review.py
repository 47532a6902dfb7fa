"""Asking a cluster who you are: what it answers, however it answers, and where the token never goes."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cluster import REVIEW, ScriptedCluster
from tests.support.issuer import Reply
from tests.support.proxy import ForwardProxy
from togetherctl.config.config import Cluster
from togetherctl.errors import ConfigError, Refused, TogetherctlError, Unreachable, Untrusted
from togetherctl.kube.self_subject_review import ClusterView, caution, who_am_i

if TYPE_CHECKING:
    import trustme

    from tests.support.canary import Canary

    Ask = Callable[..., ClusterView]


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[ScriptedCluster]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "api.internal").configure_cert(context)
    with ScriptedCluster(context) as running:
        yield running


@pytest.fixture
def cluster(server: ScriptedCluster, ca_file: Path) -> Cluster:
    return Cluster("east", "east", "acme", server.url, ca_file=ca_file)


@pytest.fixture
def token(canary: Canary) -> str:
    return canary.watch("a bearer token", "token-that-nobody-else-may-see")


@pytest.fixture
def ask(cluster: Cluster, token: str, environ: dict[str, str], canary: Canary, server: ScriptedCluster) -> Ask:
    def sleep(_seconds: float) -> None:
        server.always = server.later or server.always

    def call(*, seconds: float = 10, **changes: Any) -> ClusterView:
        lines: list[str] = []
        try:
            return who_am_i(
                replace(cluster, **changes), token, environ=environ, seconds=seconds, log=lines.append, sleep=sleep
            )
        except TogetherctlError as error:
            canary.saw("an error", f"{error.message} {error.remedy!s} {error!r}")
            raise
        finally:
            canary.saw("the log", "\n".join(lines))

    return call


def test_a_cluster_says_who_you_are(ask: Ask, server: ScriptedCluster, token: str) -> None:
    assert ask() == ClusterView("me@acme.com", ("devs", "system:authenticated"), "7")
    assert server.bearers == [f"Bearer {token}"]
    assert server.bodies == [{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}}]


def test_what_is_missing_is_none(ask: Ask, server: ScriptedCluster) -> None:
    server.info = {"username": "robot"}
    assert ask() == ClusterView("robot", (), None)


@pytest.mark.parametrize(("version", "asked"), [("v1", 1), ("v1beta1", 2), ("v1alpha1", 3)])
def test_an_older_cluster_is_asked_in_its_own_version(
    version: str, asked: int, ask: Ask, server: ScriptedCluster
) -> None:
    server.versions = (version,)
    assert ask().username == "me@acme.com"
    assert server.asked.total() == asked


def test_a_server_without_reviews_is_said(ask: Ask, server: ScriptedCluster) -> None:
    server.versions = ()
    with pytest.raises(Refused, match="no SelfSubjectReview at 127.0.0.1") as caught:
        ask()
    assert (caught.value.status, str(caught.value.remedy)) == (
        404,
        "check the cluster's server: togetherctl cluster show east",
    )


def test_a_server_behind_a_path(ask: Ask, server: ScriptedCluster) -> None:
    assert ask(server=f"{server.url}/k8s/clusters/c-1/").username == "me@acme.com"
    assert list(server.asked) == [f"/k8s/clusters/c-1{REVIEW.format(version='v1')}"]


def test_401_and_403_are_told_apart(ask: Ask, server: ScriptedCluster) -> None:
    server.always = Reply(401, {"kind": "Status", "message": "Unauthorized"})
    with pytest.raises(Refused, match="does not take this token") as unknown:
        ask()
    assert (unknown.value.status, str(unknown.value.remedy)) == (401, "togetherctl setup --profile acme")

    message = 'selfsubjectreviews.authentication.k8s.io is forbidden: User "o\'brien" cannot create resource "x"'
    server.always = Reply(403, {"kind": "Status", "message": message})
    with pytest.raises(Refused, match="knows you as o'brien, who has no right") as known:
        ask()
    assert known.value.status == 403
    assert str(known.value.remedy) == (
        "the cluster's admin can run: kubectl create clusterrolebinding oidc-basic-user "
        "--clusterrole=system:basic-user '--user=o'\"'\"'brien'"
    )


NO_RIGHT = 'User "me" cannot create resource "selfsubjectreviews" in API group "authentication.k8s.io"'


def test_an_api_server_that_has_just_started_is_asked_once_more(ask: Ask, server: ScriptedCluster) -> None:
    server.always = Reply(403, {"kind": "Status", "message": NO_RIGHT})
    with pytest.raises(Refused, match="again a moment later"):
        ask()
    assert server.asked.total() == 2
    review = {"kind": "SelfSubjectReview", "status": {"userInfo": {"username": "me"}}}
    server.later = Reply(201, review)
    assert ask().username == "me"


def test_roles_that_are_missing_are_no_rights_that_are(ask: Ask, server: ScriptedCluster) -> None:
    missing = f'{NO_RIGHT}: RBAC: clusterrole.rbac.authorization.k8s.io "system:basic-user" not found'
    server.always = Reply(403, {"kind": "Status", "message": missing})
    with pytest.raises(Refused, match="it is starting, or they were deleted") as caught:
        ask()
    assert str(caught.value.remedy) == "try again in a moment"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"message": 'User "system:anonymous" cannot create'}, "the token did not arrive there"),
        ({"message": 7}, "does not let you ask"),
        (b"<html>forbidden</html>", "does not let you ask"),
        ({"message": 'User "a\u202eb\x1b[2J" cannot create'}, r"a\\u202eb\\x1b\[2J"),
    ],
)
def test_what_else_403_can_mean(body: Any, said: str, ask: Ask, server: ScriptedCluster) -> None:
    server.always = Reply(403, body)
    with pytest.raises(Refused, match=said) as caught:
        ask()
    assert "\x1b" not in f"{caught.value.message}{caught.value.remedy!s}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        [],
        {},
        {"kind": "Status"},
        {"kind": "SelfSubjectReview"},
        {"kind": "SelfSubjectReview", "status": []},
        {"kind": "SelfSubjectReview", "status": {"userInfo": "me"}},
        {"kind": "SelfSubjectReview", "status": {"userInfo": {"username": ""}}},
        {"kind": "SelfSubjectReview", "status": {"userInfo": {"username": 7}}},
        {"kind": "SelfSubjectReview", "status": {"userInfo": {"username": "me", "uid": 7}}},
        {"kind": "SelfSubjectReview", "status": {"userInfo": {"username": "me", "groups": "devs"}}},
        {"kind": "SelfSubjectReview", "status": {"userInfo": {"username": "me", "groups": [7]}}},
        b'{"a":"' + b"x" * (2 << 20) + b'"}',
    ],
    ids=str,
)
def test_an_answer_that_is_none(body: Any, ask: Ask, server: ScriptedCluster) -> None:
    server.always = Reply(201, body)
    with pytest.raises((Untrusted, Unreachable)) as caught:
        ask()
    assert caught.value.exit_code in (4, 5)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_later_is_unreachable(status: int, ask: Ask, server: ScriptedCluster) -> None:
    server.always = Reply(status, {}, {"Retry-After": "7"})
    with pytest.raises(Unreachable, match=f"answered HTTP {status}") as caught:
        ask()
    assert caught.value.retry_after == 7
    assert server.asked.total() == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_never_gets_the_token(status: int, ask: Ask, server: ScriptedCluster) -> None:
    with ScriptedCluster() as other:
        server.always = Reply(status, {}, {"Location": f"{other.url}{REVIEW.format(version='v1')}"})
        with pytest.raises(Refused, match="redirect"):
            ask()
        assert other.asked.total() == 0


def test_one_deadline_for_all_versions(ask: Ask, server: ScriptedCluster) -> None:
    server.versions, server.seconds = (), 0.4
    with pytest.raises(Unreachable, match="in time|no time left"):
        ask(seconds=0.6)
    assert server.asked.total() == 2


@pytest.mark.parametrize("server_url", ["http://203.0.113.7:6443", "http://user@evil.example", "ftp://127.0.0.1"])
def test_no_token_goes_by_plain_http(server_url: str, ask: Ask) -> None:
    with pytest.raises(ConfigError, match="not reached by https, and no token goes to it"):
        ask(server=server_url)


def test_loopback_may_be_plain(ask: Ask) -> None:
    with ScriptedCluster() as plain:
        assert ask(server=plain.url, ca_file=None).username == "me@acme.com"


def test_but_not_through_a_proxy(ask: Ask) -> None:
    with ScriptedCluster() as plain, ForwardProxy() as proxy:
        with pytest.raises(ConfigError, match="no token goes to it through a proxy") as refused:
            ask(server=plain.url, ca_file=None, proxy_url=proxy.url)
        assert str(refused.value.remedy) == "togetherctl cluster unset east proxy_url"
        assert (plain.asked.total(), proxy.seen) == (0, [])


def test_a_token_that_is_no_header_is_not_sent(
    environ: dict[str, str], cluster: Cluster, server: ScriptedCluster
) -> None:
    for token in ("a\r\nX: y", "caf\u00e9"):
        with pytest.raises(Refused, match="no request can carry"):
            who_am_i(cluster, token, environ=environ)
    assert server.asked.total() == 0


# TLS


def test_the_clusters_own_authority_is_trusted_alone(ask: Ask, server: ScriptedCluster, ca_file: Path) -> None:
    assert ask(ca_file=None, ca_data=base64.b64encode(ca_file.read_bytes()).decode()).username == "me@acme.com"
    with pytest.raises(Unreachable, match="cannot be verified") as caught:
        ask(ca_file=None)
    assert str(caught.value.remedy) == "togetherctl cluster set east ca_file=FILE"
    assert server.asked.total() == 1


def test_what_the_system_trusts_does_not_count_beside_it(
    ask: Ask, ca_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trustme

    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    assert ask(ca_file=None).username == "me@acme.com"
    with pytest.raises(Unreachable, match="cannot be verified"):
        ask(ca_file=other)


def test_another_name_in_the_certificate(ask: Ask) -> None:
    assert ask(tls_server_name="api.internal").username == "me@acme.com"
    with pytest.raises(Unreachable, match="cannot be verified") as caught:
        ask(tls_server_name="api.elsewhere")
    assert str(caught.value.remedy) == "togetherctl cluster set east tls_server_name=NAME"


def test_insecure_is_said(ask: Ask, cluster: Cluster) -> None:
    assert ask(insecure=True, ca_file=None).username == "me@acme.com"
    assert ask(insecure=True, tls_server_name="wrong").username == "me@acme.com"
    assert "is not verified" in str(caution(replace(cluster, insecure=True)))
    assert caution(cluster) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ca_data": base64.b64encode(b"hello").decode()}, "is no PEM certificate"),
        ({"ca_data": base64.b64encode(b"\xff").decode()}, "is no PEM certificate"),
    ],
)
def test_an_authority_that_is_none(change: dict[str, str], said: str, ask: Ask) -> None:
    with pytest.raises(ConfigError, match=said):
        ask(ca_file=None, **change)


def test_an_authority_that_is_not_there(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CA file of cluster east cannot be read: .*none.pem: No such file"):
        ask(ca_file=tmp_path / "none.pem")


@pytest.mark.parametrize("name", [None, "api.internal"])
def test_through_the_clusters_proxy(name: str | None, ask: Ask, server: ScriptedCluster) -> None:
    with ForwardProxy() as proxy:
        assert ask(proxy_url=proxy.url, tls_server_name=name).username == "me@acme.com"
        assert proxy.seen == [f"CONNECT 127.0.0.1:{server.port}"]


def test_nobody_there(ask: Ask) -> None:
    with ScriptedCluster() as gone:
        url = gone.url
    with pytest.raises(Unreachable, match="refused the connection") as caught:
        ask(server=url.replace("http:", "https:"))
    assert str(caught.value.remedy) == "check the cluster's server: togetherctl cluster show east"


def test_the_review_is_what_json_says(ask: Ask, server: ScriptedCluster) -> None:
    server.info = {"username": "a\u202eb", "groups": ["x\ny"]}
    view = ask()
    assert json.dumps([view.username, *view.groups]) == '["a\\u202eb", "x\\ny"]'
