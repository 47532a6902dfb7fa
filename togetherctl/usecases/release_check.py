"""Ask for a newer release of togetherctl, only when a person asks for that."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import metadata, version
from itertools import pairwise
from pathlib import Path
from shlex import quote

from togetherctl.errors import ConfigError, Refused, Remedy, Unreachable, Untrusted, UsageError, run
from togetherctl.http_failures import host_of
from togetherctl.loopback import is_safe
from togetherctl.paths import SINGLE_FILE
from togetherctl.transport import HTTP, Connection

# `make release` writes it beside the files of a release, and the address of those into the package's metadata.
DOCUMENT = "latest.json"
LABEL = "Releases"
_SECONDS = 5.0
_MAX_BYTES = 64 * 1024
# PEP 440, as far as this project names versions: an alpha, a candidate or a .dev comes before the release itself.
# The answer is printed as a sentence of ours, so it holds no free text.
_VERSION = re.compile(
    r"(?P<release>\d{1,6}(?:\.\d{1,6}){2})(?P<before>(?:a|b|rc)\d{1,6}|\.dev\d{1,6})?(?:\+[a-z0-9.]{1,30})?", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# The architectures of Debian packages, by the machine's own word.
_DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Newest:
    """The newest release that the address knows. `date` is as 2026-01-31, empty where it is not said."""

    version: str
    date: str
    base: str
    here: str

    @property
    def is_newer(self) -> bool:
        """Whether it comes after the version that runs."""
        return order(self.version) > order(self.here)

    def sentence(self) -> str:
        """What a person is told."""
        if not self.is_newer:
            return f"togetherctl {self.here} is up to date."
        of = f" of {self.date}" if self.date else ""
        return f"togetherctl {self.version}{of} is newer than this one, {self.here}."

    def upgrade(self, environ: Mapping[str, str], prefix: str = sys.prefix) -> Remedy | None:
        """The command that installs it, in the way in which the togetherctl of the Python at `prefix` was installed."""
        return upgrade_command(self.base, self.version, environ, prefix) if self.is_newer else None


def address() -> str:
    """Where releases can be had, as the build was told; no slash at its end. Raises UsageError."""
    named = _named_addresses()
    if not named:
        raise UsageError(
            "this togetherctl was built without an address of releases, so there is none to ask",
            hint="look for a newer version where you got this one from",
        )
    if not is_safe(named[0]):
        raise ConfigError(f"the address of releases that this togetherctl was built with is not safe: {named[0]}")
    return named[0].rstrip("/")


def _named_addresses() -> list[str]:
    """The project URL of that label in the package's metadata (Core metadata, Project-URL)."""
    given = metadata("togetherctl").get_all("Project-URL") or []
    parted = (one.partition(",") for one in given)
    return [url.strip() for label, _, url in parted if label.strip() == LABEL]


def ask_for_newest(environ: Mapping[str, str], *, log: Callable[[str], None]) -> Newest:
    """Ask the address of releases, within 5 seconds. Raises UsageError, Unreachable, Refused and Untrusted."""
    base = address()
    with HTTP(Connection(), environ, log=log, total_seconds=_SECONDS) as http:
        try:
            answer = http.get(f"{base}/{DOCUMENT}", seconds=_SECONDS, limit=_MAX_BYTES)
        except Unreachable as error:
            if error.remedy is None:
                raise
            # The transport's remedy names keys of an issuer, which this is not.
            hint = "name its certificate authority with SSL_CERT_FILE"
            raise Unreachable(error.message, hint=hint, sent=error.sent) from None
    answer.raise_if_later()
    host = host_of(base)
    if answer.status != 200:
        raise Refused(f"{host} does not say what the newest release is (HTTP {answer.status})", status=answer.status)
    said = answer.json()
    newest, date = said.get("version"), said.get("date", "")
    if not isinstance(newest, str) or _VERSION.fullmatch(newest) is None:
        raise Untrusted(f"{host} names no version as the newest release")
    dated = isinstance(date, str) and _DATE.fullmatch(date) is not None
    return Newest(newest, date if dated else "", base, version("togetherctl"))


def order(text: str) -> tuple[tuple[int, ...], bool, str]:
    """What sorts versions as PEP 440 does, for the forms that this project uses. Raises ValueError."""
    found = _VERSION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no version")
    before = found["before"] or ""
    # "a1" sorts before "b1" before "rc1", and ".dev1" before them all, as the characters do.
    return tuple(map(int, found["release"].split("."))), not before, before


def upgrade_command(
    base: str, newest: str, environ: Mapping[str, str], prefix: str, machine: str = platform.machine()
) -> Remedy:
    """What installs `newest` in the place of the togetherctl whose Python has `prefix`, on a machine of that kind."""
    wheel = f"{base}/togetherctl-{newest}-py3-none-any.whl"
    parts = Path(prefix).parts
    if SINGLE_FILE in parts:
        # Pex says there which file it was.
        return _upgrade_of_a_file(environ.get("PEX") or "togetherctl.pyz", base, newest, machine)
    if "pipx" in parts:
        return run("pipx", "install", "--force", wheel)
    if parts[-3:-1] == ("uv", "tools"):
        return run("uv", "tool", "install", "--force", wheel)
    return run(sys.executable, "-m", "pip", "install", wheel)


def _upgrade_of_a_file(file: str, base: str, newest: str, machine: str) -> Remedy:
    """A package manager's file is the package manager's to replace."""
    parts = Path(file).parts
    if parts[:2] == ("/", "usr") and parts[2:3] != ("local",):
        package = f"togetherctl_{newest}_{_DEBIAN.get(machine, machine)}.deb"
        return _in_a_shell(f"curl -fLO {quote(f'{base}/{package}')} && sudo apt install ./{quote(package)}")
    if any(pair == (".krew", "store") for pair in pairwise(parts)):
        return run("kubectl", "krew", "upgrade", "together")
    there = "togetherctl.pyz" if machine == "x86_64" else f"togetherctl-{machine}.pyz"
    old, new = quote(file), quote(f"{file}.new")
    # kubectl may run the old one now, and a download that breaks off leaves it whole.
    return _in_a_shell(f"curl -fLo {new} {quote(f'{base}/{there}')} && chmod +x {new} && mv {new} {old}")


def _in_a_shell(line: str) -> Remedy:
    return run("sh", "-c", line)
