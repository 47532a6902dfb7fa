"""Which children the agent starts when, by clocks that a test moves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.agent.test_ahead_wake import Machine
from togetherctl.agent.ahead import KeepAhead, read_reports
from togetherctl.agent.protocol import Ended, Errand
from togetherctl.agent.snapshot import Configuration, KnownProfile, Snapshot
from togetherctl.paths import locate

if TYPE_CHECKING:
    from togetherctl.agent.protocol import Cancel

HOUR = 3600.0


@dataclass
class Started:
    """The children that were asked for, which end when the test says so."""

    errands: list[tuple[Errand, Callable[[Ended], None]]] = field(default_factory=list)

    def run(self, errand: Errand, ended: Callable[[Ended], None]) -> Cancel:
        self.errands.append((errand, ended))
        return lambda: None

    @property
    def names(self) -> list[list[str]]:
        return [list(errand.words[1:]) for errand, _ in self.errands]

    def end(self, outcome: str = "kept", **said: object) -> None:
        """End the first one, with the same report for every profile."""
        errand, ended = self.errands.pop(0)
        lines = [json.dumps({"profile": name, "outcome": outcome, **said}) for name in errand.words[1:]]
        ended(Ended(0, "\n".join(lines).encode()))


class Quiet:
    """A loop in which nothing happens by itself."""

    def after(self, _seconds: float, _call: Callable[[], None]) -> Cancel:
        return lambda: None

    def watch(self, _descriptor: int, _readable: Callable[[], None]) -> Cancel:
        return lambda: None


@dataclass
class Known:
    """A configuration that a test writes."""

    last_good: Snapshot

    def ask(self, told: Callable[[Any], None]) -> Cancel:
        told(self.last_good)
        return lambda: None


class House:
    """The part of the agent that keeps ahead, with sessions that are files of this folder."""

    def __init__(self, folder: Path, *names: str, idle: float = 86_400.0, shares: bool = False) -> None:
        self.machine, self.children = Machine(), Started()
        self.folder = folder
        self.sessions = {name: folder / ("KEY.json" if shares else f"{name}.json") for name in names}
        for name in names:
            self.write_session(name)
        known = [
            KnownProfile(name, "never", "https://issuer", "client", f"KEY-{name}", "authcode", "file", str(path))
            for name, path in self.sessions.items()
        ]
        self.known = Known(Snapshot("state", idle, tuple(known)))
        self.ahead = KeepAhead(
            Quiet(),
            self.children,
            cast("Configuration", self.known),
            locate({"TOGETHERCTL_HOME": str(folder)}),
            {},
            clocks=self.machine.clocks(),
            reads_are_noted=lambda _folder: True,
        )

    def write_session(self, name: str) -> None:
        self.sessions[name].write_text("{}")
        os.utime(self.sessions[name], (self.machine.wall, self.machine.wall))

    def tick(self, after: float = 0.0) -> list[list[str]]:
        """Let time pass, look, and give the profiles of the children that run now."""
        self.machine.run(after)
        self.ahead.tick()
        return self.children.names

    def keep(self, *, life: float = HOUR) -> None:
        """End the first child, which has renewed the sessions it was told."""
        for name in self.children.names[0]:
            self.write_session(name)
        self.children.end(stale_at=self.machine.wall + life)


MakeHouse = Callable[..., House]


@pytest.fixture
def make_house(tmp_path: Path) -> Iterator[MakeHouse]:
    made = []

    def make(*names: str, **how: Any) -> House:
        made.append(House(tmp_path, *names, **how))
        return made[-1]

    yield make
    for house in made:
        house.ahead.close()


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    """With one profile, whose token was renewed just now and turns stale in an hour."""
    house = make_house("acme")
    assert house.tick(after=6) == [["acme"]]
    house.keep()
    assert house.tick() == []
    return house


def test_an_hour_of_nothing_starts_no_child(house: House) -> None:
    for _ in range(59):
        assert house.tick(after=60) == []
    assert house.tick(after=61) == [["acme"]]
    # While it works no other one does.
    assert house.tick(after=60) == [["acme"]]


def test_it_sleeps_no_longer_than_it_may(house: House) -> None:
    assert house.ahead.tick() == 60
    house.machine.run(HOUR - 25)
    assert house.ahead.tick() == pytest.approx(25, abs=1)


def test_on_waking_what_turned_stale_is_refreshed_at_once(house: House) -> None:
    house.machine.sleep(9 * HOUR)
    assert house.tick() == [["acme"]]


def test_after_more_than_a_day_nothing_is(house: House) -> None:
    house.machine.sleep(25 * HOUR)
    assert house.tick() == []
    assert house.ahead.states()["acme"]["kept"] is False


def test_a_failure_is_waited_out_and_waking_ends_the_wait(house: House) -> None:
    house.tick(after=HOUR + 1)
    house.children.end("unreachable", message="no answer")
    assert house.tick(after=10) == []
    assert house.ahead.states()["acme"]["problem"] == "no answer"
    assert house.tick(after=6) == [["acme"]]
    house.children.end("unreachable")
    assert house.tick(after=20) == []
    house.machine.sleep(600)
    assert house.tick() == [["acme"]]
    house.keep()
    assert house.ahead.states()["acme"]["problem"] is None


def test_a_lock_that_another_process_has_is_tried_again(house: House) -> None:
    house.tick(after=HOUR + 1)
    house.children.end("busy")
    assert house.tick(after=1) == []
    assert house.tick(after=15) == [["acme"]]


def test_a_login_that_is_required_is_waited_for(house: House) -> None:
    house.tick(after=HOUR + 1)
    house.children.end("login_required", message="login required: refused")
    for _ in range(20):
        house.machine.sleep(600)
        assert house.tick(after=60) == []
    house.write_session("acme")
    assert house.tick(after=6) == [["acme"]]


def test_a_clock_that_is_set_has_every_token_looked_at_again(house: House) -> None:
    house.tick(after=60)
    # The token is of the future now, which only the engine can judge.
    house.machine.wall -= 5 * HOUR
    assert house.tick(after=6) == [["acme"]]
    house.keep()
    assert house.tick(after=60) == []
    house.machine.wall += 7 * HOUR
    assert house.tick(after=6) == [["acme"]]
    house.keep()
    assert house.tick(after=60) == []
    # A clock that was years ahead for a while counts as no years without use.
    house.machine.wall += 9000 * HOUR
    assert house.tick(after=60) == []
    house.machine.wall -= 9000 * HOUR
    assert house.tick(after=60) == [["acme"]]


def test_profiles_of_one_session_share_a_child(make_house: MakeHouse) -> None:
    house = make_house("acme", "beta", shares=True)
    assert house.tick(after=6) == [["acme", "beta"]]
    house.keep()
    assert house.tick(after=60) == []
    assert house.tick(after=HOUR) == [["acme", "beta"]]


def test_many_at_once_share_few_children(make_house: MakeHouse) -> None:
    names = [f"p{number:02}" for number in range(20)]
    house = make_house(*names)
    seen = []
    house.tick(after=6)
    while house.children.errands:
        assert len(house.children.errands) <= 2
        assert all(len(each) <= 8 for each in house.children.names)
        seen += house.children.names[0]
        house.keep()
    assert sorted(seen) == names


def test_what_a_child_wrote_keeps_no_other_profile_of_its_session_alive(make_house: MakeHouse) -> None:
    house = make_house("acme", "beta", shares=True, idle=2 * HOUR)
    house.tick(after=6)
    house.keep()
    # Kept by the agent alone, it ends for both.
    assert house.tick(after=HOUR + 1) == [["acme", "beta"]]
    house.keep()
    assert house.tick(after=HOUR + 1) == []


def test_a_child_that_said_nothing_has_failed(house: House) -> None:
    house.tick(after=HOUR + 1)
    _, ended = house.children.errands.pop()
    ended(Ended(-9, b""))
    assert house.tick(after=10) == []
    assert house.ahead.states()["acme"]["problem"] == "its refresh was cut off"
    assert house.tick(after=6) == [["acme"]]


def test_another_configuration_begins_afresh(house: House) -> None:
    house.tick(after=HOUR + 1)
    house.children.end("config", message="acme: no such thing")
    assert house.tick(after=600) == []
    house.known.last_good = replace(house.known.last_good, state="another")
    assert house.tick() == [["acme"]]
    # A profile that is gone while its child works is no trouble.
    house.known.last_good = replace(house.known.last_good, profiles=())
    house.tick()
    house.children.end("unreachable")
    assert (house.tick(after=600), house.ahead.states()) == ([], {})


def test_without_idle_nothing_is_kept(make_house: MakeHouse) -> None:
    assert make_house("acme", idle=0).tick(after=6) == []


@pytest.mark.parametrize("line", [b"", b"\xff\xfe", b"[]", b"3", b"null", b'{"profile": "acme"}', b'{"stale_at": "x"}'])
def test_a_line_that_is_no_report_is_skipped(line: bytes) -> None:
    good = b'{"profile": "acme", "outcome": "kept", "stale_at": 5, "of a newer one": true}'
    assert [report.profile for report in read_reports(line + b"\n" + good + b"\n")] == ["acme"]
