"""`init` and `profile import` by flags: what is written, whom they ask, and what is said where something fails."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cluster import ScriptedCluster
from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.config.config import Config
from togetherctl.importing.certificates import certificates
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    import trustme

    from tests.conftest import CliIn, Done, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock

Sent = Callable[..., Path]


@pytest.fixture
def cli(cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock) -> Run:
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)


@pytest.fixture
def servers(authority: trustme.CA) -> Iterator[dict[str, ScriptedCluster]]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedCluster(context) as east, ScriptedCluster(context) as west:
        yield {"east": east, "west": west}


@pytest.fixture
def sent(home: Path, issuer: ScriptedIssuer, servers: dict[str, ScriptedCluster], ca_file: Path) -> Sent:
    """Write the kubeconfig that somebody was sent; kubelogin's stanza unless there is another `user`."""

    def write(
        *names: str, user: dict[str, Any] | None = None, words: tuple[str, ...] = (), to: str = "oidc.yaml"
    ) -> Path:
        arguments = [f"--oidc-issuer-url={issuer.url}", f"--oidc-client-id={issuer.client_id}", *words]
        stanza = {
            "exec": {
                "command": "kubectl",
                "args": ["together-login", "get-token", *arguments, "--listen-address=127.0.0.1:0"],
            }
        }
        chosen = names or ("east",)
        text = {
            "clusters": [
                {"name": name, "cluster": {"server": servers[name].url, "certificate-authority": str(ca_file)}}
                for name in chosen
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in chosen],
            "users": [{"name": "me", "user": user or stanza}],
        }
        path = home / "secrets" / to
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(text), encoding="utf-8")
        return path

    return write


@pytest.fixture
def kubeconfig(home: Path, environ: dict[str, str]) -> Path:
    path = home / "kubeconfig"
    environ["KUBECONFIG"] = str(path)
    return path


@pytest.fixture
def config_file(home: Path) -> Path:
    return home / "tctl" / "config.toml"


def contexts(path: Path) -> list[str]:
    return [entry["name"] for entry in load(path.read_text(encoding="utf-8"))["contexts"]]


def current(path: Path) -> str | None:
    name: str | None = load(path.read_text(encoding="utf-8")).get("current-context")
    return name


def problems(stderr: str) -> list[str]:
    """What a list of missing things begins with, one by one."""
    return [line.strip().partition(":")[0] for line in stderr.splitlines()[1:] if line.startswith("  ")]


def test_from_a_kubeconfig_to_a_working_kubectl(
    sent: Sent,
    cli: Run,
    kubeconfig: Path,
    config_file: Path,
    servers: dict[str, ScriptedCluster],
    issuer: ScriptedIssuer,
) -> None:
    done = cli("init", str(sent()), "--yes", "--no-login", "--dry-run")
    assert done.code == 0, done.stderr
    assert f'+url = "{issuer.url}"' in done.stdout
    assert "+current-context: east" in done.stdout
    assert done.stderr.endswith("Nothing was written; ~/tctl/config.toml and ~/kubeconfig would change as shown.\n")
    assert not config_file.exists()
    assert not kubeconfig.exists()

    done = cli("init", str(sent()), "--yes")
    assert done.code == 0, done.stderr
    assert (contexts(kubeconfig), current(kubeconfig)) == (["east"], "east")
    assert done.stderr.splitlines()[-4:] == ["", "  east  you are me@acme.com in devs", "", "  kubectl get pods"]
    assert len(servers["east"].bearers) == 1
    assert cli("get-token", "--profile", "localhost").code == 0

    files, logins = (config_file.read_bytes(), kubeconfig.read_bytes()), issuer.counts["/authorize"]
    again = cli("init", str(sent()), "--yes")
    assert again.code == 0, again.stderr
    assert again.stdout == ""
    assert "Your configuration and your kubeconfig have all of this already." in again.stderr
    assert "Already logged in as me@acme.com" in again.stderr
    assert (config_file.read_bytes(), kubeconfig.read_bytes()) == files
    assert issuer.counts["/authorize"] == logins


