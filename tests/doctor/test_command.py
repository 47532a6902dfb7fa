"""`togetherctl doctor`: what it shows, what scripts get, how it mends, and that it stays quiet meanwhile."""

from __future__ import annotations

import json
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.samples import LAB, WEST
from tests.support.terminal import terminal
from togetherctl.doctor import checks
from togetherctl.doctor import examine as examining
from togetherctl.doctor.check import Check, find_checks
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.quiet import NoConversation, quiet
from togetherctl.finding import Finding, Mend
from togetherctl.kube.yaml_text import load
from togetherctl.lock import this_machine

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run

Only = Callable[..., None]
KEYS = ["check", "subject", "status", "message", "hint", "hint_command"]


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Only:
    """Let doctor have these checks alone: by name, or whole."""

    def choose(*chosen: str | Check) -> None:
        named = {check.name: check for check in find_checks()}
        checks = tuple(named[one] if isinstance(one, str) else one for one in chosen)
        monkeypatch.setattr(examining, "find_checks", lambda: checks)

    return choose


@pytest.fixture
def broken(acme: Path, home: Path, cli: Run) -> Path:
    """An outdated script, a lock that was left behind, and an issuer that nothing uses."""
    assert cli("kubeconfig", "write", "--set-current").code == 0
    shim = acme.parent / "state" / "shim" / "togetherctl"
    shim.write_text(shim.read_text() + "# of another version\n")
    (home / ".kube" / "config.lock").write_text(f"{2**22 + 1} {this_machine()}\n")
    acme.write_text(acme.read_text() + '\n[issuers.lab]\nurl = "https://sso.lab.example"\n')
    return shim


def items(text: str) -> list[dict[str, Any]]:
    data = json.loads(text)
    assert data["version"] == 1
    found: list[dict[str, Any]] = data["items"]
    return found


def test_scripts_get_every_finding_with_what_helps(broken: Path, home: Path, only: Only, cli: Run) -> None:
    only("configuration-unused", "kubeconfig-shim", "kubeconfig-lock")
    done = cli("doctor", "-o", "json")
    assert (done.code, done.stderr) == (0, "")
    assert items(done.stdout)[1] == {
        "check": "kubeconfig-shim",
        "subject": str(broken),
        "status": "warning",
        "message": "the script that the kubeconfig calls is of another version or installation; it works, but may be "
        "slower",
        "hint": "togetherctl kubeconfig write",
        "hint_command": "togetherctl kubeconfig write",
    }
    assert [list(item) for item in items(done.stdout)] == [KEYS] * 3
    assert load(cli("doctor", "-o", "yaml").stdout)["items"] == items(done.stdout)
    assert cli("doctor", "-o", "name").stdout.split() == ["configuration-unused", "kubeconfig-shim", "kubeconfig-lock"]
    assert (home / ".kube" / "config.lock").exists()


def test_a_pipe_gets_what_is_wrong_a_line_each_and_the_summary_below(broken: Path, only: Only, cli: Run) -> None:
    assert broken.exists()
    only("configuration-valid", "configuration-unused", "kubeconfig-lock")
    done = cli("doctor")
    lines = done.stdout.splitlines()
    assert [lines[0], lines[2], lines[4]] == [
        "Configuration  1 warning, 1 ok",
        "Kubeconfig     1 warning",
        "2 warnings, 1 ok.",
    ]
    assert lines[1].startswith("  warning issuer lab: ")
    assert lines[1].endswith(" [configuration-unused]; run: togetherctl issuer remove lab")
    assert "[kubeconfig-lock]; run: rm " in lines[3]
    assert done.stderr.splitlines() == ["togetherctl may fix one of these:", "  togetherctl doctor --fix"]
    every = cli("doctor", "--all").stdout.splitlines()
    assert [line for line in every if line not in lines] == [every[1]]
    assert every[1].startswith("  ok ")


