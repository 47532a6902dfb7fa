"""Keep used sessions ahead: refresh each before its token turns old, so that no call waits for an issuer.

Nothing here holds a token. A child does the refresh, under the session's lock, as the one does that `get-token` leaves
behind; the agent looks at the times of files once a minute, and sooner where something happens.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from togetherctl.agent.ahead_due import FIRST_PAUSE, Facts, Trouble, due_in, is_over, trouble_after
from togetherctl.agent.ahead_uses import Place, Uses, notes_reads
from togetherctl.agent.ahead_wake import Clocks, ClockWatch, Moment, NetworkWatch
from togetherctl.agent.protocol import Errand
from togetherctl.environment import CONFIG
from togetherctl.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.agent.protocol import Children, Document, Ended, Loop
    from togetherctl.agent.snapshot import Configuration, Snapshot
    from togetherctl.paths import Paths

# The module of which a child is made.
_CHILD = "togetherctl.cli.keep_ahead"
# Seconds between two looks while nothing happens.
_LOOK_EVERY = 60.0
# A network that has just come up has no name server for a moment; one that flaps must not start a child each time.
_NETWORK_SETTLES = 1.0
_NETWORK_PAUSE = 5.0
# At once no more children than this, and no more profiles in each.
_CHILDREN = 2
_NAMES = 8
# A child ends itself after a minute for each profile; one that was stopped cannot.
_SECONDS_EACH = 60.0
_GRACE = 30.0


class Report(NamedTuple):
    """What came of one profile: `kept`, `busy` or the code of an error; `stale_at` in seconds since 1970."""

    profile: str
    outcome: str
    stale_at: float | None = None
    message: str = ""


class KeepAhead:
    """What `protocol.Ahead` says. `environ` says where the configuration is."""

    def __init__(
        self,
        loop: Loop,
        children: Children,
        configuration: Configuration,
        paths: Paths,
        environ: Mapping[str, str],
        *,
        clocks: Clocks | None = None,
        reads_are_noted: Callable[[Path], bool] = notes_reads,
    ) -> None:
        self._loop, self._children, self._configuration = loop, children, configuration
        self._paths = paths
        # A configuration that the environment names has no ready files.
        self._makes_ready = not environ.get(CONFIG)
        self._clocks = clocks or Clocks()
        self._reads_are_noted = reads_are_noted
        self._noted: dict[Path, bool] = {}
        self._uses = Uses(paths.agent_state)
        self._snapshot: Snapshot | None = None
        self._places: dict[str, Place] = {}
        self._facts: dict[str, Facts] = {}
        self._waits: dict[str, float | None] = {}
        self._stale_at: dict[str, tuple[int | None, float]] = {}
        self._troubles: dict[str, Trouble] = {}
        self._ended_at: dict[str, float] = {}
        self._under_way: list[tuple[str, ...]] = []
        self._clock_watch = ClockWatch()
        self._network = NetworkWatch()
        self._network_at = float("-inf")
        self._unwatch_network: Callable[[], None] | None = None
        self._looks_at = float("-inf")
        self._sooner: Callable[[], None] = lambda: None
        if (descriptor := self._clock_watch.fileno()) is not None:
            self._unwatch_clock = loop.watch(descriptor, self._take_clock)

    def tick(self) -> float:
        """See `protocol.Ahead`. Never waits."""
        # Where the configuration has changed, a child reads it, and there is another look then.
        self._configuration.ask(lambda _snapshot: self._see_configuration())
        wait = self._look()
        self._looks_at = time.monotonic() + wait
        return wait

    def wake(self) -> None:
        """See `protocol.Ahead`."""
        # Times that were waited for have passed, and the network that was away may be another one.
        self._try_again(self._clocks.look_again().boot)
        self._look_now()

    def states(self) -> Mapping[str, Document]:
        """See `protocol.Ahead`; as of the last look."""
        moment = self._clocks.look_again()
        return {name: self._describe(name, facts, moment) for name, facts in self._facts.items()}

    def close(self) -> None:
        """Watch nothing more. Children go on: what they have begun with an issuer must reach the disk."""
        self._sooner()
        if self._clock_watch.fileno() is not None:
            self._unwatch_clock()
            self._clock_watch.close()
        if self._unwatch_network is not None:
            self._unwatch_network()
        self._network.close()

    # What happens between two ticks

    def _see_configuration(self) -> None:
        if self._configuration.last_good is not self._snapshot:
            self._look_now()

    def _take_clock(self) -> None:
        jumped = self._clock_watch.read()
        if self._clock_watch.fileno() is None:
            self._unwatch_clock()
        if jumped:
            self.wake()

    def _take_network(self) -> None:
        came, boot = self._network.read(), self._clocks.look_again().boot
        if self._network.fileno() is None and self._unwatch_network is not None:
            self._unwatch_network()
            self._unwatch_network = None
        if came and boot - self._network_at >= _NETWORK_PAUSE:
            self._network_at = boot
            self._try_again(boot + _NETWORK_SETTLES)
            self._look_now()

    def _take_end(self, names: tuple[str, ...], ended: Ended) -> None:
        self._under_way.remove(names)
        moment = self._clocks.look_again()
        told = {report.profile: report for report in read_reports(ended.output)}
        for name in names:
            self._take(told.get(name) or Report(name, "failed", message="its refresh was cut off"), moment)
        self._look_now()

    def _look_now(self) -> None:
        """Look without a tick, and again before the next one where that is too late."""
        wait = self._look()
        self._sooner()
        if time.monotonic() + wait < self._looks_at:
            self._sooner = self._loop.after(wait, self._look_now)

    # What is due

    def _look(self) -> float:
        """Look at all profiles, start the children that are due, and give the seconds until the next look."""
        self._take_snapshot()
        moment = self._clocks.look()
        if moment.was_set:
            # What a child said of a token's life was said by the other clock.
            self._stale_at.clear()
        if moment.slept or moment.was_set:
            self._try_again(moment.boot)
        busy = self._busy()
        for place in self._places.values():
            if place.session in busy:
                # What a child of ours writes must not be taken for a use before it says that it has.
                self._waits[place.name] = None
                continue
            facts = self._facts[place.name] = self._find(place, moment)
            trouble = self._troubles.get(place.name)
            if trouble is not None and is_over(facts, trouble, now=moment.wall):
                trouble = None
                del self._troubles[place.name]
            wait = due_in(facts, trouble, idle=self._idle, now=moment.wall, boot=moment.boot)
            self._waits[place.name] = wait if wait is None else max(wait, self._rests(place.name, moment))
        self._start_children([name for name, wait in self._waits.items() if wait is not None and wait <= 0])
        with suppress(OSError):
            self._uses.save()
        self._watch_network()
        return min([_LOOK_EVERY, *(wait for wait in self._waits.values() if wait)])

    @property
    def _idle(self) -> float:
        return self._snapshot.idle if self._snapshot else 0.0

    def _take_snapshot(self) -> None:
        """Begin with the newest configuration, in which all troubles may be over."""
        snapshot = self._configuration.last_good
        if snapshot is self._snapshot or snapshot is None:
            return
        self._snapshot = snapshot
        self._places = {
            profile.name: Place(profile.name, Path(profile.session), self._ready(profile.name, profile.storage))
            for profile in snapshot.profiles
            if profile.session is not None
        }
        self._uses.keep_only(frozenset(self._places))
        for known in (self._facts, self._waits, self._stale_at, self._troubles, self._ended_at, self._noted):
            known.clear()

    def _ready(self, name: str, storage: str) -> Path | None:
        """Where the ready file of a profile is; the same as `auth.cache.ready_file` says."""
        if not self._makes_ready or storage not in ("file", "keyring"):
            return None
        if storage == "keyring":
            return self._paths.runtime / "ready" / name if self._paths.runtime else None
        return self._paths.ready / name

    def _find(self, place: Place, moment: Moment) -> Facts:
        facts = self._uses.look(place, now=moment.wall, idle=self._idle)
        if facts.stale_at is not None or place.name not in self._stale_at:
            return facts
        session, stale_at = self._stale_at[place.name]
        return facts._replace(stale_at=stale_at) if session == facts.session else facts

    # Children

    def _start_children(self, due: Sequence[str]) -> None:
        groups: dict[bool, list[str]] = {}
        for name in self._with_siblings(due):
            ready = self._places[name].ready
            groups.setdefault(ready is not None and self._notes_reads(ready.parent), []).append(name)
        for leaves_ready, names in groups.items():
            for first in range(0, len(names), _NAMES):
                if len(self._under_way) < _CHILDREN:
                    self._start_child(tuple(names[first : first + _NAMES]), leaves_ready=leaves_ready)

    def _with_siblings(self, due: Sequence[str]) -> list[str]:
        """Those that are due, each followed by the other used profiles of its session: they need no second child."""
        names: dict[str, None] = {}
        for name in due:
            names[name] = None
            names |= dict.fromkeys(
                other.name
                for other in self._places.values()
                if other.session == self._places[name].session
                and self._waits[other.name] is not None
                and other.name not in self._troubles
            )
        return list(names)

    def _rests(self, name: str, moment: Moment) -> float:
        """The seconds until another child may be started for it: a token that lives for seconds is left to itself."""
        return self._ended_at.get(name, float("-inf")) + FIRST_PAUSE - moment.boot

    def _busy(self) -> frozenset[Path]:
        """The sessions that a child is at work on."""
        return frozenset(
            self._places[name].session for names in self._under_way for name in names if name in self._places
        )

    def _start_child(self, names: tuple[str, ...], *, leaves_ready: bool) -> None:
        self._under_way.append(names)
        words = ["ready" if leaves_ready else "none", *names]
        seconds = _SECONDS_EACH * len(names) + _GRACE
        self._children.run(Errand(words, seconds, _CHILD, urgent=False), lambda ended: self._take_end(names, ended))

    def _notes_reads(self, folder: Path) -> bool:
        if folder not in self._noted:
            self._noted[folder] = self._reads_are_noted(folder)
        return self._noted[folder]

    def _take(self, report: Report, moment: Moment) -> None:
        place = self._places.get(report.profile)
        if place is None:
            return
        self._ended_at[place.name] = moment.boot
        if report.outcome != "busy":
            for other in self._places.values():
                if other.session == place.session:
                    self._uses.own(other)
        session = self._find(place, moment).session
        before = self._troubles.pop(place.name, None)
        trouble = trouble_after(before, session, outcome=report.outcome, message=report.message, boot=moment.boot)
        if trouble is not None:
            self._troubles[place.name] = trouble
        elif report.stale_at is not None:
            self._stale_at[place.name] = (session, report.stale_at)

    def _try_again(self, at: float) -> None:
        """Have no trouble that may pass be waited out for longer than `at`."""
        self._ended_at.clear()
        for name, trouble in self._troubles.items():
            if not trouble.lasting:
                self._troubles[name] = trouble._replace(failures=0, again_at=min(trouble.again_at, at))

    def _watch_network(self) -> None:
        """Only while something waits for it."""
        waits = any(not trouble.lasting for trouble in self._troubles.values())
        if waits and self._unwatch_network is None:
            descriptor = self._network.open()
            if descriptor is not None:
                self._unwatch_network = self._loop.watch(descriptor, self._take_network)
        elif not waits and self._unwatch_network is not None:
            self._unwatch_network()
            self._unwatch_network = None
            self._network.close()

    def _describe(self, name: str, facts: Facts, moment: Moment) -> Document:
        trouble, wait = self._troubles.get(name), self._waits.get(name)
        place = self._places.get(name)
        return {
            "kept": wait is not None or (place is not None and place.session in self._busy()),
            "used_at": _say_time(facts.used_at) if facts.session is not None else None,
            "next_refresh": _say_time(max(moment.wall, self._clocks.last.wall + wait)) if wait is not None else None,
            "problem": (trouble.message or trouble.outcome) if trouble else None,
        }


def read_reports(output: bytes) -> Iterator[Report]:
    """What a child said, see `cli/keep_ahead.py`; a line that is no report of ours is skipped."""
    for line in output.splitlines():
        with suppress(ValueError, LookupError, TypeError, AttributeError):
            fields = json.loads(line)
            stale_at = fields.get("stale_at")
            yield Report(
                str(fields["profile"]),
                str(fields["outcome"]),
                float(stale_at) if stale_at is not None else None,
                str(fields.get("message", "")),
            )


def _say_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
