"""One run of an import: its flags, whom it asks, how to log in where no source says, and a look at new issuers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from togetherctl.actions.joining import IssuerLook
from togetherctl.auth.spelling import issuer_typed
from togetherctl.commands.asking import Answer, Asking
from togetherctl.commands.issuer.add import looked_at
from togetherctl.commands.joining.options import ImportOptions, Missing
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.paths import expand
from togetherctl.sources.offer import TypedLogin
from togetherctl.store import checks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from togetherctl.actions.adding import Tables
    from togetherctl.commands.app import App
    from togetherctl.sources.offer import Offer

_MOST_PROFILES = 12


@dataclass
class ImportRun:
    """What every step of an import needs. What is not given by flags is asked; without `asking` it is missing."""

    app: App
    given: ImportOptions
    asking: Asking | None
    missing: Missing
    offline: bool
    issuers: IssuerLook = field(init=False)

    def __post_init__(self) -> None:
        self.issuers = IssuerLook(self._look)

    @classmethod
    def begin(cls, app: App, words: tuple[str, ...], options: Mapping[str, Any], *, offline: bool) -> ImportRun:
        """Raises UsageError where options do not go together, and ConfigError where the store cannot be read."""
        given = ImportOptions.of(words, options, app.environ)
        # What cannot be read is said before anybody answers questions for nothing.
        _ = app.world.store
        asking = Asking(app.environ) if app.console.can_ask and not given.yes else None
        return cls(app, given, asking, Missing.of(given), offline)

    def look_at(self, offers: Sequence[Offer]) -> list[Offer]:
        """The offers, after a look at each issuer that is new, where something can come of it yet.

        Raises TogetherctlError where one does not call itself so.
        """
        return list(offers) if self.missing.lines else self.issuers.offers(self.app.world, offers)

    def _look(self, tables: Tables) -> Tables:
        if self.offline:
            return tables
        url = str(tables["issuer", "new"]["url"])
        self.app.console.say(f"Looking at the issuer {url} …")
        looked = looked_at(self.app, tables, offline=False)
        found = looked["issuer", "new"]["url"]
        self.app.console.say("It is there." if found == url else f"It is there, as {found}.")
        return looked

    def login(self, what: str) -> TypedLogin | None:
        """How to log in to `what`; None where that is missing and nobody can be asked. Raises UsageError."""
        given = self.given
        if given.profile:
            self.app.world.store.entry("profile", given.profile)
            return TypedLogin(profile=given.profile)
        if given.issuer_url and given.client_id:
            issuer_typed(given.issuer_url)
            return TypedLogin(_issuer(given.issuer_url, given.issuer_ca_file), given.client_id)
        if self.asking is not None:
            return self._asked_login(self.asking, what)
        for flag, value, said in (
            ("--issuer-url", given.issuer_url, f"the issuer for {what}; or --profile with a profile of the store"),
            ("--client-id", given.client_id, "the client ID registered there"),
        ):
            if not value:
                self.missing.note(f"{flag}: {said}")
        return None

    def _asked_login(self, asking: Asking, what: str) -> TypedLogin:
        given, store = self.given, self.app.world.store.table
        if store.profiles and not given.issuer_url and not given.client_id:
            answers: list[Answer[str | None]] = [
                Answer(f"With profile {name} ({store.issuers[table.issuer].url})", name)
                for name, table in list(store.profiles.items())[:_MOST_PROFILES]
            ]
            answers.append(Answer("At an issuer that is new here", None))
            chosen = asking.one(f"How do you log in to {what}?", answers)
            if chosen is not None:
                return TypedLogin(profile=chosen)
        issuer = self._asked_issuer(asking, what)
        return TypedLogin(issuer, given.client_id or asking.text("The client ID registered there:", check=_client_id))

    def _asked_issuer(self, asking: Asking, what: str) -> Mapping[str, Any]:
        """An issuer that is there; asked again until one is, because its exact spelling is what goes wrong most."""
        url, ca_file = self.given.issuer_url or "", self.given.issuer_ca_file
        typed = bool(url)
        while True:
            if not typed:
                url = asking.text(f"The URL of the issuer for {what}:", check=issuer_typed, default=url)
            try:
                return self.issuers.issuer(_issuer(url, ca_file))
            except TogetherctlError as error:
                self.app.console.error(error)
                typed, by_certificate = False, "certificate" in error.message
            if ca_file is None and by_certificate:
                ca_file = self.asked_ca_file(asking)

    def asked_ca_file(self, asking: Asking) -> str | None:
        """The absolute path of a CA file, None where the person names none."""

        def check(typed: str) -> None:
            if typed and not expand(typed, self.app.environ).is_file():
                raise UsageError("there is no such file")

        typed = asking.path("A PEM file with its certificate authority (Enter: none):", check=check)
        return str(expand(typed, self.app.environ)) if typed else None


def _issuer(url: str, ca_file: str | None) -> dict[str, Any]:
    return {"url": url, **({"ca_file": ca_file} if ca_file else {})}


def _client_id(typed: str) -> None:
    if not typed:
        raise UsageError("it is a word or a number from the issuer's page")
    checks.text(typed)
