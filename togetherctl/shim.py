"""Write the shim: the POSIX script that kubeconfigs call, which starts ten times as fast as Python.

It serves a good ready file with nothing but built-ins and one `date`, and hands everything else to togetherctl. It
asks what `fastpath` asks; the form of a ready file is described there.
"""

from __future__ import annotations

import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from togetherctl.disk import is_ours, make_private_folder, open_to_others, read_whole, write_whole
from togetherctl.environment import CONFIG, HOME, for_child
from togetherctl.errors import StorageError, run
from togetherctl.paths import Paths, locate, single_file
from togetherctl.shim_script import SHIM

_MODE = 0o700
_MAX_BYTES = 64 * 1024
_TRY_SECONDS = 30.0
_FOLDERS = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")


class ShimState(Enum):
    """The state of the shim's file."""

    CURRENT = "current"
    OUTDATED = "outdated"
    NONE = "none"


@dataclass(frozen=True)
class Shim:
    """The shim of one configuration file, which hands over to the console script `program` of this installation."""

    paths: Paths
    environ: Mapping[str, str]
    program: str

    @property
    def path(self) -> Path:
        return self.paths.shim

    def is_possible(self) -> bool:
        """Whether a script can serve this configuration here at all."""
        return sys.platform != "win32" and not self.environ.get(CONFIG)

    def state(self) -> ShimState:
        try:
            data, status = read_whole(self.path, limit=_MAX_BYTES)
            whole = data == self.text() and bool(status.st_mode & stat.S_IXUSR)
        except (OSError, StorageError):
            return ShimState.NONE
        return ShimState.CURRENT if whole else ShimState.OUTDATED

    def write(self) -> Path:
        """Write the shim, run it once and return its path. Raises StorageError where that fails."""
        try:
            make_private_folder(self.path.parent)
            status = self.path.parent.stat()
            if not is_ours(status) or open_to_others(status):
                raise StorageError(f"{self.path.parent} is not private", hint=run("chmod", "700", self.path.parent))
            if other := self.other_config():
                raise StorageError(f"{self.path} serves another configuration, {other}")
            if self.state() is not ShimState.CURRENT:
                write_whole(self.path, self.text())
                self.path.chmod(_MODE)
        except OSError as error:
            raise StorageError(f"{self.path} cannot be written: {error.strerror}") from None
        self._run_once()
        return self.path

    def text(self) -> bytes:
        """The script, with absolute paths baked in. Raises StorageError for a path that no line can hold."""
        home = bool(self.environ.get(HOME))
        config, state, cache = ("" if home else self.environ.get(name, "") for name in _FOLDERS)
        baked = {
            "home": str(self.paths.config.parent) if home else "",
            "user_home": self.environ.get("HOME", ""),
            "config_home": config,
            "state_home": state,
            "cache_home": cache,
            "config": str(self.paths.config),
            "sessions": str(self.paths.sessions),
            "ready": str(self.paths.ready),
            "python": "" if single_file(self.environ) else sys.executable,
            "program": self.program,
        }
        if any(not value.isprintable() for value in baked.values()):
            raise StorageError("a path with invisible characters in it cannot be put into a script")
        filled = re.sub("@([a-z_]+)@", lambda match: shlex.quote(baked[match[1]]), SHIM)
        return filled.encode("utf-8")

    def other_config(self) -> str | None:
        """The other configuration that still exists and that the shim there serves, so that it is not ours to replace.

        Replaced, it would serve the kubeconfigs of the one with the profiles of the other.
        """
        other = served_config(self.path)
        there = other and other != str(self.paths.config) and self.paths.config.parent.joinpath(other).exists()
        return other if there else None

    def _run_once(self) -> None:
        """Check that it runs here and ends in this togetherctl. Raises StorageError."""
        try:
            done = subprocess.run(
                [str(self.path), "version", "-o", "name"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=for_child(self.environ),
                timeout=_TRY_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = getattr(error, "strerror", None) or "it did not end"
            raise StorageError(f"{self.path} cannot be run: {reason}") from None
        if done.returncode != 0:
            raise StorageError(f"{self.path} does not work here (it ended with {done.returncode})")


def served_config(path: Path) -> str | None:
    """The configuration's file that the shim at `path` serves; None where that is no shim."""
    try:
        lines = read_whole(path, limit=_MAX_BYTES)[0].decode("utf-8").splitlines()
        [[config]] = [shlex.split(line.removeprefix("config=")) for line in lines if line.startswith("config=")]
    except (OSError, ValueError):
        return None
    return config


def shim_for(environ: Mapping[str, str], program: str) -> Shim:
    """The shim of the configuration that `environ` names."""
    return Shim(locate(environ), environ, program)
