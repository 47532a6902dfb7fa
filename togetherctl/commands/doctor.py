"""`togetherctl doctor`: find out what is wrong, and say how to mend it."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import hint_fields, output_option, show_list
from togetherctl.doctor.examine import Result, examine, exit_code
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode


@click.command("doctor", cls=Command, examples=["togetherctl doctor"])
@click.argument("names", metavar="[PROFILE]...", nargs=-1)
@click.option("--cluster", "clusters", metavar="CLUSTER", multiple=True, help="Only this cluster (repeatable).")
@click.option("--offline", is_flag=True, help="Ask no issuer and no cluster.")
@output_option
@pass_app
def command(app: App, names: tuple[str, ...], clusters: tuple[str, ...], offline: bool) -> None:
    """Find out what is wrong, and say how to mend it."""
    facts = Facts(app.world, names, clusters, offline=offline)
    results = examine(facts, go_on=app.world.conversation.go_on)
    columns = {
        "CHECK": lambda item: str(item["check"]),
        "SUBJECT": lambda item: str(item["subject"]),
        "STATUS": lambda item: str(item["status"]),
        "MESSAGE": lambda item: str(item["message"]),
    }
    show_list(app, [_item(result) for result in results], columns, name="check")
    if exit_code(results) is not ExitCode.DONE:
        raise click.exceptions.Exit(exit_code(results))


def _item(result: Result) -> dict[str, object]:
    finding = result.finding
    return {
        "check": result.check.name,
        "subject": result.subject,
        "status": finding.status,
        "message": finding.message,
        **hint_fields(finding.remedy),
    }
