"""How the single file starts: quick from the second time on, from a private folder, without code of others."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from tests.real.release.conftest import VERSION, Built, run
from tests.real.release.test_nothing_but_python import bare_python, machine

__all__ = ["bare_python", "machine"]

FOLDER = ".cache/togetherctl-single-file"
WAYS = ((), (sys.executable,))


def start_alone(single: Path, target: Path) -> Path:
    """The sh of the single file without the zip: it starts what is unpacked, and nothing else."""
    whole = single.read_bytes()
    target.write_bytes(whole[: whole.index(b"PK\x03\x04")])
    target.chmod(0o755)
    return target


@pytest.fixture
def unpacked(bare: dict[str, str], built: Built) -> Path:
    """The folder of a single file that has been started once."""
    run(built.single, "version", environ=bare)
    return Path(bare["HOME"]) / FOLDER


def test_the_second_start_does_not_read_the_zip(built: Built, bare_python: dict[str, str], tmp_path: Path) -> None:
    """Of each Python that is here, in another place than the one that built it."""
    alone = start_alone(built.single, tmp_path / "alone")
    assert VERSION not in run(alone, "version", environ=bare_python, code=1)
    assert VERSION in run(built.single, "version", environ=bare_python)
    assert VERSION in run(alone, "version", environ=bare_python)


@pytest.mark.parametrize("way", WAYS, ids=["sh", "python"])
def test_no_variable_and_no_file_puts_other_code_in(
    way: tuple[str, ...], built: Built, bare: dict[str, str], tmp_path: Path
) -> None:
    """Python's own variables count for the start by sh: in the other one, Python has read them before our lines."""
    code = tmp_path / "code"
    code.mkdir()
    for name in ("sitecustomize", "usercustomize", "other", "click"):
        (code / f"{name}.py").write_text("raise SystemExit('other code runs')\n")
    single = Path(shutil.copy(built.single, code / "togetherctl.pyz"))
    (code / ".pexrc").write_text(f"PEX_ROOT={tmp_path}/elsewhere\nPEX_MODULE=other\n")
    steered = {
        **{f"PEX_{name}": "other" for name in ("MODULE", "SCRIPT", "PYTHON", "PATH", "VENV_BIN_PATH")},
        **{f"PEX_{name}": "1" for name in ("INTERPRETER", "TOOLS", "UNZIP", "IGNORE_RCFILES")},
        "PEX_ROOT": f"{tmp_path}/elsewhere",
        "PEX_EXTRA_SYS_PATH": str(code),
        "__PEX_EXTRA_SYS_PATH__": str(code),
        "__PEX_EXE__": "/bin/true",
    }
    if not way:
        steered |= {"PYTHONPATH": str(code), "PYTHONHOME": str(tmp_path), "PYTHONSTARTUP": str(code / "other.py")}
    for _start in range(2):
        assert VERSION in run(*way, single, "version", environ={**bare, **steered})
    assert not (tmp_path / "elsewhere").exists()
    assert (Path(bare["HOME"]) / FOLDER).is_dir()


@pytest.mark.parametrize("way", WAYS, ids=["sh", "python"])
@pytest.mark.parametrize("value", [None, "", "relative"], ids=["none", "empty", "relative"])
def test_a_home_that_is_none_is_one_sentence(
    value: str | None, way: tuple[str, ...], built: Built, bare: dict[str, str], tmp_path: Path
) -> None:
    environ = {name: value for name, value in bare.items() if name != "HOME"} | (
        {} if value is None else {"HOME": value}
    )
    here = tmp_path / "here"
    here.mkdir()
    said = run(*way, built.single, "version", environ=environ, cwd=here, code=1)
    assert said.splitlines() == [
        "togetherctl: HOME is not an absolute path, and this file unpacks itself there: set HOME"
    ]
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("way", WAYS, ids=["sh", "python"])
def test_what_is_unpacked_is_private_under_any_umask(way: tuple[str, ...], built: Built, bare: dict[str, str]) -> None:
    before = os.umask(0)
    try:
        run(*way, built.single, "version", environ=bare)
    finally:
        os.umask(before)
    home = Path(bare["HOME"])
    assert [stat.S_IMODE((home / name).stat().st_mode) for name in (".cache", FOLDER)] == [0o700, 0o700]


@pytest.mark.parametrize("way", WAYS, ids=["sh", "python"])
@pytest.mark.parametrize("what", ["link", "open", "file"])
def test_a_folder_that_others_may_have_filled_is_refused(
    what: str, way: tuple[str, ...], built: Built, bare: dict[str, str], tmp_path: Path
) -> None:
    folder = Path(bare["HOME"]) / FOLDER
    folder.parent.mkdir()
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    if what == "link":
        folder.symlink_to(target)
    elif what == "open":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        folder.touch()
    (said,) = run(*way, built.single, "version", environ=bare, code=1).splitlines()
    assert said == (
        f"togetherctl: {folder} is not a folder of yours alone, and others could change what runs there: delete it"
    )
    assert list(target.iterdir()) == []


def test_an_unpacked_folder_behind_a_link_is_not_started(
    unpacked: Path, built: Built, bare: dict[str, str], tmp_path: Path
) -> None:
    unpacked.rename(tmp_path / "moved")
    unpacked.symlink_to(tmp_path / "moved")
    assert "is not a folder of yours alone" in run(built.single, "version", environ=bare, code=1)


def test_it_unpacks_itself_again_when_its_python_has_gone(unpacked: Path, built: Built, bare: dict[str, str]) -> None:
    """As after an upgrade of the system."""
    (link,) = (path for path in unpacked.glob("venvs/*/*/*/bin/python3.*") if path.parts[-4] != "s")
    link.unlink()
    link.symlink_to("/nonexistent/python3.11")
    assert VERSION in run(built.single, "version", environ=bare)
    assert os.path.realpath(link) != "/nonexistent/python3.11"


def test_another_python_is_one_sentence(built: Built, bare: dict[str, str], tmp_path: Path) -> None:
    """Said by our first lines, which any Python 3 can read."""
    with zipfile.ZipFile(built.single) as single:
        (tmp_path / "start.py").write_bytes(single.read("__main__.py"))
    script = "import sys, runpy; sys.version_info = (3, 10, 1, 'final', 0); runpy.run_path(sys.argv[1])"
    said = run(sys.executable, "-c", script, tmp_path / "start.py", environ=bare, code=1)
    assert said == "togetherctl: this file needs Python 3.11 to 3.14, and this is Python 3.10\n"


def test_a_home_that_cannot_be_written_is_one_sentence(built: Built, bare: dict[str, str]) -> None:
    home = Path(bare["HOME"])
    (home / ".cache").touch()
    for way in WAYS:
        (said,) = run(*way, built.single, "version", environ=bare, code=1).splitlines()
        assert said == f"togetherctl: this file cannot unpack itself into {home}/{FOLDER}: File exists"
