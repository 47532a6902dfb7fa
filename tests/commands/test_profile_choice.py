"""Which profile a word means, and which is meant without one: clusters, contexts, kubectl's current context, a list."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import ScriptedIssuer
from tests.support.samples import LAB
from tests.support.terminal import terminal
from togetherctl.kube.kubeconfig import KubeconfigFile

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock

TWO_MORE = (
    LAB
    + """
[clusters.gpu]
profile = "lab"
server = "https://127.0.0.1:6444"
context = "gpu@lab"

[clusters.lab]
profile = "acme"
server = "https://127.0.0.1:6445"
"""
)


@pytest.fixture
def config(config_at: MakeConfig, issuer: ScriptedIssuer) -> Path:
    """Profiles acme (clusters east, lab) and lab (cluster gpu, whose context is gpu@lab)."""
    path = config_at(issuer)
    path.write_text(path.read_text(encoding="utf-8") + TWO_MORE, encoding="utf-8")
    return path


@pytest.fixture
def cli(config: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock) -> Run:
    assert config.exists()
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The kubeconfigs that were read."""
    found: list[Path] = []
    read = KubeconfigFile.read.__func__  # type: ignore[attr-defined] # a class method has one

    def counted(kind: type[KubeconfigFile], path: Path) -> KubeconfigFile:
        found.append(path)
        opened: KubeconfigFile = read(kind, path)
        return opened

    monkeypatch.setattr(KubeconfigFile, "read", classmethod(counted))
    return found


@pytest.mark.parametrize(
    ("word", "profile", "said"),
    [
        ("acme", "acme", ""),
        ("gpu", "lab", "Profile lab: gpu is a cluster of it.\n"),
        ("gpu@lab", "lab", "Profile lab: gpu@lab is a context of it.\n"),
        # Its own name comes first, though a cluster of another profile has it too.
        ("lab", "lab", ""),
    ],
)
def test_a_cluster_or_a_context_means_its_profile(
    word: str, profile: str, said: str, cli: Run, reads: list[Path]
) -> None:
    assert cli("profile", "show", word, "-o", "name").stdout == f"{profile}\n"
    assert cli("status", word, "-o", "name").stdout == f"{profile}\n"
    shown = cli("profile", "show", word, "-o", "json")
    assert (shown.code, shown.stderr) == (0, said)
    for verb in ("refresh", "logout"):
        assert cli(verb, word).stderr.startswith(said)
    assert cli("whoami", word, "--no-login").failure == (3, "login_required", f"togetherctl login {profile}")
    assert cli("login", word).stderr.startswith(said)
    assert cli("status", word, "-o", "json").stdout.count('"state": "valid"') == 1
    # The configuration knew all of this.
    assert [path for path in reads if not path.exists()] == reads


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("token: hidden", "has a static token"),
        ("exec: {command: /opt/bin/aws, args: [eks], token: x}", "runs aws"),
        ("{}", "has no credential"),
    ],
)
def test_a_context_that_is_not_of_togetherctl_is_called_so(user: str, words: str, home: Path, cli: Run) -> None:
    (home / ".kube").mkdir()
    (home / ".kube" / "config").write_text(
        "contexts:\n- name: bobs\n  context: {user: bob, cluster: c}\nusers:\n- name: bob\n  user:\n    " + user + "\n"
    )
    for command in ("doctor", "status"):
        done = cli(command, "bobs")
        assert done.code == 2
        assert done.stderr.splitlines() == [
            f"togetherctl: bobs is a context of the kubeconfig that is not of togetherctl: its user bob {words}",
            "  ask the cluster who it takes you for",
            "  run: kubectl --context bobs auth whoami",
        ]
    assert "there is no profile nowhere" in cli("doctor", "nowhere").stderr


def test_a_logout_by_a_cluster_names_what_else_ends_and_asks(cli: Run, environ: dict[str, str], tmp_path: Path) -> None:
    also = "The session of profile acme also opens lab."
    assert cli("logout", "east").stderr == "Profile acme: east is a cluster of it.\nProfile acme had no session.\n"
    assert cli("login", "acme", "lab").code == 0
    command = [sys.executable, "-m", "togetherctl", "logout", "--local", "east"]
    with terminal(command, {**environ, "TERM": "xterm"}, tmp_path, columns=100) as opened:
        assert also in opened.until("Log out of acme? (y/N)")
        opened.press("Enter")
        opened.until("ended with 1")
    with terminal([*command, "--yes"], {**environ, "TERM": "xterm"}, tmp_path, columns=100) as opened:
        screen = opened.until("ended with 0")
        assert (also in screen, "(y/N)" in screen) == (True, False)
    assert cli("login", "acme").code == 0
    done = cli("logout", "east", "gpu")
    assert (done.code, also in done.stderr, "also opens gpu" in done.stderr) == (0, True, False)
    assert cli("login", "acme").code == 0
    assert "also opens" not in cli("logout", "acme", "east").stderr


