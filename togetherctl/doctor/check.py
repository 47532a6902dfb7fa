"""What a check is, and finding all of them: one file in `checks/` each, without a list to keep."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, get_args

from togetherctl.finding import Skip

if TYPE_CHECKING:
    from togetherctl.doctor.facts import Facts
    from togetherctl.finding import Finding

__all__ = ["AREAS", "Area", "Check", "Each", "Skip", "find_checks"]

# In the order in which a credential travels.
Area = Literal["installation", "configuration", "kubeconfig", "issuer", "login", "storage", "token", "cluster"]
# What a check runs once for: this machine, a Profile, a Cluster, or each issuer and session, given as a Profile of it.
Each = Literal["machine", "profile", "cluster", "issuer", "session"]
AREAS: tuple[Area, ...] = get_args(Area)


@dataclass(frozen=True)
class Check:
    """One thing that may be wrong.

    `name` is for programs and headings, as `kubeconfig-shim`; `title` is a noun phrase for people. `examine` gets the
    facts and what it runs for (None for the machine), and gives its findings; an ok one says what was seen. It may
    raise Skip, and TogetherctlError for a finding that failed. `network`: `--offline` skips it. After `seconds` it is
    given up: as failed, with `late` as the message.

    `signs` are what a person sees where this is wrong (messages of kubectl, of a browser), `means` what it means and
    `helps` what to do, in Markdown: the entry of docs/troubleshooting.md is made of them.
    """

    name: str
    area: Area
    title: str
    each: Each
    examine: Callable[[Facts, Any], Iterable[Finding]]
    signs: tuple[str, ...]
    means: str
    helps: str
    network: bool = False
    seconds: float = 10.0
    late: str = ""
    # Places within an area: the smaller, the earlier.
    place: int = 50


@cache
def find_checks() -> tuple[Check, ...]:
    """All checks, in the order in which a credential travels."""
    from togetherctl.doctor import checks

    names = [module.name for module in pkgutil.iter_modules(checks.__path__)]
    found: list[Check] = [import_module(f"{checks.__name__}.{name}").CHECK for name in names]
    return tuple(sorted(found, key=lambda check: (AREAS.index(check.area), check.place, check.name)))
