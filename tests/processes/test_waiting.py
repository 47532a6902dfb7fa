"""Those who wait for a refresh that had no answer: one of them tries once more, and the rest end as that one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.issuer import Gate, ScriptedIssuer

if TYPE_CHECKING:
    from tests.processes.conftest import Plugin

WAITING = 12


def test_a_refresh_without_an_answer_is_not_everybodys(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    """The first had none; the token endpoint answers the second, and everybody is served."""
    logged_in.aged(life=300, age=1000)
    gate = issuer.gates["/token"] = Gate(drops=True)
    owner = logged_in.start()
    gate.wait_for_somebody()
    waiters = [logged_in.start() for _ in range(WAITING)]
    told = [waiter.stderr.readline() for waiter in waiters if waiter.stderr]
    assert all("Waiting for another togetherctl" in line for line in told)
    before = issuer.counts["/token"]
    del issuer.gates["/token"]
    gate.open()
    code, _, stderr = logged_in.end(owner)
    assert code == 4, stderr
    ended = [logged_in.end(waiter) for waiter in waiters]
    assert {(code, token) for code, token, _ in ended} == {(0, ended[0][1])}
    assert (issuer.counts["/token"] - before, logged_in.visits) == (1, 0)


def test_two_without_an_answer_are_enough(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    """Nobody tries after the second, so the issuer that comes back is not met by everybody at once."""
    logged_in.aged(life=300, age=1000)
    first = issuer.gates["/token"] = Gate(drops=True)
    owner = logged_in.start()
    first.wait_for_somebody()
    waiters = [logged_in.start() for _ in range(WAITING)]
    for waiter in waiters:
        assert waiter.stderr is not None
        assert "Waiting for another togetherctl" in waiter.stderr.readline()
    before = issuer.counts["/token"]
    second = issuer.gates["/token"] = Gate(drops=True)
    second.open()
    first.open()
    assert logged_in.end(owner)[0] == 4
    assert {logged_in.end(waiter)[:2] for waiter in waiters} == {(4, "")}
    assert (issuer.counts["/token"] - before, logged_in.visits) == (1, 0)
    # The next call is nobody's heir, and the tokens are still there.
    del issuer.gates["/token"]
    assert logged_in.run()[0] == 0
