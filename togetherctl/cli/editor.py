"""Have a person edit a text in their own editor, in a private copy that goes when they are done."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from togetherctl.disk import PRIVATE_FILE, read_whole
from togetherctl.environment import for_child
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.temporary_folder import temporary_folder


class EditorCopy:
    """A copy of a text in a folder of its own; the editor's own copies and backups go with it."""

    def __init__(self, path: Path, environ: Mapping[str, str], *, limit: int, keep_open: Sequence[int]) -> None:
        self._path = path
        self._environ = environ
        self._limit = limit
        self._keep_open = keep_open

    def edit(self, text: str | None = None) -> str:
        """What the person leaves behind; `text` begins it, else it goes on. Raises TogetherctlError, UsageError."""
        if text is not None:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
            with open(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        words = choose_editor(self._environ)
        with _leaving_interrupts_to_it():
            try:
                # An editor that outlives us keeps the copy from being swept.
                ended = subprocess.run(
                    [*words, str(self._path)],
                    env=for_child(self._environ),
                    pass_fds=() if sys.platform == "win32" else self._keep_open,
                    check=False,
                )
            except OSError as error:
                raise UsageError(
                    f"the editor {words[0]} cannot be started: {error.strerror}", hint="name another in EDITOR"
                ) from None
        if ended.returncode != 0:
            raise TogetherctlError(f"the editor ended with exit code {ended.returncode}; nothing was changed")
        try:
            return read_whole(self._path, limit=self._limit)[0].decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            if isinstance(error, OSError) and error.errno == errno.EFBIG:
                said = f"the editor left more than {self._limit // 1024} KiB behind; nothing was changed"
                raise TogetherctlError(said) from None
            raise TogetherctlError("the editor left no UTF-8 text behind; nothing was changed") from None


@contextmanager
def editor_copy(parent: Path, name: str, environ: Mapping[str, str], *, limit: int) -> Iterator[EditorCopy]:
    """A copy called `name`, of at most `limit` bytes, in a private folder below `parent`, which goes at the end.

    Raises TogetherctlError.
    """
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder(parent, "edit"))
        except OSError as error:
            raise TogetherctlError(f"no copy can be made in {parent}: {error.strerror}") from None
        yield EditorCopy(folder.path / name, environ, limit=limit, keep_open=[folder.lock])


def choose_editor(environ: Mapping[str, str], platform: str = sys.platform) -> list[str]:
    """`VISUAL`, else `EDITOR`, else the editor that every such system has. Raises UsageError."""
    on_windows = platform == "win32"
    named = environ.get("VISUAL") or environ.get("EDITOR") or ("notepad" if on_windows else "vi")
    try:
        words = shlex.split(named, posix=not on_windows)
    except ValueError:
        words = []
    if on_windows:
        # There a backslash is part of a path, and the quotes around one with spaces are left to us.
        words = [word.strip('"') for word in words]
    if not words:
        raise UsageError("VISUAL or EDITOR is no command line", hint="name an editor in EDITOR, such as nano")
    return words


@contextmanager
def _leaving_interrupts_to_it() -> Iterator[None]:
    """Ctrl-C belongs to the editor. A handler, because what is ignored would be ignored in the editor too."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
