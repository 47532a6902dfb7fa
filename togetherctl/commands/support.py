"""`togetherctl support`: write one text for a bug report, without secrets."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.disk import write_whole
from togetherctl.errors import UsageError, os_error_as
from togetherctl.paths import tilde

_FILE = "togetherctl-support.txt"


@click.command(
    "support",
    cls=Command,
    examples=[
        "togetherctl support",
        "togetherctl support --offline --output report.txt --yes",
        "togetherctl support --output - | less",
    ],
)
@click.option(
    "-o",
    "--output",
    "output",
    metavar="FILE",
    help=f"Where the text goes; - is stdout.  [default: {_FILE}, or stdout where that is no terminal]",
)
@click.option("--names", is_flag=True, help="Leave names and addresses in it, and take out the secrets alone.")
@click.option("--offline", is_flag=True, help="Ask no issuer and no cluster.")
@click.option("--yes", is_flag=True, help="Write the file without showing it and asking.")
@pass_app
def command(app: App, output: str | None, names: bool, offline: bool, yes: bool) -> None:
    """Write one text that you can attach to a bug report.

    It holds what togetherctl doctor finds, versions, the configuration and the last error of each session. Secrets
    are never in it. Names and addresses of people, machines, issuers and clusters are replaced by words such as
    host-1, the same one by the same word; with --names they stay.

    You see the text before it is written. Nothing is sent anywhere.
    """
    from togetherctl.cli.prompts import show_in_pager
    from togetherctl.commands.doctor_report import progress
    from togetherctl.doctor.examine import examine
    from togetherctl.doctor.facts import Facts
    from togetherctl.doctor.quiet import quiet
    from togetherctl.doctor.support_text import write_support_text

    path = None if output == "-" or (output is None and not sys.stdout.isatty()) else Path(output or _FILE)
    if path is not None:
        _refuse_what_is_no_file(path)
    facts = Facts(quiet(app.world, lambda _line: None), offline=offline)
    with progress(app) as update:
        results = examine(facts, progress=update, go_on=app.world.conversation.go_on)
        text = write_support_text(facts, results, names=names)
    if path is None:
        put(text, end="")
        return
    if not yes and app.console.can_ask:
        show_in_pager(text.splitlines())
    shown = tilde(path, app.environ)
    if path.exists():
        app.confirm(f"Replace {shown}?", yes=yes)
    else:
        app.confirm_write(yes=yes, question=f"Write this to {shown}?")
    with os_error_as(UsageError, f"{path} cannot be written"):
        write_whole(path, text.encode("utf-8", "replace"), sweep=False)
    app.console.say(f"Wrote {shown}, which only you can read. Read it before you attach it to anything.")


def _refuse_what_is_no_file(path: Path) -> None:
    """Before the checks run. Raises UsageError."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file", hint="name a file with --output, or - for stdout")
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist", hint="name a file with --output, or - for stdout")
