"""Look up profiles, issuers and clusters of the configuration file, and choose the default profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.config import files
from togetherctl.config.profile import Profile, connection_to, override, read_overrides, resolve, session_key_of
from togetherctl.config.validation import refusal, unknown, validate
from togetherctl.config.value_checks import looks_like_host
from togetherctl.errors import Remedy, UsageError, run
from togetherctl.paths import expand

if TYPE_CHECKING:
    import os

    from pydantic import BaseModel

    from togetherctl.config.models import ConfigTable
    from togetherctl.config.overrides import Overrides
    from togetherctl.config.types import Kind, Storage


@dataclass(frozen=True)
class Cluster:
    """One API server, the name of its context, and the profile that opens it; `ca_file` is absolute.

    The claims are what its admin says of it: how the API server names the user.
    """

    name: str
    context: str
    profile: str
    server: str
    ca_data: str | None = None
    ca_file: Path | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = None
    insecure: bool = False
    namespace: str | None = None
    username_claim: str | None = None
    username_prefix: str | None = None
    groups_claim: str | None = None
    groups_prefix: str | None = None


class Config:
    """One configuration, checked; `file` is what it was read from, None where it is not, or not yet, on disk."""

    def __init__(
        self, path: Path, table: ConfigTable, environ: Mapping[str, str], *, file: files.TomlFile | None = None
    ) -> None:
        self.path = path
        self.file = file
        self.table = table
        self._environ = environ

    @classmethod
    def load(cls, path: Path, environ: Mapping[str, str]) -> Config:
        """Read `path`; a file that does not exist is an empty configuration. Raises ConfigError with every problem."""
        file = files.read(path)
        table, problems = validate(file.data)
        if table is None:
            raise refusal(path, file.text, problems)
        return cls(path, table, environ, file=file)

    @property
    def mtime_ns(self) -> int | None:
        """When the file was written that this was read from, in nanoseconds since 1970."""
        return self.status.st_mtime_ns if self.status else None

    @property
    def status(self) -> os.stat_result | None:
        """The status of the file that this was read from, if there was one."""
        return self.file.status if self.file else None

    @cached_property
    def overrides(self) -> Overrides | None:
        """What the environment overrides; None where it says nothing. Raises ConfigError."""
        return read_overrides(self._environ)

    def entries(self, kind: Kind) -> Mapping[str, BaseModel]:
        """The tables of one kind by name, as they stand in the file."""
        tables: dict[Kind, Mapping[str, BaseModel]] = {
            "profile": self.table.profiles,
            "issuer": self.table.issuers,
            "cluster": self.table.clusters,
        }
        return tables[kind]

    def entry(self, kind: Kind, name: str) -> BaseModel:
        """Raises UsageError where there is no such entry."""
        entries = self.entries(kind)
        if name not in entries:
            error = unknown(kind, name, entries)
            if kind == "issuer":
                error.remedy = self._issuer_at(name) or error.remedy
            raise error
        return entries[name]

    def profile(self, name: str | None = None) -> Profile:
        """The profile called `name`; without a name the one that is meant. Raises UsageError."""
        return override(self.resolved(name or self.meant_profile()), self.overrides)

    def resolved(self, name: str) -> Profile:
        """The profile called `name` as the configuration has it, without the environment's overrides.

        Raises UsageError.
        """
        table = self.table.profiles.get(name)
        if table is None:
            raise unknown("profile", name, self.table.profiles, config=self.path)
        return resolve(
            name,
            table,
            self.table.issuers[table.issuer],
            folder=self.path.parent,
            environ=self._environ,
            secrets=self.secret_variables,
        )

    def secret_variables(self) -> frozenset[str]:
        """The environment variables that hold client secrets of profiles."""
        sources = (profile.client_secret for profile in self.table.profiles.values())
        return frozenset(str(source.value) for source in sources if source is not None and source.kind == "env")

    def profiles(self, names: Iterable[str] = (), *, everyone: bool = False) -> list[Profile]:
        """The profiles called `names`, or all of them, or the one that is meant; each once. Raises UsageError."""
        chosen = list(self.table.profiles) if everyone else list(dict.fromkeys(names)) or [self.meant_profile()]
        return [self.profile(name) for name in chosen]

    def preferred_profile(self) -> str | None:
        """`TOGETHERCTL_PROFILE`, else `default_profile`."""
        return (self.overrides and self.overrides.profile) or self.table.default_profile

    def meant_profile(self) -> str:
        """The preferred profile, else the only one there is: what programs get that name none. Raises UsageError."""
        name = self.preferred_profile()
        if name:
            return name
        names = list(self.table.profiles)
        if len(names) == 1:
            return names[0]
        if not names:
            raise UsageError(
                f"there is no profile in {self.path} yet",
                hint=run("togetherctl", "init"),
            )
        raise UsageError(
            f"which profile? There are {', '.join(names[:10])}{' …' if len(names) > 10 else ''}",
            hint="name one, or set default_profile: togetherctl config set default_profile=NAME",
        )

    def keys(self) -> Mapping[str, str]:
        """KEY by the name of the profile: whose session is whose."""
        return self._keys

    @cached_property
    def _keys(self) -> dict[str, str]:
        issuers = self.table.issuers
        connections = {
            name: connection_to(issuer, folder=self.path.parent, environ=self._environ)
            for name, issuer in issuers.items()
        }
        return {
            name: session_key_of(issuers[table.issuer], table, connections[table.issuer])
            for name, table in self.table.profiles.items()
        }

    def storages(self) -> dict[str, Storage]:
        """Where each session is kept, by KEY."""
        return {key: self.table.profiles[name].storage for name, key in self.keys().items()}

    def sharing(self, profile: Profile) -> list[str]:
        """The names of all profiles that share the session of `profile`, itself among them."""
        return list(self._names_by_key.get(profile.key, ()))

    @cached_property
    def _names_by_key(self) -> dict[str, list[str]]:
        return _group(self._keys.items())

    def issuer_meant(self, given: str, *, ca_file: str | None = None) -> str | None:
        """The name of the issuer called `given`, or of the one whose URL that is; None for a URL that is new.

        Raises UsageError for an unknown name, and where the issuer is there with another CA file.
        """
        issuers = self.table.issuers
        if "://" not in given and given not in issuers:
            error = unknown("issuer", given, issuers)
            if looks_like_host(given):
                error.remedy = Remedy(f"an issuer that is new is given by its URL; did you mean https://{given}?")
            raise error
        name = given if given in issuers else next((n for n, table in issuers.items() if table.url == given), None)
        if name is not None and ca_file is not None and issuers[name].ca_file != (ca_file,):
            raise UsageError(
                f"the issuer {name} is in the configuration without this CA file",
                hint=run("togetherctl", "issuer", "set", name, f"ca_file={ca_file}"),
            )
        return name

    def _issuer_at(self, address: str) -> Remedy | None:
        """What helps where an issuer's address was given in place of its name."""
        host = address.removeprefix("https://").rstrip("/")
        for name, table in self.table.issuers.items():
            if table.url.removeprefix("https://").rstrip("/") == host:
                return Remedy(f"{table.url} is called {name} here; did you mean {name}?")
        if not looks_like_host(host):
            return None
        words = f"it is not in the configuration; did you mean https://{host}? This looks at it"
        return run("togetherctl", "issuer", "check", f"https://{host}", words=words)

    def cluster(self, name: str) -> Cluster:
        """Raises UsageError."""
        table = self.table.clusters.get(name)
        if table is None:
            raise unknown("cluster", name, self.table.clusters)
        return Cluster(
            name=name,
            context=table.context or name,
            profile=table.profile,
            server=table.server,
            ca_data=table.ca_data,
            ca_file=expand(table.ca_file, self._environ, beside=self.path.parent) if table.ca_file else None,
            tls_server_name=table.tls_server_name,
            proxy_url=table.proxy_url,
            # kubectl refuses both together, and verifying is the safer of the two.
            insecure=table.insecure_skip_tls_verify and not (table.ca_data or table.ca_file),
            namespace=table.namespace,
            username_claim=table.username_claim,
            username_prefix=table.username_prefix,
            groups_claim=table.groups_claim,
            groups_prefix=table.groups_prefix,
        )

    def clusters(self, names: Iterable[str] = ()) -> list[Cluster]:
        """The clusters called `names`; without names all of them. Raises UsageError."""
        return [self.cluster(name) for name in dict.fromkeys(names) or self.table.clusters]

    def refuse_two_meanings(self, word: str) -> None:
        """Raises UsageError where `word` is the name of one cluster and the context of another."""
        if word not in self.table.clusters or self.cluster(word).context == word:
            return
        other = next((one.name for one in self.clusters() if one.context == word), None)
        if other is not None:
            raise UsageError(
                f"{word} is the name of one cluster, and the context of another, {other}",
                hint=f"give one of them another name: togetherctl cluster rename {word} OTHER",
            )

    def clusters_of(self, profile: str) -> list[str]:
        return list(self._clusters_by_profile.get(profile, ()))

    @cached_property
    def _clusters_by_profile(self) -> dict[str, list[str]]:
        return _group((name, table.profile) for name, table in self.table.clusters.items())


def _group(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Names by what they belong to; one pass over thousands of them."""
    grouped: dict[str, list[str]] = {}
    for name, owner in pairs:
        grouped.setdefault(owner, []).append(name)
    return grouped
