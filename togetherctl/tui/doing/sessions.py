"""Logging in and out, and refreshing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.actions.signing_in import sign_in, why_not_renewed
from togetherctl.auth.engine import Outcome
from togetherctl.auth.place import needs_nobody
from togetherctl.errors import TogetherctlError
from togetherctl.tui.doing.choosing import called, chosen, keys
from togetherctl.tui.rows import until
from togetherctl.tui.work import Work

if TYPE_CHECKING:
    from togetherctl.actions.signing_in import SignedIn
    from togetherctl.auth.lifecycle import Revocation
    from togetherctl.auth.session import Session
    from togetherctl.store.choices import Grant
    from togetherctl.store.profile import Profile
    from togetherctl.tui.app import TogetherApp
    from togetherctl.tui.looking import Looked
    from togetherctl.tui.selection import Selection
    from togetherctl.wiring import World

_SAID = {
    Outcome.STILL_VALID: "Already logged in",
    Outcome.REFRESHED: "Session refreshed; logged in",
    Outcome.LOGGED_IN: "Logged in",
}


def log_in(app: TogetherApp, selection: Selection) -> None:
    """Log in at once, with the profile's grant; one profile after the other."""
    rows = chosen(app, selection)
    log_in_to(app, [row.name for row in rows], keys(rows))


def log_in_to(
    app: TogetherApp,
    names: list[str],
    keys: frozenset[str],
    *,
    grant: Grant | None = None,
    force: bool = False,
) -> None:
    """The same with profiles by name, whose sessions have these `keys`."""

    def do(world: World, work: Work) -> None:
        sign_in(
            world,
            world.store.profiles(names),
            grant=grant,
            force=force,
            starting=lambda profile: work.begin(profile.name, "Logging in …", profile),
            ended=lambda signed_in: _say_signed_in(world, work, signed_in),
        )
        work.talk.go_on()

    by = f" by {grant}" if grant else ""
    app.working.start(Work(f"Log in{by}: {called(names)}", do, keys=keys, at_once=True))


def offer_login(app: TogetherApp, title: str, done: str, names: list[str], keys: frozenset[str]) -> None:
    """Say what was `done`, and ask whether to log in to the profiles called `names` now."""
    from togetherctl.tui.screens.question import Question

    def answered(yes: bool | None) -> None:  # noqa: FBT001 # what the screen was dismissed with
        if yes:
            log_in_to(app, names, keys)

    app.push_screen(Question(title, f"{done} Log in now?"), answered)


def _say_signed_in(world: World, work: Work, signed_in: SignedIn) -> None:
    profile, session, outcome = signed_in.profile, signed_in.session, signed_in.outcome
    if signed_in.error is not None:
        work.fail(signed_in.error)
    if session is None or outcome is None:
        return
    by_itself = needs_nobody(profile, profile.grant)
    renewed = ", then refreshed by itself" if session.refreshable or by_itself else ""
    more, read = [], False
    if profile.storage == "memory":
        more.append("It is kept in memory alone, so it ends with togetherctl.")
    elif why := why_not_renewed(profile, session, outcome):
        first, _, rest = why.partition("; ")
        more += [f"{first};", rest]
        read = True
    more += signed_in.notes
    read = read or bool(signed_in.notes.certain)
    work.end(f"{_SAID[outcome]} as {session.identity}{_valid(world, profile, session)}{renewed}.", *more, read=read)


def log_in_by(app: TogetherApp, selection: Selection) -> None:
    """Ask how, then log in anew."""
    from togetherctl.tui.screens.choice import Choice

    rows = chosen(app, selection)
    names = [row.name for row in rows]

    from togetherctl.auth.grants.registry import GRANTS

    def answered(chosen: str | None) -> None:
        grant: Grant | None = next((grant for grant in GRANTS if grant == chosen), None)
        if grant is not None:
            log_in_to(app, names, keys(rows), grant=grant, force=True)

    options = {str(grant): spec.title for grant, spec in GRANTS.items()}
    app.push_screen(Choice(f"Log in by …: {called(names)}", options, "Log in anew"), answered)


def refresh(app: TogetherApp, selection: Selection) -> None:
    """New tokens now, without a login."""
    rows = chosen(app, selection)

    def do(world: World, work: Work) -> None:
        for row in rows:
            work.begin(row.name, "Refreshing …")
            try:
                profile = world.store.profile(row.name)
                session = world.engine.refresh(profile)
                work.end(f"Refreshed {session.identity}{_valid(world, profile, session)}.")
            except TogetherctlError as error:
                work.fail(error)

    app.working.start(Work(f"Refresh now: {called(row.name for row in rows)}", do, keys=keys(rows)))


def log_out(app: TogetherApp, selection: Selection) -> None:
    """Ask, then revoke and delete."""
    from togetherctl.tui.screens.question import Question

    rows = [row for row in chosen(app, selection) if row.session is not None or row.trouble is not None]
    if not rows:
        app.notify(f"Nobody is logged in with {called(selection.profiles)}.", markup=False)
        return
    name = called(row.name for row in rows)

    def answered(yes: bool | None) -> None:  # noqa: FBT001 # what the screen was dismissed with
        if yes:
            work = Work(f"Log out: {name}", lambda world, work: _log_out(world, work, rows), keys=keys(rows))
            work.repeatable = False
            app.working.start(work)

    means = [_goes(app, row) for row in rows]
    means.append("The issuer is asked to revoke the tokens; here they are deleted whatever it says.")
    app.push_screen(Question(f"Log out: {name}", f"Log out of {name}?", means), answered)


def _goes(app: TogetherApp, row: Looked) -> str:
    sharing = [other.name for other in app.rows.values() if other.profile.key == row.profile.key]
    who = row.session.identity if row.session else "a session that cannot be read"
    others = [name for name in sharing if name != row.name]
    return f"{row.name}: {who}" + (f", and so for {', '.join(others)}, which share the session" if others else "")


def _log_out(world: World, work: Work, rows: list[Looked]) -> None:
    for row in rows:
        work.begin(row.name, "Logging out …")
        profile = world.store.profile(row.name)
        try:
            ended = world.engine.logout(profile)
        except TogetherctlError as error:
            gone = _is_gone(world, profile)
            work.fail(error, *(["The tokens are deleted here, but the issuer may still accept them."] if gone else []))
            continue
        if ended.unread:
            work.end("The session could not be read; it was deleted here.", read=True)
        elif ended.session is None:
            work.end("There was no session.")
        else:
            _say_logged_out(world, work, profile, ended.session, ended.revoked)
        if ended.unsafe is not None:
            work.fail(ended.unsafe)


def _say_logged_out(world: World, work: Work, profile: Profile, session: Session, revoked: Revocation | None) -> None:
    more = []
    if revoked is not None and not revoked:
        more.append(revoked.sentence)
    token, now = session.token(profile.token), world.clock()
    if token is not None and token.expires_at > now:
        left = until(token.expires_at, now)
        more.append(f"A token that was already handed out stays valid at the cluster for another {left}.")
    said = "; the issuer revoked the tokens" if revoked else ""
    work.end(f"Logged {session.identity} out{said}.", *more, read=not revoked)


def _is_gone(world: World, profile: Profile) -> bool:
    try:
        return world.engine.load(profile) is None
    except TogetherctlError:
        return False


def _valid(world: World, profile: Profile, session: Session) -> str:
    token = session.token(profile.token)
    return f"; the token is valid for {until(token.expires_at, world.clock())}" if token else ""
