"""What an issuer is asked in a day: by a simulated fleet, and by one person through the real engine."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.bench import fleet, working_day
from tests.bench.fleet import HOUR, Fleet, load_of
from togetherctl.auth.session import Freshness, Session, Token
from togetherctl.auth.time_limits import STALE_SHARE, STALE_SPREAD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.canary import Canary

SMALL = Fleet(people=40, day=4 * HOUR)


def test_people_call_about_once_a_minute_and_have_lunch() -> None:
    everybody = dict(SMALL.calls())
    assert len(everybody) == 40
    for moments in everybody.values():
        assert moments == sorted(moments)
        assert 0 <= moments[0] < SMALL.arriving
        assert moments[-1] < SMALL.day
        assert max(later - earlier for earlier, later in pairwise(moments)) >= SMALL.lunch
    assert 150 < sum(map(len, everybody.values())) / 40 < 210  # three hours
    assert everybody == dict(SMALL.calls())


def test_each_request_of_the_fleet_is_one_that_the_rules_demand() -> None:
    """Counted again, call by call, without any short cut."""
    loads = {3: load_of(SMALL, fleet.kubelogins, requests=3), 1: load_of(SMALL, fleet.ours, requests=1)}
    for requests, load in loads.items():
        expected: Counter[int] = Counter()
        for subject, calls in SMALL.calls():
            share = 1.0 if requests == 3 else 1 - STALE_SHARE - early(Session("i", "c", subject, subject))
            obtained = calls[0]
            for call in calls[1:]:
                if call >= obtained + HOUR * share:
                    expected[int(call)] += requests
                    obtained = call
        assert load.refreshes == expected
        assert load.logins.total() == 3 * 40
        assert load.peak == max(expected.values())


def early(session: Session) -> float:
    return session.early(fleet.KEY)


def test_the_spread_makes_the_peak_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    many = Fleet(people=300, day=HOUR, arriving=1.0, between=5.0, lunch=0.0)
    spread = load_of(many, fleet.ours, requests=1)
    monkeypatch.setattr("togetherctl.auth.session.STALE_SPREAD", 0.0)
    in_step = load_of(many, fleet.ours, requests=1)
    assert spread.requests == in_step.requests == 300
    assert spread.peak * 5 < in_step.peak
    assert max(spread.refreshes) - min(spread.refreshes) > STALE_SPREAD * HOUR * 0.9


def test_the_table_has_a_row_for_each_rule() -> None:
    rows = fleet.table(Fleet(people=20)).splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [
        "| togetherctl",
        "| togetherctl without the spread",
        "| kubelogin's rules",
    ]
    refreshes, requests = (int(word) for word in rows[2].split(" | ")[1:3])
    assert requests == 3 * refreshes


def test_a_working_day_of_five_profiles_costs_a_dozen_requests(tmp_path: Path, canary: Canary) -> None:
    """One login and one session for all five; after that one request a refresh, to the token endpoint."""
    calls = working_day.every_minute()
    assert (len(calls), calls[-1]) == (480, 8 * HOUR - 60)
    lived = working_day.ours(tmp_path, calls, canary=canary)
    foreseen = list(fleet.moments(fleet.ours("user-1", HOUR, lived.key), calls))
    assert lived.tokens_at == [0.0, *foreseen]
    assert lived.requests == {"/.well-known/openid-configuration": 1, "/keys": 1, "/token": 1 + len(foreseen)}
    assert 12 <= lived.total <= 13
    # kubelogin's rules, were its five users to share one cache: three requests each time.
    assert 3 * (1 + len(list(fleet.moments(fleet.kubelogins("", HOUR), calls)))) == 24


def test_the_engine_refreshes_when_the_fleet_says_so(tmp_path: Path, canary: Canary) -> None:
    """A day of the fleet, lunch included, lived through call by call."""
    _, calls = next(Fleet(people=1, between=240.0).calls())
    lived = working_day.ours(tmp_path, calls, canary=canary)
    assert lived.tokens_at == pytest.approx([calls[0], *(fleet.moments(fleet.ours("user-1", HOUR, lived.key), calls))])
    assert len(lived.tokens_at) > 8


def test_a_token_in_hand_is_fresh_until_its_session_says_otherwise() -> None:
    token = Token("token", 0.0, HOUR)
    session = Session(fleet.PROFILE.issuer.url, fleet.PROFILE.client_id, "user-1", "user-1", token)
    moment = token.stale_at(early(session))
    assert session.freshness(fleet.PROFILE, moment - 1) is Freshness.FRESH
    assert fleet.ours("user-1", HOUR)(0.0, [moment - 1, moment, moment + 1]) == moment
