"""Keep what an agent without a terminal warns of in a file that a person can read."""

from __future__ import annotations

import os

from togetherctl.disk import PRIVATE_FILE, make_private_folder
from togetherctl.errors import TogetherctlError, os_error_as
from togetherctl.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

NAME = "trouble.log"
_MAX_READ = 64 * 1024


def open_trouble(folder: Path) -> int:
    """The file as an open descriptor, empty. Raises TogetherctlError."""
    path = folder / NAME
    with os_error_as(TogetherctlError, f"{path} cannot be written"):
        make_private_folder(folder)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        return os.open(path, flags, PRIVATE_FILE)


def read_trouble(folder: Path) -> str:
    """The first line of it, without our name before it; empty where there is none."""
    try:
        with (folder / NAME).open("rb") as file:
            text = file.read(_MAX_READ).decode("utf-8", "replace")
    except OSError:
        return ""
    return printable(text.strip().partition("\n")[0].removeprefix("togetherctl: "), limit=1000)
