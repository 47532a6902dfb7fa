"""Actions on sessions: log in, refresh, log out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from togetherctl.errors import TogetherctlError
from togetherctl.tui.job import Job
from togetherctl.tui.screens.dialog import ChoiceDialog, Question
from togetherctl.tui.selection import Selection, count_or_name, session_keys

if TYPE_CHECKING:
    from togetherctl.config.types import Grant
    from togetherctl.tui.context import AppContext
    from togetherctl.usecases.log_in_and_out import LoginResult
    from togetherctl.usecases.session_snapshot import SessionSnapshot
    from togetherctl.wiring import World


def log_in(app: AppContext, selection: Selection) -> None:
    """Log in with the grant of each profile, one after the other."""
    rows = selection.rows(app)
    log_in_to(app, [row.name for row in rows], session_keys(rows))


def log_in_to(
    app: AppContext,
    names: Sequence[str],
    keys: frozenset[str],
    *,
    grant: Grant | None = None,
    force: bool = False,
) -> None:
    """Log in to profiles by name, whose sessions have these `keys`."""

    def do(world: World, job: Job[None]) -> None:
        from togetherctl.usecases.log_in_and_out import log_in_one_by_one
        from togetherctl.usecases.reports import report_login

        def ended(result: LoginResult) -> None:
            if result.error is not None:
                job.fail(result.error)
            else:
                job.report(report_login(world, result))

        log_in_one_by_one(
            world,
            world.config.profiles(names),
            grant=grant,
            force=force,
            starting=lambda profile: job.begin(profile.name, "Logging in …", profile),
            ended=ended,
        )
        job.prompter.go_on()

    by = f" by {grant}" if grant else ""
    app.jobs.start(Job(f"Log in{by}: {count_or_name(names)}", do, keys=keys, at_once=True))


def offer_login(app: AppContext, title: str, done: str, names: Sequence[str]) -> None:
    """Say what was `done`, and ask whether to log in now to those profiles called `names` that have no session."""

    def look(world: World, job: Job[dict[str, str]]) -> dict[str, str]:
        """The KEYs of those without a session, by name."""
        job.begin("", "Looking for sessions …")
        without: dict[str, str] = {}
        already: list[str] = []
        for profile in world.config.profiles(names):
            try:
                session = world.engine.load(profile)
            except TogetherctlError:
                session = None
            if session is None:
                without[profile.name] = profile.key
            else:
                already.append(f"{profile.name} is logged in as {session.identity} already.")
        job.end("" if without else " ".join([done, *already]))
        return without

    def ask(without: dict[str, str]) -> None:
        if without:
            question = Question(title, f"{done} Log in now?")
            question.ask(app, lambda: log_in_to(app, list(without), frozenset(without.values())))

    app.jobs.start(Job(title, look, then=ask))


def log_in_by(app: AppContext, selection: Selection) -> None:
    """Ask for the grant, then log in even if the session is still good."""
    from togetherctl.auth.grants.registry import GRANTS

    rows = selection.rows(app)
    names = [row.name for row in rows]

    def answered(chosen: str | None) -> None:
        for grant in GRANTS:
            if grant == chosen:
                log_in_to(app, names, session_keys(rows), grant=grant, force=True)

    options = {str(grant): spec.title for grant, spec in GRANTS.items()}
    app.push_screen(ChoiceDialog(f"Log in by …: {count_or_name(names)}", options, "Log in again"), answered)


def refresh(app: AppContext, selection: Selection) -> None:
    """Get new tokens now, without a login."""
    rows = selection.rows(app)

    def do(world: World, job: Job[None]) -> None:
        from togetherctl.usecases.reports import report_refresh

        for row in rows:
            job.begin(row.name, "Refreshing …")
            profile = world.config.profile(row.name)
            try:
                job.report(report_refresh(world, profile, world.engine.refresh(profile)))
            except TogetherctlError as error:
                job.fail(error)

    app.jobs.start(Job(f"Refresh now: {count_or_name(row.name for row in rows)}", do, keys=session_keys(rows)))


def log_out(app: AppContext, selection: Selection) -> None:
    """Ask, then revoke and delete the tokens."""
    rows = [row for row in selection.rows(app) if row.session is not None or row.trouble is not None]
    if not rows:
        app.notify(f"There is no session of {count_or_name(selection.profiles)}.", markup=False)
        return
    name = count_or_name(row.name for row in rows)
    job = Job(f"Log out: {name}", lambda world, job: _log_out(world, job, rows), keys=session_keys(rows))
    job.repeatable = False
    means = [_consequence(app, row) for row in rows]
    means.append("The issuer is asked to revoke the tokens; they are deleted here in any case.")
    Question(job.title, f"Log out of {name}?", means).ask(app, lambda: app.jobs.start(job))


def _consequence(app: AppContext, row: SessionSnapshot) -> str:
    who = row.session.identity if row.session else "a session that cannot be read"
    others = ", ".join(app.sharing(row))
    return f"{row.name}: {who}" + (f", and so for {others}, which share the session" if others else "")


def _log_out(world: World, job: Job[None], rows: Sequence[SessionSnapshot]) -> None:
    from togetherctl.usecases import log_in_and_out
    from togetherctl.usecases.reports import report_logout

    for row in rows:
        job.begin(row.name, "Logging out …")
        profile = world.config.profile(row.name)
        try:
            ended = log_in_and_out.log_out(world, profile)
        except TogetherctlError as error:
            job.fail(error)
            continue
        job.report(report_logout(world, profile, ended))
        if ended.unsafe is not None:
            job.fail(ended.unsafe)
