"""What each source may set: one test for each cell of the table that `docs/security.md` begins with.

Each source is read as it is read in earnest; what comes out is compared with what the rule says of it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from docs.generate import source_table
from tests.conftest import ROOT
from tests.support.together import ScriptedTogether
from togetherctl.config.editing import TABLES, section
from togetherctl.config.models import ConfigTable
from togetherctl.config.toml_text import TomlText
from togetherctl.config.validation import validate
from togetherctl.errors import ConfigError
from togetherctl.importing.bundle import read
from togetherctl.importing.cluster_offer import TypedLogin, TypedServer, offer_typed
from togetherctl.importing.from_kubeconfig import from_text
from togetherctl.importing.from_together import from_together
from togetherctl.importing.merge import KINDS, ImportPlan
from togetherctl.importing.plan import plan_offers
from togetherctl.importing.source_rules import POWERS, Power, Verdict, power_of
from togetherctl.importing.trusted_hosts import new_hosts, to_be_named
from togetherctl.kube.kubeconfig import KubeconfigFile
from togetherctl.kubelogin.merged_kubeconfig import Kubeconfigs
from togetherctl.kubelogin.stanza_to_profile import meaning
from togetherctl.together.api import TogetherAPI

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from togetherctl.config.types import Kind

PEM = "-----BEGIN CERTIFICATE-----\nMIIBmadeup\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIBmadeup\n-----END PRIVATE KEY-----\n"
CA = b64encode(PEM.encode()).decode()
AND_KEY = b64encode((PEM + KEY).encode()).decode()
ISSUER, SERVER = "https://id.acme.com", "https://east.acme.com:6443"
IDS = [power.what for power in POWERS]

# By key: how a stanza says it, and what the configuration has then, if anything. `{folder}` is where files lie.
Said = dict[str, Any]
IN_A_KUBECONFIG: dict[tuple[Kind, str], list[tuple[Said, Any]]] = {
    ("issuer", "url"): [({}, ISSUER)],
    ("issuer", "ca_data"): [({"args": [f"--certificate-authority-data={CA}"]}, CA)],
    ("issuer", "ca_file"): [({"args": ["--certificate-authority={folder}/ca.pem"]}, CA)],
    ("issuer", "insecure_skip_tls_verify"): [({"args": ["--insecure-skip-tls-verify"]}, None)],
    ("issuer", "proxy"): [({"env": {"HTTPS_PROXY": "http://proxy.evil.example:3128"}}, None)],
    ("issuer", "request_headers"): [({"args": ["--oidc-request-header=X-Evil=1"]}, None)],
    ("profile", "client_id"): [({}, "k8s")],
    ("profile", "client_secret"): [
        ({"args": ["--oidc-client-secret=made-up-client-secret"]}, {"keyring": True}),
        ({"env": {"OIDC_CLIENT_SECRET": "made-up-client-secret"}}, {"keyring": True}),
    ],
    ("profile", "scopes"): [({"args": ["--oidc-extra-scope=groups"]}, ["openid", "groups"])],
    ("profile", "grant"): [({"args": ["--grant-type=device-code"]}, "device-code")],
    ("profile", "token"): [({"args": ["--oidc-use-access-token"]}, "access")],
    ("profile", "username"): [({"args": ["--username=me"]}, "me")],
    ("profile", "storage"): [({"args": ["--token-cache-storage=keyring"]}, "keyring")],
    ("profile", "login_timeout"): [({"args": ["--authentication-timeout-sec=60"]}, 60)],
    ("profile", "redirect_uris"): [
        ({"args": ["--listen-address=127.0.0.1:9000"]}, ["http://localhost:9000"]),
        (
            {
                "args": [
                    "--oidc-redirect-url=https://evil.example/cb",
                    "--local-server-cert=/c.pem",
                    "--local-server-key=/k.pem",
                ]
            },
            None,
        ),
    ],
    ("profile", "listen"): [
        (
            {"args": ["--oidc-redirect-url=http://localhost:9000", "--listen-address=127.0.0.1:9001"]},
            ["127.0.0.1:9001"],
        ),
        ({"args": ["--listen-address=0.0.0.0:9000"]}, None),
        ({"args": ["--listen-address=:9000"]}, None),
        ({"args": ["--listen-address=127.0.0.1:9000,192.0.2.7:9000"]}, None),
        ({"args": ["--listen-address=[::]:9000"]}, None),
    ],
    ("profile", "listen_cert_file"): [
        ({"args": ["--local-server-cert=/c.pem", "--local-server-key=/k.pem"]}, None),
    ],
    ("profile", "listen_key_file"): [
        ({"args": ["--local-server-cert=/c.pem", "--local-server-key=/k.pem"]}, None),
    ],
    ("profile", "open_url_after"): [({"args": ["--open-url-after-authentication=https://evil.example"]}, None)],
    ("profile", "pkce"): [({"args": ["--oidc-pkce-method=no"]}, None)],
    ("profile", "auth_params"): [
        ({"args": ["--oidc-auth-request-extra-params=prompt=login"]}, {"prompt": "login"}),
        (
            {
                "args": [
                    f"--oidc-auth-request-extra-params={name}=made-up"
                    for name in ("request_uri", "request", "claims", "login_hint", "client_secret", "x", "resource")
                ]
            },
            {"resource": "made-up"},
        ),
    ],
    ("profile", "browser"): [
        ({"args": ["--skip-open-browser"]}, False),
        ({"args": ["--browser-command=/opt/evil"]}, None),
    ],
    ("cluster", "server"): [({}, SERVER)],
    ("cluster", "ca_data"): [({"cluster": {"certificate-authority-data": CA}}, CA)],
    ("cluster", "ca_file"): [({"cluster": {"certificate-authority": "{folder}/ca.pem"}}, CA)],
    ("cluster", "tls_server_name"): [({"cluster": {"tls-server-name": "kube"}}, "kube")],
    ("cluster", "proxy_url"): [({"cluster": {"proxy-url": "http://proxy.evil.example:3128"}}, None)],
    ("cluster", "insecure_skip_tls_verify"): [({"cluster": {"insecure-skip-tls-verify": True}}, None)],
    ("cluster", "namespace"): [({"namespace": "training"}, "training")],
}
# By key: values that a bundle may hold, then values for which it is refused.
IN_A_BUNDLE: dict[tuple[Kind, str], tuple[list[Any], list[Any]]] = {
    ("issuer", "url"): ([ISSUER], []),
    ("issuer", "preset"): (["okta"], []),
    ("issuer", "client_auth"): (["post"], []),
    ("issuer", "ca_data"): ([CA], [AND_KEY]),
    ("issuer", "ca_file"): ([], ["/etc/ca.pem", ["ca.pem"]]),
    ("issuer", "insecure_skip_tls_verify"): ([], [True, False]),
    ("issuer", "proxy"): ([], ["http://proxy.evil.example:3128"]),
    ("issuer", "request_headers"): ([], [{"X-Evil": "1"}]),
    ("issuer", "device_authorization_endpoint"): ([f"{ISSUER}/device"], ["https://evil.example/device"]),
    ("issuer", "revocation_endpoint"): ([f"{ISSUER}/revoke"], ["https://evil.example/revoke"]),
    ("profile", "issuer"): (["acme"], []),
    ("profile", "client_id"): (["k8s"], []),
    ("profile", "scopes"): ([["openid", "groups"]], []),
    ("profile", "offline_access"): (["never"], []),
    ("profile", "grant"): (["device-code"], ["agent"]),
    ("profile", "token"): (["access"], []),
    ("profile", "auth_params"): ([{"prompt": "login"}], [{"request_uri": "urn:evil"}, {"login_hint": "me"}]),
    ("profile", "redirect_uris"): ([["http://localhost:9000"]], [["https://evil.example/cb"]]),
    ("profile", "browser"): ([], [["/opt/evil"], False]),
    ("profile", "listen"): ([], [["0.0.0.0:8000"], ["127.0.0.1:8000"]]),
    ("profile", "listen_cert_file"): ([], ["/c.pem"]),
    ("profile", "listen_key_file"): ([], ["/k.pem"]),
    ("profile", "pkce"): ([], ["no", "S256"]),
    ("profile", "open_url_after"): ([], ["https://evil.example"]),
    ("profile", "client_secret"): ([], [{"env": "HOME"}, {"file": "/x"}, {"command": ["sh"]}, {"keyring": True}]),
    ("profile", "username"): ([], ["me"]),
    ("profile", "storage"): ([], ["memory"]),
    ("profile", "account"): ([], ["me@acme.com"]),
    ("profile", "session"): ([], ["work"]),
    ("profile", "login"): ([], ["never"]),
    ("profile", "login_timeout"): ([], [60]),
    ("profile", "margin"): ([], [0]),
    ("profile", "forward"): ([], ["always", "ask", "never"]),
    ("cluster", "profile"): (["acme"], []),
    ("cluster", "server"): ([SERVER], []),
    ("cluster", "tls_server_name"): (["kube"], []),
    ("cluster", "context"): (["prod"], []),
    ("cluster", "namespace"): (["training"], []),
    ("cluster", "username_claim"): (["email"], []),
    ("cluster", "username_prefix"): (["oidc:"], []),
    ("cluster", "groups_claim"): (["groups"], []),
    ("cluster", "groups_prefix"): (["oidc:"], []),
    ("cluster", "together_cluster_id"): (["0b6d1f6a"], []),
    ("cluster", "ca_data"): ([CA], [AND_KEY]),
    ("cluster", "ca_file"): ([], ["/etc/ca.pem"]),
    ("cluster", "proxy_url"): ([], ["http://proxy.evil.example:3128"]),
    ("cluster", "insecure_skip_tls_verify"): ([], [True]),
}
BUNDLE = f"""\
version = 1