def test_a_script_gets_a_record(
    sent: Sent,
    cli: Run,
    kubeconfig: Path,
    config_file: Path,
    servers: dict[str, ScriptedCluster],
    issuer: ScriptedIssuer,
) -> None:
    source = str(sent("east", "west"))
    planned = record(cli("init", source, "--yes", "--dry-run", "-o", "json"), code=0)
    assert (planned["dry_run"], planned["logins"]) == (True, None)
    assert planned["files"] == [str(config_file), str(kubeconfig)]
    assert f'+url = "{issuer.url}"' in planned["difference"]
    assert "+- cluster:" in planned["difference"]
    assert not config_file.exists()
    assert not kubeconfig.exists()

    servers["west"].always = Reply(401, {})
    done = record(cli("init", source, "--yes", "-o", "json"), code=5)
    assert (done["dry_run"], done["difference"]) == (False, None)
    assert {key: done[key] for key in ("profiles", "issuers", "files")} == {
        key: planned[key] for key in ("profiles", "issuers", "files")
    }
    assert (done["profiles"], done["issuers"], done["current_context"]) == (["localhost"], ["localhost"], None)
    east, west = done["clusters"]
    assert east == {
        "cluster": "east",
        "profile": "localhost",
        "context": "east",
        "username": "me@acme.com",
        "groups": ["devs", "system:authenticated"],
        "error": None,
    }
    assert (west["username"], west["error"]["code"], west["error"]["exit"]) == (None, "refused", 5)
    [login] = done["logins"]
    assert (login["profile"], login["outcome"], login["identity"]) == ("localhost", "logged-in", "me@acme.com")

    cli("use", "west")
    again = record(cli("init", source, "--yes", "--no-login", "-o", "json"), code=0)
    assert (again["files"], again["logins"], again["current_context"]) == ([], None, "west")
    assert [one["username"] for one in again["clusters"]] == [None, None]
    nothing = cli("init", source, "--yes", "--dry-run")
    assert (nothing.stdout, nothing.stderr.splitlines()[-1]) == ("", "Nothing would change.")
    assert cli("init", source, "--yes", "--no-login", "-o", "name").stdout == "east\nwest\n"


def test_an_import_gives_a_script_the_same_record(
    sent: Sent, cli: Run, kubeconfig: Path, config_file: Path, issuer: ScriptedIssuer
) -> None:
    source = str(sent("east", "west"))
    # It looks at no kubeconfig.
    kubeconfig.write_text("a: [")
    planned = record(cli("profile", "import", source, "--yes", "--dry-run", "-o", "json"), code=0)
    assert (planned["dry_run"], planned["files"], config_file.exists()) == (True, [str(config_file)], False)
    assert f'+url = "{issuer.url}"' in planned["difference"]
    done = record(cli("profile", "import", source, "--yes", "-o", "json"), code=0)
    assert done == {**planned, "dry_run": False, "difference": None}
    nothing: dict[str, Any] = {"context": None, "username": None, "groups": [], "error": None}
    assert done["clusters"] == [{"cluster": name, "profile": "localhost", **nothing} for name in ("east", "west")]
    assert (done["profiles"], done["logins"], done["current_context"]) == (["localhost"], None, None)
    assert record(cli("profile", "import", source, "--yes", "-o", "json"), code=0)["files"] == []
    assert cli("profile", "import", source, "--yes", "-o", "name").stdout == "localhost\n"
    failed = cli("profile", "import", str(config_file.with_name("gone.yaml")), "--yes", "-o", "json")
    assert (failed.code, json.loads(failed.stdout)["error"]["code"]) == (2, "usage")


def test_a_script_gets_the_failure(cli: Run, home: Path) -> None:
    done = cli("init", str(home / "gone.yaml"), "--yes", "-o", "json")
    failure = json.loads(done.stdout)["error"]
    assert (done.code, failure["code"], failure["exit"]) == (2, "usage", 2)
    assert "gone.yaml" in failure["message"]


@pytest.mark.usefixtures("kubeconfig")
def test_a_login_that_fails_is_in_the_record(sent: Sent, cli: Run, issuer: ScriptedIssuer) -> None:
    issuer.always["/token"] = Reply(400, {"error": "invalid_client"})
    item = record(cli("init", str(sent()), "--yes", "-o", "json"), code=5)
    [login], [cluster] = item["logins"], item["clusters"]
    assert login["error"]["code"] == cluster["error"]["code"] == "refused"
    assert item["current_context"] == "east", "it is written before the login"


