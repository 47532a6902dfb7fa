"""The files by which systemd or launchd starts the agent: their texts, writing them, and taking only ours away."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from togetherctl.disk import read_whole, write_whole
from togetherctl.environment import BROWSER, CONFIG, HOME, for_child
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.kube.entries import own_command
from togetherctl.paths import expand

UNIT = "togetherctl-agent"
LABEL = "togetherctl.agent"
# By this line `uninstall` and `clean --all` know a file of ours.
MARK = "Written by `togetherctl agent install`; `togetherctl agent uninstall` removes it."
_LONGEST = 64 * 1024
_SECONDS = 30
# What decides where our files are, and how an issuer is reached: a service manager knows none of it by itself.
_CARRIED = (
    HOME,
    CONFIG,
    BROWSER,
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "PYTHON_KEYRING_BACKEND",
    "NO_PROXY",
    "no_proxy",
)
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


class UnitFile(NamedTuple):
    """One file of the service manager, and what it should hold."""

    path: Path
    text: str

    @property
    def found(self) -> str | None:
        """What it holds now; None where there is none. Raises TogetherctlError where it cannot be read."""
        try:
            return read_whole(self.path, limit=_LONGEST)[0].decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TogetherctlError(f"{self.path}: {error.strerror}") from None

    @property
    def is_ours(self) -> bool:
        """Whether `agent install` wrote what is there."""
        return MARK in (self.found or "")


class Installation(NamedTuple):
    """What a service manager needs to run the agent: files, commands that begin and end it, and what was left out."""

    files: Sequence[UnitFile]
    begin: Sequence[tuple[str, ...]]
    end: Sequence[tuple[str, ...]]
    left_out: Sequence[str] = ()
    # What stops the agent once the files are deleted, which `end` needs.
    stop: tuple[str, ...] = ()

    def write(self) -> list[Path]:
        """Write what differs, and give that. Raises TogetherctlError where a file there is not ours."""
        changed = [file for file in self.files if file.found != file.text]
        for file in changed:
            if file.found is not None and not file.is_ours:
                raise TogetherctlError(
                    f"{file.path} was not written by togetherctl agent install", hint="move that file away, or keep it"
                )
        try:
            for file in changed:
                file.path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(file.path, file.text.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise TogetherctlError(f"the service's files cannot be written: {error.strerror}") from None
        return [file.path for file in changed]


def plan(environ: Mapping[str, str], platform: str = sys.platform) -> Installation:
    """The files and commands for this machine. Raises UsageError on a system without either service manager."""
    if platform == "win32":
        raise UsageError("there is no agent on Windows; in WSL there is one")
    program = own_command(environ, portable=False)
    carried, left_out = carried_environment(environ)
    if platform == "darwin":
        path = _places(environ, platform)[0]
        domain = f"gui/{os.getuid()}"
        return Installation(
            [UnitFile(path, launch_agent(program, carried))],
            [("launchctl", "bootstrap", domain, str(path))],
            [("launchctl", "bootout", f"{domain}/{LABEL}")],
            left_out,
            ("launchctl", "bootout", f"{domain}/{LABEL}"),
        )
    socket, service = _places(environ, platform)
    return Installation(
        [UnitFile(socket, socket_unit()), UnitFile(service, service_unit(program, carried))],
        [("systemctl", "--user", "daemon-reload"), ("systemctl", "--user", "enable", "--now", *_UNITS)],
        [("systemctl", "--user", "disable", "--now", *_UNITS)],
        left_out,
        ("systemctl", "--user", "stop", *_UNITS),
    )


def installed_files(environ: Mapping[str, str], platform: str = sys.platform) -> Iterator[Path]:
    """The files of ours that are there, and the links by which systemd starts them."""
    for path in _places(environ, platform):
        with suppress(TogetherctlError):
            if UnitFile(path, "").is_ours:
                for link in sorted(path.parent.glob(f"*.wants/{path.name}")):
                    if link.is_symlink():
                        yield link
                yield path


def remove(files: Sequence[Path]) -> Iterator[Path]:
    """Delete these, and give each that was there. Raises TogetherctlError."""
    for path in files:
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise TogetherctlError(f"{path}: {error.strerror}") from None
        yield path


def commands_work(installation: Installation) -> bool:
    """Whether the service manager of this user answers here, which it does not in containers and under sudo."""
    name = installation.begin[0][0]
    if shutil.which(name) is None:
        return False
    words = [name, "--user", "show-environment"] if name == "systemctl" else [name, "print", f"gui/{os.getuid()}"]
    return _run(words) is None


def run_commands(commands: Sequence[tuple[str, ...]]) -> None:
    """Run them in turn. Raises TogetherctlError with what the first that fails says."""
    for words in commands:
        trouble = _run(words)
        if trouble is not None:
            raise TogetherctlError(f"{' '.join(words)} failed: {trouble}")


def carried_environment(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The variables that the service gets, and the names of those it does not, because they hold a password."""
    carried = {name: environ[name] for name in _CARRIED if environ.get(name, "").isprintable() and environ.get(name)}
    for name in (HOME, CONFIG):
        if name in carried:
            # The service runs in another folder.
            carried[name] = str(expand(carried[name], environ))
    left_out = []
    for name in _PROXIES:
        if environ.get(name, "").isprintable() and environ.get(name):
            if "@" in environ[name] or urlsplit(environ[name]).password:
                left_out.append(name)
            else:
                carried[name] = environ[name]
    return carried, left_out


