"""Whether only you can change the configuration, or anything on the way to it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from togetherctl.config.files import read_text, writable_by_others
from togetherctl.config.redact import without_secrets
from togetherctl.config.toml_text import CannotEdit
from togetherctl.disk import is_ours, open_to_others
from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.storage import change_mode, goes_by_link
from togetherctl.environment import CONFIG
from togetherctl.errors import ExitCode, run
from togetherctl.finding import Finding, Mend
from togetherctl.paths import locate


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    if os.name != "posix":
        raise Skip("Windows keeps others out of a profile folder itself")
    path = facts.world.paths.config
    if not path.exists():
        yield Finding("ok", "there is no configuration yet", subject=str(path))
        return
    # A file that a person named may be shared, its folder may hold more: neither is ours to close.
    folder, ours = path.resolve().parent, path == _own_place(facts)
    found = [
        *_look_at_file(path, facts, ours=ours),
        *_look_at_folder(path.parent, folder, ours=ours and not path.is_symlink()),
        *_look_above(folder),
    ]
    yield from found
    if not found:
        yield Finding("ok", "only you can change it", subject=str(path))


def _own_place(facts: Facts) -> Path:
    """Where the configuration is unless a person names a file."""
    return locate({name: value for name, value in facts.world.environ.items() if name != CONFIG}).config


def _look_at_file(path: Path, facts: Facts, *, ours: bool) -> Iterator[Finding]:
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if not is_ours(status):
        yield Finding(
            "failed" if status.st_uid else "warning",
            f"it belongs to another user (uid {status.st_uid})",
            run("sudo", "chown", str(os.getuid()), path),
            subject=str(path),
            exit_code=ExitCode.USAGE,
        )
    elif writable_by_others(status):
        yield Finding(
            "failed",
            f"others on this machine can write it (mode {mode:04o}), and so choose the issuer that you log in to",
            run("chmod", "600" if ours else "go-w", path),
            subject=str(path),
            exit_code=ExitCode.USAGE,
            mend=_closing(path, 0o600) if ours else None,
        )
    elif open_to_others(status) and _holds_secrets(facts):
        yield Finding(
            "warning",
            f"it holds secrets, and others on this machine can read it (mode {mode:04o})",
            run("chmod", "600", path),
            subject=str(path),
            mend=_closing(path, 0o600) if ours else None,
        )


def _holds_secrets(facts: Facts) -> bool:
    if facts.trouble is not None:
        return False
    text = read_text(facts.world.paths.config)
    with suppress(CannotEdit):
        return without_secrets(text, facts.config.table).text != text
    return False


def _look_at_folder(named: Path, folder: Path, *, ours: bool) -> Iterator[Finding]:
    status = folder.stat()
    mode = stat.S_IMODE(status.st_mode)
    if writable_by_others(status) and is_ours(status):
        yield Finding(
            "warning",
            f"others on this machine can write into it (mode {mode:04o}), and so replace the configuration",
            run("chmod", "go-w", folder),
            subject=str(folder),
            mend=_closing(named, mode & ~0o022) if ours else None,
        )


def _look_above(folder: Path) -> Iterator[Finding]:
    """The folders above, which are not ours to change. In one with the sticky bit, as /tmp, others replace nothing."""
    for parent in folder.parents:
        status = parent.stat()
        mode = stat.S_IMODE(status.st_mode)
        if writable_by_others(status) and not mode & stat.S_ISVTX:
            yield Finding(
                "warning",
                f"others on this machine can write into it (mode {mode:04o}), and so replace the folder of the "
                "configuration",
                run("chmod", "go-w", parent),
                subject=str(parent),
            )


def _closing(path: Path, mode: int) -> Mend | None:
    """None where a link leads there: it may be open to others on purpose."""
    if goes_by_link(path):
        return None
    return Mend(f"let only you change {path} (mode {mode:04o})", partial(change_mode, path, mode))


CHECK = Check(
    name="configuration-permissions",
    area="configuration",
    title="Who can change the configuration",
    each="machine",
    examine=_examine,
    signs=("`… can be written by others (mode 0664)`, exit 2",),
    means="The configuration says which issuer gets your password and which browser is started. A person who can write "
    "the file, or a folder on the way to it, can choose both. togetherctl reads no such file.",
    helps="Run the `chmod` that is shown; `togetherctl doctor --fix` does it for the file and the folder that "
    "are togetherctl's own, not where TOGETHERCTL_CONFIG leads.",
    place=20,
)
