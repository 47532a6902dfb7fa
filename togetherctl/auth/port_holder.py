"""Which of the person's own programs listens on a port, as far as Linux tells without privileges."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from togetherctl.printable import printable

_PROC = Path("/proc")
# The state of a socket that listens, and where it stands in a line (proc(5), /proc/net/tcp).
_LISTENING = "0A"
_ADDRESS, _STATE, _INODE = 1, 3, 9


def find_port_holder(port: int, proc: Path = _PROC) -> str | None:
    """The name and process ID of what listens on `port`; None where that cannot be known.

    Its arguments are left out: they may hold secrets.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening_on(port, proc)}
    if not sockets:
        return None
    for process in sorted(_processes(proc), key=lambda folder: int(folder.name)):
        # Processes of others cannot be looked into, and one may end at any moment.
        with suppress(OSError):
            if any(str(entry.readlink()) in sockets for entry in (process / "fd").iterdir()):
                name = (process / "comm").read_text("utf-8", "replace").strip()
                return f"{printable(name, limit=40)} (process {process.name})"
    return None


def _processes(proc: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (folder for folder in proc.iterdir() if folder.name.isdecimal())


def _listening_on(port: int, proc: Path) -> Iterator[str]:
    """The inodes of the sockets that listen on `port`, whatever the address."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text("ascii", "replace").splitlines()[1:]:
                fields = line.split()
                if len(fields) <= _INODE or fields[_STATE] != _LISTENING:
                    continue
                if fields[_ADDRESS].rpartition(":")[2] == f"{port:04X}":
                    yield fields[_INODE]
