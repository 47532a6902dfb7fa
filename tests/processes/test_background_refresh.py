"""A stale token is served at once; a child refreshes it behind the caller's back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.issuer import Gate, Reply, ScriptedIssuer

if TYPE_CHECKING:
    from tests.processes.conftest import Plugin


def test_the_caller_is_gone_before_the_issuer_answers(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    stale = logged_in.aged(life=1000, age=850)
    assert stale.id_token is not None
    gate = issuer.gates["/token"] = Gate()
    # That this returns is the point: the child holds none of the descriptors that are waited for here.
    assert logged_in.run() == (0, stale.id_token.value, "")
    gate.wait_for_somebody()
    [child] = logged_in.children()
    assert _descriptors(child)[:3] == ["/dev/null"] * 3
    assert [where for where in _descriptors(child) if where.startswith("pipe:")] == []
    # While it is at work, nobody else is.
    for _ in range(3):
        assert logged_in.run() == (0, stale.id_token.value, "")
    assert logged_in.children() == [child]
    gate.open()
    logged_in.wait_until(lambda: not logged_in.children())
    session = logged_in.session()
    assert session is not None
    assert session.id_token is not None
    assert logged_in.run() == (0, session.id_token.value, "")
    assert session.id_token.value != stale.id_token.value
    assert (issuer.counts["/token"], logged_in.visits) == (2, 0)
    # It left a ready file, too.
    assert session.id_token.value in (logged_in.home / "cache" / "ready" / "acme").read_text()


def test_many_callers_have_one_child(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    logged_in.aged(life=1000, age=850)
    gate = issuer.gates["/token"] = Gate()
    ended = [logged_in.end(process) for process in [logged_in.start() for _ in range(20)]]
    assert {(code, stderr) for code, _, stderr in ended} == {(0, "")}
    gate.wait_for_somebody()
    assert len(logged_in.children()) == 1
    gate.open()
    logged_in.wait_until(lambda: not logged_in.children())
    assert issuer.counts["/token"] == 2  # the login's and the child's


def test_what_fails_behind_shows_in_status_alone(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    logged_in.aged(life=1000, age=850)
    issuer.always["/token"] = Reply(403, {"error": "access_denied", "error_description": "not today"})
    assert logged_in.run()[::2] == (0, "")
    logged_in.wait_until(lambda: not logged_in.children())
    [item] = json.loads(logged_in.run("status", "-o", "json")[1])["items"]
    assert (item["state"], item["last_error"]["code"]) == ("stale", "refused")
    assert "not today" in item["last_error"]["message"]
    # And it is not tried again with every call.
    assert logged_in.run()[::2] == (0, "")
    assert logged_in.children() == []
    assert (issuer.counts["/token"], logged_in.visits) == (2, 0)


def test_a_child_never_logs_in(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    logged_in.aged(life=1000, age=850)
    issuer.refresh_tokens.clear()
    assert logged_in.run()[::2] == (0, "")
    logged_in.wait_until(lambda: not logged_in.children())
    session = logged_in.session()
    assert session is not None
    assert (session.refused, logged_in.visits) == (True, 0)


def test_ci_leaves_nothing_running_and_no_input_does(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    logged_in.aged(life=1000, age=850)
    gate = issuer.gates["/token"] = Gate()
    assert logged_in.run(CI="true")[0] == 0
    assert logged_in.children() == []
    assert logged_in.run(TOGETHERCTL_NO_INPUT="1")[0] == 0
    gate.wait_for_somebody()
    assert len(logged_in.children()) == 1
    gate.open()
    logged_in.wait_until(lambda: not logged_in.children())


def test_an_issuer_that_hangs_leaves_no_process(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    logged_in.aged(life=1000, age=850)
    gate = issuer.gates["/token"] = Gate(drops=True)
    assert logged_in.run()[0] == 0
    gate.wait_for_somebody()
    assert len(logged_in.children()) == 1
    logged_in.wait_until(lambda: not logged_in.children(), seconds=40)
    gate.open()
    session = logged_in.session()
    assert session is not None
    assert session.last_error is not None
    assert "did not answer in time" in session.last_error.message


def _descriptors(process: int) -> list[str]:
    return [str(path.readlink()) for path in sorted(Path(f"/proc/{process}/fd").iterdir(), key=lambda fd: int(fd.name))]
