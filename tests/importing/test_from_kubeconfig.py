"""Kubeconfigs as a source: as platforms and admins hand them out, and as people write them."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from togetherctl.config.models import ConfigTable
from togetherctl.errors import KubeconfigError, UsageError
from togetherctl.importing.from_kubeconfig import from_folder, from_kubeconfigs, from_text
from togetherctl.importing.plan import plan_offers
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from togetherctl.importing.cluster_offer import SourceOffers

CORPUS = sorted(
    path
    for folder in ("kubelogin", "kubeconfig")
    for path in (ROOT / "tests" / "data" / folder).iterdir()
    if path.is_file()
)
CA = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="
PEM = "-----BEGIN CERTIFICATE-----\nMIIBmadeup\n-----END CERTIFICATE-----\n"
OTHER_PEM = PEM.replace("made", "other")
HEAD = f"""\
apiVersion: v1
kind: Config
current-context: me@h100
clusters:
- name: h100
  cluster: {{server: "https://203.0.113.7:6443", certificate-authority-data: {CA}}}
contexts:
- name: me@h100
  context: {{cluster: h100, user: me, namespace: training}}
users:
- name: me
  user:
"""
PLATFORM = f"""{HEAD}\
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: kubectl-together_login
      args: [get-token, --oidc-issuer-url=https://acme.okta.com/oauth2/default, --oidc-client-id=0oa1b2c3d4,
        --oidc-extra-scope=email]
