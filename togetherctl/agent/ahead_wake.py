"""Notice that this machine has slept, that its clock was set, and that a network came up."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from togetherctl.records import NamedTuple

# Clocks drift apart by less than this, in seconds, from one look to the next.
_DRIFT = 2.0


def _count_with_sleep() -> float:
    """Seconds since the machine started, with the time that it slept."""
    # macOS counts sleep there, and not in its monotonic clock.
    clock = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC_RAW", None))
    return time.clock_gettime(clock) if clock is not None else time.monotonic()


class Moment(NamedTuple):
    """One look at all clocks: `wall` since 1970, `boot` with sleep; what happened since the look before."""

    wall: float
    boot: float
    slept: bool = False
    was_set: bool = False


class Clocks:
    """Three clocks, which tell sleep and a clock that was set by how they drift apart."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        boot: Callable[[], float] = _count_with_sleep,
        awake: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._boot, self._awake = wall, boot, awake
        self.last = Moment(wall(), boot())
        self._last_awake = awake()

    def look(self) -> Moment:
        """The present moment, and what has happened since the last call."""
        wall, boot, awake = self._wall(), self._boot(), self._awake()
        passed = boot - self.last.boot
        slept = passed - (awake - self._last_awake) > _DRIFT
        was_set = abs((wall - self.last.wall) - passed) > _DRIFT
        self.last, self._last_awake = Moment(wall, boot, slept=slept, was_set=was_set), awake
        return self.last

    def look_again(self) -> Moment:
        """The present moment alone."""
        return Moment(self._wall(), self._boot())


class ClockWatch:
    """A descriptor that turns readable when the wall clock is set or the machine wakes; Linux alone has it.

    A timer that never comes, cancelled by every jump of the clock (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET); the
    kernel counts waking as one.
    """

    def __init__(self) -> None:
        self._descriptor = _make_timer()

    def fileno(self) -> int | None:
        return self._descriptor

    def read(self) -> bool:
        """Whether the clock has jumped since the last call. Never waits."""
        if self._descriptor is None:
            return False
        try:
            os.read(self._descriptor, 8)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno == errno.ECANCELED:
                return True
        # It came after all, or cannot be read: it would wake the agent for ever.
        self.close()
        return False

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class NetworkWatch:
    """A descriptor that turns readable when an address or a default route is added (rtnetlink(7)); Linux alone has it.

    It is open only while something waits for the network, because busy machines change their routes all the time.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def open(self) -> int | None:
        """Begin to watch; the descriptor, None where this system has none."""
        if self._socket is None and sys.platform == "linux":
            with suppress(OSError):
                self._socket = socket.socket(
                    socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, _NETLINK_ROUTE
                )
                self._socket.bind((0, _GROUPS))
        return self._socket.fileno() if self._socket else None

    def fileno(self) -> int | None:
        return self._socket.fileno() if self._socket else None

    def read(self) -> bool:
        """Whether an address or a default route was added since the last call. Never waits."""
        came = False
        while self._socket is not None:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    self.close()
                    break
                # So much has changed that some of it is lost.
                came = True
                continue
            came = came or brings_network(data)
        return came

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


_NETLINK_ROUTE = 0
# RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR and RTMGRP_IPV6_ROUTE of linux/rtnetlink.h.
_GROUPS = 0x10 | 0x40 | 0x100 | 0x400
_NEW_ADDRESS, _NEW_ROUTE = 20, 24
_HEADER = struct.Struct("=IHHII")


def brings_network(data: bytes) -> bool:
    """Whether netlink messages tell of an address that is not of this link alone, or of a default route."""
    while len(data) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(data)
        if length < _HEADER.size or length > len(data):
            return False
        body = data[_HEADER.size : length]
        # ifaddrmsg: family, prefix length, flags, scope; rtmsg: family, destination's length, ...
        if kind == _NEW_ADDRESS and len(body) >= 4 and body[3] == 0:
            return True
        if kind == _NEW_ROUTE and len(body) >= 2 and body[1] == 0:
            return True
        data = data[(length + 3) & ~3 :]
    return False


def _make_timer() -> int | None:
    """The descriptor of a timer that only a jump of the clock ends; None where the system has none."""
    if sys.platform != "linux":
        return None
    # Python has it from 3.13 on.
    import ctypes

    class Spec(ctypes.Structure):
        _fields_ = (("interval", ctypes.c_long * 2), ("value", ctypes.c_long * 2))

    try:
        library = ctypes.CDLL(None)
        descriptor = library.timerfd_create(time.CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC)
        if descriptor < 0:
            return None
        # Some time after 2240, where seconds have 64 bits.
        never = Spec((0, 0), (2**33 if ctypes.sizeof(ctypes.c_long) == 8 else 2**31 - 1, 0))
        if library.timerfd_settime(descriptor, _ABSOLUTE | _CANCEL_ON_SET, ctypes.byref(never), None) == 0:
            return int(descriptor)
        os.close(descriptor)
    except (OSError, AttributeError):
        pass
    return None


_ABSOLUTE, _CANCEL_ON_SET = 1, 2
