"""Taking clusters from a source, after showing what it would change and whom it would trust."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from togetherctl.errors import run
from togetherctl.paths import tilde
from togetherctl.tui.work import Work

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from togetherctl.actions.joining import Preview, Taking, Wish
    from togetherctl.kubelogin.additions import MovedSecret
    from togetherctl.kubelogin.secret_place import SecretPlace
    from togetherctl.sources.bundle_place import Taken
    from togetherctl.sources.offer import Found, Offer
    from togetherctl.tui.app import TogetherApp
    from togetherctl.tui.selection import Selection
    from togetherctl.wiring import World

_TITLE = "Import clusters"


@dataclass(frozen=True)
class _Seen:
    """What a source would change; `lines` say what is to be known first."""

    origin: str
    shown: Preview
    wish: Wish
    lines: Sequence[str]


def import_clusters(app: TogetherApp, _selection: Selection) -> None:
    """Ask where they come from."""
    from togetherctl.tui.screens.source import AskSource

    def answered(source: str | None) -> None:
        if source is not None:
            _look(app, source)

    app.push_screen(AskSource(), answered)


def _look(app: TogetherApp, word: str) -> None:
    found: list[_Seen] = []

    def look(world: World, work: Work) -> None:
        work.begin("", f"Reading {word} …")
        seen = _seen(world, word)
        if seen.shown.changes_nothing:
            work.end("Your store and your kubeconfig have all of it already.", *seen.lines, read=bool(seen.lines))
            return
        found.append(seen)
        work.end("")

    def looked() -> None:
        if found:
            _ask_for_hosts(app, found[0])

    # The API key of Together AI may have to be asked for.
    app.working.start(Work(_TITLE, look, done=looked, at_once=word == "together"))


def _seen(world: World, word: str) -> _Seen:
    """Raises TogetherctlError where the source cannot be read, or has nothing that can be taken."""
    from togetherctl.sources.offer import Found
    from togetherctl.sources.reading import read_source
    from togetherctl.sources.recognise import TOGETHER, recognise

    source = recognise(word, world.environ)
    if source.kind != TOGETHER:
        read = read_source(source, world.environ, log=world.log)
        return _offered(world, read, word) if isinstance(read, Found) else _bundled(world, read)
    from togetherctl.actions.api_key import api_key
    from togetherctl.sources.together import from_together

    return _offered(world, from_together(world.together(api_key(world)), project=None), word)


def _offered(world: World, found: Found, word: str) -> _Seen:
    from togetherctl.actions.joining import Wish, by_plan, refuse_too_many
    from togetherctl.errors import TogetherctlError
    from togetherctl.kubelogin.secret_place import SecretPlace
    from togetherctl.sources.left_out import secrets_kept

    def place(_moved: MovedSecret) -> SecretPlace:
        return SecretPlace("keyring")

    refuse_too_many(found.offers, found.origin)
    wish = Wish()
    offers, notes = _looked_at(world, found.offers)
    taking = by_plan(world, offers, wish, place)
    passed = [f"{one.name} cannot be taken, because {one.reason}." for one in (*found.passed, *taking.plan.passed)]
    if taking.plan.without_login:
        open_ones = ", ".join(taking.plan.without_login)
        if not taking.plan.clusters:
            raise TogetherctlError(
                f"{found.origin} does not say how to log in to {open_ones}", hint=run("togetherctl", "init", word)
            )
        passed.append(f"How to log in to {open_ones} is not said there; togetherctl init {word} asks.")
    if not taking.plan.clusters and not taking.plan.profiles:
        raise TogetherctlError(" ".join([f"there is nothing to take in {found.origin}.", *passed]))
    secrets = [f"The client secret of {moved.client_id} goes into the keyring." for moved in taking.plan.secrets]
    secrets += secrets_kept(found.offers, world.store.table, world.environ)
    return _previewed(world, found.origin, taking, wish, [*notes, *passed, *secrets])


def _looked_at(world: World, offers: Sequence[Offer]) -> tuple[list[Offer], list[str]]:
    """The offers after a look at each issuer that is new, and what a newcomer should hear of it.

    Raises TogetherctlError where one does not call itself so.
    """
    from togetherctl.actions.adding import looked_at

    known = {table.url for table in world.store.table.issuers.values()}
    tables: dict[str, Mapping[str, object]] = {}
    notes: list[str] = []
    for url, table in {str(offer.issuer["url"]): offer.issuer for offer in offers if offer.issuer}.items():
        if url not in known:
            looked, report = looked_at(world, {("issuer", "new"): dict(table)})
            tables[url] = looked["issuer", "new"]
            notes += [f"! {note.text}" for note in report.notes_at_once] if report else []
    found = [
        replace(offer, issuer=tables.get(str(offer.issuer["url"]), offer.issuer)) if offer.issuer else offer
        for offer in offers
    ]
    return found, notes


def _bundled(world: World, taken: Taken) -> _Seen:
    from togetherctl.actions.joining import ByBundle, Wish, refuse_too_many
    from togetherctl.actions.updating import consider

    newer = consider(world, taken)
    refuse_too_many(newer.bundle.store.clusters, taken.origin)
    return _previewed(world, newer.taken.origin, ByBundle(newer), Wish(), [])


def _previewed(world: World, origin: str, taking: Taking, wish: Wish, lines: Sequence[str]) -> _Seen:
    from togetherctl.actions.joining import preview

    shown = preview(world, taking, wish)
    warnings = shown.written.warnings if shown.written else ()
    return _Seen(origin, shown, wish, [*lines, *taking.lines(), *warnings])


def _ask_for_hosts(app: TogetherApp, seen: _Seen) -> None:
    """Ask for each host that is agreed to by name, one after the other; then show the rest."""
    from togetherctl.sources.trust import to_be_named
    from togetherctl.tui.screens.question import Question

    taking = seen.shown.taking
    left = to_be_named(taking.strangers, remote=taking.is_remote)

    def ask(yes: bool | None) -> None:  # noqa: FBT001 # what the screen was dismissed with
        if not yes:
            app.notify("Nothing was changed.")
        elif left:
            stranger = left.pop(0)
            app.push_screen(Question(f"Import from {seen.origin}", f"{stranger.sentence}. Is that right?"), ask)
        else:
            _show(app, seen)

    ask(True)  # noqa: FBT003 # as if the question before the first were answered


def _show(app: TogetherApp, seen: _Seen) -> None:
    from togetherctl.sources.trust import to_be_named
    from togetherctl.tui.screens.diff import Diff

    profiles = list(seen.shown.taking.profiles)
    sessions: set[str] = set()

    def do(world: World, work: Work) -> None:
        from togetherctl.actions.joining import join

        work.begin("", "Importing …")
        after, written, left = join(world, seen.shown, seen.wish)
        sessions.update(after.store.keys()[name] for name in profiles)
        changed = [tilde(change.path, world.environ) for change in written.changed] if written else []
        wrote = [f"Wrote {', '.join(written.contexts)} to {', '.join(changed)}."] if written and changed else []
        work.end(f"Imported {', '.join([*seen.shown.taking.clusters] or profiles)}.", *wrote, *left, read=bool(left))

    def offer() -> None:
        from togetherctl.tui.doing.sessions import offer_login

        if profiles:
            offer_login(app, _TITLE, f"Imported {', '.join(profiles)}.", profiles, frozenset(sessions))

    def answered(yes: bool | None) -> None:  # noqa: FBT001 # what the screen was dismissed with
        if yes:
            app.working.start(Work(_TITLE, do, done=offer))

    taking = seen.shown.taking
    named = to_be_named(taking.strangers, remote=taking.is_remote)
    hosts = [f"! {stranger.sentence}" for stranger in taking.strangers if stranger not in named]
    lines = [*seen.lines, *hosts]
    if hosts:
        lines.append("Agree only if you know these hosts.")
    app.push_screen(Diff(f"Import from {seen.origin}", "Write this?", seen.shown.diff(), lines), answered)
