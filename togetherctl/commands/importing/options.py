"""The flags of an import: where clusters come from, how they are logged in to, and what is agreed to beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from togetherctl.config import value_checks
from togetherctl.errors import UsageError
from togetherctl.importing.secret_place import FORMS
from togetherctl.importing.trusted_hosts import trusted_host
from togetherctl.paths import expand

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
        help="Ask nothing. A host that is new to a login you have, or comes from the network, needs --trust-host.",
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
