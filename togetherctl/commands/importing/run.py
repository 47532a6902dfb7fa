"""Begin an import: its flags, whom it asks, how to log in, and a look at new issuers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from togetherctl.auth.issuer_url import parse_typed_issuer
from togetherctl.cli.app import App
from togetherctl.cli.prompts import Prompts
from togetherctl.commands.importing.ask_login import ask_authority, ask_login, read_authority
from togetherctl.config import value_checks
from togetherctl.errors import ExitCode, Remedy, Unreachable, UsageError
from togetherctl.importing.cluster_offer import Offer, TypedLogin
from togetherctl.importing.secret_place import FORMS
from togetherctl.importing.trusted_hosts import trusted_host
from togetherctl.paths import expand
from togetherctl.usecases.add_entry import Tables, look_at_issuer
from togetherctl.usecases.issuer_look import IssuerLook, is_new_issuer

_OPTIONS = (
    click.option("--project", metavar="ID", help="The project at Together AI, if not the API key's own."),
    click.option("--clusters", metavar="A,B", help="Take these clusters alone, by their names in the source."),
    click.option("--issuer-url", metavar="URL", help="The issuer, where the source does not say."),
    click.option("--issuer-ca-file", metavar="FILE", help="A PEM file with the issuer's certificate authority."),
    click.option("--client-id", metavar="ID", help="The client ID registered at the issuer."),
    click.option("--profile", metavar="PROFILE", help="A profile of the configuration, instead of an issuer."),
    click.option("--server", metavar="URL", help="By hand: the API server."),
    click.option("--ca-file", metavar="FILE", help="By hand: a PEM file with the API server's certificate authority."),
    click.option("--name", metavar="NAME", help="By hand: what to call the cluster."),
    click.option("--profile-name", metavar="NAME", help="What to call the new profile."),
    click.option("--keep-ca-file", is_flag=True, help="Name CA files in the configuration instead of copying them."),
    click.option("--secret", metavar="WHERE", help=f"Where client secrets go or are: {FORMS}."),
    click.option(
        "--trust-host", "trusted", metavar="HOST", multiple=True, help="Agree to this host: HOST or HOST:PORT."
    ),
    click.option("--keep-api-key", is_flag=True, help="Keep the API key in the keyring."),
    click.option("--dry-run", is_flag=True, help="Print the difference and write nothing."),
    click.option(
        "--yes",
        is_flag=True,
        help="Ask nothing; a host that is new to a login you have, or comes from the network, needs --trust-host.",
    ),
)


@dataclass(frozen=True)
class ImportOptions:
    """What was typed; paths are absolute."""

    words: tuple[str, ...] = ()
    project: str | None = None
    clusters: tuple[str, ...] | None = None
    issuer_url: str | None = None
    issuer_ca_file: str | None = None
    client_id: str | None = None
    profile: str | None = None
    server: str | None = None
    ca_file: str | None = None
    name: str | None = None
    profile_name: str | None = None
    keep_ca_file: bool = False
    secret: str | None = None
    trusted: tuple[str, ...] = ()
    keep_api_key: bool = False
    dry_run: bool = False
    yes: bool = False

    @classmethod
    def of(cls, words: tuple[str, ...], options: Mapping[str, Any], environ: Mapping[str, str]) -> ImportOptions:
        """Raises UsageError where options do not go together."""
        clusters = options["clusters"]
        files = {key: str(expand(options[key], environ)) for key in ("issuer_ca_file", "ca_file") if options[key]}
        listed = None if clusters is None else tuple(name.strip() for name in clusters.split(",") if name.strip())
        given = cls(**{**options, "words": words, "clusters": listed, **files})
        if words and given.by_hand:
            raise UsageError("--server, --ca-file and --name describe a cluster by hand, and go without a source")
        if given.profile and (given.issuer_url or given.client_id):
            raise UsageError("say --profile, or --issuer-url and --client-id, not both")
        for host in given.trusted:
            trusted_host(host)
        if given.profile_name:
            try:
                value_checks.name(given.profile_name)
            except ValueError as error:
                raise UsageError(f"--profile-name: {error}") from None
        if listed == ():
            raise UsageError("--clusters names no cluster")
        return given

    @property
    def by_hand(self) -> bool:
        """Whether a cluster is described that no source has."""
        return bool(self.server or self.ca_file or self.name)

    @property
    def describes(self) -> bool:
        """Whether anything is described by hand, be it only how to log in."""
        return self.by_hand or bool(self.issuer_url or self.client_id or self.profile)


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `[SOURCE]…` and the flags of sources."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return click.argument("words", metavar="[SOURCE]...", nargs=-1)(command)


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
            if finding.level == "wrong":
                console.warn(finding.text + (f"; {finding.remedy}" if finding.remedy else ""))
            else:
                console.note(finding.text, finding.remedy)
        hopeless = [finding for finding in report.hopeless if not again or finding.about == "client"]
        if hopeless and (found, client_id) not in self._accepted:
            self._hopeless |= {(url, client_id), (found, client_id)}
            console.say("It cannot be used as it is.")
        elif again:
            good = next((one for one in report.findings if one.about == "client" and one.level == "good"), None)
            console.say(
                f"{good.text[0].upper()}{good.text[1:]}." if good else "Only a login tells whether it is registered."
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
