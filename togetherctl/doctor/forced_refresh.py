"""Force a refresh for a cluster that refuses a token that is still good: once in ten minutes, counted on disk."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from togetherctl.disk import make_private_folder, read_whole, write_whole
from togetherctl.errors import StorageError, os_error_as
from togetherctl.lock import LockTimeout, hold_lock

if TYPE_CHECKING:
    from togetherctl.auth.session import Session
    from togetherctl.config.profile import Profile
    from togetherctl.wiring import World

PAUSE_SECONDS = 600.0
_LOCK_SECONDS = 5.0
_MAX_BYTES = 1024 * 1024


def force_refresh(world: World, profile: Profile) -> Session | None:
    """The session with new tokens; None where one was forced within the last ten minutes, by any process.

    Raises as `Engine.refresh` does, and StorageError where no mark can be left: a refresh without one could be repeated
    without an end.
    """
    return world.engine.refresh(profile) if _leave_mark(world, profile.key) else None


def forced_at(world: World, profile: Profile) -> float | None:
    """When one was forced within the last ten minutes, so that none would be now; in seconds since 1970."""
    at = _read_marks(world).get(profile.key)
    return at if at is not None and 0 <= world.clock() - at < PAUSE_SECONDS else None


def _leave_mark(world: World, key: str) -> bool:
    """Whether this process may force one now, and left the mark that no other may."""
    now, path = world.clock(), world.paths.forced
    with os_error_as(StorageError, f"{path} cannot be written"):
        make_private_folder(path.parent)
        try:
            with hold_lock(path.with_suffix(".lock"), seconds=_LOCK_SECONDS, ours=True):
                marks = {one: at for one, at in _read_marks(world).items() if 0 <= now - at < PAUSE_SECONDS}
                if key in marks:
                    return False
                write_whole(path, json.dumps({**marks, key: now}).encode("ascii") + b"\n")
                return True
        except LockTimeout:
            return False


def _read_marks(world: World) -> dict[str, float]:
    """When a refresh was forced, in seconds since 1970, by the session's key; what cannot be understood is none."""
    with suppress(OSError, ValueError, AttributeError, RecursionError):
        marks = json.loads(read_whole(world.paths.forced, limit=_MAX_BYTES, follow=False)[0])
        return {str(key): float(at) for key, at in marks.items() if isinstance(at, (int, float))}
    return {}
