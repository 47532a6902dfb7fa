"""How to log in where no source says: by flags, else by questions; and a look at each issuer that is new."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from togetherctl.auth.spelling import issuer_typed
from togetherctl.cli.prompts import Answer
from togetherctl.commands.entries.add import looked_at
from togetherctl.errors import TogetherctlError, Unreachable, UsageError
from togetherctl.paths import expand
from togetherctl.sources.by_hand import Login
from togetherctl.store import checks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from togetherctl.cli.app import App
    from togetherctl.cli.prompts import Asking
    from togetherctl.commands.joining.options import Given, Missing
    from togetherctl.sources.offer import Offer

_MOST_PROFILES = 12


class Logins:
    """One run: what is asked is asked once, and each issuer is looked at once, unless `offline`."""

    def __init__(self, app: App, given: Given, asking: Asking | None, missing: Missing, *, offline: bool) -> None:
        self._app = app
        self._given = given
        self._asking = asking
        self._missing = missing
        self._offline = offline
        self._looked: dict[str, dict[str, object]] = {}

    def login(self, what: str) -> Login | None:
        """How to log in to `what`; None where that is missing and nobody can be asked. Raises UsageError."""
        given = self._given
        if given.profile:
            self._app.world.store.entry("profile", given.profile)
            return Login(profile=given.profile)
        if given.issuer_url and given.client_id:
            issuer_typed(given.issuer_url)
            return Login(self._issuer(given.issuer_url, given.issuer_ca_file), given.client_id)
        if self._asking is not None:
            return self._asked(self._asking, what)
        for flag, value, said in (
            ("--issuer-url", given.issuer_url, f"the issuer for {what}; or --profile with a profile of the store"),
            ("--client-id", given.client_id, "the client ID registered there"),
        ):
            if not value:
                self._missing.note(f"{flag}: {said}")
        return None

    def look_at(self, offers: Sequence[Offer]) -> list[Offer]:
        """The offers, after a look at each issuer that the store does not have yet.

        None is looked at where nothing can come of it. Raises TogetherctlError where one does not call itself so.
        """
        if self._missing.lines:
            return list(offers)
        known = {table.url for table in self._app.world.store.table.issuers.values()}
        return [
            replace(offer, issuer=self._look(offer.issuer))
            if offer.issuer is not None and offer.issuer["url"] not in known
            else offer
            for offer in offers
        ]

    def _look(self, table: Mapping[str, Any]) -> dict[str, object]:
        url = str(table["url"])
        if self._offline:
            return dict(table)
        if url not in self._looked:
            self._app.console.say(f"Looking at the issuer {url} …")
            found = looked_at(self._app, {("issuer", "new"): dict(table)}, offline=False)["issuer", "new"]
            self._app.console.say("It is there." if found["url"] == url else f"It is there, as {found['url']}.")
            self._looked[url] = self._looked[str(found["url"])] = found
        found = self._looked[url]
        return {**table, **{key: found[key] for key in ("url", "preset") if key in found}}

    def _asked(self, asking: Asking, what: str) -> Login:
        given = self._given
        profiles = self._app.world.store.table.profiles
        if profiles and not given.issuer_url and not given.client_id:
            answers: list[Answer[str | None]] = [
                Answer(f"With profile {name} ({self._app.world.store.table.issuers[table.issuer].url})", name)
                for name, table in list(profiles.items())[:_MOST_PROFILES]
            ]
            answers.append(Answer("At an issuer that is new here", None))
            chosen = asking.one(f"How do you log in to {what}?", answers)
            if chosen is not None:
                return Login(profile=chosen)
        issuer = self._issuer_asked(asking, what)
        return Login(issuer, given.client_id or asking.text("The client ID registered there:", check=_client_id))

    def _issuer_asked(self, asking: Asking, what: str) -> Mapping[str, Any]:
        """An issuer that is there; asked again until one is, because its exact spelling is what goes wrong most."""
        url, ca_file = self._given.issuer_url or "", self._given.issuer_ca_file
        typed = bool(url)
        while True:
            if not typed:
                url = asking.text(f"The URL of the issuer for {what}:", check=issuer_typed, default=url)
            try:
                return self._look(self._issuer(url, ca_file))
            except TogetherctlError as error:
                self._app.console.error(error)
                typed = False
                by_certificate = isinstance(error, Unreachable) and bool(error.reason)
            if ca_file is None and by_certificate:
                given = asking.path(
                    "A PEM file with its certificate authority (Enter: none):", check=self._is_file_or_nothing
                )
                ca_file = str(expand(given, self._app.environ)) if given else None

    def _issuer(self, url: str, ca_file: str | None) -> dict[str, Any]:
        return {"url": url, **({"ca_file": ca_file} if ca_file else {})}

    def _is_file_or_nothing(self, typed: str) -> None:
        if typed and not expand(typed, self._app.environ).is_file():
            raise UsageError("there is no such file")


def _client_id(typed: str) -> None:
    if not typed:
        raise UsageError("it is a word or a number from the issuer's page")
    checks.text(typed)
