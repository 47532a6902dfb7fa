"""Ready files of what a forwarded agent gave: in memory alone, and good as long as its socket is there."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from togetherctl import fastpath
from togetherctl.auth.cache.ready_file import files_in, has_private, write_dated
from togetherctl.disk import is_ours, read_whole
from togetherctl.kube.exec_credential import V1, render
from togetherctl.quick_json import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from togetherctl.agent_client import Forwarded
    from togetherctl.auth.cache.ready_file import ReadyFiles
    from togetherctl.paths import Paths

_LONGEST = 1024 * 1024


def leave_forwarded(
    paths: Paths, name: str, forwarded: Forwarded, *, ready: ReadyFiles | None = None, now: float
) -> None:
    """Have what the agent gave of the profile `name` ready for the next call; `now` in seconds since 1970.

    `ready` are those of the configuration that has the profile; None where the environment names the socket, and no
    configuration counts. What prevents it is no error.
    """
    socket, folder = forwarded.socket, paths.runtime / "ready" if paths.runtime else None
    # The header's words are apart by spaces.
    if folder is None or os.name != "posix" or not socket.isprintable() or " " in socket:
        return
    ends = forwarded.ask_again_at
    with suppress(OSError):
        if not has_private(folder) or not is_ours(folder.parent.parent.stat()):
            return
        _sweep(folder)
        if ready is not None:
            ready.write(name, socket, "keyring", token=forwarded.token, ask_again_at=ends, until=ends, now=now)
        elif int(now) < int(ends):
            body = render(V1, forwarded.token, ends)
            header = fastpath.header(
                name, written=int(now), until=int(ends), length=len(body), key=socket, state="-", made_of=socket
            )
            write_dated(folder / f"{fastpath.FORWARDED}{name}", f"{header}{body}\n", like=Path(socket))


def read_forwarded(paths: Paths, name: str, *, now: float) -> tuple[str, float, float] | None:
    """The token that an agent gave of the configuration's profile `name`, if it is ready: with when, and until when."""
    if paths.runtime is None:
        return None
    path = paths.runtime / "ready" / name
    try:
        found = fastpath.credential(
            str(path), profile=name, config=str(paths.config), sessions=str(paths.sessions), now=now
        )
        words = read_whole(path, limit=_LONGEST, follow=False)[0].split(b" ", 5)
        token = loads(found)["status"]["token"] if found else None
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return (token, float(words[3]), float(words[4])) if token else None


def drop_forwarded(paths: Paths, name: str) -> bool:
    """Remove what an agent gave of the profile `name`; whether there was anything."""
    dropped = False
    for path, profile, _ in _found(paths.runtime / "ready" if paths.runtime else None):
        if profile == name:
            with suppress(OSError):
                path.unlink()
                dropped = True
    return dropped


def _sweep(folder: Path) -> None:
    """Remove what agents gave whose sockets are gone."""
    for path, _, socket in _found(folder):
        with suppress(OSError):
            if not _is_socket(socket):
                path.unlink()


def _found(folder: Path | None) -> Iterator[tuple[Path, str, str]]:
    """Each ready file of a forwarded agent: its path, its profile and its socket."""
    for path in files_in(folder) if folder else ():
        with suppress(OSError, LookupError, ValueError):
            data, status = read_whole(path, limit=_LONGEST, follow=False)
            form, version, profile, *rest = data.partition(b"\n")[0].decode("utf-8", "surrogateescape").split(" ", 8)
            if f"{form} {version}" == fastpath.FORM and is_ours(status) and rest[3].startswith("/"):
                yield path, profile, rest[3]


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False
