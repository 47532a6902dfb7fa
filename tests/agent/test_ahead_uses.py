"""Which sessions are used, told from real files on every kind of mount that can be had here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from togetherctl import fastpath
from togetherctl.agent.ahead_uses import Place, Uses, notes_reads
from togetherctl.auth.cache.ready_file import ReadyFiles, write_dated
from togetherctl.disk import read_whole
from togetherctl.paths import locate

IDLE = 86_400.0
# Whether a file system with these options says when a file was read first.
MOUNTS = {"relatime": True, "strictatime": True, "strictatime,lazytime": True, "noatime": False}


class Files:
    """A session and its ready file, written `ago` seconds ago."""

    def __init__(self, folder: Path, *, ago: float = 7200, sessions: Path | None = None) -> None:
        self.place = Place("acme", (sessions or folder) / "KEY.json", folder / "acme")
        self.written = int(time.time() - ago)
        self.place.session.write_text("{}")
        os.utime(self.place.session, (self.written, self.written))
        self.write_ready(self.written)

    @property
    def ready(self) -> Path:
        assert self.place.ready is not None
        return self.place.ready

    def write_ready(self, written: int) -> None:
        header = fastpath.header(
            "acme", written=written, until=written + 10_000, length=3, key="KEY", state="-", made_of="/c//s"
        )
        write_dated(self.ready, f"{header}abc\n", like=self.place.session)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def uses(tmp_path: Path) -> Uses:
    return Uses(tmp_path / "agent")


def used_at(uses: Uses, files: Files) -> float:
    return uses.look(files.place, now=time.time(), idle=IDLE).used_at


def test_what_others_wrote_is_a_use_and_what_a_child_wrote_is_none(files: Files, uses: Uses) -> None:
    assert used_at(uses, files) == files.written
    # A child refreshes: session and ready file are new.
    now = time.time()
    os.utime(files.place.session, (now, now))
    files.write_ready(int(now))
    uses.own(files.place)
    assert used_at(uses, files) == files.written
    # `get-token` makes another ready file of the same session.
    files.write_ready(int(now) + 1)
    assert used_at(uses, files) == pytest.approx(now, abs=2)


def test_a_read_is_a_use_and_our_own_is_none(files: Files, uses: Uses) -> None:
    uses.look(files.place, now=time.time(), idle=IDLE)
    uses.own(files.place)
    read_whole(files.ready, limit=10_000, traceless=True)
    assert used_at(uses, files) == files.written
    assert notes_reads(files.ready.parent), "this machine's temporary folder does not note reads"
    files.ready.read_bytes()
    assert used_at(uses, files) == pytest.approx(time.time(), abs=5)


def test_a_refresh_of_another_session_is_no_use_of_this_one(tmp_path: Path, uses: Uses) -> None:
    paths = locate({"TOGETHERCTL_HOME": str(tmp_path)})
    paths.ready.mkdir(mode=0o700, parents=True)
    files = Files(paths.ready, sessions=tmp_path)
    uses.look(files.place, now=time.time(), idle=IDLE)
    # It looks through all ready files for those of its own session.
    ReadyFiles(paths, None).drop("ANOTHER")
    assert files.ready.exists()
    assert used_at(uses, files) == files.written


def test_the_next_read_is_seen_too_though_relatime_notes_one_in_a_day(tmp_path: Path, uses: Uses) -> None:
    files = Files(tmp_path, ago=IDLE * 0.7)
    mtime, read = files.ready.stat().st_mtime_ns, time.time() - IDLE * 0.6
    os.utime(files.ready, ns=(int(read * 1e9), mtime))
    assert used_at(uses, files) == pytest.approx(read, abs=1)
    # That read is known, and out of the way of the next one.
    assert (files.ready.stat().st_atime_ns, files.ready.stat().st_mtime_ns) == (mtime, mtime)
    assert used_at(uses, files) == pytest.approx(read, abs=1)
    files.ready.read_bytes()
    assert used_at(uses, files) == pytest.approx(time.time(), abs=5)


def test_a_restart_forgets_nothing(files: Files, uses: Uses, tmp_path: Path) -> None:
    now = time.time()
    uses.look(files.place, now=now, idle=IDLE)
    os.utime(files.place.session, (now, now))
    uses.own(files.place)
    uses.save()
    again = Uses(tmp_path / "agent")
    assert used_at(again, files) == files.written
    path = tmp_path / "agent" / "used.json"
    assert path.stat().st_mode & 0o777 == 0o600
    # What cannot be understood is nothing: then who wrote the session last has used it.
    for text in ("", "[]", "{}", '{"profiles": []}', '{"profiles": {"acme": 3}}', '{"profiles": {"acme": {}}}'):
        path.write_text(text)
        assert used_at(Uses(tmp_path / "agent"), files) == pytest.approx(now, abs=1)


def test_little_is_written(files: Files, uses: Uses, tmp_path: Path) -> None:
    path = tmp_path / "agent" / "used.json"
    used_at(uses, files)
    uses.save()
    written = path.stat().st_ino
    for _ in range(5):
        used_at(uses, files)
        uses.save()
    assert path.stat().st_ino == written


def test_a_clock_that_was_ahead_keeps_no_session_for_ever(files: Files, uses: Uses) -> None:
    ahead = time.time() + 10 * 365 * IDLE
    os.utime(files.place.session, (ahead, ahead))
    uses.look(files.place, now=time.time(), idle=IDLE)
    uses.own(files.place)
    later = time.time() + 2 * IDLE
    assert uses.look(files.place, now=later, idle=IDLE).used_at < later - IDLE


@pytest.mark.parametrize("what", ["a link", "another's form", "nothing", "a folder"])
def test_what_is_no_ready_file_says_nothing(files: Files, uses: Uses, what: str) -> None:
    files.ready.unlink()
    if what == "a link":
        files.ready.symlink_to("/etc/passwd")
    elif what == "another's form":
        files.ready.write_text("togetherctl-ready 99 acme\n")
    elif what == "a folder":
        files.ready.mkdir()
    facts = uses.look(files.place, now=time.time(), idle=IDLE)
    assert (facts.stale_at, facts.used_at) == (None, files.written)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("options", MOUNTS)
def test_each_kind_of_mount_is_told_apart(tmp_path: Path, options: str) -> None:
    """A tmpfs of its own with these options; on it a read is a use exactly where `notes_reads` says so."""
    script = f"""
import json, pathlib, sys, time
from tests.agent.test_ahead_uses import Files, Uses, notes_reads, used_at
folder = pathlib.Path({str(tmp_path)!r})
files, uses = Files(folder), Uses(folder / "agent")
uses.look(files.place, now=time.time(), idle=86400); uses.own(files.place)
files.ready.read_bytes()
print(json.dumps([notes_reads(folder), used_at(uses, files) > time.time() - 60]))
"""
    mount = f"mount -t tmpfs -o {options} tmpfs '{tmp_path}'"
    words = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$0" -c "$1"', sys.executable, script]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    if "mount" in done.stderr and done.returncode:
        pytest.skip(f"no mounts here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [MOUNTS[options]] * 2
