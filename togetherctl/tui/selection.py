"""The profiles and clusters that an action is for: the row under the cursor, or the marked rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from togetherctl.config.types import Kind
from togetherctl.tui.context import AppContext
from togetherctl.usecases.session_snapshot import SessionSnapshot


@dataclass(frozen=True)
class Selection:
    """`profile` is under the cursor, or has the `cluster` that is; both None where the table is empty."""

    profile: str | None = None
    cluster: str | None = None
    marked: tuple[str, ...] = ()

    @property
    def profiles(self) -> tuple[str, ...]:
        """The marked profiles, else the one under the cursor."""
        return self.marked or ((self.profile,) if self.profile else ())

    @property
    def entry(self) -> tuple[Kind, str]:
        """The cluster under the cursor, else the profile."""
        if self.cluster is not None and not self.marked:
            return "cluster", self.cluster
        return "profile", self.profiles[0]

    def rows(self, app: AppContext) -> list[SessionSnapshot]:
        """The profiles as the app knows them, the first of each session."""
        rows = [app.rows[name] for name in self.profiles if name in app.rows]
        first: dict[str, SessionSnapshot] = {}
        for row in rows:
            first.setdefault(row.profile.key, row)
        return list(first.values())

    def clusters(self, app: AppContext) -> list[str]:
        """The cluster under the cursor, else all clusters of the profiles."""
        if self.cluster is not None and not self.marked:
            return [self.cluster]
        return [cluster.name for name in self.profiles if name in app.rows for cluster in app.rows[name].clusters]


def session_keys(rows: Iterable[SessionSnapshot]) -> frozenset[str]:
    """The keys of these rows' sessions, for `Job.keys`."""
    return frozenset(row.profile.key for row in rows)


def count_or_name(names: Iterable[str], kind: str = "profile") -> str:
    """`acme`, or `3 profiles`."""
    given = list(names)
    return given[0] if len(given) == 1 else f"{len(given)} {kind}s"
