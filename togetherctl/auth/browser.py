"""Open a browser: no shell, none of our descriptors, only an address that is safe to open."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from togetherctl.errors import Untrusted
from togetherctl.loopback import is_safe
from togetherctl.printable import printable

_OPENERS = ("xdg-open", "x-www-browser", "sensible-browser", "gnome-open", "kde-open")
_PLAIN_URL = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&()*+,;=%._~-]+")
_ROOT = Path("/")
_LOUD = frozenset("$()!*;'")
Command = tuple[str, ...] | Literal[False] | None

# Browsers outlive us on purpose; a process object that is dropped while its process runs would complain.
_STARTED: list[subprocess.Popen[bytes]] = []


class CannotStart(Exception):
    """The browser could not be started; the message says which and why."""


@dataclass
class Opened:
    """A browser that was started, as far as can be told."""

    process: subprocess.Popen[bytes] | None

    def gave_up(self) -> bool:
        """Whether what was started has ended saying that it failed."""
        return self.process is not None and self.process.poll() not in (None, 0)


def open_browser(url: str, command: Command, environ: Mapping[str, str]) -> Opened | None:
    """Start a browser at `url`: `command` if given, else this machine's own; None where there is none to start.

    Raises CannotStart, and Untrusted for a URL that is neither https nor on this machine.
    """
    if not is_safe(url) or not _PLAIN_URL.fullmatch(url):
        # An issuer's endpoint becomes part of a command line here.
        raise Untrusted(f"the issuer wants a page opened that is not a plain https address: {printable(url)}")
    if command is False:
        return None
    if command is None and sys.platform == "win32":
        with _explain_failure("the browser of this machine"):
            os.startfile(url)  # noqa: S606 # the system's own way to open an address
        return Opened(None)
    words = _fill_in_url(_escape_for_shells(url), command or own_opener(environ))
    if words is None:
        return None
    with _explain_failure(words[0]):
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=True,
            # A Ctrl-C in the terminal is meant for us, not for a browser that also shows other pages.
            start_new_session=True,
            env=dict(environ),
        )
    _STARTED.append(process)
    return Opened(process)


@contextmanager
def _explain_failure(browser: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotStart(f"{browser} could not be started: {error.strerror}") from None


def _escape_for_shells(url: str) -> str:
    """The same address with every character percent-encoded that a shell in a person's command would act on."""
    return "".join(f"%{ord(char):02X}" if char in _LOUD else char for char in url)


def _fill_in_url(url: str, command: Sequence[str] | None) -> list[str] | None:
    if command is None:
        return None
    if any("{url}" in word for word in command):
        return [word.replace("{url}", url) for word in command]
    return [*command, url]


def own_opener(environ: Mapping[str, str], platform: str = sys.platform) -> tuple[str, ...] | None:
    """The command that opens the person's browser here, or None where nothing graphical would show it."""
    path = environ.get("PATH")
    if platform == "darwin":
        return ("/usr/bin/open",)
    if is_wsl():
        if shutil.which("wslview", path=path):
            return ("wslview",)
        if shutil.which("powershell.exe", path=path):
            return ("powershell.exe", "-NoProfile", "-Command", "Start-Process", "'{url}'")
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        # Without a display these would fall back to a browser that draws over the terminal.
        return None
    return next(((name,) for name in _OPENERS if shutil.which(name, path=path)), None)


def is_wsl(root: Path = _ROOT) -> bool:
    """Whether this is Linux inside Windows; looks below `root`."""
    with suppress(OSError):
        return "microsoft" in (root / "proc/sys/kernel/osrelease").read_text("utf-8").lower()
    return False