[issuers.acme]
url = "{ISSUER}"

[profiles.acme]
issuer = "acme"
client_id = "k8s"

[clusters.east]
profile = "acme"
server = "{SERVER}"
"""
NAMES: dict[Kind, str] = {"issuer": "acme", "profile": "acme", "cluster": "east"}


def kubeconfig(said: Said, folder: Path) -> str:
    def filled(text: str) -> str:
        return text.replace("{folder}", str(folder))

    words = ["get-token", f"--oidc-issuer-url={ISSUER}", "--oidc-client-id=k8s", *map(filled, said.get("args", []))]
    env = [{"name": name, "value": value} for name, value in said.get("env", {}).items()]
    cluster = {
        key: filled(value) if isinstance(value, str) else value for key, value in said.get("cluster", {}).items()
    }
    context = {"cluster": "c", "user": "u", **({"namespace": said["namespace"]} if "namespace" in said else {})}
    return json.dumps(
        {
            "clusters": [{"name": "c", "cluster": {"server": SERVER, **cluster}}],
            "contexts": [{"name": "east", "context": context}],
            "users": [
                {"name": "u", "user": {"exec": {"command": "kubectl-together_login", "args": words, "env": env}}}
            ],
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_text(PEM)
    return tmp_path


def taken_from_a_kubeconfig(said: Said, folder: Path, **environ: str) -> ImportPlan:
    environ = {"HOME": str(folder), **environ}
    found = from_text(kubeconfig(said, folder), environ, path=folder / "oidc.yaml", origin="oidc.yaml")
    assert found.skipped == ()
    return plan_offers(ConfigTable(), found.offers, folder=folder, environ=environ)


def table(done: ImportPlan, kind: Kind) -> dict[str, Any]:
    [found] = [table for (of, _), table in done.added.items() if of == kind]
    return found


def test_every_key_of_the_config_is_in_one_row() -> None:
    listed = [place for power in POWERS for place in power.keys]
    assert len(set(listed)) == len(listed)
    assert set(listed) == {(kind, key) for kind in KINDS for key in TABLES[kind].model_fields}
    above = [key for power in POWERS for key in power.above]
    assert {"version", *map(section, KINDS), *above} == set(ConfigTable.model_fields)
    assert set(IN_A_BUNDLE) == set(listed)
    assert set(IN_A_KUBECONFIG) < set(listed)


def test_the_page_has_the_table_of_the_rule() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    assert page.index("|") == page.index(source_table()), "nothing stands before it that is a table"
    for power in POWERS:
        assert f"| {power.what} |" in page


def config_after(done: ImportPlan) -> ConfigTable:
    text = TomlText("version = 1\n")
    done.apply(text)
    found, problems = validate(text.data)
    assert found is not None, problems
    assert ConfigTable.model_validate(done.onto({})) == found, "both ways to look at it agree"
    return found


@pytest.mark.parametrize("power", POWERS, ids=IDS)
def test_a_kubeconfig(power: Power, folder: Path) -> None:
    """Every verdict is looked at by key; the hosts and the environment have their own tests below."""
    sayings = [(place, said, config) for place in power.keys for said, config in IN_A_KUBECONFIG.get(place, [])]
    assert bool(sayings) is (power.kubeconfig is not Verdict.UNSAID and bool(power.keys))
    kept, lost = 0, 0
    for (kind, key), said, expected in sayings:
        done = taken_from_a_kubeconfig(said, folder)
        config_after(done)
        mine, lines = table(done, kind), list(done.lines())
        if power.kubeconfig is Verdict.READ:
            assert (mine.get("ca_data"), "ca_file" in mine) == (expected, False)
            continue
        assert mine.get(key) == expected, said
        if power.kubeconfig is Verdict.MOVED:
            assert [secret.value for secret in done.secrets] == ["made-up-client-secret"]
            continue
        left = [line for line in lines if line.startswith(key)]
        harmed = expected is None or expected == {"resource": "made-up"}
        assert bool(left) is harmed, (said, lines)
        kept, lost = kept + (not harmed), lost + harmed
        if harmed:
            assert f"is left out of {kind} {next(iter(done.added))[1] if kind != 'cluster' else 'east'}" in left[0]
            assert f"togetherctl {kind} set " in "".join(lines)
    if power.keys and power.kubeconfig is Verdict.SOME and power.keys[0][1] != "ca_data":
        assert kept, "some values are taken"
        assert lost, "others are not"


@pytest.mark.parametrize("power", POWERS, ids=IDS)
def test_a_bundle(power: Power) -> None:
    """The rules for what it says are those of a file, wherever it comes from."""
    for kind, key in power.keys:
        good, bad = IN_A_BUNDLE[kind, key]
        assert bool(good) is (power.bundle in (Verdict.TAKEN, Verdict.SOME)), (kind, key)
        assert bool(bad) is (power.bundle in (Verdict.REFUSED, Verdict.SOME)), (kind, key)
        for value in good:
            assert read(changed(kind, key, value), origin="team.toml").tables[kind, NAMES[kind]][key] == value
        for value in bad:
            with pytest.raises(ConfigError, match=f"{section(kind)}.{NAMES[kind]}.{key}: "):
                read(changed(kind, key, value), origin="team.toml")
    for key in power.above:
        with pytest.raises(ConfigError, match=f"{key}: "):
            read(f'{key} = "acme"\n{BUNDLE}'.encode(), origin="team.toml")
    if not power.keys and not power.above:
        assert power.bundle in (Verdict.UNSAID, Verdict.WRITTEN, Verdict.NAMED), "see the tests of hosts"


def changed(kind: Kind, key: str, value: Any) -> bytes:
    text = TomlText(BUNDLE)
    text.set((section(kind), NAMES[kind], key), value)
    return text.text.encode()


@pytest.fixture
def together(clock: StoppedClock, canary: Canary) -> Iterator[ScriptedTogether]:
    with ScriptedTogether(clock=clock, canary=canary) as running:
        yield running


@pytest.mark.parametrize("power", POWERS, ids=IDS)
def test_together_ais_api(
    power: Power, together: ScriptedTogether, environ: dict[str, str], clock: StoppedClock
) -> None:
    body: dict[str, Any] = {
        "insecure-skip-tls-verify": True,
        "proxy-url": "http://proxy.together.ai",
        "tls-server-name": "kube",
    }
    record = together.add("h100-east")
    record["kube_config"] = together.kube_config(**body)
    api = TogetherAPI(together.key, base_url=together.url, environ=environ, clock=clock, sleep=clock.sleep)
    found = from_together(api, project=None)
    [offer] = found.offers
    said: dict[Kind, Any] = {"issuer": offer.issuer, "profile": offer.profile, "cluster": offer.cluster}
    keys = {(kind, key) for kind in KINDS for key in said[kind]}
    for place in power.keys:
        if power.together is not Verdict.TAKEN:
            assert place not in keys, place
    if power.keys and power.together is Verdict.TAKEN:
        assert keys & set(power.keys), "it is believed"
    assert not offer.left
    assert offer.vouched, "no host of it is asked for"
    assert {power_of(*place).together for place in keys} == {Verdict.TAKEN}  # type: ignore[union-attr] # all are known


@pytest.mark.parametrize("power", POWERS, ids=IDS)
def test_you(power: Power, folder: Path) -> None:
    """A kubeconfig of one's own that is converted keeps what it carries; what is typed is not asked for."""
    for kind, key in power.keys:
        good, bad = IN_A_BUNDLE[kind, key]
        assert good or bad
        for said, _ in IN_A_KUBECONFIG.get((kind, key), []):
            if kind == "cluster" or key == "client_secret":
                continue
            file = KubeconfigFile.of(folder / "config", kubeconfig(said, folder))
            [stanza] = Kubeconfigs.of(file).stanzas().values()
            meant = meaning(stanza, folder=folder, environ={})
            assert key in (meant.issuer if kind == "issuer" else meant.profile), said
    login = TypedLogin({"url": ISSUER, "insecure_skip_tls_verify": True}, "k8s")
    [offer] = offer_typed(login, TypedServer(SERVER, {"ca_file": str(folder / "ca.pem")}, "east")).offers
    assert (offer.vouched, offer.left) == (True, ())
    assert (offer.issuer or {})["insecure_skip_tls_verify"] is True
    assert (offer.cluster or {})["ca_file"] == str(folder / "ca.pem")


