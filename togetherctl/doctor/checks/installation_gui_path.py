"""Whether programs that no shell started, such as an IDE or Lens, find what kubeconfigs call by a bare name."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from togetherctl.disk import read_whole
from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.programs import ask
from togetherctl.errors import run
from togetherctl.finding import Finding
from togetherctl.kube.entries import PROGRAM, mapping_or_empty, owner_of
from togetherctl.kube.ownership import EntryInFile, all_entries
from togetherctl.paths import expand

# pam_env(8) gives it to every session.
_OF_THE_MACHINE = Path("/etc/environment")
# environment.d(5), for what the user's systemd starts.
_OF_THE_USER = "environment.d"
# launchd's own, for what Finder and the Dock start.
_OF_MACOS = "/usr/bin:/bin:/usr/sbin:/sbin"
_USUAL = "/usr/local/bin:/usr/bin:/bin"
_MAX_BYTES = 64 * 1024
_ASSIGNMENT = re.compile(r"""^\s*(?:export\s+)?PATH\s*=\s*(["']?)(.*?)\1\s*$""", re.MULTILINE)


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    environ = facts.world.environ
    if sys.platform == "win32":
        raise Skip("Windows gives all programs the same PATH")
    bare = _bare_commands(facts)
    if not bare:
        yield Finding("ok", "kubeconfigs call no credential plugin of ours by a bare name, so no PATH is needed")
        return
    path, source = _path_of_programs(environ)
    for command, users in bare.items():
        if shutil.which(command, path=path) is None:
            yield Finding(
                "warning",
                f"the PATH that {source} gives to programs does not have {command}, which the kubeconfig calls by its "
                f"bare name for {', '.join(users)}; an IDE or Lens gets no credential",
                run(PROGRAM, "kubeconfig", "write", words="this calls togetherctl by its whole path"),
                subject=command,
            )
        else:
            yield Finding("ok", f"the PATH that {source} gives to programs has it", subject=command)


def _bare_commands(facts: Facts) -> dict[str, list[str]]:
    """The commands without a path that users of ours, or of `kubectl together-login`, call; and those users."""
    called: dict[str, list[str]] = {}
    for found in all_entries(facts.kubeconfigs(), "users"):
        command = mapping_or_empty(found.body.get("exec")).get("command")
        if isinstance(command, str) and command and os.sep not in command and _is_ours(found):
            called.setdefault(command, []).append(found.name)
    return called


def _is_ours(found: EntryInFile) -> bool:
    words = mapping_or_empty(found.body.get("exec")).get("args")
    by_kubectl = isinstance(words, list) and words[:1] == ["together-login"]
    return by_kubectl or owner_of("users", found.entry) is not None


def _path_of_programs(environ: Mapping[str, str]) -> tuple[str, str]:
    """The PATH of programs that no shell started, and who says so. Raises Skip where that cannot be known."""
    if sys.platform == "darwin":
        said = ask(Path("/bin/launchctl"), "getenv", "PATH", environ=environ)
        return said or _OF_MACOS, "launchd"
    systemctl = shutil.which("systemctl", path=environ.get("PATH"))
    lines = ask(Path(systemctl), "--user", "show-environment", environ=environ) if systemctl else None
    if lines and (found := _ASSIGNMENT.search(lines)):
        return found[2], "the user's systemd"
    folder = expand(environ.get("XDG_CONFIG_HOME") or "~/.config", environ) / _OF_THE_USER
    for file in (*sorted(folder.glob("*.conf"), reverse=True), _OF_THE_MACHINE):
        try:
            text = read_whole(file, limit=_MAX_BYTES)[0].decode("utf-8", "replace")
        except OSError:
            continue
        if assigned := _ASSIGNMENT.findall(text):
            return _expand_variables(assigned[-1][1], str(expand("~", environ))), str(file)
    raise Skip("nothing here says which PATH programs get that no shell starts")


def _expand_variables(path: str, home: str) -> str:
    """`PATH` itself in the line is what a system gives where it says nothing else."""
    for variable, value in (("HOME", home), ("PATH", _USUAL)):
        path = path.replace(f"${{{variable}}}", value).replace(f"${variable}", value)
    return path


CHECK = Check(
    name="installation-gui-path",
    area="installation",
    title="The PATH of programs that no shell starts",
    each="machine",
    examine=_examine,
    signs=("Lens, an IDE or a desktop program says `executable togetherctl not found`, and kubectl in a shell works",),
    means="Programs that are started from a menu get another PATH than your shell. A kubeconfig that calls "
    "togetherctl by its bare name works in the shell alone.",
    helps="`togetherctl kubeconfig write` writes the whole path; only `--portable` writes the bare name.",
    place=30,
)
