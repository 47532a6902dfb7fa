"""Read and write bundles: issuers, profiles and clusters for others, without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from togetherctl.config.config import Config
from togetherctl.config.editing import section
from togetherctl.config.models import ConfigTable
from togetherctl.config.toml_text import NotTOML, TomlText, parse
from togetherctl.config.types import Kind
from togetherctl.config.validation import Problem, refusal, validate
from togetherctl.errors import ConfigError, Remedy
from togetherctl.importing.certificates import join_certificates
from togetherctl.importing.cluster_offer import Skipped
from togetherctl.importing.merge import KINDS, Entry
from togetherctl.importing.source_rules import POWERS, keys_of, objection, strange_parameters
from togetherctl.paths import expand

_MOST_ENTRIES = 5000
_HEAD = """\
# Issuers, profiles and clusters for togetherctl, without any secret. To take them:
#
#   togetherctl init THIS-FILE-OR-ITS-HTTPS-ADDRESS
"""
# What refers to another entry of the same bundle.
REFERENCES: dict[Kind, tuple[str, Kind]] = {"profile": ("issuer", "issuer"), "cluster": ("profile", "profile")}
TAKEN: dict[Kind, frozenset[str]] = {kind: keys_of("bundle", kind) for kind in KINDS}
LEFT_ABOVE = {key: power.why.format(source="bundle") for power in POWERS for key in power.above}


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and checked: `tables` as they stand in it, by kind and name, in its order."""

    origin: str
    tables: Mapping[Entry, Mapping[str, Any]]
    config: ConfigTable

    def unused(self) -> list[Skipped]:
        """The issuers that no profile of the bundle uses: they come with no cluster."""
        used = {profile.issuer for profile in self.config.profiles.values()}
        return [
            Skipped(f"issuer {name}", "no profile of the bundle uses it")
            for name in self.config.issuers
            if name not in used
        ]


def read(text: bytes, *, origin: str) -> Bundle:
    """The bundle in `text`; `origin` names it for people. Raises ConfigError with everything it may not hold."""
    source, data = _parse(text, origin)
    held = sum(len(entries(data, kind)) for kind in KINDS)
    if held > _MOST_ENTRIES:
        raise ConfigError(
            f"{origin} holds {held} issuers, profiles and clusters, and at most {_MOST_ENTRIES} are taken"
        )
    problems = list(forbidden(data))
    config, others = validate(_without(data, problems))
    problems += others
    if config is None or problems:
        refused = refusal(origin, source, problems)
        refused.remedy = Remedy("ask the sender for a bundle that `togetherctl profile export` wrote")
        raise refused
    tables: dict[Entry, Mapping[str, Any]] = {
        (kind, name): table for kind in KINDS for name, table in entries(data, kind).items()
    }
    if not tables:
        raise ConfigError(f"{origin} is no bundle: it holds no issuer, profile or cluster")
    return Bundle(origin, tables, config)


def _parse(text: bytes, origin: str) -> tuple[str, dict[str, Any]]:
    if text.lstrip()[:1] == b"<":
        raise ConfigError(f"{origin} is a web page, not a bundle", hint="name the address of the file itself")
    try:
        source = text.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{origin} is not UTF-8 text") from None
    try:
        return source, parse(source)
    except NotTOML as error:
        place = origin if error.line is None else f"{origin}:{error.line}"
        raise ConfigError(f"{place}: not TOML: {error}") from None


def _without(data: dict[str, Any], problems: Iterable[Problem]) -> dict[str, Any]:
    """The data without what is refused already, which would only be wrong a second time."""
    rest = dict(data)
    for key in {problem.key for problem in problems}:
        if len(key) == 1:
            del rest[key[0]]
        else:
            kind, name, field = key
            table = {other: value for other, value in rest[kind][name].items() if other != field}
            rest[kind] = {**rest[kind], name: table}
    return rest


def forbidden(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Each key of a configuration's data that no bundle may hold, and why.

    What is no key at all is the configuration's to refuse.
    """
    for key, reason in LEFT_ABOVE.items():
        if key in data:
            yield Problem((key,), reason)
    for kind in KINDS:
        for name, table in entries(data, kind).items():
            for key in table:
                refused = objection("bundle", kind, key, table)
                if refused:
                    yield Problem((section(kind), name, key), refused)


def entries(data: Mapping[str, Any], kind: Kind) -> dict[str, dict[str, Any]]:
    """The tables of one kind in data that may be wrong."""
    found = data.get(section(kind))
    tables = found if isinstance(found, dict) else {}
    return {name: table for name, table in tables.items() if isinstance(table, dict)}


@dataclass(frozen=True)
class Exported:
    """The bundle's text, and a line for each entry that lost something on the way."""

    text: str
    left_out: tuple[str, ...]


def bundle_of(config: Config, profiles: Sequence[str], environ: Mapping[str, str]) -> Exported:
    """The bundle of these profiles, with their issuers and clusters; without names of all of them.

    CA files stand in it as their certificates. Raises UsageError for an unknown profile, and ConfigError where a CA
    file cannot be read.
    """
    names = list(dict.fromkeys(profiles)) or list(config.table.profiles)
    for name in names:
        config.entry("profile", name)
    exported = set(names)
    chosen: dict[Kind, list[str]] = {
        "issuer": list(dict.fromkeys(config.table.profiles[name].issuer for name in names)),
        "profile": names,
        "cluster": [name for name, cluster in config.table.clusters.items() if cluster.profile in exported],
    }
    tables: dict[tuple[str, ...], dict[str, Any]] = {}
    above = [key for key in LEFT_ABOVE if getattr(config.table, key) and key in config.table.model_fields_set]
    left_out = [f"the configuration: {', '.join(above)}"] if above else []
    for kind in KINDS:
        for name in chosen[kind]:
            table, lost = _export(config, kind, name, environ)
            tables[section(kind), name] = table
            if lost:
                left_out.append(f"{kind} {name}: {', '.join(lost)}")
    text = TomlText(_HEAD)
    text.set(("version",), 1)
    text.add(tables)
    return Exported(text.text, tuple(left_out))


def _export(config: Config, kind: Kind, name: str, environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The table as a bundle has it, and the keys it lost."""
    entry = config.entry(kind, name)
    # Only what the configuration says: a default of today may be another tomorrow.
    table = entry.model_dump(mode="json", exclude_unset=True)
    ca_files = table.pop("ca_file", None) or []
    ca_files = [ca_files] if isinstance(ca_files, str) else ca_files
    if ca_files or "ca_data" in table:
        files = [expand(file, environ, beside=config.path.parent) for file in ca_files]
        table["ca_data"] = join_certificates(files, table.get("ca_data"), alone=False)
    lost = [key for key in table if key not in TAKEN[kind]]
    if "auth_params" in table:
        strange = strange_parameters(table)
        lost += [f"auth_params.{parameter}" for parameter in strange]
        table["auth_params"] = {key: value for key, value in table["auth_params"].items() if key not in strange}
    lost += [key for key in table if key in TAKEN[kind] and objection("bundle", kind, key, table)]
    return {key: value for key, value in table.items() if key not in lost and value != {}}, lost
