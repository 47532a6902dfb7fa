"""Which of the person's own programs listens on a port, as far as Linux tells without privileges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from togetherctl.printable import printable

_PROC = Path("/proc")
# IPv4, and IPv6 with what listens for both at once (proc(5), /proc/net).
TABLES = ("tcp", "tcp6")
# The state of a socket that listens, and where it stands in a line (proc(5), /proc/net/tcp).
_LISTENING = "0A"
_ADDRESS, _STATE, _INODE = 1, 3, 9


class PortHolder(NamedTuple):
    """A program that listens: its name, safe to show, and its process ID."""

    name: str
    pid: int

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


def find_port_holder(port: int, tables: Sequence[str] = TABLES, proc: Path = _PROC) -> PortHolder | None:
    """What listens on `port`, by the first of the `tables` that tells; None where that cannot be known.

    Its arguments are left out: they may hold secrets.
    """
    for table in tables:
        sockets = {f"socket:[{inode}]" for inode in _listening_on(port, proc / "net" / table)}
        for process in sorted(_processes(proc), key=lambda folder: int(folder.name)) if sockets else ():
            # Processes of others cannot be looked into, and one may end at any moment.
            with suppress(OSError):
                if any(str(entry.readlink()) in sockets for entry in (process / "fd").iterdir()):
                    name = (process / "comm").read_text("utf-8", "replace").strip()
                    return PortHolder(printable(name, limit=40), int(process.name))
    return None


def _processes(proc: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (folder for folder in proc.iterdir() if folder.name.isdecimal())


def _listening_on(port: int, table: Path) -> Iterator[str]:
    """The inodes of the sockets that listen on `port`, whatever the address."""
    with suppress(OSError):
        for line in table.read_text("ascii", "replace").splitlines()[1:]:
            fields = line.split()
            if len(fields) <= _INODE or fields[_STATE] != _LISTENING:
                continue
            if fields[_ADDRESS].rpartition(":")[2] == f"{port:04X}":
                yield fields[_INODE]
