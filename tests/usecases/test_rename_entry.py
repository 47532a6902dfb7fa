"""Another name: sessions, comments and kubeconfigs keep step, however far it came before the power went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kube.test_kubeconfig import THEIRS
from togetherctl.auth.engine import Policy
from togetherctl.config.config import Config
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run, WriteConfig
    from tests.support.browser import ScriptedBrowser
    from tests.support.issuer import ScriptedIssuer

STORE = """\
# mine
version = 1
default_profile = "a"   # the usual one

[issuers.acme]   # acme
url = "https://acme.example.com"

# about a
[profiles.a]  # a itself
issuer = "acme"  # acme's
client_id = "one"
auth_params = { prompt = "login" }

[profiles.b]
  issuer = 'acme'
  client_id = "two"

# about east
[clusters.east]
profile = "a"   # who
server = "https://203.0.113.7:6443"

[clusters.west]
profile = "b"
server = "https://203.0.113.8:6443"
# the end
"""


def renamed(text: str, old: str, new: str) -> dict[str, Any]:
    """What the configuration should say after profile `old` became `new`."""
    data = tomllib.loads(text)
    data["profiles"][new] = data["profiles"].pop(old)
    for cluster in data.get("clusters", {}).values():
        cluster["profile"] = new if cluster["profile"] == old else cluster["profile"]
    if data.get("default_profile") == old:
        data["default_profile"] = new
    return data


# The configuration


def test_references_follow_and_comments_stay(write_config: WriteConfig, cli: Run) -> None:
    path = write_config(STORE)
    assert cli("profile", "rename", "a", "corp").code == 0
    expected = (
        STORE.replace('default_profile = "a" ', 'default_profile = "corp" ')
        .replace("[profiles.a] ", "[profiles.corp] ")
        .replace('profile = "a" ', 'profile = "corp" ')
    )
    assert path.read_text() == expected
    assert cli("issuer", "rename", "acme", "okta").code == 0
    expected = (
        expected.replace("[issuers.acme]", "[issuers.okta]")
        .replace('issuer = "acme"', 'issuer = "okta"')
        .replace("issuer = 'acme'", "issuer = 'okta'")
    )
    assert path.read_text() == expected
    assert cli("cluster", "rename", "east", "me@gpu.1").code == 0
    assert path.read_text() == expected.replace("[clusters.east]", '[clusters."me@gpu.1"]')
    assert cli("cluster", "rename", "me@gpu.1", "east").code == 0
    assert path.read_text() == expected


@pytest.mark.parametrize(
    "text",
    [
        STORE.replace("\n", "\r\n"),
        (
            '[issuers]\nacme = { url = "https://x" }\n[profiles]\na = { issuer = "acme", client_id = "1" }\n'
            '[clusters]\neast = { profile = "a", server = "https://y" }\n'
        ),
        (
            'issuers.acme.url = "https://x"\nprofiles.a.issuer = "acme"\nprofiles.a.client_id = "1"\n'
            'clusters.east.profile = "a"\nclusters.east.server = "https://y"\n'
        ),
        (
            '[issuers.acme]\nurl = "https://x"\n[profiles."a"]\nissuer = "acme"\nclient_id = "1"\n'
            "[ profiles . 'a' . auth_params ]\nprompt = \"a\"\n"
        ),
        (
            '[issuers]\nacme.url = "https://x"\n[profiles]\na.issuer = "acme"\na.client_id = "a"\n'
            '[clusters.a]\nprofile = """a"""\nserver = "https://a"\n'
        ),
        '[issuers.acme]\nurl = "https://x"\n[profiles]\n[profiles.a] # a\nissuer="acme"\nclient_id="a" # a\n',
    ],
)
def test_any_layout_is_renamed_right_or_not_at_all(text: str, write_config: WriteConfig, cli: Run) -> None:
    path = write_config("")
    path.write_bytes(text.encode())
    done = cli("profile", "rename", "a", "corp")
    assert done.code == 0, done.stderr
    assert tomllib.loads(path.read_bytes().decode()) == renamed(text, "a", "corp")
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in path.read_text().splitlines() if "#" in line] == comments


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["profile", "rename", "a", "b"], "profile b is there already"),
        (["profile", "rename", "nobody", "c"], "there is no profile nobody"),
        (["profile", "rename", "nobody", "b"], "there is no profile nobody"),
        (["profile", "rename", "a", "a"], "is called that already"),
        (["profile", "rename", "a", "a b"], "profile a cannot be called a b"),
        (["profile", "rename", "a", "B"], "only in case"),
        (["issuer", "rename", "nobody", "acme"], "there is no issuer nobody"),
        (["cluster", "rename", "east", "west"], "cluster west is there already"),
    ],
)
def test_what_cannot_be_changes_nothing(
    words: list[str], said: str, write_config: WriteConfig, cli: Run, home: Path
) -> None:
    path = write_config(STORE)
    done = cli(*words)
    assert (done.code, said in done.stderr) == (2, True), done.stderr
    assert (path.read_text(), (home / ".kube").exists()) == (STORE, False)


def test_only_the_case_of_a_name_can_change(write_config: WriteConfig, cli: Run) -> None:
    path = write_config(STORE)
    assert cli("profile", "rename", "a", "A").code == 0
    assert "[profiles.A] " in path.read_text()


# Sessions


def test_a_session_is_served_under_the_new_name_without_network(
    acme: Path, make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, cli: Run, home: Path
) -> None:
    os.utime(acme, (time.time() - 100,) * 2)
    world = make_world(browser=browser)
    session, _ = world.engine.login(world.profile("acme"), Policy())
    assert [path.name for path in world.paths.ready.iterdir()] == ["acme"]
    assert [path.name for path in world.paths.known.iterdir()] == ["acme"]
    before = sum(issuer.counts.values())

    assert cli("profile", "rename", "acme", "corp").code == 0
    assert list(world.paths.ready.iterdir()) == []
    assert [path.name for path in world.paths.known.iterdir()] == ["corp"]
    served = cli("get-token", "--profile", "corp")
    assert (served.code, session.id_token is not None and session.id_token.value in served.stdout) == (0, True)
    old = cli("get-token", "--profile", "acme")
    assert (old.code, old.stdout) == (2, "")
    assert "there is no profile acme" in old.stderr
    assert "run: togetherctl" in old.stderr
    assert cli("issuer", "rename", "acme", "okta").code == 0
    assert cli("get-token", "--profile", "corp").stdout == served.stdout
    assert sum(issuer.counts.values()) == before
    assert len(list((home / "tctl" / "state" / "sessions").glob("*.json"))) == 1


# Kubeconfigs


@pytest.fixture
def config_file(acme: Path, home: Path, cli: Run) -> Path:
    """Ours and others' entries, with our context as the current one."""
    assert acme.exists()
    path = home / ".kube" / "config"
    path.parent.mkdir()
    path.write_text(THEIRS)
    assert cli("kubeconfig", "write", "--set-current", "east", "--no-shim").code == 0
    return path