def test_it_exits_as_the_first_that_failed(acme: Path, only: Only, cli: Run) -> None:
    only("configuration-valid", "kubeconfig-files", "kubeconfig-lock")
    assert cli("doctor").code == 0
    kubeconfig = acme.parent.parent / ".kube" / "config"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text("a: [")
    done = cli("doctor", "-o", "json")
    assert (done.code, [item["status"] for item in items(done.stdout)]) == (7, ["ok", "failed", "ok"])
    acme.write_text("profiles = 3\n")
    done = cli("doctor")
    assert done.code == 2
    acme.write_text("profiles = [\n")
    assert cli("doctor").stdout.count("config.toml") == 1
    assert "Begin with the first that failed:\n  togetherctl config edit\n" in done.stderr


def test_all_in_order_is_one_sentence(acme: Path, only: Only, cli: Run) -> None:
    assert acme.exists()
    only("configuration-valid", "configuration-unused")
    done = cli("doctor")
    assert (done.stdout, done.stderr) == ("Configuration  2 ok\nNothing is wrong: 2 ok.\n", "")
    done = cli("doctor", "--offline")
    assert done.stdout.endswith("\nNothing is wrong here, and the issuers and the clusters were not asked: 2 ok.\n")


def test_without_a_profile_it_says_how_to_begin(only: Only, cli: Run) -> None:
    only("configuration-valid")
    assert cli("doctor").stderr.endswith("yet.\n  togetherctl init\n")


def test_a_name_means_its_profile_and_a_cluster_can_be_named(acme: Path, only: Only, cli: Run) -> None:
    acme.write_text(acme.read_text() + LAB + WEST)
    only("configuration-unused", "kubeconfig-entries")
    assert "profile lab" in cli("doctor").stdout
    done = cli("doctor", "west")
    assert ("profile lab" in done.stdout, done.stderr.splitlines()[0]) == (
        False,
        "Profile acme: west is a cluster of it.",
    )
    (acme.parent.parent / ".kube").mkdir()
    (acme.parent.parent / ".kube" / "config").write_text("kind: Config\n")
    assert [item["subject"] for item in items(cli("doctor", "--cluster", "west", "-o", "json").stdout)][-1] == "west"
    for words in (["nowhere"], ["--cluster", "nowhere"]):
        assert cli("doctor", *words).code == 2


# --fix


def test_fix_mends_after_a_yes_and_looks_again(broken: Path, home: Path, only: Only, cli: Run) -> None:
    only("configuration-unused", "kubeconfig-shim", "kubeconfig-lock")
    done = cli("doctor", "--fix", "--yes")
    lock = home / ".kube" / "config.lock"
    assert done.code == 0
    assert done.stderr.splitlines() == [
        "--fix would:",
        f"  - write the script {broken} again",
        f"  - remove the lock {lock}",
        f"Wrote the script {broken} again.",
        f"Removed the lock {lock}.",
    ]
    before, after = done.stdout.split("After fixing:\n")
    assert [line.split()[0] for line in before.splitlines() if line.startswith(" ")] == ["warning"] * 3
    # What is still wrong, once, without what is in order by now.
    assert after.splitlines()[0].startswith("  warning issuer lab: ")
    assert after.splitlines()[1:] == ["1 warning, 2 ok."]
    assert not lock.exists()
    assert cli("doctor", "--fix", "--yes").stderr.endswith("There is nothing that --fix may fix.\n")


def test_without_a_fix_a_number_that_changed_is_no_news(acme: Path, only: Only, cli: Run) -> None:
    acme.write_text("profiles = 3\n")
    numbers = iter(range(1000, 2000))

    def count(_facts: Facts, _machine: None) -> Iterator[Finding]:
        yield Finding("warning", f"{next(numbers)} MiB are free")

    only("configuration-valid", Check("counts", "storage", "It", "machine", count, (), "", "", network=True))
    done = cli("doctor", "--fix", "--yes")
    assert next(numbers) > 1001
    assert (done.stdout.count("MiB are free"), done.stdout.count("look")) == (1, 0)
    assert "nothing that --fix may fix" in done.stderr


