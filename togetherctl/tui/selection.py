"""What an act is done to: the row under the cursor, and the profiles that are marked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """`profile` is under the cursor, or has the `cluster` that is; both None where the table is empty."""

    profile: str | None = None
    cluster: str | None = None
    marked: tuple[str, ...] = ()

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that are meant: those marked, else the one under the cursor."""
        return self.marked or ((self.profile,) if self.profile else ())
