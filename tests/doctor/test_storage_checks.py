"""Doctor's checks of storage: real modes, a full disk, what killed processes leave, and what --fix does about it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.diagnosis import diagnose, diagnose_one, statuses
from tests.support.programs import missing, need
from togetherctl.auth.cache.login_record import LoginRecord
from togetherctl.disk import temporary_beside
from togetherctl.errors import ExitCode, StorageError
from togetherctl.lock import this_machine

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.clock import StoppedClock
    from togetherctl.doctor.examine import Result
    from togetherctl.wiring import World


def mend(results: list[Result]) -> None:
    for result in results:
        if result.finding.mend is not None:
            result.finding.mend.apply()


def dead_process() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def left_by(pid: int, path: Path, text: bytes = b"", machine: str | None = None) -> Path:
    """A temporary file as a writer of that number leaves it when it is killed."""
    name = temporary_beside(path).name.replace(f".{os.getpid()}.", f".{pid}.")
    left = path.with_name(name.replace(this_machine(), machine or this_machine()))
    left.write_bytes(text)
    left.chmod(0o600)
    return left


class TestFolders:
    def test_private(self, world: World) -> None:
        found = diagnose_one(world, "storage-folders")
        assert (found.finding.status, found.subject) == ("ok", str(world.paths.state))
        assert not list(world.paths.sessions.glob(".doctor.*"))

    def test_before_there_is_any(self, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        made = make_world()
        assert diagnose_one(made, "storage-folders").finding.status == "ok"
        assert not made.paths.state.exists()

    @pytest.mark.parametrize(
        ("mode", "status", "said"),
        [
            (0o755, "warning", "others can look into it (mode 0755)"),
            (0o777, "failed", "others can write to it (mode 0777)"),
            (0o500, "failed", "its owner may not use it (mode 0500)"),
        ],
    )
    def test_modes_are_mended(self, mode: int, status: str, said: str, world: World) -> None:
        world.paths.sessions.chmod(mode)
        results = diagnose(world, "storage-folders")
        assert statuses(results) == [status]
        assert said in results[0].finding.message
        assert results[0].subject == str(world.paths.sessions)
        assert str(results[0].finding.remedy) == f"chmod 700 {world.paths.sessions}"
        mend(results)
        assert world.paths.sessions.stat().st_mode & 0o777 == 0o700
        assert statuses(diagnose(world, "storage-folders")) == ["ok"]

    def test_why_no_credential_is_ready(self, world: World) -> None:
        world.paths.ready.mkdir(mode=0o700, parents=True)
        world.paths.cache.chmod(0o755)
        found = diagnose_one(world, "storage-folders")
        assert (found.finding.status, found.subject) == ("warning", str(world.paths.cache))
        assert found.finding.message.endswith("(mode 0755), so finished credentials are not kept there")

    def test_what_a_link_leads_to_is_left_to_its_owner(self, world: World, tmp_path: Path) -> None:
        """A folder of a team, for one, where others may write on purpose."""
        team = tmp_path / "team" / "state"
        team.parent.mkdir()
        world.paths.state.rename(team)
        world.paths.state.symlink_to(team)
        team.chmod(0o2775)
        results = diagnose(world, "storage-folders")
        assert results[0].subject == str(world.paths.state)
        assert [result.finding.mend for result in results] == [None] * len(results)
        assert team.stat().st_mode & 0o7777 == 0o2775

    def test_a_session_that_others_can_read(self, world: World, session_file: Path) -> None:
        session_file.chmod(0o644)
        found = diagnose_one(world, "storage-folders")
        assert (found.finding.status, found.finding.exit_code) == ("failed", ExitCode.STORAGE)
        assert (found.subject, "is open to others (mode 0644)" in found.finding.message) == (str(session_file), True)
        # One fact, one failure.
        assert statuses(diagnose(world, "token-state")) == ["skipped"]
        before = session_file.read_bytes()
        mend([found])
        assert (session_file.stat().st_mode & 0o777, session_file.read_bytes()) == (0o600, before)

    def test_a_link_that_came_meanwhile_is_not_followed(self, world: World, session_file: Path, tmp_path: Path) -> None:
        session_file.chmod(0o644)
        found = diagnose_one(world, "storage-folders")
        other = tmp_path / "other"
        other.write_text("of a person")
        other.chmod(0o644)
        session_file.unlink()
        session_file.symlink_to(other)
        with pytest.raises(StorageError, match="is reached by a link by now"):
            mend([found])
        assert other.stat().st_mode & 0o777 == 0o644

    def test_a_file_in_its_place(self, acme: Path, make_world: MakeWorld) -> None:
        made = make_world()
        made.paths.state.write_text("")
        results = diagnose(made, "storage-folders")
        assert acme.exists()
        assert ("failed", "it is no folder, so nothing can be kept there") in [
            (each.finding.status, each.finding.message) for each in results
        ]
        assert not [each for each in results if each.finding.mend]

    def test_one_of_another_user(self, world: World) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root gives a folder away")
        os.chown(world.paths.sessions, 12345, -1)
        found = diagnose_one(world, "storage-folders").finding
        assert (found.status, found.message, found.mend) == ("failed", "it belongs to another user (uid 12345)", None)


_FULL_DISK = """
mount -t tmpfs -o %s,mode=700 tmpfs "$1" && shift
mkdir -m 700 "$TOGETHERCTL_HOME/state/sessions"
%s
exec "$@"
"""


class TestSpace:
    def test_there_is_room(self, world: World) -> None:
        found = diagnose_one(world, "storage-space").finding
        assert (found.status, "MiB are free" in found.message) == ("ok", True)

    def on_a_small_disk(
        self, environ: dict[str, str], world: World, fill: str, options: str = "size=96k"
    ) -> dict[str, dict[str, str]]:
        """Run the doctor with a small tmpfs for its state, mounted where only these processes see it."""
        words = [need("unshare"), "-rm", "sh", "-c", _FULL_DISK % (options, fill), "sh", str(world.paths.state)]
        if subprocess.run([words[0], "-rm", "true"], check=False, capture_output=True).returncode != 0:
            missing("this system lets no process mount a file system of its own")
        return self.items(words, environ, world)

    def items(self, words: list[str], environ: dict[str, str], world: World) -> dict[str, dict[str, str]]:
        """What the doctor, started by these words, says of the folder of sessions."""
        done = subprocess.run(
            [*words, sys.executable, "-m", "togetherctl", "doctor", "--offline", "-o", "json"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        items = json.loads(done.stdout)["items"]
        return {each["check"]: each for each in items if each["subject"] == str(world.paths.sessions)}

    def test_a_full_disk(self, environ: dict[str, str], world: World) -> None:
        fill = 'head -c 90000 /dev/zero > "$TOGETHERCTL_HOME/state/full" || true'
        found = self.on_a_small_disk(environ, world, fill)["storage-space"]
        assert found["status"] == "failed"
        assert "there is no room for a session: No space left on device" in found["message"]
        assert found["hint_command"] == f"df -h {world.paths.sessions}"

    def test_a_disk_that_is_almost_full(self, environ: dict[str, str], world: World) -> None:
        found = self.on_a_small_disk(environ, world, ":")["storage-space"]
        assert (found["status"], "KiB are free there" in found["message"]) == ("warning", True)

    def test_a_disk_without_room_for_more_files(self, environ: dict[str, str], world: World) -> None:
        found = self.on_a_small_disk(environ, world, ":", "size=20m,nr_inodes=60")["storage-space"]
        assert (found["status"], "more files can be made there" in found["message"]) == ("warning", True)
        assert found["hint_command"] == f"df -i {world.paths.sessions}"

    def test_files_may_not_grow(self, environ: dict[str, str], world: World) -> None:
        """A limit for this process, as quotas of some systems answer (RLIMIT_FSIZE)."""
        found = self.items(["sh", "-c", 'ulimit -f 16; exec "$@"', "sh"], environ, world)["storage-space"]
        assert (found["status"], "no room for a session: File too large" in found["message"]) == ("failed", True)

    def test_a_disk_that_is_read_only(self, environ: dict[str, str], world: World) -> None:
        found = self.on_a_small_disk(environ, world, 'mount -o remount,ro "$TOGETHERCTL_HOME/state"')
        assert found["storage-folders"]["status"] == "failed"
        assert "it cannot be written to: Read-only file system" in found["storage-folders"]["message"]


class TestUnused:
    def test_each_has_a_profile(self, world: World, session_file: Path) -> None:
        assert session_file.exists()
        found = diagnose_one(world, "storage-unused").finding
        assert (found.status, found.message) == ("ok", "each of 1 belongs to a profile")

    def test_none_at_all(self, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        assert diagnose_one(make_world(), "storage-unused").finding.message == "there are none"

    def test_one_that_no_profile_uses(self, world: World, session_file: Path, clock: StoppedClock) -> None:
        other = session_file.with_name(f"{'a' * 64}.json")
        other.write_bytes(session_file.read_bytes())
        other.chmod(0o600)
        # get-token with kubelogin's flags makes such ones, and uses them.
        assert diagnose_one(world, "storage-unused").finding.status == "ok"
        clock.advance(31 * 86400)
        session_file.touch()
        found = diagnose_one(world, "storage-unused").finding
        assert (found.status, found.mend, other.name in found.message) == ("warning", None, True)
        assert found.remedy is not None
        assert found.remedy.hint_command == "togetherctl clean --dry-run"


class TestLeftovers:
    def test_nothing(self, world: World) -> None:
        assert diagnose_one(world, "storage-leftovers").finding.status == "ok"

    def test_a_broken_session_is_moved_aside(self, world: World, session_file: Path) -> None:
        session_file.write_text('{"version": 1, "issu')
        found = diagnose_one(world, "storage-leftovers")
        assert (found.finding.status, found.subject) == ("failed", str(session_file))
        assert found.finding.remedy is not None
        assert found.finding.remedy.hint_command == "togetherctl login acme"
        mend([found])
        assert not session_file.exists()
        assert session_file.with_name(f"{session_file.name}.bad").read_text() == '{"version": 1, "issu'
        assert statuses(diagnose(world, "storage-leftovers")) == ["ok"]

    def test_a_session_whose_mode_keeps_it_from_being_read_is_made_private(
        self, world: World, session_file: Path, environ: dict[str, str]
    ) -> None:
        """It is a good one, so it is not moved."""
        before = session_file.read_bytes()
        session_file.chmod(0)
        # Without these, root may read no more than others may.
        lowered = [need("setpriv"), "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*lowered, sys.executable, "-m", "togetherctl", "doctor", "--offline", "--fix", "--yes"],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert f"make {session_file} private (chmod 600)" in done.stdout + done.stderr
        assert (session_file.stat().st_mode & 0o777, session_file.read_bytes()) == (0o600, before)
        assert not session_file.with_name(f"{session_file.name}.bad").exists()

    def test_a_session_that_was_mended_meanwhile_stays(self, world: World, session_file: Path) -> None:
        good = session_file.read_bytes()
        session_file.write_text("{")
        found = diagnose_one(world, "storage-leftovers")
        session_file.write_bytes(good)
        with pytest.raises(StorageError, match="nothing was moved"):
            mend([found])
        assert session_file.read_bytes() == good

    def test_a_session_in_use_is_left_alone(self, world: World, session_file: Path) -> None:
        session_file.write_text("{")
        found = diagnose_one(world, "storage-leftovers")
        profile = world.config.profile("acme")
        with world.sessions(profile).lock(profile.key), pytest.raises(StorageError, match="is busy"):
            mend([found])
        assert session_file.read_text() == "{"

    def test_the_newest_session_of_a_killed_writer_is_taken_over(self, world: World, session_file: Path) -> None:
        newer = session_file.read_bytes().replace(b'"identity": "', b'"identity": "newer-')
        left = left_by(dead_process(), session_file, newer)
        os.utime(session_file, (1, 1))
        found = diagnose_one(world, "storage-leftovers")
        assert (found.finding.status, found.subject) == ("warning", str(world.paths.sessions))
        assert "1 temporary file that a killed process left" in found.finding.message
        mend([found])
        assert (session_file.read_bytes(), left.exists()) == (newer, False)

    def test_what_is_not_of_this_machine_stays(self, world: World, session_file: Path, clock: StoppedClock) -> None:
        elsewhere = left_by(7, session_file, machine="00000000-00000000")
        running = left_by(os.getpid(), session_file)
        assert diagnose_one(world, "storage-leftovers").finding.status == "ok"
        clock.advance(7200)
        found = diagnose_one(world, "storage-leftovers").finding
        assert (found.status, found.mend) == ("warning", None)
        assert "of another machine" in found.message
        assert elsewhere.exists()
        assert running.exists()

    def test_a_sealed_session_that_a_killed_writer_left_stays(self, world: World, session_file: Path) -> None:
        folder = world.paths.sessions / "keyring"
        folder.mkdir(mode=0o700)
        left = left_by(dead_process(), folder / session_file.name, session_file.read_bytes())
        found = diagnose_one(world, "storage-leftovers")
        assert (found.finding.status, found.subject, found.finding.mend) == ("warning", str(folder), None)
        assert left.exists()

    def test_a_file_of_another_folder(self, world: World) -> None:
        left = left_by(dead_process(), world.paths.state / "taken.json", b"{}")
        person = world.paths.state / ".notes.swp.tmp"
        person.write_text("of a person")
        results = diagnose(world, "storage-leftovers")
        mend(results)
        assert (left.exists(), person.exists()) == (False, True)

    def test_a_file_of_no_session_among_the_sessions(self, world: World) -> None:
        left = left_by(dead_process(), world.paths.sessions / "mynotes.txt", b"of a person")
        before = sorted(world.paths.sessions.iterdir())
        results = diagnose(world, "storage-leftovers")
        assert statuses(results) == ["ok"]
        mend(results)
        assert (sorted(world.paths.sessions.iterdir()), left.read_bytes()) == (before, b"of a person")

    def test_a_login_whose_process_was_killed(self, world: World, environ: dict[str, str]) -> None:
        profile = world.config.profile("acme")
        world.engine.logout(profile, local=True)
        login = subprocess.Popen(
            [sys.executable, "-m", "togetherctl", "login"],
            env={**environ, "TOGETHERCTL_BROWSER": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        file = world.sessions(profile).login_file(profile.key)
        for _ in range(200):
            if file.read() is not None:
                break
            with pytest.raises(subprocess.TimeoutExpired):
                login.wait(0.1)
        assert statuses(diagnose(world, "storage-leftovers")) == ["ok"]
        login.send_signal(signal.SIGKILL)
        login.wait(10)
        results = diagnose(world, "storage-leftovers")
        assert [f"process {login.pid} ended while it waited" in each.finding.message for each in results] == [True]
        mend(results)
        assert file.read() is None

    def test_a_login_that_began_meanwhile_stays(self, world: World) -> None:
        profile = world.config.profile("acme")
        file = world.sessions(profile).login_file(profile.key)
        file.write(LoginRecord(dead_process(), world.clock()))
        results = diagnose(world, "storage-leftovers")
        file.write(LoginRecord(os.getpid(), world.clock()))
        mend(results)
        assert file.read() is not None

    def test_a_folder_that_a_killed_process_left(self, world: World) -> None:
        parent = world.paths.state / "kubeconfigs"
        left = parent / f"east.{dead_process()}.0123abcd.{this_machine()}"
        mine = parent / f"east.{os.getpid()}.0123abcd.{this_machine()}"
        for folder in (left, mine):
            folder.mkdir(mode=0o700, parents=True)
        parent.chmod(0o700)
        results = diagnose(world, "storage-leftovers")
        assert [each.subject for each in results] == [str(left)]
        mend(results)
        assert (left.exists(), mine.exists()) == (False, True)
