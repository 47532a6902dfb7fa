"""Sleep, clocks that are set, and networks that come up."""

from __future__ import annotations

import select
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.programs import need
from togetherctl.agent.ahead_wake import Clocks, ClockWatch, NetworkWatch, brings_network

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these descriptors")


@dataclass
class Machine:
    """Its three clocks."""

    wall: float = 1_800_000_000.0
    boot: float = 100.0
    awake: float = 50.0

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall, lambda: self.boot, lambda: self.awake)

    def run(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds
        self.awake += seconds

    def sleep(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds


def test_sleep_and_a_clock_that_was_set_are_told_apart() -> None:
    machine = Machine()
    clocks = machine.clocks()
    machine.run(3600)
    assert clocks.look()[2:] == (False, False)
    machine.sleep(9 * 3600)
    assert clocks.look()[2:] == (True, False)
    machine.run(60)
    assert clocks.look()[2:] == (False, False)
    for jump in (7200, -7200, 3, -3):
        machine.run(60)
        machine.wall += jump
        assert clocks.look()[2:] == (False, True), jump
    # Both at once: it slept, and the clock was set right on waking.
    machine.sleep(9 * 3600)
    machine.wall -= 500
    assert clocks.look()[2:] == (True, True)
    # As an ordinary clock is kept right.
    machine.run(60)
    machine.wall += 0.5
    assert clocks.look()[2:] == (False, False)


def test_the_real_clocks_say_that_nothing_happened() -> None:
    clocks = Clocks()
    time.sleep(0.05)
    moment = clocks.look()
    assert moment[2:] == (False, False)
    assert abs(moment.wall - time.time()) < 5


@linux
def test_the_watch_on_the_clock_is_quiet_while_that_runs() -> None:
    watch = ClockWatch()
    descriptor = watch.fileno()
    assert descriptor is not None
    assert str(Path(f"/proc/self/fd/{descriptor}").readlink()) == "anon_inode:[timerfd]"
    assert select.select([descriptor], [], [], 0.2)[0] == []
    assert not watch.read()
    assert watch.fileno() == descriptor
    watch.close()
    assert (watch.fileno(), watch.read()) == (None, False)


@linux
def test_an_address_that_comes_is_heard_by_the_netlink_socket() -> None:
    """In a network namespace of its own; the loopback device comes up there, and gets an address."""
    need("ip")
    script = """
import select, subprocess
from togetherctl.agent.ahead_wake import NetworkWatch
watch = NetworkWatch()
descriptor = watch.open()
assert select.select([descriptor], [], [], 0.2)[0] == [], "something came by itself"
for words in ("link set lo up", "link add veth0 type dummy", "link set veth0 up"):
    subprocess.run(["ip", *words.split()])
watch.read()
subprocess.run(["ip", "addr", "add", "192.0.2.7/24", "dev", "lo"], check=True)
assert select.select([descriptor], [], [], 5)[0] == [descriptor]
assert watch.read(), "no network was seen"
watch.close()
print("heard")
"""
    words = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    if "unshare" in done.stderr:
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    assert done.stdout == "heard\n", done.stderr


def message(kind: int, body: bytes) -> bytes:
    padded = body + b"\0" * (-len(body) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + padded


@pytest.mark.parametrize(
    ("kind", "body", "comes"),
    [
        (20, bytes([2, 24, 0, 0]) + b"\0" * 4, True),
        # Of this link alone, as every virtual device gets one.
        (20, bytes([10, 64, 0, 253]) + b"\0" * 4, False),
        (24, bytes([2, 0, 0, 0]) + b"\0" * 8, True),
        # A route to one network.
        (24, bytes([2, 24, 0, 0]) + b"\0" * 8, False),
        # An address that goes.
        (21, bytes([2, 24, 0, 0]) + b"\0" * 4, False),
        (20, b"", False),
    ],
)
def test_only_what_brings_a_network_counts(kind: int, body: bytes, *, comes: bool) -> None:
    assert brings_network(message(kind, body)) is comes
    assert brings_network(message(16, b"\0" * 5) + message(kind, body)) is comes


@pytest.mark.parametrize("data", [b"", b"\0" * 16, b"\xff" * 40, struct.pack("=IHHII", 4, 20, 0, 0, 0), b"\x14"])
def test_what_is_no_message_of_netlink_brings_nothing(data: bytes) -> None:
    assert not brings_network(data)


@linux
def test_the_network_is_watched_only_while_that_is_wanted() -> None:
    watch = NetworkWatch()
    assert watch.fileno() is None
    assert watch.open() == watch.fileno()
    watch.close()
    assert (watch.fileno(), watch.read()) == (None, False)
