"""Two people of one issuer and client, told apart by nothing but the folder of their tokens, stay two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kubelogin.test_convert import HEAD, profiles_of, written
from togetherctl.config.config import Config
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import CliIn, Run
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer

ISSUER = "https://id.acme.com"


def stanza(*flags: str, issuer: str = ISSUER, client: str = "k8s", **env: str) -> str:
    words = ["get-token", f"--oidc-issuer-url={issuer}", f"--oidc-client-id={client}", *flags]
    variables = [{"name": name, "value": value} for name, value in env.items()]
    return json.dumps({"exec": {"command": "kubelogin", "args": words, "env": variables}})


APART = {
    "folders": (stanza("--token-cache-dir=/tokens/a"), stanza("--token-cache-dir=/tokens/b")),
    "a folder and none": (stanza(), stanza("--token-cache-dir=/tokens/b")),
    "HOME": (stanza(), stanza(HOME="/home/other")),
    "KUBECACHEDIR": (stanza(KUBECACHEDIR="/tokens/a"), stanza(KUBECACHEDIR="/tokens/b")),
    "TMPDIR": (stanza(TMPDIR="/tmp/a"), stanza(TMPDIR="/tmp/b")),  # noqa: S108 # a value of somebody's stanza
}


@pytest.mark.parametrize("people", APART.values(), ids=APART)
def test_converting_leaves_two_people_two(people: tuple[str, str], kubeconfig: Path, cli: Run, home: Path) -> None:
    kubeconfig.write_text(written(a=people[0], b=people[1]))
    done = cli("kubeconfig", "convert", "--all", "--portable")
    assert done.code == 0, done.stderr
    called = profiles_of(kubeconfig)
    assert len(set(called.values())) == 2
    config = Config.load(home / "tctl" / "config.toml", {"HOME": str(home)})
    assert len({config.profile(name).key for name in called.values()}) == 2
    assert {name: table.profile for name, table in config.table.clusters.items()} == called
    # Whoever runs it in another home would not find the configuration.
    stanzas = [user["user"]["exec"] for user in load(kubeconfig.read_text())["users"]]
    assert not any(item["name"] == "HOME" for one in stanzas for item in one.get("env", []))


def test_one_after_the_other_is_the_same(kubeconfig: Path, cli: Run) -> None:
    kubeconfig.write_text(written(a=stanza("--token-cache-dir=/tokens/a"), b=stanza("--token-cache-dir=/tokens/b")))
    assert cli("kubeconfig", "convert", "--context", "b", "--portable").code == 0
    assert cli("kubeconfig", "convert", "--context", "a", "--portable").code == 0
    assert len(set(profiles_of(kubeconfig).values())) == 2


def test_one_person_with_one_folder_is_one(kubeconfig: Path, cli: Run) -> None:
    one = stanza("--token-cache-dir=/tokens/a")
    kubeconfig.write_text(written(a=one, b=one))
    assert cli("kubeconfig", "convert", "--all", "--portable").code == 0
    assert len(set(profiles_of(kubeconfig).values())) == 1


def test_joining_takes_both_contexts_of_one_cluster(kubeconfig: Path, cli: Run, home: Path) -> None:
    users = {"a": stanza("--token-cache-dir=/tokens/a"), "b": stanza("--token-cache-dir=/tokens/b")}
    lines = [HEAD, "clusters:\n- {name: prod, cluster: {server: 'https://prod.acme.com'}}\ncontexts:\n"]
    lines += [f"- {{name: prod-{n}, context: {{cluster: prod, user: {n}}}}}\n" for n in users]
    kubeconfig.write_text("".join([*lines, "users:\n", *(f"- {{name: {n}, user: {u}}}\n" for n, u in users.items())]))
    words = ("profile", "import", str(kubeconfig), "--yes")
    done = cli(*words)
    assert done.code == 0, done.stderr
    config = Config.load(home / "tctl" / "config.toml", {"HOME": str(home)})
    assert set(config.table.clusters) == {"prod-a", "prod-b"}
    first, second = (config.profile(table.profile) for table in config.table.clusters.values())
    assert first.key != second.key
    before = (home / "tctl" / "config.toml").read_text()
    assert cli(*words).code == 0
    assert (home / "tctl" / "config.toml").read_text() == before


@pytest.fixture
def here(cli_in: CliIn, clock: StoppedClock) -> Run:
    return cli_in(clock=clock)


def test_taking_tokens_over_mixes_nobody(
    here: Run, kubeconfig: Path, issuer: ScriptedIssuer, folder: Path, home: Path
) -> None:
    tokens: dict[str, Any] = {}
    for name in ("a", "b"):
        cache = folder / name
        cache.mkdir(mode=0o700)
        tokens[name] = issuer.tokens({**issuer.claims, "sub": name, "email": f"{name}@acme.com"}, "openid")
        path = cache / "3f9a"
        path.write_text(json.dumps({key: tokens[name][key] for key in ("id_token", "refresh_token")}))
        path.chmod(0o600)
    ours = {"issuer": issuer.url, "client": issuer.client_id}
    users = {name: stanza(f"--token-cache-dir={folder / name}", **ours) for name in ("a", "b")}
    kubeconfig.write_text(written(**users))
    assert here("kubeconfig", "convert", "--all", "--portable").code == 0
    # By then nothing is left to convert, and each profile's own folder counts.
    done = here("kubeconfig", "convert", "--import-cache")
    assert done.stderr.count("takes over the session") == 2, done.stderr
    for name, profile in profiles_of(kubeconfig).items():
        served = json.loads(here("get-token", "--profile", profile).stdout)["status"]["token"]
        assert served == tokens[name]["id_token"]
    assert len(list((home / "tctl" / "state" / "sessions").glob("*.json"))) == 2


def test_a_folder_that_is_named_for_all_is_nobodys(
    here: Run, kubeconfig: Path, issuer: ScriptedIssuer, folder: Path
) -> None:
    cache = folder / "a"
    cache.mkdir(mode=0o700)
    tokens = issuer.tokens(issuer.claims, "openid")
    path = cache / "3f9a"
    path.write_text(json.dumps({key: tokens[key] for key in ("id_token", "refresh_token")}))
    path.chmod(0o600)
    ours = {"issuer": issuer.url, "client": issuer.client_id}
    kubeconfig.write_text(written(a=stanza("--token-cache-dir=/x", **ours), b=stanza("--token-cache-dir=/y", **ours)))
    done = here("kubeconfig", "convert", "--all", "--portable", "--import-cache", str(cache))
    assert "alike" in done.stderr
    assert "takes over" not in done.stderr
