"""`make bench`: times whole processes and writes the table of `docs/performance.md`. It reports and asserts nothing."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from tests.bench import agent, fleet, working_day
from tests.bench.cases import neighbours, quick_cases, running_bench, slow_cases
from tests.bench.page import AGENT, REQUESTS, rewrite, table
from tests.bench.timing import CaseFailed, in_turn
from tests.support.canary import Canary
from togetherctl.printable import printable

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
_SECONDS = 200.0


def main(arguments: Sequence[str], *, canary: Canary | None = None) -> int:
    """Measure, show the table, and write it into the page. 1 where something did not work that was to be timed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="how often the quick cases are timed")
    parser.add_argument("--quick", action="store_true", help="only what takes milliseconds")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page whose table is written")
    chosen = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="togetherctl-bench-") as folder,
        running_bench(Path(folder).resolve(), clock=time.time, canary=canary or Canary()) as bench,
        ExitStack() as stack,
    ):
        few = bench.home("few")
        cases = list(quick_cases(few))
        if not chosen.quick:
            of_agent = agent.table(bench)
            running = stack.enter_context(agent.running_agent(bench.home("agent")))
            cases += [*agent.socket_cases(running), *slow_cases(bench, few)]
        try:
            rows = in_turn(cases, chosen.rounds, seconds=_SECONDS, told=lambda line: click.echo(line, err=True))
        except CaseFailed as error:
            click.echo(str(error), err=True)
            return 1
    made = table(rows, remarks=_versions())
    click.echo(made)
    rewrite(chosen.page, made)
    if not chosen.quick:
        asked = "\n\n".join((working_day.table(), fleet.table(fleet.Fleet())))
        click.echo(asked)
        rewrite(chosen.page, asked, REQUESTS)
        click.echo(of_agent)
        rewrite(chosen.page, of_agent, AGENT)
    return 0


def _versions() -> list[str]:
    found = neighbours()
    if not found:
        return ["kubelogin was not on PATH."]
    said = []
    for name, path in found.items():
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
        version = f"{done.stdout}{done.stderr}".strip().partition("\n")[0].removeprefix("kubelogin version ")
        said.append(f"{name} is {printable(version) or 'of an unknown version'}.")
    return said


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