"""


def read(text: str, folder: Path) -> SourceOffers:
    path = folder / "oidc.yaml"
    path.write_text(text, encoding="utf-8")
    return from_kubeconfigs([path], {"HOME": str(folder)})


def test_as_a_platform_hands_it_out(tmp_path: Path) -> None:
    found = read(PLATFORM, tmp_path)
    assert found.origin == "~/oidc.yaml"
    [offer] = found.offers
    assert (offer.name, offer.issuer, offer.profile, offer.cluster, offer.notes) == (
        "me@h100",
        {"url": "https://acme.okta.com/oauth2/default"},
        {"client_id": "0oa1b2c3d4", "scopes": ["openid", "email"]},
        {"server": "https://203.0.113.7:6443", "ca_data": CA, "namespace": "training", "context": "me@h100"},
        (),
    )


AT_ACME = "--oidc-issuer-url=https://id.acme.com, --oidc-client-id=k8s"
STANDALONE = "{idp-issuer-url: 'https://id.acme.com', client-id: k8s, extra-scopes: 'groups,email'}"


@pytest.mark.parametrize(
    ("stanza", "client", "note"),
    [
        (f"{{exec: {{command: kubectl, args: [oidc-login, get-token, {AT_ACME}]}}}}", "k8s", None),
        (f"{{exec: {{command: /opt/kubelogin, args: [get-token, {AT_ACME}, -v1]}}}}", "k8s", "loses its log level"),
        (f"{{auth-provider: {{name: oidc, config: {STANDALONE}}}}}", "k8s", None),
        (
            "{exec: {command: aws, args: [eks, get-token]}}",
            None,
            "comes without the command aws in ~/oidc.yaml; you log in instead",
        ),
        (
            "{client-certificate-data: QQ==, client-key-data: QQ==}",
            None,
            "comes without the credentials in ~/oidc.yaml; you log in instead",
        ),
    ],
)
def test_whoever_the_user_is(stanza: str, client: str | None, note: str | None, tmp_path: Path) -> None:
    [offer] = read(f"{HEAD}    {stanza}\n", tmp_path).offers
    assert (offer.profile or {}).get("client_id") == client
    assert offer.says_login is (client is not None)
    assert any(note in said for said in offer.notes) if note else offer.notes == ()


@pytest.mark.parametrize(
    ("stanza", "reason"),
    [
        ("{exec: {command: kubelogin, args: [get-token, --no-such]}}", "its flags cannot be read: unknown flag"),
        ("{exec: {command: kubelogin, args: [get-token]}}", "it names no --oidc-issuer-url"),
        ("{auth-provider: {name: oidc, config: {client-id: k8s}}}", "has no idp-issuer-url"),
        ("{exec: {command: togetherctl, args: [get-token, --profile, acme]}}", None),
    ],
)
def test_a_user_that_cannot_be_taken(stanza: str, reason: str | None, tmp_path: Path) -> None:
    text = f"{HEAD}    {stanza}\n"
    if reason is None:
        text, reason = text.replace("name: me\n", "name: togetherctl:acme\n"), "togetherctl wrote it itself"
        text = text.replace("user: me,", "user: 'togetherctl:acme',")
    found = read(text, tmp_path)
    assert found.offers == ()
    [passed] = found.skipped
    assert reason in passed.reason


def test_nothing_of_a_static_user_is_taken(tmp_path: Path, canary: Canary) -> None:
    token = canary.watch("a static token", "made-up-static-token")
    folder = tmp_path / "secrets"
    folder.mkdir()
    found = read(f"{HEAD}    {{token: {token}}}\n", folder)
    [offer] = found.offers
    canary.saw("the offer", repr((found, offer.issuer, offer.profile, offer.cluster)))
    assert offer.cluster is not None


def test_a_client_secret_is_kept_apart(tmp_path: Path, canary: Canary) -> None:
    secret = canary.watch("a client secret", "made-up-client-secret")
    folder = tmp_path / "secrets"
    folder.mkdir()
    text = PLATFORM.replace("--oidc-extra-scope=email", f"--oidc-client-secret={secret}")
    [offer] = read(text, folder).offers
    assert offer.secret == secret
    canary.saw("the offer", repr((offer, offer.issuer, offer.profile, offer.cluster)))


def test_clusters_without_a_context(tmp_path: Path) -> None:
    found = read('clusters:\n- {name: a, cluster: {server: "https://a"}}\n- {name: b, cluster: {}}\n', tmp_path)
    assert [offer.name for offer in found.offers] == ["a"]
    assert [(passed.name, passed.reason) for passed in found.skipped] == [("b", "it has no server")]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_corpus(path: Path) -> None:
    """Every context of files as people write them is offered or passed, and what is offered can be taken, twice."""
    data = load(path.read_text(encoding="utf-8"))
    contexts = {entry["name"] for entry in data.get("contexts") or []}
    if not data.get("clusters"):
        with pytest.raises(UsageError, match="is not a kubeconfig"):
            from_kubeconfigs([path], {})
        return
    before = path.read_bytes()
    found = from_kubeconfigs([path], {"HOME": "/home/me"})
    names = {offer.name for offer in found.offers} | {passed.name for passed in found.skipped}
    assert contexts <= names
    done = plan_offers(ConfigTable(), found.offers, folder=Path("/home/me"), environ={})
    taken = {offer.name for offer in found.offers} - {one.name for one in done.skipped} - set(done.without_login)
    assert bool(done.clusters) is bool(taken)
    assert path.read_bytes() == before


def test_several_files_are_read_apart(tmp_path: Path) -> None:
    """Contexts of different files are called alike, which kubectl would take for one."""
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(PLATFORM)
    two.write_text(PLATFORM.replace("203.0.113.7", "203.0.113.8"))
    found = from_kubeconfigs([one, two], {"HOME": str(tmp_path)})
    assert [offer.name for offer in found.offers] == ["me@h100", "me@h100"]
    assert [(offer.cluster or {})["server"] for offer in found.offers] == [
        "https://203.0.113.7:6443",
        "https://203.0.113.8:6443",
    ]
    assert [offer.source for offer in found.offers] == [str(one), str(two)]


def test_relative_paths_are_beside_their_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(f"# the cluster's\n{PEM}")
    (tmp_path / "idp.pem").write_text(OTHER_PEM)
    text = PLATFORM.replace(f"certificate-authority-data: {CA}", "certificate-authority: ca.pem")
    [offer] = read(text.replace("get-token,", "get-token, --certificate-authority=idp.pem,"), tmp_path).offers
    assert b64decode((offer.cluster or {})["ca_data"]).decode() == PEM
    assert b64decode((offer.issuer or {})["ca_data"]).decode() == OTHER_PEM
    assert "ca_file" not in {**(offer.cluster or {}), **(offer.issuer or {})}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        ("a line of notes", "holds no PEM certificate"),
        (f"{PEM}-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "holds more than certificates"),
        (f"{PEM}{'x' * 1024 * 1024}", "cannot be read: Larger than 1024 KiB"),
    ],
)
@pytest.mark.parametrize("whose", ["cluster", "issuer"])
def test_a_path_leads_to_certificates_or_to_nothing(
    content: str | None, reason: str, whose: str, tmp_path: Path
) -> None:
    place = tmp_path / "named.pem"
    if content is not None:
        place.write_text(content)
    text = PLATFORM.replace(f"certificate-authority-data: {CA}", f"certificate-authority: {place}")
    if whose == "issuer":
        text = PLATFORM.replace("get-token,", f"get-token, --certificate-authority={place},")
    found = read(text, tmp_path)
    assert found.offers == ()
    [passed] = found.skipped
    assert passed.reason == f"the CA file {place} {reason}"


def test_a_pipe_in_the_place_of_a_certificate_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ca.pem")
    [passed] = read(
        PLATFORM.replace(f"certificate-authority-data: {CA}", "certificate-authority: ca.pem"), tmp_path
    ).skipped
    assert "Not a regular file" in passed.reason


def test_a_key_beside_the_certificates_is_not_taken(tmp_path: Path) -> None:
    key = b64encode(f"{PEM}-----BEGIN EC PRIVATE KEY-----\nQQ==\n-----END EC PRIVATE KEY-----\n".encode()).decode()
    [passed] = read(PLATFORM.replace(CA, key), tmp_path).skipped
    assert passed.reason == "its certificate authority holds more than certificates"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clusters: [", "cannot be understood: line 1"),
        ("clusters: []\nclusters: []\n", "is not a kubeconfig: it names no cluster"),
        ("just text\n", "is not a kubeconfig: it holds only text"),
        ("", "is not a kubeconfig"),
        ("[a, b]\n", "is not a kubeconfig: it holds a list"),
        ("clusters: nothing\n", "cannot be understood: line 1: clusters is not a list"),
    ],
)
def test_what_is_no_kubeconfig(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises((KubeconfigError, UsageError)) as failed:
        read(text, tmp_path)
    assert said in failed.value.message
    assert "oidc.yaml" in failed.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        from_kubeconfigs([tmp_path / "gone.yaml"], {})


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(PLATFORM)
    (tmp_path / "broken.yml").write_text("clusters: [")
    (tmp_path / "values.yaml").write_text("replicas: 3\n")
    (tmp_path / "notes.txt").write_text("not looked at")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "config").write_text(PLATFORM.replace("me@h100", "me@h200").replace("203.0.113.7", "203.0.113.9"))
    found = from_folder(tmp_path, {"HOME": str(tmp_path)})
    assert [offer.name for offer in found.offers] == ["me@h100", "me@h200"]
    assert [passed.name for passed in found.skipped] == ["broken.yml", "values.yaml"]
    (tmp_path / "a.yaml").unlink()
    (tmp_path / "config").unlink()
    with pytest.raises(UsageError, match="there is no kubeconfig in"):
        from_folder(tmp_path, {})


def test_standard_input(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(PEM)
    text = PLATFORM.replace(f"certificate-authority-data: {CA}", "certificate-authority: ca.pem")
    found = from_text(text, {}, path=tmp_path / "standard input", origin="standard input")
    [offer] = found.offers
    assert found.origin == "standard input"
    assert b64decode((offer.cluster or {})["ca_data"]).decode() == PEM
