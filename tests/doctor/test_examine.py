"""Running checks: the order of results, skips, failures, deadlines and broken checks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from togetherctl.doctor.check import AREAS, Check, Each, Skip, find_checks
from togetherctl.doctor.examine import examine, exit_code
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode, Unreachable, run
from togetherctl.finding import Finding, Status

if TYPE_CHECKING:
    from tests.conftest import MakeWorld


def check(
    name: str, how: Callable[[Facts, Any], Iterator[Finding]], *, each: Each = "machine", network: bool = False
) -> Check:
    return Check(
        name, "installation", name, each, how, signs=(), means="", helps="", network=network, seconds=0.3, late="late"
    )


def gives(*findings: Finding) -> Callable[[Facts, Any], Iterator[Finding]]:
    return lambda _facts, _given: iter(findings)


def raises(error: Exception) -> Callable[[Facts, Any], Iterator[Finding]]:
    def examine_it(_facts: Facts, _given: object) -> Iterator[Finding]:
        raise error

    return examine_it


@pytest.fixture
def facts(acme: Path, make_world: MakeWorld) -> Facts:
    assert acme.exists()
    return Facts(make_world())


def test_results_come_in_the_order_of_the_checks_and_each_ends_as_it_does(facts: Facts) -> None:
    open_later = threading.Event()

    def slow(_facts: Facts, _given: object) -> Iterator[Finding]:
        assert open_later.wait(5)
        yield Finding("ok", "at last")

    def opens(_facts: Facts, _given: object) -> Iterator[Finding]:
        open_later.set()
        yield Finding("warning", "hm", subject="there")

    seen: list[str] = []
    checks = [
        check("slow", slow),
        check("quick", opens),
        check("skips", raises(Skip("there is nothing"))),
        check("fails", raises(Unreachable("no answer"))),
        check("breaks", raises(ZeroDivisionError())),
        check("is refused", raises(PermissionError(13, "Permission denied", "/closed"))),
    ]
    results = examine(facts, checks, each=lambda result: seen.append(result.check.name))
    assert seen == [one.name for one in checks]
    found = [(one.finding.status, one.finding.message, one.subject) for one in results]
    assert found[:4] == [
        ("ok", "at last", ""),
        ("warning", "hm", "there"),
        ("skipped", "there is nothing", ""),
        ("failed", "no answer", ""),
    ]
    assert found[5] == ("failed", "/closed: Permission denied", "")
    assert (found[4][0], results[4].finding.exit_code) == ("failed", ExitCode.BUG)
    assert exit_code(results) is ExitCode.UNREACHABLE


def test_a_check_without_an_end_is_given_up(facts: Facts) -> None:
    never = threading.Event()

    def hangs(_facts: Facts, _given: object) -> Iterator[Finding]:
        never.wait(30)
        yield Finding("ok", "not heard")

    (result,) = examine(facts, [check("hangs", hangs)])
    never.set()
    assert (result.finding.status, result.finding.message) == ("failed", "late")


@pytest.mark.parametrize(("network", "at_once"), [(False, 8), (True, 32)])
def test_so_many_run_at_the_same_time(facts: Facts, *, network: bool, at_once: int) -> None:
    guard, full = threading.Lock(), threading.Event()
    now = most = 0

    def waits(_facts: Facts, _given: object) -> Iterator[Finding]:
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
            if now == at_once:
                full.set()
        assert full.wait(5)
        with guard:
            now -= 1
        yield Finding("ok", "all were there")

    checks = [replace(check(str(number), waits, network=network), seconds=10) for number in range(2 * at_once)]
    results = examine(facts, checks)
    assert {one.finding.message for one in results} == {"all were there"}
    assert most == at_once


def test_offline_asks_nobody(acme: Path, make_world: MakeWorld) -> None:
    assert acme.exists()
    facts = Facts(make_world(), offline=True)
    (result,) = examine(facts, [check("asks", raises(AssertionError()), network=True)])
    assert (result.finding.status, result.finding.message) == ("skipped", "offline")


def test_without_a_configuration_that_can_be_read_its_profiles_are_skipped(acme: Path, make_world: MakeWorld) -> None:
    acme.write_text("profiles = 3\n")
    facts = Facts(make_world())
    (result,) = examine(facts, [check("each", raises(AssertionError()), each="profile")])
    assert (result.finding.status, result.finding.message) == ("skipped", "the configuration cannot be read")


def test_what_is_found_out_once_is_so_for_all_threads(facts: Facts) -> None:
    calls: list[int] = []

    def find() -> int:
        calls.append(1)
        raise Unreachable("gone")

    def asks(facts: Facts, _given: object) -> Iterator[Finding]:
        yield Finding("ok", str(facts.once("key", find)))

    results = examine(facts, [check(str(number), asks) for number in range(9)])
    assert {one.finding.message for one in results} == {"gone"}
    assert len(calls) == 1


def test_every_check_is_whole_and_has_its_own_name() -> None:
    checks = find_checks()
    assert len({one.name for one in checks}) == len(checks)
    for one in checks:
        assert one.area in AREAS
        assert one.title
        assert one.means.endswith(".")
        assert one.helps.endswith(".")
        assert one.signs


@pytest.mark.parametrize(("status", "words"), [("failed", "once what failed of its issuer is put right"), ("ok", "")])
def test_a_login_is_not_advised_as_the_first_thing_while_its_issuer_fails(
    status: Status, words: str, facts: Facts
) -> None:
    of_issuer = replace(check("a", gives(Finding(status, "it")), each="issuer"), area="issuer")
    login = Finding("failed", "no session", run("togetherctl", "login", "acme"))
    for each in ("session", "cluster"):
        result = examine(facts, [of_issuer, check("b", gives(login), each=each)])[-1]
        assert result.finding.remedy == run("togetherctl", "login", "acme", words=words)
