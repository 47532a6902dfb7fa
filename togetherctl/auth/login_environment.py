"""Where a login runs (a desk, SSH, a container, WSL), and whether a browser would come up there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")
_CHOICES = "Library/Preferences/com.apple.LaunchServices/com.apple.launchservices.secure.plist"


@dataclass(frozen=True)
class LoginEnvironment:
    """What there is to know about where a login runs.

    `opener` is a program that opens the person's browser; `display` is a screen it can be shown on; `safari` is the
    browser that would come up, as far as is known.
    """

    browser_named: bool = False
    ssh: bool = False
    container: bool = False
    wsl: bool = False
    opener: bool = True
    display: bool = True
    safari: bool = False

    @property
    def without_browser(self) -> str:
        """Why no browser of this person's would come up here, in words; empty where one would."""
        reasons = (
            (self.browser_named, ""),
            (self.ssh, "this is an SSH session"),
            (self.container, "this is a container"),
            (self.wsl and not self.opener, "this is WSL, and it has no browser"),
            (not self.display, "there is no display here"),
        )
        return next((why for is_so, why in reasons if is_so), "")


def detect_environment(
    environ: Mapping[str, str], *, browser_named: bool = False, root: Path = _ROOT, platform: str = sys.platform
) -> LoginEnvironment:
    """The place this process runs in; reads the environment and a few files below `root`."""
    from togetherctl.auth.browser import is_wsl, own_opener

    signs = ("container", "KUBERNETES_SERVICE_HOST")
    marks = (".dockerenv", "run/.containerenv")
    return LoginEnvironment(
        browser_named=browser_named,
        ssh=bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY")),
        container=any(environ.get(name) for name in signs) or any((root / mark).exists() for mark in marks),
        wsl=is_wsl(root),
        opener=own_opener(environ, platform) is not None,
        display=platform in ("darwin", "win32")
        or is_wsl(root)
        or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")),
        safari=platform == "darwin" and not browser_named and _is_safari_chosen(environ),
    )


def _is_safari_chosen(environ: Mapping[str, str]) -> bool:
    """Whether macOS opens web pages with Safari: this is chosen, or a list of choices names no browser."""
    import plistlib

    try:
        choices = plistlib.loads(Path(environ.get("HOME", ""), _CHOICES).read_bytes()).get("LSHandlers", [])
        chosen = [each.get("LSHandlerRoleAll") for each in choices if each.get("LSHandlerURLScheme") == "https"]
    except (OSError, ValueError, AttributeError, plistlib.InvalidFileException):
        return False
    return not chosen or str(chosen[-1]).lower() == "com.apple.safari"