def socket_unit() -> str:
    """systemd.socket(5): systemd listens, so that no request is lost while the agent starts again."""
    return f"""\
# {MARK}
[Unit]
Description=Sockets of the togetherctl agent

[Socket]
ListenStream=%t/togetherctl/agent.sock
ListenStream=%t/togetherctl/control.sock
SocketMode=0600
DirectoryMode=0700
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
"""


def service_unit(program: str, environ: Mapping[str, str]) -> str:
    """systemd.service(5); `environ` is set for it."""
    lines = "".join(f"Environment={_quote(f'{name}={value}')}\n" for name, value in environ.items())
    return f"""\
# {MARK}
[Unit]
Description=togetherctl agent: keeps Kubernetes logins fresh and hands credentials out
Requires={UNIT}.socket
After={UNIT}.socket

[Service]
ExecStart={_quote(program).replace("$", "$$")} agent run
{lines}UMask=0077
Restart=on-failure
RestartSec=5
# A refresh that is under way must reach the disk.
TimeoutStopSec=45

[Install]
WantedBy=default.target
"""


def launch_agent(program: str, environ: Mapping[str, str]) -> str:
    """launchd.plist(5); the agent opens its sockets itself."""
    text = plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": [program, "agent", "run"],
            "EnvironmentVariables": dict(environ),
            "RunAtLoad": True,
            # One that was stopped on purpose stays stopped.
            "KeepAlive": {"SuccessfulExit": False},
            "ProcessType": "Background",
            "Umask": 0o077,
            "ExitTimeOut": 45,
        },
        sort_keys=False,
    ).decode("utf-8")
    head, end, rest = text.partition("?>\n")
    return f"{head}{end}<!-- {MARK} -->\n{rest}"


_UNITS = (f"{UNIT}.socket", f"{UNIT}.service")


def _places(environ: Mapping[str, str], platform: str) -> list[Path]:
    """Where the service manager looks for files of a user."""
    if platform == "darwin":
        return [expand(f"~/Library/LaunchAgents/{LABEL}.plist", environ)]
    given = environ.get("XDG_CONFIG_HOME", "")
    folder = Path(given) if Path(given).is_absolute() else expand("~/.config", environ)
    return [folder / "systemd" / "user" / unit for unit in _UNITS]


def _quote(text: str) -> str:
    """A word of a unit file (systemd.syntax(7)); its specifiers begin with a per cent sign."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _run(words: Sequence[str]) -> str | None:
    """Run a command, and give what it says where it fails."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            env=for_child(os.environ),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = (done.stderr or done.stdout).strip().splitlines()
    return None if done.returncode == 0 else (said[-1] if said else f"exit code {done.returncode}")
