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

from togetherctl.errors import TogetherctlError
from togetherctl.printable import printable

# Seconds that the host has to make its folder, and to remove the socket at the end.
_SECONDS = 20.0
_ENDING_SECONDS = 3.0
# So much of what it prints is kept at most; a line of ours is far shorter.
_MOST_BYTES = 4096
_MARK = "togetherctl-agent-socket:"
# The shortest limit there is for the address of a Unix socket, as the line below has it.
_LONGEST_ADDRESS = 103
# A host may print what it likes, and its path goes back into ssh's `-R`, where ssh puts values of this machine in place
# of `${NAME}` and `%d`: so plain characters alone. `@` and `+` are in homes such as /home/me@example.com.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._@+/-]+")

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
    ssh: Sequence[str], host: str, environ: Mapping[str, str]
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A fresh path for a socket in a private folder of the person on `host`, and the process that stays with it.

    `ssh`: the words that run a command there over a connection that is open. The process ends with the connection;
    with the block, or when this process is killed, the socket is removed there. Raises FarFolderMissing.
    """
    token = secrets.token_hex(4)
    command = f"exec sh -c '{_KEEPER}' sh {token}"
    # In a session of its own: Ctrl-C is for what the person runs.
    keeper = subprocess.Popen(
        [*ssh, command],
        env=dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with keeper:
        try:
            path, said = _listen(keeper)
            if path is None:
                keeper.kill()
                raise FarFolderMissing(_why(host, said))
            if not _is_plain(path, token):
                keeper.kill()
                raise _not_plain(host, path)
            yield path, keeper
        finally:
            _end(keeper)


def _end(keeper: subprocess.Popen[bytes]) -> None:
    """Close its stdin, which is its end; what it prints is not read any more."""
    if keeper.stdin is not None:
        with suppress(OSError):
            keeper.stdin.close()
    try:
        keeper.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()


def _listen(keeper: subprocess.Popen[bytes]) -> tuple[str | None, bytes]:
    """The path that the host tells, and the end of what stood on stderr until then.

    What else its shell prints at the start is passed over. What comes later is not read, so a host fills nothing here.
    """
    received = {stream.fileno(): b"" for stream in (keeper.stdout, keeper.stderr) if stream is not None}
    stdout, stderr = received
    open_ones = set(received)
    end = time.monotonic() + _SECONDS
    while open_ones and (left := end - time.monotonic()) > 0:
        for descriptor in select.select(open_ones, [], [], left)[0]:
            data = os.read(descriptor, 4096)
            if not data:
                open_ones.discard(descriptor)
            lines = (received[descriptor] + data).split(b"\n")
            for line in lines[:-1] if descriptor == stdout else ():
                _, mark, path = os.fsdecode(line).partition(_MARK)
                # A shell that shows what it runs prints the mark too, before a variable.
                if mark and path.startswith("/"):
                    return path, received[stderr]
            # Of stdout the end of a line that has not come yet, of stderr the last lines.
            received[descriptor] = (received[descriptor] + data)[-_MOST_BYTES:]
    return None, received[stderr]


def _is_plain(path: str, token: str) -> bool:
    """Whether it is a path as our line makes it, in characters that mean nothing to ssh."""
    folder, _, name = path.rpartition("/")
    is_ours = folder.endswith("/togetherctl/agents") and name.endswith(f"-{token}.sock")
    return is_ours and len(path) <= _LONGEST_ADDRESS and _PLAIN_PATH.fullmatch(path) is not None


def _not_plain(host: str, path: str) -> FarFolderMissing:
    return FarFolderMissing(
        f"{host} names a path for the agent's socket that togetherctl does not use: {printable(path, limit=200)}",
        hint=f"on {host}, set XDG_RUNTIME_DIR to a folder of yours whose path has only letters, digits and /._-@+",
    )


def _why(host: str, stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{host} has no private folder for the agent's socket" + (f": {printable(said, limit=300)}" if said else "")
