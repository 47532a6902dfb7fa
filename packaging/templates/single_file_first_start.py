"""Prepare the folder that the single file unpacks itself into; Pex goes on where this ends.

It runs out of the zip: at each start by `python3 togetherctl.pyz`, and at the first one by sh.
"""

from pathlib import Path


def _delete_broken(folder: Path) -> None:
    """Delete what was unpacked for a Python that is gone; what is being unpacked just now has a longer name."""
    import shutil

    for unpacked in folder.glob("venvs/*/*/*"):
        if len(unpacked.name) != 40 or (unpacked / "bin/python").exists():
            continue
        for short in folder.glob("venvs/*/s/*"):
            if (short / "venv").resolve() == unpacked.resolve():
                shutil.rmtree(short)
        shutil.rmtree(unpacked)


def _prepare() -> None:
    import contextlib
    import fcntl
    import os
    import stat
    import sys

    oldest, newest = "@oldest@", "@newest@"
    if not (3, int(oldest)) <= sys.version_info[:2] <= (3, int(newest)):
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"togetherctl: this file needs Python 3.{oldest} to 3.{newest}, and this is Python {version}")
    if not Path(__file__).parent.is_file():
        # Started again by Pex, out of what is unpacked: the variables are those that it has set since.
        return
    # They steer Pex and the Pythons it asks, and some start another program; so do files .pexrc, one beside this file.
    for name in [name for name in os.environ if name.startswith(("PYTHON", "PEX_", "_PEX_", "__PEX_"))]:
        del os.environ[name]
    os.environ["PEX_IGNORE_RCFILES"] = "1"
    home = Path(os.environ.get("HOME", ""))
    if not home.is_absolute():
        sys.exit("togetherctl: HOME is not an absolute path, and this file unpacks itself there: set HOME")
    folder = home / ".cache/togetherctl-single-file"
    try:
        folder.parent.mkdir(0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(0o700)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            reason = "is not a folder of yours alone, and others could change what runs there: delete it"
            sys.exit(f"togetherctl: {folder} {reason}")
        folder.chmod(0o700)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _delete_broken(folder)
    except OSError as error:
        sys.exit(f"togetherctl: this file cannot unpack itself into {folder}: {error.strerror}")


_prepare()
