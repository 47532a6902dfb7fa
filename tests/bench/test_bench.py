"""`make bench` and `make soak` work: what they would report is right. No clock is looked at."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench.agent import running_agent, socket_cases
from tests.bench.agent import table as agent_table
from tests.bench.cases import quick_cases, running_bench, slow_cases
from tests.bench.crowd import crowd
from tests.bench.failing import ONE_IN, FailingIssuer
from tests.bench.first_frame import first_frame
from tests.bench.memory import peak
from tests.bench.page import BEGINS, ENDS, REQUESTS, table
from tests.bench.run import PAGE, main
from tests.bench.soak_report import Call, Soaked, shown
from tests.bench.targets import TARGETS, beside
from tests.bench.timing import Case, CaseFailed, Row, in_turn
from tests.support.issuer import Asked
from togetherctl.paths import locate

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock


def test_the_bench_runs_and_writes_its_table(
    tmp_path: Path, canary: Canary, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGINS}\nan old table\n{ENDS}\nafter\n")
    assert main(["--quick", "--rounds", "1", "--page", str(page)], canary=canary) == 0
    text = page.read_text()
    canary.saw("the page", text)
    canary.saw("the bench's output", capsys.readouterr().out)
    assert text.startswith(f"before\n{BEGINS}\n\nMeasured on ")
    assert text.endswith(f"{ENDS}\nafter\n")
    for row in ("| `python -I -c pass` | 1 | ", "| ready file: shim, `/bin/sh` being ", "| ready file: Python | 1 | "):
        assert row in text
    assert "an old table" not in text


def test_the_page_has_its_markers() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for begins, ends in ((BEGINS, ENDS), REQUESTS):
        assert text.count(begins) == text.count(ends) == 1
        assert text.index(begins) < text.index(ends)


def test_what_does_not_work_is_not_timed() -> None:
    python = [sys.executable, "-I", "-c"]
    with pytest.raises(CaseFailed, match="broken: 3"):
        in_turn([Case("broken", [*python, "exit(3)"], {})], 1, seconds=60, told=print)
    with pytest.raises(CaseFailed, match="silent: not what was asked for"):
        in_turn([Case("silent", [*python, "pass"], {}, expects=b"token")], 1, seconds=60, told=print)


def test_a_failed_refresh_spends_no_refresh_token(clock: StoppedClock, canary: Canary) -> None:
    with FailingIssuer(clock=clock, canary=canary) as issuer:
        held = str(issuer.tokens(issuer.claims, "openid")["refresh_token"])
        statuses: list[int] = []
        for _ in range(4 * ONE_IN):
            form = {"grant_type": "refresh_token", "client_id": issuer.client_id, "refresh_token": held}
            try:
                reply = issuer.answer(Asked("POST", "/token", {}, {}, form, 0.0))
            except SystemExit:
                statuses.append(0)
                continue
            statuses.append(reply.status)
            held = reply.body["refresh_token"] if reply.status == 200 else held
        assert [status for status in statuses if status != 200] == [500, 503, 429, 0]
        assert (issuer.refreshes, issuer.failed, issuer.reused) == (20, 4, 0)
        issuer.answer(Asked("POST", "/token", {}, {}, {**form, "refresh_token": "used before"}, 0.0))
        assert issuer.reused == 1


@pytest.mark.parametrize(
    ("began", "took", "verdict"),
    [
        (10, 1, "NOT GOOD"),  # before the issuer went
        (99, 2, "good"),  # it went meanwhile
        (130, 9, "good"),
        (185, 1, "good"),  # back, but no token was alive
        (191, 1, "NOT GOOD"),
    ],
)
def test_a_soak_forgives_only_what_fails_while_the_issuer_is_away(began: float, took: float, verdict: str) -> None:
    def soaked(code: int, *, pages: int = 1, reused: int = 0, left: int = 0) -> Soaked:
        calls = [Call(began, took, code, "refused the connection")]
        return Soaked(calls, 100, 160, 30, pages=pages, refreshes=9, failed=1, reused=reused, left=left)

    report = shown(soaked(1)).splitlines()
    assert report[-1] == verdict
    assert report[-2].endswith("refused the connection")
    assert soaked(0).is_good
    assert not soaked(0, pages=2).is_good
    assert not soaked(0, reused=1).is_good
    assert not soaked(0, left=1).is_good


def row(name: str, *seconds: float, memory: int | None = None) -> Row:
    return Row(Case(name, [], {}), list(seconds), memory)


def cells(made: str, name: str) -> list[str]:
    (line,) = (line for line in made.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_says_how_a_row_stands_and_by_how_much_it_misses() -> None:
    rows = [
        row("`python -I -c pass`", 0.010, 0.010, memory=8192),
        row("`togetherctl --help`", 0.025),
        row("session file: Python", 0.030),
        row("refresh over 50 ms: shim, Python", 0.3),
        row("refresh over 50 ms: kubectl-oidc_login", 0.4),
        row("one alone, no session: shim", 1.0),
        row("50 at once: `python -I -c pass`", 1.0),
        row("50 at once, no session: shim", 1.5),
        row("50 at once, token ready: shim", 0.1),
    ]
    made = table(rows)
    assert cells(made, "`python -I -c pass`") == ["`python -I -c pass`", "2", "10.0 ms", "", "8.0 MiB", "", "", ""]
    assert cells(made, "`togetherctl --help`")[4:] == ["", "2.50", "`python -I -c pass`", "3"]
    assert cells(made, "session file: Python")[5:] == ["3.00", "`python -I -c pass`", "2.5: missed by 20%"]
    assert cells(made, "refresh over 50 ms: shim, Python")[5:] == ["0.75", "kubelogin", "0.85"]
    assert cells(made, "50 at once, no session: shim")[5:] == ["0.75", "one alone and 50 Pythons", "1"]
    # What it is held against was not measured.
    assert cells(made, "50 at once, token ready: shim")[5:] == ["", "", ""]


def test_every_target_is_that_of_a_row_that_is_measured(tmp_path: Path, canary: Canary) -> None:
    with running_bench(tmp_path, clock=time.time, canary=canary) as bench:
        few = bench.home("few")
        with running_agent(bench.home("agent")) as agent:
            names = [case.name for case in (*quick_cases(few), *socket_cases(agent), *slow_cases(bench, few))]
    assert len(names) == len(set(names))
    for start in TARGETS:
        assert any(name.startswith(start) for name in names), start
    against = {name for found in map(beside, names) if found for row in found.rows for name in row}
    assert {name for name in against if "kubelogin" not in name and "oidc_login" not in name} <= set(names)


def test_the_agent_is_measured_by_what_it_does(tmp_path: Path, canary: Canary) -> None:
    with running_bench(tmp_path, clock=time.time, canary=canary) as bench:
        made = agent_table(bench)
    assert cells(made, "requests in the first `kubectl` after a night")[1] == "0"
    assert float(cells(made, "resident memory, after a night")[1].removesuffix(" MiB")) < 38
    # What the kernel counted, not a clock; a quiet machine takes a tenth of it.
    assert float(cells(made, "CPU time of an hour with tokens of an hour")[1].removesuffix(" s")) < 1


def test_memory_is_that_of_the_program_and_not_of_the_bench() -> None:
    if peak(Case("nothing", [sys.executable, "-I", "-c", "pass"], {})) is None:
        pytest.skip("GNU time is not there")
    small = peak(Case("small", ["/bin/sh", "-c", ":"], {}))
    large = peak(Case("large", ["/bin/sh", "-c", f"{sys.executable} -I -c 'bytearray(64 << 20)'"], {}))
    two = peak(Case("two", ["/bin/sh", "-c", ":"], {}, at_once=2))
    assert small is not None
    assert large is not None
    assert two is not None
    assert small < 8 << 10
    assert large > 64 << 10
    assert small < two < 16 << 10


def test_the_interface_is_timed_in_a_terminal(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color"}
    crowd(locate(environ), 3, now=time.time())
    names, states = first_frame(environ)
    assert 0 < names <= states
