"""When a session that is kept ahead needs a child."""

from __future__ import annotations

import pytest

from togetherctl.agent.ahead_due import Facts, Trouble, due_in, is_over, pause_after, trouble_after

NOW, BOOT, IDLE = 1_800_000_000.0, 5_000.0, 86_400.0
SESSION = int(NOW - 3600) * 10**9


def due(facts: Facts, trouble: Trouble | None = None, *, now: float = NOW) -> float | None:
    return due_in(facts, trouble, idle=IDLE, now=now, boot=BOOT)


def facts(*, session: int | None = SESSION, used: float = NOW - 3600, stale: float | None = NOW + 100) -> Facts:
    return Facts(session, used, stale)


@pytest.mark.parametrize(
    ("what", "wait"),
    [
        (facts(), 100),
        (facts(stale=NOW), 0),
        # Expired in the night, used the evening before.
        (facts(stale=NOW - 30_000, used=NOW - 50_000), 0),
        # Nothing says when it turns stale, and its writer had time for a ready file.
        (facts(stale=None), 0),
        (facts(stale=None, session=int(NOW - 2) * 10**9), 3),
        # Written in the future: the clock was set back.
        (facts(stale=None, session=int(NOW + 9000) * 10**9), 0),
        (facts(session=None), None),
        (facts(stale=NOW - 1, used=NOW - IDLE - 1), None),
        (facts(stale=None, used=NOW - IDLE - 1), None),
    ],
)
def test_used_sessions_are_due_when_they_turn_stale(what: Facts, wait: float | None) -> None:
    assert due(what) == wait


def test_a_failure_that_may_pass_is_waited_out_longer_each_time() -> None:
    trouble = None
    pauses = []
    for _ in range(8):
        trouble = trouble_after(trouble, SESSION, outcome="unreachable", message="no answer", boot=BOOT)
        assert trouble is not None
        pauses.append(due(facts(stale=NOW - 1), trouble))
    assert pauses == [15, 30, 60, 120, 240, 300, 300, 300]
    assert pause_after(10_000) == 300
    assert trouble_after(trouble, SESSION, outcome="kept", message="", boot=BOOT) is None


@pytest.mark.parametrize("outcome", ["login_required", "config", "usage", "storage"])
def test_what_only_a_change_mends_is_left_alone_until_then(outcome: str) -> None:
    trouble = trouble_after(None, SESSION, outcome=outcome, message="", boot=BOOT)
    assert due(facts(stale=NOW - 1), trouble) is None
    assert due(facts(stale=None), trouble, now=NOW + 10**6) is None
    assert due(facts(stale=NOW - 1, session=SESSION + 1), trouble) == 0


def test_trouble_is_over_when_another_process_has_renewed_the_session() -> None:
    trouble = trouble_after(None, SESSION, outcome="unreachable", message="", boot=BOOT)
    assert trouble is not None
    assert is_over(facts(session=SESSION + 1), trouble, now=NOW)
    assert due(facts(session=SESSION + 1), trouble) == 100
    # A failure that another process noted is another session file, and no end of it.
    assert not is_over(facts(session=SESSION + 1, stale=NOW - 1), trouble, now=NOW)
    # A ready file for a moment is none either.
    assert not is_over(facts(session=SESSION + 1, stale=NOW + 25), trouble, now=NOW)
    assert due(facts(session=SESSION + 1, stale=NOW - 1), trouble) == 15
