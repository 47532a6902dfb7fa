"""What single checks of the doctor find, as the doctor itself runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check, find_checks
from togetherctl.doctor.examine import examine
from togetherctl.doctor.facts import Facts

if TYPE_CHECKING:
    from togetherctl.doctor.examine import Result
    from togetherctl.wiring import World


def check_named(name: str) -> Check:
    return next(check for check in find_checks() if check.name == name)


def diagnose(given: Facts | World, *names: str) -> list[Result]:
    """The results of the checks of these names; in a world, for everything that its configuration has."""
    facts = given if isinstance(given, Facts) else Facts(given)
    return examine(facts, [check_named(name) for name in names])


def diagnose_one(given: Facts | World, name: str) -> Result:
    """The one result of a check."""
    [result] = diagnose(given, name)
    return result


def statuses(results: list[Result]) -> list[str]:
    return [result.finding.status for result in results]