def record(done: Done, *, code: int) -> dict[str, Any]:
    """The one record on stdout."""
    assert done.code == code, done.stderr
    data = json.loads(done.stdout)
    assert data["version"] == 1
    item: dict[str, Any] = data["item"]
    return item


def test_two_clusters_and_one_login(
    sent: Sent, cli: Run, kubeconfig: Path, browser: ScriptedBrowser, servers: dict[str, ScriptedCluster]
) -> None:
    servers["west"].always = Reply(401, {})
    done = cli("init", str(sent("east", "west")), "--yes")
    assert done.code == 5
    assert len(browser.opened) == 1
    assert contexts(kubeconfig) == ["east", "west"]
    assert current(kubeconfig) is None, "nobody said which"
    assert "  east  you are me@acme.com in devs" in done.stderr
    [west] = [line for line in done.stderr.splitlines() if line.startswith("  west  ")]
    assert "401" in west
    assert done.stderr.splitlines()[-2:] == [
        "  kubectl --context east get pods",
        "  togetherctl use east  # makes it the current context",
    ]


def test_more_is_added_and_edits_stay(sent: Sent, cli: Run, kubeconfig: Path, config_file: Path) -> None:
    assert cli("init", str(sent()), "--yes", "--no-login").code == 0
    assert cli("cluster", "set", "east", "namespace=training").code == 0
    assert cli("cluster", "rename", "east", "mine").code == 0
    config_file.write_text(f"# mine\n{config_file.read_text()}")
    done = cli("init", str(sent("east", "west")), "--yes", "--no-login")
    assert done.code == 0, done.stderr
    assert "east is the same cluster as mine" in done.stderr
    config = tomllib.loads(config_file.read_text())
    assert {name: table.get("namespace") for name, table in config["clusters"].items()} == {
        "mine": "training",
        "west": None,
    }
    assert config_file.read_text().startswith("# mine\n")
    assert contexts(kubeconfig) == ["mine", "west"]
    assert current(kubeconfig) == "mine"


def test_a_current_context_stays_unless_told(sent: Sent, cli: Run, kubeconfig: Path) -> None:
    kubeconfig.write_text("current-context: prod\ncontexts:\n- name: prod\n  context: {cluster: c, user: u}\n")
    done = cli("init", str(sent()), "--yes", "--no-login")
    assert done.code == 0, done.stderr
    assert current(kubeconfig) == "prod"
    assert "  kubectl --context east get pods" in done.stderr.splitlines()
    assert cli("init", str(sent()), "--yes", "--no-login", "--set-current").code == 0
    assert current(kubeconfig) == "east"


def test_a_context_of_somebody_else(sent: Sent, cli: Run, kubeconfig: Path) -> None:
    theirs = "contexts:\n- name: east\n  context: {cluster: c, user: u}  # mine\n"
    kubeconfig.write_text(theirs)
    done = cli("init", str(sent()), "--yes", "--no-login")
    assert done.code == 0, done.stderr
    assert "east gets the context localhost-east, because your kubeconfig has another east" in done.stderr
    assert contexts(kubeconfig) == ["east", "localhost-east"]
    assert "# mine" in kubeconfig.read_text()
    assert cli("init", str(sent()), "--yes", "--no-login").code == 0
    assert contexts(kubeconfig) == ["east", "localhost-east"]


def test_all_that_is_missing_is_said_at_once(
    sent: Sent, cli: Run, kubeconfig: Path, config_file: Path, issuer: ScriptedIssuer, canary: Canary
) -> None:
    static = sent(user={"token": canary.watch("a static token", "made-up-static-token")}, to="static.yaml")
    with_secret = sent(
        words=(f"--oidc-client-secret={canary.watch('a client secret', 'made-up-client-secret')}",), to="secret.yaml"
    )
    for words, missing in (
        ([], ["SOURCE", "--yes"]),
        (["together"], ["TOGETHER_API_KEY", "--yes"]),
        (["--client-id", "k8s"], ["--issuer-url", "--server", "--yes"]),
        ([str(static)], ["--yes", "--issuer-url", "--client-id"]),
        ([str(with_secret)], ["--yes", "--secret"]),
    ):
        done = cli("init", *words)
        assert (done.code, problems(done.stderr)) == (2, missing), done.stderr
        assert done.stdout == ""
    alone = cli("init", str(sent()))
    assert alone.code == 2
    assert alone.stderr.startswith("togetherctl: this command cannot ask questions here, and lacks this: --yes")
    assert not issuer.asked, "nothing could have come of it"
    assert not kubeconfig.exists()
    assert not config_file.exists()


