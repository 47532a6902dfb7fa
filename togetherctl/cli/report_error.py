"""Turn failures into words and exit codes, at the end of every run."""

from __future__ import annotations

import sys
from collections.abc import Callable

from togetherctl.cli.console import drop, tell
from togetherctl.errors import ExitCode, TogetherctlError, bug_sentence, from_os_error
from togetherctl.printable import spell_out


def run_to_exit(
    work: Callable[[], object], failed: Callable[[TogetherctlError], object], *, places: bool = False
) -> int:
    """Do `work` and give the exit code; `failed` says what went wrong, with `places` a bug says where it broke."""
    spell_out(sys.stdout)
    spell_out(sys.stderr)
    try:
        result = work()
        sys.stdout.flush()
        return int(result) if isinstance(result, int) else ExitCode.DONE
    except TogetherctlError as error:
        failed(error)
        return error.exit_code
    except KeyboardInterrupt:
        tell("interrupted; what was done before stays")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has ended.
        drop(sys.stdout)
        return ExitCode.FAILED
    except OSError as error:
        # What no room of the house expected of this machine, such as a full disk behind stdout.
        drop(sys.stdout)
        failed(from_os_error(error))
        return ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 # the edge: a bug must not end in a traceback full of a person's data
        return _bug(error, places=places)


def _bug(error: Exception, *, places: bool) -> int:
    tell(f"togetherctl: {bug_sentence(error)}")
    if places:
        import traceback

        for frame in traceback.extract_tb(error.__traceback__):
            tell(f"  {frame.filename}:{frame.lineno} in {frame.name}")
    also = "" if places else ", what it says with -v,"
    tell(f"  please report it, with what you ran{also} and the text that this makes")
    tell("  run: togetherctl support")
    return ExitCode.BUG
