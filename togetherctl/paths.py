"""Locate togetherctl's files from the environment variables; no file is created or read."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from togetherctl.environment import CONFIG, HOME
from togetherctl.errors import UsageError
from togetherctl.records import dataclass

_APP = "togetherctl"
# Below the user's cache folder, where togetherctl.pyz unpacks each version of itself; packaging/single_file.py sets it.
SINGLE_FILE = "togetherctl-single-file"


@dataclass(frozen=True)
class Paths:
    """The configuration's file, and the folders for state (worth keeping) and cache (worth nothing).

    `runtime` is a folder in memory that ends with the person's session on this machine, where there is one.
    """

    config: Path
    state: Path
    cache: Path
    runtime: Path | None = None

    @property
    def sessions(self) -> Path:
        """Session files and their locks."""
        return self.state / "sessions"

    @property
    def shim(self) -> Path:
        """The script that kubeconfigs call."""
        return self.state / "shim" / _APP

    @property
    def ready(self) -> Path:
        """Finished credentials."""
        return self.cache / "ready"

    @property
    def own_kubeconfigs(self) -> list[Path]:
        """Where kubeconfigs of single commands may be, the best place first."""
        return [folder / "kubeconfigs" for folder in (self.runtime, self.state) if folder]

    @property
    def agent(self) -> Path:
        """The private folder of the agent's sockets."""
        return self.runtime or self.state / "run"

    @property
    def agent_socket(self) -> Path:
        """Where the agent answers; what is asked there may come from another machine."""
        return self.agent / "agent.sock"

    @property
    def agent_control(self) -> Path:
        """Where the agent answers the person at this machine."""
        return self.agent / "control.sock"

    @property
    def agent_state(self) -> Path:
        """The agent's log, and the answers that it remembers."""
        return self.state / "agent"

    @property
    def agent_mark(self) -> Path:
        """Touched by the agent whenever a question comes or goes."""
        return self.agent / "asked"

    @property
    def agent_answers(self) -> Path:
        """What the person answered, for as long as it counts."""
        return self.agent_state / "answers.json"

    @property
    def edits(self) -> Path:
        """Copies of the configuration that are open in an editor."""
        return self.state / "edits"

    @property
    def bundles(self) -> Path:
        """Bundles as they were taken."""
        return self.state / "bundles"

    @property
    def taken(self) -> Path:
        """What sources gave last."""
        return self.state / "taken.json"

    @property
    def contexts(self) -> Path:
        """The contexts that `use` switched between last."""
        return self.state / "contexts.json"

    @property
    def forced(self) -> Path:
        """When a refresh of each session was forced last."""
        return self.state / "forced.json"

    @property
    def known(self) -> Path:
        """Profiles as they were resolved before."""
        return self.cache / "profiles"

    @property
    def discovery(self) -> Path:
        """Metadata and keys of issuers."""
        return self.cache / "discovery"


def locate(environ: Mapping[str, str], platform: str = sys.platform) -> Paths:
    """`TOGETHERCTL_HOME` holds all three; otherwise the XDG folders, on Windows `%APPDATA%` and `%LOCALAPPDATA%`.

    `TOGETHERCTL_CONFIG` moves the configuration's file alone. Relative XDG folders do not count (XDG Base Directory
    0.8). Raises UsageError where a folder lies in the home of the user and there is none.
    """
    home = environ.get(HOME, "")
    if home:
        base = _absolute(home, environ)
        config, state, cache = base, base / "state", base / "cache"
    elif platform == "win32":
        roaming = Path(environ.get("APPDATA") or _user_home(environ) / "AppData" / "Roaming")
        local = Path(environ.get("LOCALAPPDATA") or _user_home(environ) / "AppData" / "Local")
        config, state, cache = roaming / _APP, local / _APP / "state", local / _APP / "cache"
    else:
        config = _xdg(environ, "XDG_CONFIG_HOME", ".config") / _APP
        state = _xdg(environ, "XDG_STATE_HOME", ".local/state") / _APP
        cache = _xdg(environ, "XDG_CACHE_HOME", ".cache") / _APP
    named = environ.get(CONFIG, "")
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    return Paths(
        _absolute(named, environ) if named else config / "config.toml",
        state,
        cache,
        Path(runtime) / _APP if Path(runtime).is_absolute() and platform != "win32" else None,
    )


def single_file_folder(environ: Mapping[str, str]) -> Path:
    """Where the single file has unpacked itself, whatever other folders are set. Raises UsageError without a home."""
    return _user_home(environ) / ".cache" / SINGLE_FILE


def single_file(environ: Mapping[str, str], prefix: str | None = None) -> Path | None:
    """The single file that this togetherctl was unpacked from, links resolved; None in an ordinary installation.

    `prefix` is the one of Python. A file that is no program by its mode is None too: kubectl could not start it.
    """
    # What was unpacked says there which file it came from.
    file = Path(environ.get("PEX", ""))
    unpacked = SINGLE_FILE in Path(sys.prefix if prefix is None else prefix).parts
    return file if unpacked and file.is_absolute() and file.is_file() and os.access(file, os.X_OK) else None


def expand(path: str, environ: Mapping[str, str], *, beside: Path | None = None) -> Path:
    """`~` is the user's home; a relative path is taken from `beside`, or from the current folder.

    Raises UsageError where there is no home.
    """
    expanded = Path(path)
    if expanded.parts and expanded.parts[0] == "~":
        expanded = _user_home(environ).joinpath(*expanded.parts[1:])
    return expanded if expanded.is_absolute() else (beside or Path.cwd()) / expanded


def tilde(path: Path, environ: Mapping[str, str]) -> str:
    """The path as a person would type it."""
    try:
        home = _user_home(environ)
    except UsageError:
        return str(path)
    return f"~{os.sep}{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _xdg(environ: Mapping[str, str], name: str, default: str) -> Path:
    folder = environ.get(name, "")
    # A normal path, because kubectl's list of plugins takes no other.
    return Path(os.path.normpath(folder)) if Path(folder).is_absolute() else _user_home(environ) / default


def _absolute(path: str, environ: Mapping[str, str]) -> Path:
    return Path(os.path.normpath(expand(path, environ)))


def _user_home(environ: Mapping[str, str]) -> Path:
    """`HOME`, else what the system has for this user; an empty `HOME` is none. Raises UsageError."""
    home = environ.get("HOME") or environ.get("USERPROFILE") or _home_of_this_user()
    if not home:
        raise UsageError("there is no home folder: HOME is not set", hint=f"set HOME, or {HOME} to a folder")
    return Path(home)


def _home_of_this_user() -> str:
    if sys.platform == "win32":
        with suppress(RuntimeError):
            return str(Path.home())
    else:
        import pwd

        with suppress(KeyError):
            return pwd.getpwuid(os.getuid()).pw_dir
    return ""
