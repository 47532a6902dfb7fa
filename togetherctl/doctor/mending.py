"""Carry out what checks offer to mend, and look again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from togetherctl.doctor.check import Check
from togetherctl.doctor.examine import Result
from togetherctl.errors import TogetherctlError
from togetherctl.finding import Mend


@dataclass
class Mended:
    """What was done, and what could not be."""

    done: list[Mend] = field(default_factory=list)
    failed: list[TogetherctlError] = field(default_factory=list)


def mends_of(results: Sequence[Result]) -> list[Mend]:
    """What may be mended, in order; several findings may be mended by the same."""
    mends = [result.finding.mend for result in results]
    return list({mend.what: mend for mend in mends if mend is not None}.values())


def carry_out(
    mends: Sequence[Mend], *, done: Callable[[Mend], None], failed: Callable[[TogetherctlError], None]
) -> Mended:
    """Carry them out one after the other; one that fails does not stop the rest. Both functions are told at once."""
    mended = Mended()
    for mend in mends:
        try:
            mend.apply()
        except TogetherctlError as error:
            mended.failed.append(error)
            failed(error)
        else:
            mended.done.append(mend)
            done(mend)
    return mended


def checks_to_repeat(results: Sequence[Result], *, mended: bool) -> list[Check]:
    """The checks of which not all is in order: the cause may be mended.

    Where nothing was `mended`, those alone that ask the network, because one does more with `Facts.fixing`.
    """
    again = [one.check for one in results if one.finding.status != "ok" and (mended or one.check.network)]
    return list({check.name: check for check in again}.values())


def differ(results: Sequence[Result], again: Sequence[Result]) -> bool:
    """Whether a second look found a thing that the first did not: numbers, as of seconds and bytes, change by time."""
    return {_without_numbers(one) for one in again} - {_without_numbers(one) for one in results} != set()


def _without_numbers(result: Result) -> tuple[str, str, str, str]:
    finding = result.finding
    return result.check.name, result.subject, finding.status, re.sub(r"\d+", "", finding.message)


def put_in_place(results: Sequence[Result], again: Sequence[Result]) -> list[Result]:
    """`results`, with those of the repeated checks in the place of their earlier ones."""
    repeated = {result.check.name for result in again}
    merged: list[Result] = []
    for result in results:
        if result.check.name not in repeated:
            merged.append(result)
        elif not any(one.check.name == result.check.name for one in merged):
            merged += [one for one in again if one.check.name == result.check.name]
    return merged
