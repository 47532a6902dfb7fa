"""Run the command line once, from arguments to exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import click

from togetherctl.cli.app import App
from togetherctl.cli.console import drop
from togetherctl.cli.report_error import run_to_exit
from togetherctl.cli.verbosity import take_verbosity
from togetherctl.environment import COMPLETING
from togetherctl.errors import ExitCode, TogetherctlError
from togetherctl.kubelogin import PLUGIN
from togetherctl.printable import spell_out
from togetherctl.wiring import World


def run(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    program: str = "togetherctl",
    make_world: Callable[..., World] = World,
) -> int:
    """Run one command in a world made by `make_world` and give its exit code."""
    asked = environ.get(COMPLETING) if program != PLUGIN else None
    if asked:
        return _complete(App(environ, make_world=make_world), asked, program)
    own, others = _split(arguments, program)
    verbosity, own = take_verbosity(own, apart=program == PLUGIN or "get-token" in own[:1])
    app = App(environ, verbosity, _find_output_form(own), make_world)
    arguments = [*own, *others]
    return run_to_exit(
        lambda: _through_click(app, list(arguments), program),
        lambda error: _tell_failure(app, error),
        places=app.verbosity > 0,
    )


def _split(arguments: Sequence[str], program: str) -> tuple[Sequence[str], Sequence[str]]:
    """Our own arguments, and those that are ssh's, whose `-v` and `-o` mean something else."""
    verb = next((at for at, word in enumerate(arguments) if not word.startswith("-")), len(arguments))
    at = verb + 1 if program != PLUGIN and "ssh" in arguments[verb : verb + 1] else len(arguments)
    return arguments[:at], arguments[at:]


def _complete(app: App, instruction: str, program: str) -> int:
    """Tell a shell what may follow on its line. Nothing goes to stderr, where a person is typing."""
    from togetherctl.cli.shell_completion import complete

    spell_out(sys.stdout)
    try:
        sys.stdout.write(complete(app, instruction, _root(program)))
        sys.stdout.flush()
    except OSError:
        drop(sys.stdout)
    return ExitCode.DONE


def _through_click(app: App, arguments: list[str], program: str) -> object:
    try:
        return _root(program).main(args=arguments, prog_name=program, obj=app, standalone_mode=False)
    except click.UsageError as error:
        from togetherctl.cli.mistyped import explain

        raise explain(error) from None
    except click.ClickException as error:
        raise TogetherctlError(error.format_message()) from None
    except click.Abort:
        raise KeyboardInterrupt from None


def _root(program: str) -> click.Group:
    """The commands of the program, by its name."""
    if program == PLUGIN:
        from togetherctl.commands.kubectl_plugin import plugin

        return plugin
    from togetherctl.commands.root import root

    return root


def _tell_failure(app: App, error: TogetherctlError) -> None:
    from togetherctl.cli.output import show_error

    try:
        sys.stdout.flush()
        show_error(app, error)
        sys.stdout.flush()
    except OSError:
        # What went wrong first decides how this ends.
        drop(sys.stdout)
    app.console.error(error)


def _find_output_form(arguments: Sequence[str]) -> str:
    """The form of output typed, known before anything is parsed, so that a failure to parse has that form too."""
    # What follows `--` is another program's.
    words = [*arguments[: arguments.index("--") if "--" in arguments else None], ""]
    for word, following in pairwise(words):
        if word in ("-o", "--output"):
            return following
        if word.startswith(("-o", "--output=")) and word != "-o":
            return word.removeprefix("--output=").removeprefix("-o").removeprefix("=")
    return "table"