def test_a_logout_by_a_cluster_names_the_profiles_that_share_the_session(cli: Run, config: Path) -> None:
    table = '[profiles.twin]\nissuer = "acme"\nclient_id = "the-client"\nscopes = ["groups"]\nmargin = 30\n'
    config.write_text(
        f'{config.read_text()}\n{table}\n[clusters.far]\nprofile = "twin"\nserver = "https://127.0.0.1:9"\n'
    )
    assert cli("login", "lab").code == 0
    said = "The session of profile lab also opens far. Its session is shared by twin."
    assert said in cli("logout", "gpu@lab").stderr


def test_several_words_of_one_profile_are_one_login(cli: Run, browser: ScriptedBrowser) -> None:
    assert cli("login", "acme", "east", "gpu").code == 0
    assert len(browser.opened) == 2


def test_a_context_that_was_renamed_in_the_kubeconfig(cli: Run, home: Path) -> None:
    assert cli("kubeconfig", "write").code == 0
    kubeconfig = home / ".kube" / "config"
    kubeconfig.write_text(kubeconfig.read_text().replace("name: gpu@lab", "name: mine"))
    done = cli("status", "mine", "-o", "name")
    assert (done.stdout, done.stderr) == ("lab\n", "Profile lab: mine is a context of it.\n")
    kubeconfig.write_text("apiVersion: [")
    assert cli("status", "mine").failure == (2, "usage", "togetherctl profile list")


def test_verbs_that_take_a_profile_apart_want_its_own_name(cli: Run) -> None:
    for words in (["remove", "gpu", "--yes"], ["rename", "gpu", "other"]):
        assert cli("profile", *words).failure == (2, "usage", "togetherctl profile list"), words
    assert cli("get-token", "--profile", "gpu").failure == (2, "usage", "togetherctl profile list")
    assert cli("profile", "set", "gpu", "margin=30").stderr.startswith("Profile lab: gpu is a cluster of it.\n")
    assert cli("profile", "show", "lab", "-o", "json").stdout.count('"margin": 30') == 1


def test_without_a_word_the_current_context_comes_after_the_preferred_one(
    cli: Run, config: Path, home: Path, reads: list[Path]
) -> None:
    several = (2, "usage", None)
    assert cli("refresh").failure == several
    assert cli("kubeconfig", "write", "gpu", "--set-current").code == 0
    done = cli("refresh")
    assert done.stderr.startswith("Profile lab: kubectl's current context is gpu@lab.\n"), done.stderr
    assert done.failure == (3, "login_required", "togetherctl login lab")
    # Not for programs, which name none: their answer does not change with the context.
    assert cli("get-token").failure == several
    reads.clear()
    assert cli("refresh", TOGETHERCTL_PROFILE="acme").failure[2] == "togetherctl login acme"
    assert cli("config", "set", "default_profile=acme").code == 0
    assert cli("refresh").failure[2] == "togetherctl login acme"
    assert reads == []
    assert cli("config", "set", "default_profile=").code == 0
    (home / ".kube" / "config").write_text("contexts: 7")
    assert cli("refresh").failure == several
    config.write_text(config.read_text().replace(TWO_MORE, ""))
    reads.clear()
    assert cli("refresh").failure[2] == "togetherctl login acme"
    assert reads == []


def test_status_without_a_word_shows_all(cli: Run) -> None:
    assert cli("kubeconfig", "write", "gpu", "--set-current").code == 0
    assert cli("status", "-o", "name").stdout == "acme\nlab\n"


def test_a_terminal_gets_a_list(config: Path, environ: dict[str, str], tmp_path: Path) -> None:
    assert config.exists()
    words = [sys.executable, "-m", "togetherctl", "refresh"]
    with terminal(words, {**environ, "TERM": "xterm"}, tmp_path) as opened:
        screen = opened.until("lab  (gpu)")
        assert "? Which profile? (arrow keys, Enter)" in screen
        assert "acme  (east and 1 more)" in screen
        opened.press("Down")
        opened.press("Enter")
        screen = opened.until("ended with")
        assert "togetherctl login lab" in screen
        assert "ended with 3" in screen
