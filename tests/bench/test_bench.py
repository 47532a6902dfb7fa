"""`make bench` and `make soak` work: what they would report is right. No clock is looked at."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench.failing import ONE_IN, FailingIssuer
from tests.bench.page import BEGINS, ENDS
from tests.bench.run import PAGE, main
from tests.bench.soak_report import Call, Soaked, shown
from tests.bench.timing import Case, CaseFailed, in_turn
from tests.support.issuer import Asked

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
    assert text.count(BEGINS) == text.count(ENDS) == 1
    assert text.index(BEGINS) < text.index(ENDS)


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