def test_static_users(sent: Sent, cli: Run, config_file: Path, kubeconfig: Path, issuer: ScriptedIssuer) -> None:
    static = str(sent("east", "west", user={"client-key-data": "QQ=="}))
    login = ["--issuer-url", issuer.url, "--client-id", issuer.client_id]
    done = cli("init", static, "--clusters", "east", *login, "--yes", "--no-login")
    assert done.code == 0, done.stderr
    assert "east comes without the credentials in ~/secrets/oidc.yaml; you log in instead" in done.stderr
    assert "QQ==" not in kubeconfig.read_text() + config_file.read_text()
    done = cli("init", static, "--clusters", "west", "--profile", "localhost", "--yes", "--no-login")
    assert done.code == 0, done.stderr
    config = tomllib.loads(config_file.read_text())
    assert list(config["profiles"]) == ["localhost"]
    assert {name: table["profile"] for name, table in config["clusters"].items()} == {
        "east": "localhost",
        "west": "localhost",
    }
    assert cli("init", static, "--clusters", "wets", "--yes").stderr.startswith(
        "togetherctl: there is no cluster wets to take; did you mean west?"
    )


def test_by_hand(
    cli: Run,
    config_file: Path,
    kubeconfig: Path,
    issuer: ScriptedIssuer,
    servers: dict[str, ScriptedCluster],
    ca_file: Path,
) -> None:
    login = ["--issuer-url", issuer.url, "--client-id", issuer.client_id]
    server = ["--server", servers["east"].url, "--ca-file", str(ca_file), "--name", "lab"]
    done = cli("init", *login, *server, "--yes", "--no-login")
    assert done.code == 0, done.stderr
    [(name, table)] = tomllib.loads(config_file.read_text())["clusters"].items()
    copied = {"ca_data": certificates(ca_file.read_text())}
    assert (name, table) == ("lab", {"profile": "localhost", "server": servers["east"].url, **copied})
    assert current(kubeconfig) == "lab"
    assert cli("profile", "set", "localhost", "redirect_uris=http://localhost:0").code == 0
    done = cli("init", "--profile", "localhost", *server, "--yes")
    assert done.code == 0, done.stderr
    assert "  lab  you are me@acme.com in devs" in done.stderr
    assert "all of this already" in done.stderr
    other = ["--server", servers["west"].url, "--ca-file", str(ca_file), "--name", "lab2", "--keep-ca-file"]
    kept = cli("init", "--profile", "localhost", *other, "--yes", "--no-login")
    assert kept.code == 0, kept.stderr
    table = tomllib.loads(config_file.read_text())["clusters"]["lab2"]
    assert (table["ca_file"], "ca_data" in table) == (str(ca_file), False)
    wrong = cli("init", *login, "--server", "http://acme.com", "--yes")
    assert (wrong.code, "--server must begin with https://" in wrong.stderr) == (2, True)
    assert cli("init", "x.yaml", *server, "--yes").stderr.startswith("togetherctl: --server, --ca-file and --name")


def test_a_client_secret_goes_where_it_is_told(
    sent: Sent, cli: Run, config_file: Path, kubeconfig: Path, home: Path, canary: Canary
) -> None:
    secret = canary.watch("a client secret", "made-up-client-secret")
    path = str(sent(words=(f"--oidc-client-secret={secret}",)))
    place = home / "secrets" / "client"
    done = cli("init", path, "--secret", f"file:{place}", "--yes", "--no-login")
    assert done.code == 0, done.stderr
    assert place.read_text() == f"{secret}\n"
    assert tomllib.loads(config_file.read_text())["profiles"]["localhost"]["client_secret"] == {"file": str(place)}
    assert secret not in kubeconfig.read_text()
    dry = cli("init", path, "--dry-run")
    assert dry.code == 0, dry.stderr


