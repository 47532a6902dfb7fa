"""Find the files that the configuration names and that are gone, and certificates that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.config.files import read
from togetherctl.config.toml_text import TomlText
from togetherctl.config.types import Kind
from togetherctl.config.validation import for_kubectl
from togetherctl.connection_settings import Connection
from togetherctl.disk import read_whole
from togetherctl.errors import ConfigError
from togetherctl.kube.cluster_tls import is_authority
from togetherctl.paths import expand

if TYPE_CHECKING:
    from togetherctl.wiring import World

# Keys whose values are paths of files that have to be there.
PATHS: dict[Kind, tuple[str, ...]] = {
    "profile": ("listen_cert_file", "listen_key_file"),
    "issuer": ("ca_file",),
    "cluster": ("ca_file",),
}
_MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class FileProblem:
    """What an entry names and cannot be used; `path` is None where the entry holds it itself."""

    kind: Kind
    name: str
    key: str
    path: Path | None
    reason: str

    @property
    def sentence(self) -> str:
        """The place in the configuration, the file and the reason, in one line."""
        return ": ".join(map(str, filter(None, (f"{self.kind}s.{self.name}.{self.key}", self.path, self.reason))))


def files_gone(world: World) -> list[FileProblem]:
    """The files that issuers, profiles and clusters name and that cannot be read. Raises ConfigError."""
    return [problem for problem in _read(world) if problem.reason]


def unusable_files(world: World) -> list[FileProblem]:
    """The same, and certificate authorities that hold no certificate. Raises ConfigError."""
    found = list(_read(world))
    problems = [problem for problem in found if problem.reason]
    for one in found:
        if not one.reason and one.key == "ca_file" and one.path is not None:
            try:
                Connection(ca_files=(one.path,)).tls_context()
            except ConfigError:
                problems.append(FileProblem(one.kind, one.name, one.key, one.path, "it holds no PEM certificate"))
    return problems + list(_unusable_data(world))


def find_problems(world: World) -> list[str]:
    """What is wrong with a configuration that can be read, a sentence each: also what kubectl alone refuses.

    Raises ConfigError where it cannot be read, with every problem of its text.
    """
    return [file.sentence for file in unusable_files(world)] + refused_by_kubectl(world)


def refused_by_kubectl(world: World) -> list[str]:
    """What kubectl alone refuses of a configuration that can be read, a sentence each. Raises ConfigError."""
    data = TomlText(read(world.paths.config).text).data
    return [f"{problem.shown}: {problem.reason}" for problem in for_kubectl(data)]


def _read(world: World) -> Iterator[FileProblem]:
    """Each file that is named, with the reason why it cannot be read, empty where it can."""
    folder = world.paths.config.parent
    for kind, keys in PATHS.items():
        for name, table in world.config.entries(kind).items():
            for key in keys:
                named = getattr(table, key) or ()
                for path in (named,) if isinstance(named, str) else named:
                    yield _look(kind, name, key, expand(path, world.environ, beside=folder))
    for name, profile in world.config.table.profiles.items():
        secret = profile.client_secret
        if secret is not None and secret.kind == "file":
            yield _look("profile", name, "client_secret", expand(str(secret.value), world.environ, beside=folder))


def _look(kind: Kind, name: str, key: str, path: Path) -> FileProblem:
    try:
        read_whole(path, limit=_MAX_BYTES)
    except OSError as error:
        return FileProblem(kind, name, key, path, error.strerror or "it cannot be read")
    return FileProblem(kind, name, key, path, "")


def _unusable_data(world: World) -> Iterator[FileProblem]:
    known: dict[str, bool] = {}
    tables = world.config.table
    issuers = [("issuer", name, table.ca_data) for name, table in tables.issuers.items()]
    clusters = [("cluster", name, table.ca_data) for name, table in tables.clusters.items()]
    for kind, name, data in (*issuers, *clusters):
        if data and not known.setdefault(data, is_authority(data)):
            of: Kind = "issuer" if kind == "issuer" else "cluster"
            yield FileProblem(of, name, "ca_data", None, "it holds no certificate that can be read")
