"""Which togetherctl and which Python this is, and whether that Python still gets security updates."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from togetherctl import __version__
from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.finding import Finding

# The last day of October of the year, by the schedules of PEP 664, 693, 719 and 745.
_LAST_YEAR = {(3, 11): 2027, (3, 12): 2028, (3, 13): 2029, (3, 14): 2030}


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    python = sys.version_info[:2]
    name, program = f"Python {platform.python_version()}", sys.executable
    year = _LAST_YEAR.get(python)
    if year is not None and facts.world.clock() >= datetime(year, 11, 1, tzinfo=UTC).timestamp():
        yield Finding(
            "warning",
            f"togetherctl {__version__} runs with {name}, which has had no security updates since October {year}",
            "install togetherctl again with a newer Python: pipx reinstall togetherctl --python python3",
            subject=program,
        )
        return
    yield Finding("ok", f"togetherctl {__version__} with {name}", subject=program)


CHECK = Check(
    name="installation-python",
    area="installation",
    title="The version of togetherctl and its Python",
    each="machine",
    examine=_examine,
    signs=("a security scanner names the Python that togetherctl runs with",),
    means="togetherctl talks to your issuer and keeps your tokens with the Python that it was installed with. A Python "
    "without security updates keeps known faults, such as those of TLS.",
    helps="Install togetherctl again with a newer Python, as [the installation](install.md) describes, then "
    "`togetherctl kubeconfig write`, because kubeconfigs call the installation by its path.",
    place=10,
)