@pytest.mark.parametrize(
    ("what", "done"),
    [
        ("make /a/make private (chmod 700)", "Made /a/make private (chmod 700)."),
        ("take over or remove 2 files in /a", "Took over or removed 2 files in /a."),
    ],
)
def test_what_was_done_is_said_as_done(what: str, done: str) -> None:
    assert Mend(what, lambda: None).done == done


def test_each_verb_of_what_may_be_done_has_its_past() -> None:
    verbs = {
        found
        for path in Path(checks.__path__[0]).glob("*.py")
        if "Mend(" in (text := path.read_text(encoding="utf-8"))
        for found in re.findall(r"(?:Mend\(|\bwhat = )f?\"(\w+) ", text)
    }
    assert len(verbs) > 5
    assert {verb for verb in verbs if Mend(f"{verb} it", lambda: None).done == f"{verb.capitalize()} it."} <= {"let"}


def test_scripts_get_what_is_left_after_it(broken: Path, only: Only, cli: Run) -> None:
    assert broken.exists()
    only("configuration-unused", "kubeconfig-shim", "kubeconfig-lock")
    done = cli("doctor", "--fix", "--yes", "-o", "json")
    assert [item["status"] for item in items(done.stdout)] == ["warning", "ok", "ok"]


def test_fix_asks_and_does_nothing_where_it_cannot(broken: Path, only: Only, cli: Run) -> None:
    before = broken.read_bytes()
    only("kubeconfig-shim")
    done = cli("doctor", "acme", "--cluster", "east", "--fix")
    assert done.failure == (2, "usage", "togetherctl doctor acme --cluster east --fix --yes")
    assert broken.read_bytes() == before


def test_a_mend_that_fails_is_said_and_does_not_stop_the_others(broken: Path, home: Path, only: Only, cli: Run) -> None:
    broken.parent.chmod(0o777)
    only("kubeconfig-shim", "kubeconfig-lock")
    done = cli("doctor", "--fix", "--yes")
    assert done.code == 6
    assert f"togetherctl: {broken.parent} is not private\n  run: chmod 700 {broken.parent}\n" in done.stderr
    assert not (home / ".kube" / "config.lock").exists()
    broken.parent.chmod(0o700)


def test_once_the_configuration_can_be_read_everything_is_looked_at(acme: Path, only: Only, cli: Run) -> None:
    acme.chmod(0o666)
    only("configuration-valid", "configuration-permissions", "configuration-unused")
    done = cli("doctor", "acme", "--fix", "--yes", "-o", "json")
    assert (done.code, [item["status"] for item in items(done.stdout)]) == (0, ["ok"] * 3)
    assert stat.S_IMODE(acme.stat().st_mode) == 0o600


# At a terminal


def _environ(environ: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name != "COLUMNS"} | {
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
    }


def _doctor(*words: str) -> list[str]:
    return [sys.executable, "-m", "togetherctl", "doctor", "--offline", *words]


