"""The flags that answer what would else be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from togetherctl.errors import UsageError
from togetherctl.paths import expand
from togetherctl.sources.secret_place import FORMS
from togetherctl.sources.trusted_hosts import trusted_host

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OPTIONS = (
    click.option("--project", metavar="ID", help="The project at Together AI, if not the API key's own."),
    click.option("--clusters", metavar="A,B", help="Take these clusters alone, by their names in the source."),
    click.option("--issuer-url", metavar="URL", help="The issuer, where the source does not say."),
    click.option("--issuer-ca-file", metavar="FILE", help="A PEM file with the issuer's certificate authority."),
    click.option("--client-id", metavar="ID", help="The client ID registered at the issuer."),
    click.option("--profile", metavar="PROFILE", help="A profile of the store, instead of an issuer."),
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
        """Whether a cluster is described that stands in no source."""
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
class Missing:
    """What cannot be asked for, gathered so that it is said at once; `why` says why not."""

    why: str = "nobody can be asked here"
    lines: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, given: ImportOptions) -> Missing:
        """Nothing yet, for a run with these flags."""
        return cls("--yes asks nothing") if given.yes else cls()

    def note(self, line: str) -> None:
        """Add one thing, with the flag that says it first."""
        if line not in self.lines:
            self.lines.append(line)

    def raise_if_any(self) -> None:
        """Raises UsageError."""
        if len(self.lines) == 1:
            raise UsageError(f"{self.why}, and this is missing: {self.lines[0]}")
        if self.lines:
            raise UsageError(f"{self.why}, and this is missing", problems=self.lines)