def before(*, client: str = "k8s", server: str = SERVER) -> ConfigTable:
    text = BUNDLE.replace("k8s", client).replace(SERVER, server)
    found, problems = validate(TomlText(text).data)
    assert found is not None, problems
    return found


HOSTS = [power for power in POWERS if Verdict.NAMED in (power.kubeconfig, power.from_address)]


@pytest.mark.parametrize("column", ["kubeconfig", "bundle", "from_address"])
@pytest.mark.parametrize("power", HOSTS, ids=lambda power: power.what)
def test_hosts(power: Power, column: str, folder: Path) -> None:
    """The difference between writing and naming is whose logins and tokens a host would get."""
    new, known, voucher = HOSTS
    config = {
        new.what: before(client="another", server="https://kube.other.example"),
        known.what: before(server="https://kube.other.example"),
        voucher.what: before(client="another"),
    }[power.what]
    if column == "kubeconfig":
        said = {"args": [f"--certificate-authority-data={CA}"]} if power is voucher else {}
        found = from_text(kubeconfig(said, folder), {}, path=folder / "oidc.yaml", origin="oidc.yaml")
        data = config.model_dump(mode="json", exclude_unset=True)
        after = ConfigTable.model_validate(plan_offers(config, found.offers, folder=folder, environ={}).onto(data))
    else:
        ca = {"ca_data": CA} if power is voucher else {}
        issuers = {**config.issuers, "new": TABLES["issuer"].model_validate({"url": ISSUER, **ca})}
        profiles = {**config.profiles, "new": TABLES["profile"].model_validate({"issuer": "new", "client_id": "k8s"})}
        clusters = {**config.clusters, "new": TABLES["cluster"].model_validate({"profile": "new", "server": SERVER})}
        after = config.model_copy(update={"issuers": issuers, "profiles": profiles, "clusters": clusters})
    found_hosts = new_hosts(config, after)
    named = [stranger.host for stranger in to_be_named(found_hosts, remote=column == "from_address")]
    host = "id.acme.com" if power is voucher else "east.acme.com"
    assert host in [stranger.host for stranger in found_hosts]
    verdict = getattr(power, column)
    assert (host in named) is (verdict is Verdict.NAMED)
    assert verdict in (Verdict.NAMED, Verdict.WRITTEN)


