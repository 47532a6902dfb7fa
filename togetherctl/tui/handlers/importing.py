"""Import clusters, after showing what that changes and which hosts it trusts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from togetherctl.errors import TogetherctlError, run
from togetherctl.paths import tilde
from togetherctl.tui.job import Job
from togetherctl.tui.screens.dialog import Question

if TYPE_CHECKING:
    from togetherctl.importing.cluster_offer import SourceOffers
    from togetherctl.tui.context import AppContext
    from togetherctl.tui.selection import Selection
    from togetherctl.usecases.add_entry import Tables
    from togetherctl.usecases.import_clusters import Import, Preview
    from togetherctl.wiring import World

_TITLE = "Import clusters"


@dataclass(frozen=True)
class _Seen:
    """What a source would change; `lines` say what a person should know first."""

    origin: str
    shown: Preview
    lines: Sequence[str]


def import_clusters(app: AppContext, _selection: Selection) -> None:
    """Ask where they come from."""
    from togetherctl.tui.screens.form import AskSource

    def answered(source: str | None) -> None:
        if source is not None:
            _look(app, source)

    app.push_screen(AskSource(), answered)


def _look(app: AppContext, word: str) -> None:
    def look(world: World, job: Job[_Seen]) -> _Seen:
        job.begin("", f"Reading {word} …")
        seen = _preview_source(world, word)
        if seen.shown.changes_nothing:
            said = "Your configuration and your kubeconfig have all of it already."
            job.end(said, *seen.lines, read=bool(seen.lines))
        else:
            job.end("")
        return seen

    def looked(seen: _Seen) -> None:
        if not seen.shown.changes_nothing:
            _ask_for_hosts(app, seen)

    # The API key of Together AI may have to be asked for.
    app.jobs.start(Job(_TITLE, look, then=looked, at_once=word == "together"))


def _preview_source(world: World, word: str) -> _Seen:
    """Raises TogetherctlError where the source cannot be read, or has nothing that can be taken."""
    from togetherctl.importing.fetch import TOGETHER, Fetched, read_source, recognise
    from togetherctl.usecases.import_clusters import KubeconfigOptions, plan_of_bundle, preview, refuse_too_many

    source = recognise(word, world.environ)
    if source.kind == TOGETHER:
        from togetherctl.importing.from_together import from_together
        from togetherctl.usecases.together_api_key import api_key

        found: SourceOffers | Fetched = from_together(world.together(api_key(world)), project=None)
    else:
        found = read_source(source, world.environ, log=world.log)
    if isinstance(found, Fetched):
        importing, lines = plan_of_bundle(world, found), list[str]()
        refuse_too_many(importing.plan.clusters, found.origin)
    else:
        refuse_too_many(found.offers, found.origin)
        importing, lines = _plan_offers(world, found, word)
    shown = preview(world, importing, KubeconfigOptions())
    warnings = shown.written.warnings if shown.written else ()
    return _Seen(found.origin, shown, [*lines, *importing.plan.lines(), *warnings])


def _plan_offers(world: World, found: SourceOffers, word: str) -> tuple[Import, list[str]]:
    """What a source offers, after a look at each issuer that is new, and what a person should know of it.

    Raises TogetherctlError where there is nothing to take, or an issuer does not call itself so.
    """
    from togetherctl.importing.plan import secrets_kept
    from togetherctl.importing.secret_place import SecretPlace
    from togetherctl.usecases.add_entry import look_at_issuer
    from togetherctl.usecases.import_clusters import KubeconfigOptions, plan_of_offers
    from togetherctl.usecases.issuer_look import IssuerLook

    notes: list[str] = []

    def look(tables: Tables, profile: Mapping[str, Any]) -> Tables:
        looked, report = look_at_issuer(world, tables, profile=profile)
        notes.extend(f"! {note.message}" for note in ((*report.to_mend, *report.notes_at_once) if report else ()))
        return looked

    offers = IssuerLook(look).offers(world, found.offers)
    importing = plan_of_offers(world, offers, KubeconfigOptions(), lambda _moved: SecretPlace("keyring"))
    plan = importing.plan
    skipped = [one.with_help for one in (*found.skipped, *plan.skipped)]
    if plan.without_login:
        open_ones = ", ".join(plan.without_login)
        if not plan.clusters:
            raise TogetherctlError(
                f"{found.origin} does not say how to log in to {open_ones}", hint=run("togetherctl", "init", word)
            )
        skipped.append(f"How to log in to {open_ones} is not said there; togetherctl init {word} asks.")
    if not plan.clusters and not plan.profiles:
        raise TogetherctlError(" ".join([f"there is nothing to take in {found.origin}.", *skipped]))
    secrets = [f"The client secret of {moved.client_id} goes into the keyring." for moved in plan.secrets]
    secrets += secrets_kept(found.offers, world.config.table, world.environ)
    return importing, [*notes, *skipped, *secrets]


def _ask_for_hosts(app: AppContext, seen: _Seen) -> None:
    """Ask for each host that is agreed to by name, one after the other; then show the rest."""
    left = seen.shown.importing.hosts_to_name

    def ask(yes: bool | None) -> None:  # noqa: FBT001 # what the screen was dismissed with
        if not yes:
            app.notify("Nothing was changed.")
        elif left:
            host = left.pop(0)
            app.push_screen(Question(f"Import from {seen.origin}", f"{host.sentence}. Is that right?"), ask)
        else:
            _show(app, seen)

    ask(True)  # noqa: FBT003 # as if the question before the first were answered


def _show(app: AppContext, seen: _Seen) -> None:
    plan = seen.shown.plan
    profiles = list(plan.profiles)

    def do(world: World, job: Job[list[str]]) -> list[str]:
        """The clusters of which one may become the current one, as kubectl has none."""
        from togetherctl.usecases.import_clusters import KubeconfigOptions, current_name, join

        job.begin("", "Importing …")
        done = join(world, seen.shown, KubeconfigOptions())
        written = done.written
        changed = [tilde(change.path, world.environ) for change in written.changed] if written else []
        wrote = [f"Wrote {', '.join(written.contexts)} to {', '.join(changed)}."] if written and changed else []
        job.end(f"Imported {', '.join(plan.clusters or profiles)}.", *wrote, *done.left, read=bool(done.left))
        return list(plan.clusters) if written and not current_name(world, None) else []

    def go_on(usable: list[str]) -> None:
        from togetherctl.tui.handlers.clusters import offer_use
        from togetherctl.tui.handlers.sessions import offer_login

        def offer() -> None:
            if profiles:
                offer_login(app, _TITLE, f"Imported {', '.join(profiles)}.", profiles)

        for name in profiles[:1]:
            app.stand_on(name)
        if usable:
            offer_use(app, _TITLE, usable, offer)
        else:
            offer()

    hosts = [f"! {host.sentence}" for host in seen.shown.importing.other_hosts]
    lines = [*seen.lines, *hosts]
    if hosts:
        lines.append("Agree only if you know these hosts.")
    question = Question(f"Import from {seen.origin}", "Write this?", lines, diff=seen.shown.diff())
    question.ask(app, lambda: app.jobs.start(Job(_TITLE, do, then=go_on)))
