"""Begin an import: whom it asks, how to log in, and a look at new issuers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from togetherctl.auth.issuer_url import parse_typed_issuer
from togetherctl.cli.app import App
from togetherctl.cli.prompts import Prompts
from togetherctl.commands.importing.ask_login import ask_authority, ask_login, read_authority
from togetherctl.commands.importing.options import ImportOptions
from togetherctl.errors import ExitCode, Remedy, Unreachable, UsageError
from togetherctl.importing.cluster_offer import Offer, TypedLogin
from togetherctl.usecases.add_entry import Tables, look_at_issuer
from togetherctl.usecases.issuer_look import IssuerLook, is_new_issuer


@dataclass
class ImportRun:
    """What every step of an import needs. What no flag gives is asked; without `asking` it goes to `missing`.

    `missing` holds a line for each such thing, its flag first, so that one error names them all.
    """

    app: App
    given: ImportOptions
    asking: Prompts | None
    offline: bool
    missing: list[str] = field(default_factory=list)
    issuers: IssuerLook = field(init=False)
    # The CA files of the person, by the certificates that they hold.
    copied: dict[str, Path] = field(default_factory=dict)
    # Issuers that were looked at; issuers and clients, by URL and ID, with which no login can work, and those that the
    # person takes all the same.
    _seen: set[str] = field(default_factory=set, init=False)
    _hopeless: set[tuple[str, str]] = field(default_factory=set, init=False)
    _accepted: set[tuple[str, str]] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.issuers = IssuerLook(self._look)

    @classmethod
    def begin(cls, app: App, words: tuple[str, ...], options: Mapping[str, Any], *, offline: bool) -> ImportRun:
        """Raises UsageError where options exclude each other, ConfigError for a configuration that is wrong."""
        given = ImportOptions.of(words, options, app.environ)
        # A configuration that cannot be read is reported before the first question.
        _ = app.world.config
        asking = Prompts(app.environ) if app.console.can_ask and not given.yes else None
        return cls(app, given, asking, offline)

    def raise_if_missing(self) -> None:
        """Raises UsageError."""
        why = "with --yes this command asks nothing" if self.given.yes else "this command cannot ask questions here"
        if self.missing:
            alone = f": {self.missing[0]}" if len(self.missing) == 1 else ""
            raise UsageError(f"{why}, and lacks this{alone}", problems=() if alone else self.missing)

    def look_at(self, offers: Sequence[Offer]) -> list[Offer]:
        """The offers, after a look at each issuer that is new and its client, where something can come of it yet.

        Raises TogetherctlError where one does not call itself so, and click's Exit where the person stops there.
        """
        return list(offers) if self.missing else [self._look_at_offer(offer) for offer in offers]

    def is_hopeful(self, url: str, client_id: str) -> bool:
        """Whether a login can work there, as far as it was looked at, or the person goes on all the same."""
        return (url, client_id) not in self._hopeless

    def accept(self, url: str, client_id: str) -> None:
        """Go on with an issuer or a client that no login can work with."""
        self._hopeless -= {(url, ""), (url, client_id)}
        self._accepted.add((url, client_id))

    def _look_at_offer(self, offer: Offer) -> Offer:
        if not is_new_issuer(self.app.world, offer) or offer.issuer is None:
            return offer
        issuer = self._with_given_authority(offer.issuer)
        client_id = str((offer.profile or {}).get("client_id", ""))
        while True:
            try:
                found = self.issuers.issuer(issuer, offer.profile)
                break
            except Unreachable as error:
                if self.asking is None or error.reason != "authority":
                    raise
                error.remedy = None
                self.app.console.error(error)
                _, authority = ask_authority(self, self.asking, "the issuer")
                if not authority:
                    self.app.console.say("Nothing was written.")
                    raise _Stopped from None
                issuer = {**issuer, **authority}
        url = str(found["url"])
        if not self.is_hopeful(url, client_id) and self.asking is not None:
            if not self.asking.yes("No login can work like that. Go on all the same?", default=False):
                self.app.console.say("Nothing was written.")
                raise _Stopped
            self.accept(url, client_id)
        return replace(offer, issuer=found)

    def _with_given_authority(self, issuer: Mapping[str, Any]) -> Mapping[str, Any]:
        """The issuer with the CA file of a flag, where its source names none."""
        typed = self.given.issuer_ca_file
        if not typed or issuer.get("ca_file") or issuer.get("ca_data"):
            return issuer
        return {**issuer, **read_authority(self, typed)}

    def _look(self, tables: Tables, profile: Mapping[str, Any]) -> Tables:
        if self.offline:
            return tables
        console = self.app.console
        url, client_id = str(tables["issuer", "new"]["url"]), str(profile.get("client_id", ""))
        # The issuer itself was looked at before its client was known.
        again = url in self._seen
        console.say(f"Looking at client {client_id} there …" if again else f"Looking at the issuer {url} …")
        try:
            looked, report = look_at_issuer(self.app.world, tables, profile=profile)
        except Unreachable as error:
            if error.reason == "authority":
                error.remedy = Remedy("name its certificate authority: --issuer-ca-file FILE")
            raise
        if report is None:
            return looked
        found = report.issuer
        self._seen |= {url, found}
        said = [
            finding for finding in (*report.to_mend, *report.notes_at_once) if not again or finding.about == "client"
        ]
        for finding in said:
            if finding.status == "failed":
                console.warn(finding.message + (f"; {finding.remedy}" if finding.remedy else ""))
            else:
                console.note(finding.message, finding.remedy)
        hopeless = [finding for finding in report.hopeless if not again or finding.about == "client"]
        if hopeless and (found, client_id) not in self._accepted:
            self._hopeless |= {(url, client_id), (found, client_id)}
            console.say("It cannot be used as it is.")
        elif again:
            good = next((one for one in report.findings if one.about == "client" and one.status == "ok"), None)
            console.say(
                f"{good.message[0].upper()}{good.message[1:]}."
                if good
                else "Only a login tells whether it is registered."
            )
        else:
            console.say("It is there." if found == url else f"It is there, as {found}.")
        return looked

    def login(self, what: str) -> TypedLogin | None:
        """How to log in to `what`; None where that is missing and cannot be asked. Raises UsageError."""
        given = self.given
        if given.profile:
            self.app.world.config.entry("profile", given.profile)
            return TypedLogin(profile=given.profile)
        if given.issuer_url:
            parse_typed_issuer(given.issuer_url)
        if self.asking is not None:
            return ask_login(self, self.asking, what)
        if given.issuer_url and given.client_id:
            return TypedLogin(self._with_given_authority({"url": given.issuer_url}), given.client_id)
        for flag, value, said in (
            (
                "--issuer-url",
                given.issuer_url,
                f"the issuer for {what}; or --profile with a profile of the configuration",
            ),
            ("--client-id", given.client_id, "the client ID registered there"),
        ):
            if not value:
                self.missing.append(f"{flag}: {said}")
        return None


class _Stopped(click.exceptions.Exit):
    """The person goes no further, and nothing was written."""

    def __init__(self) -> None:
        super().__init__(ExitCode.FAILED)