def test_an_identity_of_which_only_a_session_is_left_counts(folder: Path) -> None:
    found = from_text(kubeconfig({}, folder), {}, path=folder / "oidc.yaml", origin="oidc.yaml")
    after = ConfigTable.model_validate(plan_offers(ConfigTable(), found.offers, folder=folder, environ={}).onto({}))
    assert to_be_named(new_hosts(ConfigTable(), after), remote=False) == []
    session = ("https://id.acme.com:443", "k8s")
    assert [one.host for one in to_be_named(new_hosts(ConfigTable(), after, {session}), remote=False)] == [
        "id.acme.com",
        "east.acme.com",
    ]


def test_a_client_secret_of_the_environment_is_not_taken(folder: Path) -> None:
    done = taken_from_a_kubeconfig({}, folder, OIDC_CLIENT_SECRET="made-up-own-secret")
    assert "client_secret" not in table(done, "profile")
    assert not done.secrets
    [power] = [power for power in POWERS if power.kubeconfig is Verdict.FLAG]
    assert power.what == "that a client secret of your environment is used"


def test_variables_of_programs_are_left_out(folder: Path) -> None:
    done = taken_from_a_kubeconfig({"env": {"LD_PRELOAD": "/opt/evil.so", "KUBECACHEDIR": "/opt"}}, folder)
    tables = json.dumps({str(key): value for key, value in done.added.items()})
    assert "evil" not in tables
    # The folder tells two people apart, as a word; nothing is read or written there.
    assert tables.count("/opt") == tables.count('"session": "/opt/oidc-login"') == 1
    [line] = [line for line in done.lines() if "LD_PRELOAD" in line]
    assert "togetherctl lets no kubeconfig set variables of your programs" in line


def test_no_verdict_is_without_a_test() -> None:
    used = {
        verdict for power in POWERS for verdict in (power.kubeconfig, power.bundle, power.from_address, power.together)
    }
    assert used == set(Verdict)
