"""Whether the configuration can be read, and the files that it names."""

from __future__ import annotations

from collections.abc import Iterator

from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ConfigError, ExitCode, run
from togetherctl.finding import Finding

_EDIT = run("togetherctl", "config", "edit")


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    from togetherctl.usecases.named_files import find_problems

    path = str(facts.world.paths.config)
    if facts.trouble is not None:
        yield from _troubles(facts.trouble, path)
        return
    problems = find_problems(facts.world)
    for problem in problems:
        yield Finding("failed", problem, _EDIT, subject=path, exit_code=ExitCode.USAGE)
    if not problems:
        profiles, clusters = len(facts.config.table.profiles), len(facts.config.table.clusters)
        yield Finding("ok", f"it is valid: {profiles} profiles, {clusters} clusters", subject=path)


def _troubles(trouble: ConfigError, path: str) -> Iterator[Finding]:
    """Each problem of a file that is refused for several."""
    for problem in trouble.problems or [trouble.message]:
        yield Finding("failed", problem, trouble.remedy or _EDIT, subject=path, exit_code=trouble.exit_code)


CHECK = Check(
    name="configuration-valid",
    area="configuration",
    title="The configuration and the files that it names",
    each="machine",
    examine=_examine,
    signs=("`config.toml has 2 problems`, or one with its line, exit 2", "`config.toml cannot be read`"),
    means="A value in `config.toml` cannot be right, or a file that it names is gone. No command that needs the "
    "configuration works, and `kubectl` gets no token.",
    helps="`togetherctl config edit` opens the file and checks it before it is kept. The message names the place.",
    place=10,
)
