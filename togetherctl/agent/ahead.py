"""Keep used sessions ahead: refresh each before its token turns old, so that no call waits for an issuer.

Nothing here holds a token. A child does the refresh, under the session's lock, as the one does that `get-token` leaves
behind; this process looks at the times of files once a minute, and sooner where something happens.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from togetherctl.agent import ahead_children
from togetherctl.agent.ahead_children import Child, Report
from togetherctl.agent.ahead_due import Facts, Trouble, due_in, is_over, trouble_after
from togetherctl.agent.ahead_uses import Place, Uses, notes_reads
from togetherctl.agent.ahead_wake import Clocks, ClockWatch, Moment, NetworkWatch
from togetherctl.records import NamedTuple

# Seconds between two looks while nothing happens.
_LOOK_EVERY = 60.0
# A network that has just come up has no name server for a moment; one that flaps must not start a child each time.
_NETWORK_SETTLES = 1.0
_NETWORK_PAUSE = 5.0
# At once no more children than this, and no more profiles in each.
_CHILDREN = 2
_NAMES = 8

StartChild = Callable[..., Child]


class Standing(NamedTuple):
    """What is known of one profile: `next_refresh` and `used_at` in seconds since 1970, `trouble` in words.

    `state` is `kept`, `refreshing`, `unused`, `none` without a session, `waiting` after a failure that may pass, or the
    code of an error that only a change ends, such as `login_required`.
    """

    name: str
    state: str
    used_at: float | None
    next_refresh: float | None
    trouble: str = ""


class KeepAhead:
    """Looks when told to, by `tick`; `fileno` is readable when that is worth it before `next_wait` seconds are over.

    `folder` is the agent's own; `environ` is for the children.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        *,
        clocks: Clocks | None = None,
        start: StartChild = ahead_children.start,
        reads_are_noted: Callable[[Path], bool] = notes_reads,
    ) -> None:
        self._environ = environ
        self._clocks = clocks or Clocks()
        self._start = start
        self._reads_are_noted = reads_are_noted
        self._noted: dict[Path, bool] = {}
        self._uses = Uses(folder)
        self._places: dict[str, Place] = {}
        self._idle = 86400.0
        self._stale_at: dict[str, tuple[int | None, float]] = {}
        self._troubles: dict[str, Trouble] = {}
        self._standings: dict[str, Standing] = {}
        self._children: dict[int, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._clock_watch = ClockWatch()
        self._network = NetworkWatch()
        self._network_at = float("-inf")
        self._wait = 0.0
        self._register(self._clock_watch.fileno())

    def update(self, places: Iterable[Place], idle: float) -> None:
        """Keep these ahead from now on, unless they were not used for `idle` seconds; all troubles may be over."""
        self._places = {place.name: place for place in places}
        self._idle = idle
        self._uses.keep_only(frozenset(self._places))
        self._troubles.clear()
        self._stale_at.clear()
        self._standings.clear()
        self._noted.clear()
        self._wait = 0.0

    def fileno(self) -> int:
        """Readable when a child has ended, the clock was set, the machine woke, or a network came up."""
        return self._selector.fileno()

    def next_wait(self) -> float:
        """The most seconds until `tick` should be called again."""
        return self._wait

    def standings(self) -> Sequence[Standing]:
        """What was found at the last look, in the order of the configuration."""
        return [self._standings[name] for name in self._places if name in self._standings]

    def tick(self) -> None:
        """Take what has happened, and start the children that are due. Never waits."""
        moment = self._clocks.look()
        self._take_events(moment)
        self._end_late_children(moment)
        waits = self._look(moment)
        due = [name for name, wait in waits.items() if wait <= 0]
        self._start_children(due, moment)
        with suppress(OSError):
            self._uses.save()
        self._watch_network()
        later = [wait for wait in waits.values() if wait > 0]
        if self._children:
            later.append(1.0 + max(0.0, min(child.ends_by for child in self._children.values()) - moment.boot))
        self._wait = min([_LOOK_EVERY, *later])

    def close(self) -> None:
        """Stop watching; children go on, so that what they began with an issuer reaches the disk."""
        with suppress(OSError):
            self._uses.save()
        self._clock_watch.close()
        self._network.close()
        self._selector.close()
        self._children.clear()

    # What has happened

    def _take_events(self, moment: Moment) -> None:
        for key, _ in self._selector.select(0):
            child = self._children.get(key.fd)
            if child is not None and not child.read():
                self._end(key.fd, moment)
        clock_jumped = self._clock_watch.read()
        self._unregister_closed()
        if moment.was_set:
            # What a child said of a token's life was said by the other clock.
            self._stale_at.clear()
        if moment.slept or moment.was_set or clock_jumped:
            # Times that were waited for have passed, or the network that was away is another one.
            self._try_again(moment.boot)
        if self._network.read() and moment.boot - self._network_at >= _NETWORK_PAUSE:
            self._network_at = moment.boot
            self._try_again(moment.boot + _NETWORK_SETTLES)

    def _try_again(self, at: float) -> None:
        for name, trouble in self._troubles.items():
            if not trouble.lasting:
                self._troubles[name] = trouble._replace(failures=0, again_at=min(trouble.again_at, at))

    def _end_late_children(self, moment: Moment) -> None:
        for descriptor, child in list(self._children.items()):
            if moment.boot > child.ends_by:
                child.kill()
                self._end(descriptor, moment)

    def _end(self, descriptor: int, moment: Moment) -> None:
        child = self._children.pop(descriptor)
        # Before it is closed, and another file gets its number.
        self._selector.unregister(descriptor)
        for report in child.end():
            self._take(report, moment)

    def _take(self, report: Report, moment: Moment) -> None:
        place = self._places.get(report.profile)
        if place is None:
            return
        if report.outcome != "busy":
            self._uses.own(place)
        session = self._facts(place, moment).session
        trouble = trouble_after(
            self._troubles.get(place.name),
            session,
            outcome=report.outcome,
            message=report.message,
            boot=moment.boot,
        )
        if trouble is not None:
            self._troubles[place.name] = trouble
            return
        self._troubles.pop(place.name, None)
        if report.stale_at is not None:
            # A token that is stale again at once is one that lives for seconds; those are left to `get-token`.
            self._stale_at[place.name] = (session, max(report.stale_at, moment.wall + _LOOK_EVERY / 4))

    # What is due

    def _look(self, moment: Moment) -> dict[str, float]:
        """The seconds to wait for each profile that is kept ahead and not under way."""
        under_way = {name for child in self._children.values() for name in child.names}
        waits: dict[str, float] = {}
        for place in self._places.values():
            facts = self._facts(place, moment)
            trouble = self._troubles.get(place.name)
            if trouble is not None and is_over(facts, trouble, now=moment.wall):
                trouble = None
                del self._troubles[place.name]
            wait = due_in(facts, trouble, idle=self._idle, now=moment.wall, boot=moment.boot)
            if wait is not None and place.name not in under_way:
                waits[place.name] = wait
            self._standings[place.name] = _standing(
                place.name, facts, trouble, wait, moment, under_way=place.name in under_way
            )
        return waits

    def _facts(self, place: Place, moment: Moment) -> Facts:
        facts = self._uses.look(place, now=moment.wall, idle=self._idle)
        session, stale_at = self._stale_at.get(place.name, (None, 0.0))
        # A child's word goes before the ready file's, which may be of another moment of the token's life.
        return facts._replace(stale_at=stale_at) if session is not None and session == facts.session else facts

    def _start_children(self, due: Sequence[str], moment: Moment) -> None:
        groups: dict[bool, list[str]] = {}
        for name in self._with_siblings(due):
            ready = self._places[name].ready
            groups.setdefault(ready is not None and self._notes_reads(ready.parent), []).append(name)
        for leaves_ready, names in groups.items():
            for first in range(0, len(names), _NAMES):
                if len(self._children) >= _CHILDREN:
                    return
                self._start_child(names[first : first + _NAMES], moment, leaves_ready=leaves_ready)

    def _with_siblings(self, due: Sequence[str]) -> list[str]:
        """Those that are due, each followed by the other used profiles of its session, which needs no second child."""
        under_way = {
            self._places[name].session
            for child in self._children.values()
            for name in child.names
            if name in self._places
        }
        names: dict[str, None] = {}
        for name in due:
            session = self._places[name].session
            if session in under_way:
                continue
            names[name] = None
            for other in self._places.values():
                standing = self._standings.get(other.name)
                if other.session == session and standing is not None and standing.state == "kept":
                    names[other.name] = None
        return list(names)

    def _start_child(self, names: Sequence[str], moment: Moment, *, leaves_ready: bool) -> None:
        try:
            child = self._start(names, leaves_ready=leaves_ready, environ=self._environ, boot=moment.boot)
        except OSError as error:
            for name in names:
                self._take(Report(name, "failed", message=error.strerror or "no process could be started"), moment)
            return
        self._children[child.reader] = child
        self._register(child.reader)
        for name in names:
            self._standings[name] = self._standings[name]._replace(state="refreshing", next_refresh=None)

    def _notes_reads(self, folder: Path) -> bool:
        if folder not in self._noted:
            self._noted[folder] = self._reads_are_noted(folder)
        return self._noted[folder]

    # What is watched

    def _watch_network(self) -> None:
        """Only while something waits for the network."""
        waits = any(not trouble.lasting for trouble in self._troubles.values())
        if waits and self._network.fileno() is None:
            self._register(self._network.open())
        elif not waits and self._network.fileno() is not None:
            self._selector.unregister(self._network.fileno() or 0)
            self._network.close()

    def _register(self, descriptor: int | None) -> None:
        if descriptor is not None:
            self._selector.register(descriptor, selectors.EVENT_READ)

    def _unregister_closed(self) -> None:
        """One that closed itself is gone from the kernel's list, not from ours."""
        open_now = {self._clock_watch.fileno(), self._network.fileno(), *self._children}
        for descriptor in [fd for fd in self._selector.get_map() if fd not in open_now]:
            self._selector.unregister(descriptor)


def _standing(
    name: str, facts: Facts, trouble: Trouble | None, wait: float | None, moment: Moment, *, under_way: bool
) -> Standing:
    if facts.session is None:
        return Standing(name, "none", None, None)
    message = trouble.message if trouble else ""
    if under_way:
        return Standing(name, "refreshing", facts.used_at, None, message)
    if wait is None:
        return Standing(
            name, trouble.outcome if trouble and trouble.lasting else "unused", facts.used_at, None, message
        )
    return Standing(name, "waiting" if trouble else "kept", facts.used_at, moment.wall + wait, message)