def test_what_an_owner_added_stays(config_file: Path, cli: Run) -> None:
    text = config_file.read_text().replace(
        "      interactiveMode", "      env:\n      - {name: A, value: acme}\n      interactiveMode"
    )
    text = text.replace("      - acme\n", "      - acme   # me\n      - -v1\n")
    config_file.write_text(text + "# acme and east\n")
    before = config_file.read_text()
    assert cli("profile", "rename", "acme", "corp").code == 0
    assert cli("cluster", "rename", "east", "ost").code == 0
    after = config_file.read_text()
    assert "{name: A, value: acme}" in after
    assert "- corp   # me\n      - -v1\n" in after
    assert after.endswith("# acme and east\n")
    assert len(after.splitlines()) == len(before.splitlines())
    data = load(after)
    assert (data["current-context"], data["users"][-1]["name"]) == ("ost", "togetherctl:corp")


def test_a_cluster_with_a_context_of_its_own_keeps_it(config_file: Path, cli: Run) -> None:
    cli("cluster", "set", "east", "context=gpus")
    cli("kubeconfig", "write", "--no-shim")
    assert cli("cluster", "rename", "east", "ost").code == 0
    names = [entry["name"] for entry in load(config_file.read_text())["contexts"]]
    assert names == ["prod", "gpus"]
    assert "cluster: ost" in config_file.read_text()
    assert "says all of this already" in cli("kubeconfig", "write", "--no-shim").stderr


def test_a_name_that_is_taken_stops_it(config_file: Path, acme: Path, cli: Run) -> None:
    before, write_config = config_file.read_text(), acme.read_text()
    done = cli("cluster", "rename", "east", "prod")
    assert (done.code, f"there is a cluster prod in {config_file}, which is not ours" in done.stderr) == (7, True)
    assert (config_file.read_text(), acme.read_text()) == (before, write_config)


