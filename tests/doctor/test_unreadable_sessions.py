"""Sessions that cannot be read for another reason than their content: doctor offers no move."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.diagnosis import diagnose_one
from tests.support.findings import mend
from togetherctl.errors import StorageError

if TYPE_CHECKING:
    from togetherctl.wiring import World


def fail_to_read(_path: Path, **_how: object) -> tuple[bytes, os.stat_result]:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "disk"])
def test_what_cannot_be_read_for_another_reason_than_its_content_stays(
    kind: str, world: World, session_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a good session: behind a link, or on a disk that answers again later."""
    kept = world.paths.state / "kept"
    if kind != "disk":
        session_file.rename(kept)
    if kind == "link":
        session_file.symlink_to(kept)
    elif kind == "folder":
        session_file.mkdir()
    elif kind == "pipe":
        os.mkfifo(session_file)
    else:
        monkeypatch.setattr("togetherctl.disk.read_whole", fail_to_read)
    found = diagnose_one(world, "storage-leftovers")
    assert (found.finding.status, found.finding.mend, found.subject) == ("failed", None, str(session_file))
    assert "it cannot be read: " in found.finding.message
    assert found.finding.remedy is not None
    assert found.finding.remedy.hint_command == f"ls -ld {session_file}"
    assert os.path.lexists(session_file)


def test_a_link_that_came_meanwhile_is_not_moved(world: World, session_file: Path) -> None:
    kept = world.paths.state / "kept"
    kept.write_bytes(session_file.read_bytes())
    session_file.write_text("{")
    found = diagnose_one(world, "storage-leftovers")
    session_file.unlink()
    session_file.symlink_to(kept)
    with pytest.raises(StorageError, match="nothing was moved"):
        mend(found.finding)
    assert session_file.is_symlink()