@pytest.mark.parametrize("fails", ["not there", "another issuer"])
def test_an_issuer_that_is_not_there(
    fails: str, sent: Sent, cli: Run, config_file: Path, kubeconfig: Path, issuer: ScriptedIssuer
) -> None:
    if fails == "not there":
        issuer.always["/.well-known/openid-configuration"] = Reply(404)
    else:
        issuer.metadata_changes["issuer"] = f"{issuer.url}/"
    done = cli("init", str(sent()), "--yes")
    assert done.code == 5
    assert not config_file.exists()
    assert not kubeconfig.exists()
    if fails == "another issuer":
        assert f"{issuer.url}/" in done.stderr
    assert cli("init", str(sent()), "--yes", "--offline", "--no-login").code == 0


def test_a_kubeconfig_that_cannot_be_written(sent: Sent, cli: Run, config_file: Path, kubeconfig: Path) -> None:
    """Then the configuration stays as it is too: nothing is begun that cannot be ended."""
    kubeconfig.write_text("contexts: [\n")
    done = cli("init")
    assert done.code == 7, "before anything is asked"
    done = cli("init", str(sent()), "--yes")
    assert done.code == 7
    assert "cannot be understood" in done.stderr
    assert not config_file.exists()
    assert kubeconfig.read_text() == "contexts: [\n"


def test_where_nobody_can_log_in(sent: Sent, cli: Run, kubeconfig: Path) -> None:
    done = cli("init", str(sent()), "--yes", TOGETHERCTL_NO_INPUT="1")
    assert done.code == 3
    assert contexts(kubeconfig) == ["east"]
    [east, hint] = done.stderr.splitlines()[-2:]
    assert east.startswith("  east  ")
    assert hint == "  togetherctl login localhost"


def test_several_sources_and_standard_input(
    sent: Sent, cli: Run, process: Run, kubeconfig: Path, environ: dict[str, str]
) -> None:
    one, two = sent("east", to="one.yaml"), sent("west", to="two.yaml")
    done = cli("init", str(one), str(two), "--yes", "--no-login")
    assert done.code == 0, done.stderr
    assert contexts(kubeconfig) == ["east", "west"]
    assert cli("use", "east").code == 0
    piped = process("init", "-", "--yes", "--no-login", stdin=two.read_text(), **environ)
    assert piped.code == 0, piped.stderr
    assert "have all of this already" in piped.stderr
    folder = cli("init", str(one.parent), "--yes", "--no-login")
    assert (folder.code, "have all of this already" in folder.stderr) == (0, True)


def test_import_leaves_the_kubeconfig_alone(
    sent: Sent, cli: Run, config_file: Path, kubeconfig: Path, issuer: ScriptedIssuer
) -> None:
    dry = cli("profile", "import", str(sent()), "--dry-run")
    assert dry.code == 0, dry.stderr
    assert dry.stdout.splitlines()[:3] == [f"--- {config_file}", f"+++ {config_file}", "@@ -0,0 +1,16 @@"]
    assert not config_file.exists()
    assert cli("profile", "import", str(sent())).code == 2
    done = cli("profile", "import", str(sent()), "--yes")
    assert done.code == 0, done.stderr
    assert "  togetherctl kubeconfig write east" in done.stderr.splitlines()
    assert list(tomllib.loads(config_file.read_text())["clusters"]) == ["east"]
    assert not kubeconfig.exists()
    assert not issuer.asked
    assert "Your configuration has all of this already." in cli("profile", "import", str(sent()), "--yes").stderr


def test_nothing_to_take(cli: Run, home: Path, config_file: Path) -> None:
    path = home / "x.yaml"
    path.write_text('clusters: [{name: a, cluster: {server: "https://a"}}]\ncontexts: [{name: b, context: {}}]\n')
    done = cli("init", str(path), "--yes", "--clusters", "b")
    assert done.code == 2
    path.write_text("clusters: [{name: a, cluster: {}}]\n")
    done = cli("init", str(path), "--yes")
    assert done.code == 1
    assert done.stderr.splitlines() == [
        "a cannot be taken, because it has no server.",
        "togetherctl: there is nothing to take in ~/x.yaml",
    ]
    assert cli("init", str(home / "y.yaml"), "--yes").code == 2
    assert not config_file.exists()