def test_what_is_left_over_is_not_taken_for_a_rename_that_was_cut_off(config_file: Path, acme: Path, cli: Run) -> None:
    acme.write_text(acme.read_text() + '\n[clusters.west]\nprofile = "acme"\nserver = "https://w"\n')
    cli("kubeconfig", "write", "west", "--no-shim")
    cli("cluster", "remove", "east", "--keep-kubeconfig", "--yes")
    before = config_file.read_text()
    done = cli("cluster", "rename", "east", "west")
    assert done.failure == (2, "usage", "togetherctl cluster list")
    assert config_file.read_text() == before


def test_others_that_use_ours_are_looked_after(config_file: Path, cli: Run) -> None:
    mine = "users:\n- name: byhand\n  user: {exec: {command: togetherctl, args: [get-token, --profile, acme]}}\n"
    text = config_file.read_text().replace(
        "contexts:\n", "contexts:\n- name: mine\n  context: {cluster: east, user: byhand}\n"
    )
    config_file.write_text(text.replace("users:\n", mine))
    assert "context mine" in cli("cluster", "rename", "east", "ost").stderr
    data = load(config_file.read_text())
    assert data["contexts"][0]["context"] == {"cluster": "ost", "user": "byhand"}
    done = cli("profile", "rename", "acme", "corp")
    assert f"user byhand in {config_file} still calls the profile acme" in done.stderr
    assert "[get-token, --profile, acme]" in config_file.read_text()


# Being cut off

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


def cut_off(writes: int, words: list[str], environ: dict[str, str]) -> bool:
    """Run a command that is killed before its write number `writes`; whether it came that far."""
    done = subprocess.run(
        [sys.executable, "-c", _CUT, str(writes), *words], env=environ, check=False, timeout=60, capture_output=True
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("writes", range(1, 5))
@pytest.mark.parametrize(
    "words",
    [
        ["profile", "rename", "acme", "corp"],
        ["cluster", "rename", "east", "ost"],
        ["cluster", "remove", "east", "--yes"],
        ["profile", "remove", "acme", "--cascade", "--yes"],
        ["kubeconfig", "remove", "--all", "--yes"],
        ["kubeconfig", "write", "--no-shim", "--context-template", "{profile}-{cluster}"],
        ["use", "east"],
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_killed_between_writes(
    writes: int, words: list[str], acme: Path, config_file: Path, home: Path, cli: Run, environ: dict[str, str]
) -> None:
    """Each file is the old one or the new one, and the same command ends what was begun."""
    second = home / "second"
    second.write_bytes(config_file.read_bytes())
    config_file.write_text(config_file.read_text().replace("current-context: east", "current-context: prod"))
    environ["KUBECONFIG"] = f"{config_file}{os.pathsep}{second}"
    files = [acme, config_file, second]
    old = [path.read_bytes() for path in files]
    assert cli(*words, KUBECONFIG=environ["KUBECONFIG"]).code == 0
    new = [path.read_bytes() for path in files]
    for path, content in zip(files, old, strict=True):
        path.write_bytes(content)

    changes = sum(before != after for before, after in zip(old, new, strict=True))
    # `use` also notes the context before.
    in_all = changes + (words[0] == "use")
    assert cut_off(writes, words, environ) is (writes <= in_all)
    for path, before, after in zip(files, old, new, strict=True):
        assert path.read_bytes() in (before, after)
    if writes <= in_all:
        assert cli(*words, KUBECONFIG=environ["KUBECONFIG"]).code == 0
    assert [path.read_bytes() for path in files] == new
    Config.load(acme, environ)
    left = {path.name for path in config_file.parent.iterdir()} - {"config"}
    assert all(name.endswith(".tmp") for name in left)


def test_two_that_rename_at_once(acme: Path, config_file: Path, environ: dict[str, str], cli: Run) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "togetherctl", "profile", "rename", "acme", new],
            env=environ,
            stderr=subprocess.PIPE,
            text=True,
        )
        for new in ("one", "two")
    ]
    ended = {process.communicate(timeout=60)[1]: process.returncode for process in running}
    assert sorted(ended.values()) == [0, 2], ended
    [name] = Config.load(acme, environ).table.profiles
    data = load(config_file.read_text())
    assert data["users"][-1]["name"] == f"togetherctl:{name}"
    assert data["contexts"][-1]["context"]["user"] == f"togetherctl:{name}"
    assert data["users"][-1]["user"]["exec"]["args"] == ["get-token", "--profile", name]
    assert cli("profile", "rename", name, "acme").code == 0
