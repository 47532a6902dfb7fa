"""Run one check of doctor in a world, and read what it found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from togetherctl.doctor.check import find_checks
from togetherctl.doctor.examine import examine
from togetherctl.doctor.facts import Facts

if TYPE_CHECKING:
    from togetherctl.finding import Finding
    from togetherctl.wiring import World


def look(
    name: str, world: World, *, profiles: Sequence[str] = (), clusters: Sequence[str] = (), offline: bool = False
) -> list[Finding]:
    """What the check of this name finds."""
    [check] = [check for check in find_checks() if check.name == name]
    facts = Facts(world, profiles, clusters, offline=offline)
    return [result.finding for result in examine(facts, [check])]


def look_at(name: str, world: World, **parts: Sequence[str]) -> Finding:
    """The only thing that the check finds."""
    [finding] = look(name, world, **parts)  # type: ignore[arg-type] # profiles and clusters
    return finding


def mend(finding: Finding) -> str:
    """Mend it, and say what was done."""
    assert finding.mend is not None, finding
    finding.mend.apply()
    return finding.mend.what


def command(finding: Finding) -> str | None:
    """The command that the finding suggests."""
    return finding.remedy.hint_command if finding.remedy else None
