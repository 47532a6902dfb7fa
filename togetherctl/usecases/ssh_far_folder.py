"""The folder for forwarded sockets on the other side of ssh, and the process there that removes a socket at its end."""

from __future__ import annotations

import os
import re
import secrets
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from togetherctl.errors import TogetherctlError
from togetherctl.printable import printable

# Seconds that the host has to make its folder, and to remove the socket at the end.
_SECONDS = 20.0
_ENDING_SECONDS = 3.0
_MARK = "togetherctl-agent-socket:"
# What our line prints there. A host may print what it likes: ssh puts variables of this machine in place of `${NAME}`
# in a path that it forwards, and nothing escapes that.
_PATH = r"/[^\x00-\x1f\x7f$]*/togetherctl/agents/[^\x00-\x1f\x7f$/]*-{token}\.sock"

# It runs in whatever shell the person has over there, so it is one line without a single quote, a backslash or an
# exclamation mark. It stays as long as its stdin, which ends with the connection, and with us however we end.
# Sockets that were left here are those of this host that no process listens to; homes are shared between hosts.
_KEEPER = (
    "umask 077; trap : HUP INT TERM; n=$(uname -n); p=; "
    'for b in "$XDG_RUNTIME_DIR" "$HOME/.cache"; do '
    'd="$b/togetherctl/agents"; '
    'case "$b" in /*) mkdir -p "$d" 2>/dev/null && test -O "$b" && test -O "$d" && chmod 700 "$d" 2>/dev/null && '
    'p="$d/$n-$1.sock" && test ${#p} -le 103 && break;; esac; p=; done; '
    'test -n "$p" || { echo "$HOME/.cache is not writable, or its path is too long for a socket" >&2; exit 1; }; '
    'if test -r /proc/net/unix; then for f in "$d/$n"-*.sock; do '
    'if test -S "$f"; then grep -qF " $f" /proc/net/unix || rm -f "$f" "$f.silent"; fi; done; fi; '
    f'echo "{_MARK}$p"; cat >/dev/null; rm -f "$p" "$p.silent"'
)


class FarFolderMissing(TogetherctlError):
    """The host gives no private folder for a socket: it runs no shell, or no folder there is writable."""

    code = "ssh"


@contextmanager
def far_socket(
    ssh: Sequence[str], host: str, environ: Mapping[str, str], log: Path
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A fresh path for a socket in a private folder of the person on `host`, and the process that stays with it.

    `ssh`: the words that run a command there over a connection that is open. The process ends with the connection;
    with the block, or when this process is killed, the socket is removed there. Raises FarFolderMissing.
    """
    token = secrets.token_hex(4)
    command = f"exec sh -c '{_KEEPER}' sh {token}"
    with log.open("wb") as err:
        # In a session of its own: Ctrl-C is for what the person runs.
        keeper = subprocess.Popen(
            [*ssh, command],
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=err,
            start_new_session=True,
        )
    try:
        path = _read_path(keeper.stdout, re.compile(_PATH.format(token=token)))
        if path is None:
            keeper.kill()
            raise FarFolderMissing(_why(host, log))
        yield path, keeper
    finally:
        try:
            # This closes its stdin, which is its end.
            keeper.communicate(timeout=_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.communicate()


def _read_path(stdout: IO[bytes] | None, form: re.Pattern[str]) -> str | None:
    """The path that the host tells; what else its shell prints at the start is passed over."""
    if stdout is None:
        return None
    descriptor, received = stdout.fileno(), b""
    end = time.monotonic() + _SECONDS
    while (left := end - time.monotonic()) > 0 and select.select([descriptor], [], [], left)[0]:
        data = os.read(descriptor, 4096)
        if not data:
            return None
        received += data
        for line in received.split(b"\n")[:-1]:
            _, mark, path = os.fsdecode(line).partition(_MARK)
            if mark and form.fullmatch(path):
                return path
        # The end of a line that has not come yet.
        received = received[-4096:]
    return None


def _why(host: str, log: Path) -> str:
    said = ""
    with suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{host} has no private folder for the agent's socket" + (f": {printable(said, limit=300)}" if said else "")
