"""Whether there are sessions that no profile uses any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.storage import session_files
from togetherctl.errors import run
from togetherctl.finding import Finding

_OLD_DAYS = 30
_DAY = 86400
_MOST = 3


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    used, folder = set(facts.config.keys().values()), facts.world.paths.sessions
    files = session_files(folder)
    unused = {key: path for key, path in files.items() if key not in used}
    if not unused:
        yield Finding(
            "ok", f"each of {len(files)} belongs to a profile" if files else "there are none", subject=str(folder)
        )
        return
    old = []
    for path in unused.values():
        with suppress(OSError):
            if facts.world.clock() - path.lstat().st_mtime > _OLD_DAYS * _DAY:
                old.append(path)
    if not old:
        text = f"{len(unused)} of {len(files)} belong to no profile; get-token with kubelogin's flags makes such ones"
        yield Finding("ok", text, subject=str(folder))
        return
    named = ", ".join(path.name for path in old[:_MOST]) + (" and more" if len(old) > _MOST else "")
    yield Finding(
        "warning",
        f"{len(old)} belong to no profile, and were not used for {_OLD_DAYS} days, but may hold a token that works: "
        f"{named}",
        run("togetherctl", "clean", "--dry-run", words="clean deletes all sessions; this shows which go"),
        subject=str(folder),
    )


CHECK = Check(
    name="storage-unused",
    area="storage",
    title="Sessions that no profile uses",
    each="machine",
    examine=_examine,
    signs=("files below `state/sessions` that no profile accounts for",),
    means="A session of a profile that was removed or changed by hand, or one that `get-token` with kubelogin's flags "
    "made. It may hold a refresh token that still works, so `--fix` leaves it alone.",
    helps="`togetherctl clean` deletes all sessions, and you log in again; the issuer is not told. `togetherctl logout "
    "--all` before it revokes the tokens of all profiles.",
    place=50,
)
