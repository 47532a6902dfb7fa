"""Turn failures into words and exit codes, at the end of every run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from togetherctl.cli.console import drop, tell
from togetherctl.errors import ExitCode, TogetherctlError
from togetherctl.printable import spell_out

if TYPE_CHECKING:
    from collections.abc import Callable


def ended(work: Callable[[], object], failed: Callable[[TogetherctlError], object], *, places: bool = False) -> int:
    """Do `work` and give the exit code; `failed` says what went wrong, with `places` a bug says where it broke."""
    spell_out(sys.stdout)
    spell_out(sys.stderr)
    try:
        result = work()
        sys.stdout.flush()
        return int(result) if isinstance(result, int) else ExitCode.DONE
    except TogetherctlError as error:
        return _said(error, failed)
    except KeyboardInterrupt:
        tell("interrupted; nothing more was done")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has ended.
        drop(sys.stdout)
        return ExitCode.FAILED
    except OSError as error:
        # What no room of the house expected of this machine, such as a full disk behind stdout.
        drop(sys.stdout)
        place = f"{error.filename}: " if isinstance(error.filename, str) else ""
        return _said(TogetherctlError(f"{place}{error.strerror or 'the system refused'}"), failed)
    except Exception as error:  # noqa: BLE001 # the edge: a bug must not end in a traceback full of a person's data
        return _bug(error, places=places)


def _said(error: TogetherctlError, failed: Callable[[TogetherctlError], object]) -> int:
    failed(error)
    return error.exit_code


def _bug(error: Exception, *, places: bool) -> int:
    """Say where it broke; the message of an unforeseen error may hold anything, so it is not shown."""
    import traceback
    from pathlib import Path

    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    tell(f"togetherctl: this is a bug in togetherctl ({type(error).__name__} at {place})")
    if places:
        for frame in frames:
            tell(f"  {frame.filename}:{frame.lineno} in {frame.name}")
    else:
        tell("  please report it, with what you ran and what the same command says with -v")
    return ExitCode.BUG
