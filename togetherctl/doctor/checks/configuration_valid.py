"""Whether the configuration can be read, and the files that it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.config.files import writable_by_others
from togetherctl.disk import is_ours
from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ConfigError, ExitCode, Remedy, run
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from togetherctl.usecases.named_files import FileProblem

_EDIT = run("togetherctl", "config", "edit")


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    from togetherctl.usecases.named_files import refused_by_kubectl, unusable_files

    path = str(facts.world.paths.config)
    if facts.trouble is not None:
        if _is_refused_for_its_mode(facts.world.paths.config):
            raise Skip("others can write it, so it is not read")
        yield from _troubles(facts.trouble, path)
        return
    problems = [(file.sentence, _name_another(file)) for file in unusable_files(facts.world)]
    problems += [(problem, _EDIT) for problem in refused_by_kubectl(facts.world)]
    for problem, remedy in problems:
        yield Finding("failed", problem, remedy, subject=path, exit_code=ExitCode.USAGE)
    if not problems:
        profiles, clusters = len(facts.config.table.profiles), len(facts.config.table.clusters)
        counted = f"{profiles} profile{_s(profiles)}, {clusters} cluster{_s(clusters)}"
        yield Finding("ok", f"it is valid: {counted}", subject=path)


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def _is_refused_for_its_mode(path: Path) -> bool:
    """Whether the check of permissions says why the configuration is not read."""
    try:
        status = path.stat()
    except OSError:
        return False
    return is_ours(status) and writable_by_others(status)


def _name_another(file: FileProblem) -> Remedy:
    """How another file is named; what stands in the configuration itself is edited there."""
    if file.path is None or file.key == "client_secret":
        return _EDIT
    return Remedy(f"name one that can be read: togetherctl {file.kind} set {file.name} {file.key}=FILE")


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