def test_a_person_sees_what_is_wrong_and_a_count_of_the_rest(
    broken: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    assert broken.exists()
    with terminal(_doctor(), _environ(environ), tmp_path, lines=100) as window:
        seen = window.until("ended with")
        styled = window.screen(styled=True)
    lines = [line.rstrip() for line in seen.splitlines() if line.strip()]
    assert max(map(len, lines)) <= 80
    assert "Configuration  1 warning, 3 ok" in lines
    at = next(at for at, line in enumerate(lines) if line.startswith("Kubeconfig"))
    assert lines[at] == "Kubeconfig     2 warnings, 6 ok"
    assert "[kubeconfig-shim]" in " ".join(lines)
    assert "    run: togetherctl kubeconfig write" in lines
    # What is in order is counted, not told.
    assert not [line for line in lines if line.strip().startswith("ok ")]
    assert "\x1b[3" not in styled
    coloured = {**_environ(environ), "NO_COLOR": ""}
    with terminal(_doctor(), coloured, tmp_path, lines=100) as window:
        window.until("ended with")
        assert "\x1b[1m\x1b[33m1 warning, 3 ok" in window.screen(styled=True)


def test_what_is_the_same_of_many_is_said_once(acme: Path, environ: dict[str, str], tmp_path: Path) -> None:
    more = [f'\n[clusters.c{at}]\nprofile = "acme"\nserver = "https://127.0.0.1:644{at}"\n' for at in range(5)]
    acme.write_text(acme.read_text() + "".join(more))
    kubeconfig = acme.parent.parent / ".kube" / "config"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text("kind: Config\n")
    with terminal(_doctor(), _environ(environ), tmp_path, lines=100) as window:
        seen = " ".join(window.until("ended with").split())
    assert "warning east, c0, c1, c2 and 2 more: the kubeconfig has no context for it [kubeconfig-entries]" in seen
    assert seen.count("has no context for it") == 1


def test_all_shows_also_what_is_in_order(acme: Path, environ: dict[str, str], tmp_path: Path) -> None:
    assert acme.exists()
    with terminal(_doctor("--all"), _environ(environ), tmp_path, lines=200) as window:
        seen = window.until("ended with")
    assert "  ok only you can change it" in " ".join(seen.split()) or "ok ~/tctl/config.toml" in seen


@pytest.mark.parametrize(("key", "locks", "ended"), [("n", 1, 1), ("y", 0, 0)])
def test_a_person_is_asked_before_anything_is_mended(
    key: str,
    locks: int,
    ended: int,
    broken: Path,
    home: Path,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    assert broken.exists()
    with terminal(_doctor("--fix"), _environ(environ), tmp_path, lines=100) as window:
        window.until("Fix this?")
        assert (home / ".kube" / "config.lock").exists()
        window.press(key)
        window.press("Enter")
        window.until(f"ended with {ended}")
    assert len([*(home / ".kube").glob("*.lock")]) == locks


def test_a_person_sees_that_it_works_and_can_end_it(acme: Path, environ: dict[str, str], tmp_path: Path) -> None:
    assert acme.exists()
    slow = tmp_path / "bin" / "kubectl"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nsleep 30\n")
    slow.chmod(0o700)
    words = ["env", f"PATH={slow.parent}:{environ['PATH']}", *_doctor()]
    with terminal(words, _environ(environ), tmp_path) as window:
        window.until("Looking: togetherctl, its plugin and kubectl in PATH")
        window.press("C-c")
        seen = window.until("ended with 130")
    assert "Looking" not in seen
    assert "Traceback" not in seen


# Quiet


def test_what_checks_log_is_told_by_the_command_alone(acme: Path, only: Only, cli: Run) -> None:
    assert acme.exists()

    def talk(facts: Facts, _machine: None) -> Iterator[Finding]:
        world = facts.world
        world.log("a request")
        world.conversation.say("said")
        world.conversation.warn("warned")
        with world.conversation.waiting("it", 1):
            yield Finding("ok", f"asks: {world.conversation.can_ask}")

    only(Check("talks", "login", "It talks", "machine", talk, signs=(), means="", helps=""))
    done = cli("doctor", "--all")
    assert (done.stdout.splitlines()[1:], done.stderr) == (["  ok asks: False [talks]", "Nothing is wrong: 1 ok."], "")
    assert cli("doctor", "-v").stderr == "togetherctl: a request\n"


def test_no_check_can_ask_or_open_anything(acme: Path, make_world: MakeWorld) -> None:
    assert acme.exists()
    # Its browser fails the test that opens it.
    world = quiet(make_world(), lambda _line: None)
    assert world.open_browser is not None
    assert world.open_browser("https://sso.acme.com", world.config.profile("acme")) is None
    talk = NoConversation()
    for ask in (talk.ask_line, talk.ask_secret):
        with pytest.raises(EOFError):
            ask("a question", 1)
    with talk.pasted() as read:
        assert read() is None
