"""Ask how to log in: a profile that is there, or an issuer and a client, each looked at as soon as it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from togetherctl.auth.issuer_url import parse_typed_issuer
from togetherctl.cli.prompts import PromptChoice, Prompts
from togetherctl.config import value_checks
from togetherctl.errors import ConfigError, TogetherctlError, Unreachable, UsageError
from togetherctl.importing.certificates import authority_table
from togetherctl.importing.cluster_offer import TypedLogin
from togetherctl.paths import expand

if TYPE_CHECKING:
    from pathlib import Path

    from togetherctl.cli.app import App
    from togetherctl.commands.importing.options import ImportOptions
    from togetherctl.usecases.issuer_look import IssuerLook

_MOST_PROFILES = 12


class Asked(Protocol):
    """The import for which these questions are."""

    @property
    def app(self) -> App:
        """Where they are asked."""

    @property
    def given(self) -> ImportOptions:
        """What flags answer."""

    @property
    def issuers(self) -> IssuerLook:
        """What looks at issuers."""

    @property
    def copied(self) -> dict[str, Path]:
        """The files of the certificates that were read, by what was copied of each."""

    def is_hopeful(self, url: str, client_id: str) -> bool:
        """Whether a login can work there, as far as it was looked at."""

    def accept(self, url: str, client_id: str) -> None:
        """Go on with an issuer or a client that no login can work with."""


def ask_login(run: Asked, asking: Prompts, what: str) -> TypedLogin:
    """How the person logs in to `what`. Flags are the first answers; what fails is asked again."""
    given, config = run.given, run.app.world.config.table
    if config.profiles and not given.issuer_url and not given.client_id:
        answers: list[PromptChoice[str | None]] = [
            PromptChoice(f"With profile {name} ({config.issuers[table.issuer].url})", name)
            for name, table in list(config.profiles.items())[:_MOST_PROFILES]
        ]
        answers.append(PromptChoice("At an issuer that is new here", None))
        chosen = asking.one(f"How do you log in to {what}?", answers)
        if chosen is not None:
            return TypedLogin(profile=chosen)
    url, client_id = given.issuer_url or "", given.client_id or ""
    ask_again = not url
    while True:
        issuer = _ask_issuer(run, asking, what, url, ask_first=ask_again)
        next_step, client_id = _ask_client(run, asking, issuer, client_id)
        if next_step == "done":
            return TypedLogin(issuer, client_id)
        url, ask_again = str(issuer["url"]), True


def ask_authority(run: Asked, asking: Prompts, whose: str, *, default: str = "") -> tuple[str, dict[str, Any]]:
    """What is typed, and the keys of a table that say which CA file vouches for `whose`; none for Enter alone."""

    def check(typed: str) -> None:
        if typed:
            try:
                read_authority(run, typed)
            except UsageError as error:
                # The path stands above, and would push the reason off the line.
                raise UsageError(error.message.replace(f" {expand(typed, run.app.environ)}", "")) from None

    question = f"A PEM file with the CA of {whose} (Tab completes; Enter: none):"
    typed = asking.path(question, check=check, default=default)
    return typed, read_authority(run, typed) if typed else {}


def read_authority(run: Asked, typed: str) -> dict[str, Any]:
    """The keys that say which CA file it is. Raises UsageError."""
    path = expand(typed, run.app.environ)
    try:
        table = authority_table(path, keep_file=run.given.keep_ca_file)
    except ConfigError as error:
        raise UsageError(error.message) from None
    if "ca_data" in table:
        run.copied[table["ca_data"]] = path
    return table


def _ask_issuer(run: Asked, asking: Prompts, what: str, url: str, *, ask_first: bool) -> Mapping[str, Any]:
    """An issuer that is there; asked again until one is, because its exact spelling is what goes wrong most."""
    authority = read_authority(run, run.given.issuer_ca_file) if run.given.issuer_ca_file else {}
    typed_file = run.given.issuer_ca_file or ""
    while True:
        if ask_first:
            url = asking.text(f"The URL of the issuer for {what}:", check=parse_typed_issuer, default=url)
        ask_first = True
        try:
            issuer = run.issuers.issuer({"url": url, **authority})
        except TogetherctlError as error:
            if isinstance(error, Unreachable) and error.reason == "authority":
                # The question says what helps.
                error.remedy = None
                run.app.console.error(error)
                typed_file, authority = ask_authority(run, asking, "the issuer", default=typed_file)
                ask_first = not authority
            else:
                run.app.console.error(error)
            continue
        if run.is_hopeful(url, ""):
            return issuer
        answers = [PromptChoice("Type another address", value=""), PromptChoice("Go on all the same", value="go on")]
        if asking.one("What now?", answers):
            run.accept(url, "")
            return issuer


def _ask_client(run: Asked, asking: Prompts, issuer: Mapping[str, Any], client_id: str) -> tuple[str, str]:
    """Whether it is "done" or the "issuer" is asked again, and the client ID."""
    ask_first = not client_id
    while True:
        if ask_first:
            client_id = asking.text("The client ID registered there:", check=_client_id, default=client_id)
        run.issuers.issuer(issuer, TypedLogin(issuer, client_id).profile_table())
        if run.is_hopeful(str(issuer["url"]), client_id):
            return "done", client_id
        answers = [
            PromptChoice("Type another client ID", "client"),
            PromptChoice("Type another issuer", "issuer"),
            PromptChoice("Go on all the same", "done"),
        ]
        answer = asking.one("What now?", answers)
        if answer != "client":
            run.accept(str(issuer["url"]), client_id)
            return answer, client_id
        ask_first = True


def _client_id(typed: str) -> None:
    if not typed:
        raise UsageError("it is a word or a number from the issuer's page")
    value_checks.text(typed)
