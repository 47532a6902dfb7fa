"""Refresh in the background: start the process that refreshes a session after its caller was served."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress

from togetherctl.environment import NO_INPUT, for_refresh

# It outlives us on purpose; a process object that is dropped while its process runs would complain.
_STARTED: list[subprocess.Popen[bytes]] = []


def refresh_in_background(profile: str, lock: int, environ: Mapping[str, str]) -> None:
    """Start it, with the session's lock, an open file, as all that it inherits; it never asks and says nothing.

    kubectl waits until its plugin's stdout is closed, not until it has ended: the child must not hold it.
    """
    if not sys.executable or sys.platform == "win32":
        return
    with suppress(OSError):
        child = subprocess.Popen(
            # -P: nothing in the folder this happens to run in is ours.
            [sys.executable, "-P", "-m", "togetherctl", "refresh", profile, "--behind", str(lock)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock,),
            start_new_session=True,
            env=for_refresh(environ) | {NO_INPUT: "1"},
        )
        _STARTED.append(child)
