"""`python -m tests.bench.fleet`: what an issuer is asked in a day by ten thousand people who log in at nine.

No network and no processes: the moments come from the rules that the engine itself goes by, and from kubelogin's.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from unittest.mock import patch

from togetherctl.auth import session as rules
from togetherctl.auth.session import Freshness, Session, Token
from togetherctl.config.profile import Issuer, Profile
from togetherctl.connection_settings import Connection

HOUR = 3600.0
# A login asks for metadata, tokens and keys, here as there; so does each refresh of kubelogin (see `working_day.py`).
LOGIN = KUBELOGIN_REFRESH = 3
OUR_REFRESH = 1

# Everybody's configuration, and so everybody's KEY.
KEY = hashlib.sha256(b"one configuration for all").hexdigest()
PROFILE = Profile("acme", KEY, Issuer("acme", "https://id.example", Connection()), "the-client", ("openid",))

# When a token that was obtained at a moment is refreshed, by a person's calls after it; None: not on that day.
Rule = Callable[[float, Sequence[float]], float | None]


@dataclass(frozen=True)
class Fleet:
    """Who calls when, in seconds from nine o'clock: all begin within `arriving`, and call once `between` on average.

    Each has an hour for lunch, some time in the middle of the day.
    """

    people: int = 10_000
    lifetime: float = HOUR
    day: float = 8 * HOUR
    arriving: float = 60.0
    between: float = 60.0
    lunch: float = HOUR
    seed: int = 1

    def calls(self) -> Iterator[tuple[str, list[float]]]:
        """Each person's subject, and the moments of their calls."""
        random = Random(self.seed)  # noqa: S311 # people, no secrets
        for number in range(self.people):
            moment = random.uniform(0, self.arriving)
            lunch = self.day / 2 - self.lunch / 2 + random.uniform(-1, 1) * self.lunch / 4
            moments = []
            while moment < self.day:
                if not lunch <= moment < lunch + self.lunch:
                    moments.append(moment)
                moment += random.expovariate(1 / self.between)
            yield f"user-{number:06}", moments


@dataclass
class Load:
    """What an issuer was asked, by second; logins apart, because they are the same for everybody."""

    logins: Counter[int] = field(default_factory=Counter)
    refreshes: Counter[int] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return self.refreshes.total()

    @property
    def peak(self) -> int:
        """The most requests in one second."""
        return max(self.refreshes.values(), default=0)

    @property
    def busiest_minute(self) -> float:
        """Requests a second in the busiest minute of the clock."""
        minutes: Counter[int] = Counter()
        for second, count in self.refreshes.items():
            minutes[second // 60] += count
        return max(minutes.values(), default=0) / 60


def ours(subject: str, lifetime: float, key: str = KEY) -> Rule:
    """The first call that the engine's rules call stale, due or expired refreshes."""
    profile = replace(PROFILE, key=key)

    def rule(obtained_at: float, calls: Sequence[float]) -> float | None:
        token = Token("token", obtained_at, obtained_at + lifetime)
        session = Session(profile.issuer.url, profile.client_id, subject, subject, token, refresh_token="refresh")
        place = bisect_left(calls, token.stale_at(session.early(profile.key)))
        # The moment is a guess; what the engine asks of each call has the last word.
        while place < len(calls) and session.freshness(profile, calls[place]) is Freshness.FRESH:
            place += 1
        return calls[place] if place < len(calls) else None

    return rule


def kubelogins(_subject: str, lifetime: float) -> Rule:
    """The first call at or after expiry (`claims.IsExpired` in pkg/usecases/credentialplugin/get_token.go)."""

    def rule(obtained_at: float, calls: Sequence[float]) -> float | None:
        place = bisect_left(calls, obtained_at + lifetime)
        return calls[place] if place < len(calls) else None

    return rule


def moments(rule: Rule, calls: Sequence[float]) -> Iterator[float]:
    """When a person who logs in with their first call has the tokens refreshed."""
    moment = rule(calls[0], calls)
    while moment is not None:
        yield moment
        moment = rule(moment, calls)


def load_of(fleet: Fleet, rule_of: Callable[[str, float], Rule], *, requests: int) -> Load:
    """A day of the fleet, each refresh of which makes so many `requests`."""
    load = Load()
    for subject, calls in fleet.calls():
        load.logins[int(calls[0])] += LOGIN
        for moment in moments(rule_of(subject, fleet.lifetime), calls):
            load.refreshes[int(moment)] += requests
    return load


def table(fleet: Fleet) -> str:
    """What each rule asks of an issuer, as Markdown."""
    loads = {"togetherctl": load_of(fleet, ours, requests=OUR_REFRESH)}
    with patch.object(rules, "STALE_SPREAD", 0.0):
        loads["togetherctl without the spread"] = load_of(fleet, ours, requests=OUR_REFRESH)
    loads["kubelogin's rules"] = load_of(fleet, kubelogins, requests=KUBELOGIN_REFRESH)
    lines = [
        "| rules | refreshes | requests | a second, mean | in the busiest minute | in the busiest second |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, load in loads.items():
        each = OUR_REFRESH if name.startswith("togetherctl") else KUBELOGIN_REFRESH
        lines.append(
            f"| {name} | {load.requests // each} | {load.requests} | {load.requests / fleet.day:.1f} | "
            f"{load.busiest_minute:.1f} | {load.peak} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Simulate the day and print the table."""
    words = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    words.add_argument("--people", type=int, default=Fleet.people)
    words.add_argument("--arriving", type=float, default=Fleet.arriving, help="seconds in which all log in")
    asked = words.parse_args(arguments)
    sys.stdout.write(table(Fleet(people=asked.people, arriving=asked.arriving)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
