"""`togetherctl doctor`: find out what is wrong, say how to fix it, and fix what is ours."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import output_option
from togetherctl.cli.profile_args import name_profile
from togetherctl.errors import ConfigError, ExitCode, UsageError, run

if TYPE_CHECKING:
    from togetherctl.doctor.check import Check
    from togetherctl.doctor.examine import Result
    from togetherctl.doctor.facts import Facts
    from togetherctl.doctor.mending import Mended
    from togetherctl.finding import Mend


@click.command(
    "doctor",
    cls=Command,
    examples=[
        "togetherctl doctor",
        "togetherctl doctor acme --offline",
        "togetherctl doctor --fix --yes",
    ],
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--cluster", "clusters", metavar="CLUSTER", multiple=True, help="Only this cluster (repeatable).")
@click.option("--fix", is_flag=True, help="Fix what togetherctl may fix, after a question.")
@click.option("-y", "--yes", is_flag=True, help="Fix without the question.")
@click.option("--offline", is_flag=True, help="Ask no issuer and no cluster.")
@click.option("-a", "--all", "everything", is_flag=True, help="Show also what is in order.")
@output_option
@pass_app
def command(
    app: App,
    names: tuple[str, ...],
    clusters: tuple[str, ...],
    fix: bool,
    yes: bool,
    offline: bool,
    everything: bool,
) -> None:
    """Find out what is wrong, and say how to fix it.

    NAME is a profile, or a cluster or a context of one; without a name all are looked at.

    Looks at all that a credential needs on its way: the installation, the configuration, the kubeconfig, the issuer,
    the login, the storage, the token, the cluster. It never logs in and never opens a browser.

    --fix shows first what it would do. It changes nothing that togetherctl did not write, and deletes no token that
    still works.

    It exits with 0 where nothing failed, else with the exit code of the first failure's kind.
    """
    # Completing a name needs none of what these load.
    from togetherctl.commands import doctor_report
    from togetherctl.doctor import mending
    from togetherctl.doctor.examine import exit_code

    if fix and not yes and not app.console.can_ask:
        raise UsageError(
            "doctor --fix asks first, and it cannot ask here",
            hint=run("togetherctl", "doctor", *names, *_named(clusters), "--fix", "--yes"),
        )
    profiles = _choose(app, names)
    results = _look(app, profiles, clusters, offline=offline)
    mends, failed = mending.mends_of(results), ExitCode.DONE
    if not fix or app.output == "table":
        doctor_report.show(app, results, everything=everything)
    if fix:
        if mends:
            mended = _mend(app, mends, yes=yes)
            failed = mended.failed[0].exit_code if mended.failed else failed
        before, results = results, _look_again(app, names, clusters, profiles, results, offline=offline)
        if app.output != "table":
            doctor_report.show(app, results, everything=True)
        elif mends:
            doctor_report.show_what_is_left(app, results, "After fixing:")
        elif mending.differ(before, results):
            doctor_report.show_what_is_left(app, results, "After a second look:")
    if app.output == "table":
        _say_next(app, results, asked=mends if fix else None, offline=offline)
    code = failed or exit_code(results)
    if code is not ExitCode.DONE:
        raise click.exceptions.Exit(code)


def _named(clusters: Sequence[str]) -> list[str]:
    return [word for name in clusters for word in ("--cluster", name)]


def _choose(app: App, names: Sequence[str]) -> list[str] | None:
    """The profiles that were named; None where no configuration can be read, which is then the finding."""
    try:
        known = app.world.config.table.profiles
    except ConfigError:
        return None
    return [name if name in known else name_profile(app, name) for name in names]


def _look(
    app: App,
    profiles: Sequence[str] | None,
    clusters: Sequence[str],
    checks: Sequence[Check] | None = None,
    *,
    offline: bool,
    fixing: bool = False,
) -> list[Result]:
    """Run the checks in the world as it is now; details that they log are shown by this thread alone."""
    from togetherctl.commands.doctor_report import progress
    from togetherctl.doctor.examine import examine
    from togetherctl.doctor.facts import Facts
    from togetherctl.doctor.quiet import quiet

    lines: SimpleQueue[str] = SimpleQueue()

    def tell() -> None:
        with suppress(Empty):
            while app.verbosity:
                app.console.log(lines.get_nowait())
        app.world.conversation.go_on()

    facts: Facts = Facts(quiet(app.world, lines.put), profiles or (), clusters, offline=offline, fixing=fixing)
    with progress(app) as update:
        results = examine(facts, checks, progress=update, go_on=tell)
    tell()
    return results


def _look_again(
    app: App,
    names: Sequence[str],
    clusters: Sequence[str],
    profiles: Sequence[str] | None,
    results: Sequence[Result],
    *,
    offline: bool,
) -> list[Result]:
    """The results with what is so by now in the place of what was not in order."""
    from togetherctl.doctor import mending

    mends = mending.mends_of(results)
    if profiles is None and mends:
        # Without a configuration next to nothing was looked at.
        return _look(app, _choose(app, names), clusters, offline=offline, fixing=True)
    checks = mending.checks_to_repeat(results, mended=bool(mends))
    return mending.put_in_place(results, _look(app, profiles, clusters, checks, offline=offline, fixing=True))


def _mend(app: App, mends: Sequence[Mend], *, yes: bool) -> Mended:
    """Show what would be done, ask, and do it."""
    from togetherctl.doctor.mending import carry_out

    said = ["--fix would:", *(f"  - {mend.what}" for mend in mends)]
    app.confirm("Fix this?", yes=yes, said=said)
    return carry_out(mends, done=lambda mend: app.console.say(mend.done), failed=app.console.error)


def _say_next(app: App, results: Sequence[Result], *, asked: Sequence[Mend] | None, offline: bool) -> None:
    """The last lines: how much is wrong, and what comes next; `asked`: what --fix offered before it looked again."""
    from togetherctl.commands.doctor_report import sum_up
    from togetherctl.doctor.mending import mends_of

    # Where the findings are, so that a file or a pager has them in order.
    put(sum_up(results, offline=offline))
    known = {mend.what for mend in asked or ()}
    mends = [mend for mend in mends_of(results) if mend.what not in known]
    first = next((result.finding for result in results if result.finding.status == "failed"), None)
    command = first.remedy.hint_command if first is not None and first.remedy is not None else None
    if command is not None and not (first and first.mend in mends):
        app.console.say("Begin with the first that failed:")
        app.console.show_command(command)
    if mends:
        app.console.say(f"togetherctl may fix {'one' if len(mends) == 1 else len(mends)} of these:")
        app.console.show_command("togetherctl doctor --fix")
    elif asked is not None and not asked:
        app.console.say("There is nothing that --fix may fix.")
    with suppress(ConfigError):
        if not app.world.config.table.profiles:
            app.say_it_is_empty()