def test_a_ca_file_that_was_not_sent(
    cli: Run, sent: Sent, config_file: Path, ca_file: Path, servers: dict[str, ScriptedCluster]
) -> None:
    """The next step is said, with the server of that cluster."""
    path = sent()
    path.write_text(path.read_text().replace(str(ca_file), "missing.crt"))
    done = cli("init", str(path), "--yes")
    assert done.code == 1
    assert f"because the CA file {path.with_name('missing.crt')} cannot be read: No such file" in done.stderr
    step = f"or describe the cluster by hand: togetherctl init --server {servers['east'].url} --ca-file FILE"
    assert (done.stderr.count("ask the sender of the kubeconfig"), done.stderr.count(step)) == (1, 1)
    assert not config_file.exists()


_CUT = """
import os, signal, sys
from pathlib import Path
from togetherctl.commands.run import run
left = int(sys.argv[1])
real = Path.replace
def replace(self, target):
    global left
    left -= "cache" not in self.parts
    if left == 0 and "cache" not in self.parts:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
Path.replace = replace
sys.exit(run(sys.argv[2:], os.environ))
"""


@pytest.mark.parametrize("writes", range(1, 6))
def test_killed_between_writes(
    writes: int, sent: Sent, cli: Run, config_file: Path, kubeconfig: Path, environ: dict[str, str], home: Path
) -> None:
    """Each file is the old or the new one, no kubeconfig names what the configuration lacks, and the same command goes
    on.
    """
    assert cli("init", str(sent()), "--yes", "--no-login", "--kubeconfig", str(home / "other")).code == 0
    kubeconfig.write_text("# mine\ncurrent-context: prod\n")
    old = (config_file.read_bytes(), kubeconfig.read_bytes())
    words = ["init", str(sent("east", "west")), "--yes", "--no-login"]
    cut = subprocess.run(
        [sys.executable, "-c", _CUT, str(writes), *words], env=environ, check=False, timeout=60, capture_output=True
    )
    assert cut.returncode in (0, -signal.SIGKILL), cut.stderr
    assert (cut.returncode == 0) is (writes > 3), "the configuration, what was given, the kubeconfig"
    seen = (config_file.read_bytes(), kubeconfig.read_bytes())
    done = cli(*words)
    assert done.code == 0, done.stderr
    new = (config_file.read_bytes(), kubeconfig.read_bytes())
    assert all(file in (before, after) for file, before, after in zip(seen, old, new, strict=True))
    if seen[1] != old[1]:
        assert seen[0] == new[0]
    assert list(Config.load(config_file, environ).table.clusters) == ["east", "west"]
    assert contexts(kubeconfig) == ["east", "west"]
    assert new[1].startswith(b"# mine\ncurrent-context: prod\n")
    assert not list(home.glob("*.lock"))
    assert os.path.lexists(home / "tctl" / "state" / "taken.json")


@pytest.mark.usefixtures("kubeconfig")
def test_a_name_for_a_login_that_is_there_already(sent: Sent, cli: Run, config_file: Path) -> None:
    done = cli("init", str(sent()), "--yes", "--no-login", "--profile-name", "lab")
    assert done.code == 0, done.stderr
    again = cli("init", str(sent("east", "west")), "--yes", "--no-login", "--profile-name", "ops")
    assert again.code == 0, again.stderr
    assert "is opened by profile lab, so --profile-name ops names nothing new" in again.stderr
    assert "togetherctl profile rename lab ops" in again.stderr
    assert list(tomllib.loads(config_file.read_text())["profiles"]) == ["lab"]
    same = cli("init", str(sent("east", "west")), "--yes", "--no-login", "--profile-name", "lab")
    assert "names nothing new" not in same.stderr


@pytest.mark.usefixtures("kubeconfig")
def test_a_ca_file_that_is_typed_is_copied_and_that_is_said(
    cli: Run,
    config_file: Path,
    issuer: ScriptedIssuer,
    servers: dict[str, ScriptedCluster],
    ca_file: Path,
) -> None:
    words = ["init", "--issuer-url", issuer.url, "--client-id", issuer.client_id, "--server", servers["east"].url]
    words += ["--ca-file", str(ca_file), "--name", "east", "--no-login", "--yes"]
    kept = cli(*words, "--dry-run", "--keep-ca-file")
    assert (kept.code, "is copied" in kept.stderr) == (0, False), kept.stderr
    done = cli(*words)
    assert done.code == 0, done.stderr
    assert f"{ca_file.name} is copied into the configuration; the file is not needed later." in done.stderr
    assert "ca_file" not in tomllib.loads(config_file.read_text())["clusters"]["east"]
