"""A bundle: issuers, profiles and clusters that somebody exported for others, with nothing secret and nothing local."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from togetherctl.errors import ConfigError, Remedy
from togetherctl.sources.bundle_keys import KINDS, entries, forbidden
from togetherctl.sources.offer import Found, Offer, Passed
from togetherctl.store.problems import checked, refusal
from togetherctl.store.toml_text import NotTOML, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from togetherctl.store.choices import Kind
    from togetherctl.store.models import StoreTable
    from togetherctl.store.problems import Problem

_MOST_ENTRIES = 5000


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and checked: `tables` as they stand in it, by kind and name, in its order."""

    origin: str
    tables: Mapping[tuple[Kind, str], Mapping[str, Any]]
    store: StoreTable

    def found(self, *, but: Iterable[tuple[Kind, str]] = ()) -> Found:
        """What it offers, apart from profiles and clusters in `but`."""
        left = set(but)
        return Found(self.origin, tuple(self._offers(left)), tuple(self._unused()))

    def _offers(self, left: set[tuple[Kind, str]]) -> Iterable[Offer]:
        opened = {table.profile for table in self.store.clusters.values()}
        for kind, name in self.tables:
            if (kind, name) in left:
                continue
            if kind == "cluster":
                yield self._offer(name, self.store.clusters[name].profile, self._without("cluster", name, "profile"))
            elif kind == "profile" and name not in opened:
                yield self._offer(name, name, None)

    def _offer(self, name: str, profile: str, cluster: Mapping[str, Any] | None) -> Offer:
        issuer = self.store.profiles[profile].issuer
        return Offer(
            name,
            issuer=self.tables["issuer", issuer],
            profile=self._without("profile", profile, "issuer"),
            cluster=cluster,
            issuer_name=issuer,
            profile_name=profile,
        )

    def _unused(self) -> Iterable[Passed]:
        used = {profile.issuer for profile in self.store.profiles.values()}
        for name in self.store.issuers:
            if name not in used:
                yield Passed(f"issuer {name}", "no profile of the bundle uses it")

    def _without(self, kind: Kind, name: str, key: str) -> dict[str, Any]:
        return {field: value for field, value in self.tables[kind, name].items() if field != key}


def read(text: bytes, *, origin: str) -> Bundle:
    """The bundle in `text`; `origin` names it for people. Raises ConfigError with everything it may not hold."""
    source, data = _parsed(text, origin)
    held = sum(len(entries(data, kind)) for kind in KINDS)
    if held > _MOST_ENTRIES:
        raise ConfigError(
            f"{origin} holds {held} issuers, profiles and clusters, and at most {_MOST_ENTRIES} are taken"
        )
    problems = list(forbidden(data))
    store, others = checked(_without(data, problems))
    problems += others
    if store is None or problems:
        raise _refusal(origin, source, problems)
    tables: dict[tuple[Kind, str], Mapping[str, Any]] = {
        (kind, name): table for kind in KINDS for name, table in entries(data, kind).items()
    }
    if not tables:
        raise ConfigError(f"{origin} is no bundle: it holds no issuer, profile or cluster")
    return Bundle(origin, tables, store)


def from_bundle(text: bytes, *, origin: str) -> Found:
    """What the bundle in `text` offers. Raises ConfigError with everything it may not hold."""
    return read(text, origin=origin).found()


def _parsed(text: bytes, origin: str) -> tuple[str, dict[str, Any]]:
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


def _refusal(origin: str, source: str, problems: list[Problem]) -> ConfigError:
    refused = refusal(origin, source, problems)
    refused.remedy = Remedy("ask whoever made it for one that `togetherctl profile export` wrote")
    return refused
