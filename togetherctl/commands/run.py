"""One run of the command line, from arguments to exit code: the only place that turns failures into words."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click

from togetherctl.commands.app import App
from togetherctl.commands.console import drop, tell
from togetherctl.commands.verbosity import take_verbosity
from togetherctl.errors import ExitCode, TogetherctlError, UsageError
from togetherctl.kubelogin import PLUGIN
from togetherctl.wiring import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def run(  # noqa: PLR0911 # a line for each way to end
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    program: str = "togetherctl",
    make_world: Callable[..., World] = World,
) -> int:
    """Run one command in a world made by `make_world` and give its exit code."""
    root = _root(program)
    verbosity, arguments = take_verbosity(arguments, apart=program == PLUGIN or "get-token" in arguments[:1])
    app = App(environ, verbosity, _output_wanted(arguments), make_world)
    try:
        result = root.main(args=list(arguments), prog_name=program, obj=app, standalone_mode=False)
        sys.stdout.flush()
        return int(result) if isinstance(result, int) else ExitCode.DONE
    except TogetherctlError as error:
        return _failed(app, error)
    except click.UsageError as error:
        return _failed(app, _usage(error))
    except click.ClickException as error:
        return _failed(app, TogetherctlError(error.format_message()))
    except (KeyboardInterrupt, click.Abort):
        tell("interrupted; nothing more was done")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        drop(sys.stdout)
        return ExitCode.FAILED
    except OSError as error:
        # What no room of the house expected of this machine, such as a full disk behind stdout.
        drop(sys.stdout)
        place = f"{error.filename}: " if isinstance(error.filename, str) else ""
        return _failed(app, TogetherctlError(f"{place}{error.strerror or 'the system refused'}"))
    except Exception as error:  # noqa: BLE001 # the edge: a bug must not end in a traceback full of a person's data
        return _bug(app, error)


def _root(program: str) -> click.Group:
    """The commands that the program's name stands for."""
    if program == PLUGIN:
        from togetherctl.commands.plugin import plugin

        return plugin
    from togetherctl.commands.root import root

    return root


def _failed(app: App, error: TogetherctlError) -> int:
    from togetherctl.commands.output import show_error

    try:
        sys.stdout.flush()
        show_error(app, error)
        sys.stdout.flush()
    except OSError:
        # What went wrong first decides how this ends.
        drop(sys.stdout)
    app.console.error(error)
    return error.exit_code


def _usage(error: click.UsageError) -> UsageError:
    command = error.ctx.command_path if error.ctx else "togetherctl"
    message = error.format_message()
    return UsageError(message[:1].lower() + message[1:].rstrip("."), hint=f"{command} --help")


def _bug(app: App, error: Exception) -> int:
    """Say where it broke; the message of an unforeseen error may hold anything, so it is not shown."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    tell(f"togetherctl: this is a bug in togetherctl ({type(error).__name__} at {place})")
    if app.verbosity:
        for frame in frames:
            tell(f"  {frame.filename}:{frame.lineno} in {frame.name}")
    else:
        tell("  please report it, with what you ran and what the same command says with -v")
    return ExitCode.BUG


def _output_wanted(arguments: Sequence[str]) -> str:
    """The form of output typed, known before anything is parsed, so that a failure to parse has that form too."""
    words = [*arguments, ""]
    for word, following in pairwise(words):
        if word in ("-o", "--output"):
            return following
        if word.startswith(("-o", "--output=")) and word != "-o":
            return word.removeprefix("--output=").removeprefix("-o").removeprefix("=")
    return "table"
