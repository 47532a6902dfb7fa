"""Begin an import: its flags, whom it asks, how to log in, and a look at new issuers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from togetherctl.auth.issuer_url import parse_typed_issuer
from togetherctl.cli.app import App
from togetherctl.cli.prompts import PromptChoice, Prompts
from togetherctl.commands.entries.add import check_new_issuer
from togetherctl.config import value_checks
from togetherctl.errors import TogetherctlError, Unreachable, UsageError
from togetherctl.importing.cluster_offer import Offer, TypedLogin
from togetherctl.importing.secret_place import FORMS
from togetherctl.importing.trusted_hosts import trusted_host
from togetherctl.paths import expand
from togetherctl.usecases.add_entry import Tables
from togetherctl.usecases.import_clusters import IssuerLook

_MOST_PROFILES = 12
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
        """The offers, after a look at each issuer that is new, where something can come of it yet.

        Raises TogetherctlError where one does not call itself so.
        """
        return list(offers) if self.missing else self.issuers.offers(self.app.world, offers)

    def _look(self, tables: Tables) -> Tables:
        if self.offline:
            return tables
        url = str(tables["issuer", "new"]["url"])
        self.app.console.say(f"Looking at the issuer {url} …")
        looked = check_new_issuer(self.app, tables, offline=False)
        found = looked["issuer", "new"]["url"]
        self.app.console.say("It is there." if found == url else f"It is there, as {found}.")
        return looked

    def login(self, what: str) -> TypedLogin | None:
        """How to log in to `what`; None where that is missing and cannot be asked. Raises UsageError."""
        given = self.given
        if given.profile:
            self.app.world.config.entry("profile", given.profile)
            return TypedLogin(profile=given.profile)
        if given.issuer_url and given.client_id:
            parse_typed_issuer(given.issuer_url)
            return TypedLogin(_issuer(given.issuer_url, given.issuer_ca_file), given.client_id)
        if self.asking is not None:
            return self._ask_login(self.asking, what)
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

    def _ask_login(self, asking: Prompts, what: str) -> TypedLogin:
        given, config = self.given, self.app.world.config.table
        if config.profiles and not given.issuer_url and not given.client_id:
            answers: list[PromptChoice[str | None]] = [
                PromptChoice(f"With profile {name} ({config.issuers[table.issuer].url})", name)
                for name, table in list(config.profiles.items())[:_MOST_PROFILES]
            ]
            answers.append(PromptChoice("At an issuer that is new here", None))
            chosen = asking.one(f"How do you log in to {what}?", answers)
            if chosen is not None:
                return TypedLogin(profile=chosen)
        issuer = self._ask_issuer(asking, what)
        return TypedLogin(issuer, given.client_id or asking.text("The client ID registered there:", check=_client_id))

    def _ask_issuer(self, asking: Prompts, what: str) -> Mapping[str, Any]:
        """An issuer that is there; asked again until one is, because its exact spelling is what goes wrong most."""
        url, ca_file = self.given.issuer_url or "", self.given.issuer_ca_file
        typed = bool(url)
        while True:
            if not typed:
                url = asking.text(f"The URL of the issuer for {what}:", check=parse_typed_issuer, default=url)
            try:
                return self.issuers.issuer(_issuer(url, ca_file))
            except TogetherctlError as error:
                self.app.console.error(error)
                typed = False
                by_certificate = isinstance(error, Unreachable) and bool(error.reason)
            if ca_file is None and by_certificate:
                ca_file = self.asked_ca_file(asking)

    def asked_ca_file(self, asking: Prompts) -> str | None:
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
    value_checks.text(typed)
