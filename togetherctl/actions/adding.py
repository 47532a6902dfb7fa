"""Adding a profile by hand: its issuer if that is new, after a look at it, and a cluster if one is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from togetherctl.auth.checking import check_issuer
from togetherctl.auth.findings import Wishes
from togetherctl.paths import expand
from togetherctl.store.editing import missing, new_table, section, valid_issuer
from togetherctl.store.profile import connection_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from togetherctl.auth.checking import Report
    from togetherctl.store.choices import Kind
    from togetherctl.wiring import World

Tables = dict[tuple["Kind", str], dict[str, object]]


@dataclass(frozen=True)
class Wish:
    """What a person wants to have. `issuer` is the name of one in the store, or a URL; no `cluster`: none."""

    name: str
    issuer: str
    client_id: str
    issuer_ca_file: str = ""
    scopes: tuple[str, ...] = ()
    cluster: str = ""
    server: str = ""
    cluster_ca_file: str = ""


def tables_for(world: World, wish: Wish) -> Tables:
    """The tables it takes; the issuer's is among them if the store has none with that URL. Raises UsageError."""
    ca_file = _path(world, wish.issuer_ca_file)
    known = world.store.issuer_meant(wish.issuer, ca_file=ca_file)
    tables: Tables = {}
    if known is None:
        tables["issuer", wish.name] = new_table("issuer", {"url": wish.issuer, "ca_file": ca_file}, ())
    profile = {"issuer": known or wish.name, "client_id": wish.client_id, "scopes": list(wish.scopes)}
    tables["profile", wish.name] = new_table("profile", profile, ())
    if wish.cluster or wish.server:
        cluster = {"profile": wish.name, "server": wish.server, "ca_file": _path(world, wish.cluster_ca_file)}
        tables["cluster", wish.cluster or wish.name] = new_table("cluster", cluster, ())
    return tables


def problems_with(data: Mapping[str, Any], tables: Tables) -> dict[tuple[Kind, str], str]:
    """What would be wrong with a store that says `data` and these tables: why, by kind and key."""
    from togetherctl.store.problems import checked

    after = {**data}
    for (kind, name), table in tables.items():
        after[section(kind)] = {**after.get(section(kind), {}), name: table}
    before = set(checked(dict(data))[1])
    kinds: dict[str, Kind] = {section(kind): kind for kind, _ in tables}
    return {
        (kinds[problem.key[0]], problem.key[2] if len(problem.key) > 2 else ""): problem.reason
        for problem in checked(after)[1]
        if problem not in before and problem.key[0] in kinds
    }


def looked_at(world: World, tables: Tables) -> tuple[Tables, Report | None]:
    """The tables as they should be written, after a look at an issuer that is new.

    Raises what a login there would end with.
    """
    new = next((key for key in tables if key[0] == "issuer"), None)
    if new is None:
        return tables, None
    issuer = valid_issuer(tables[new])
    connection = connection_to(issuer, folder=world.paths.config.parent, environ=world.environ)
    report = check_issuer(world.issuers, issuer.url, connection, preset=issuer.preset, wishes=Wishes())
    report.raise_if_not_there()
    table = {**tables[new], "url": report.issuer}
    if report.preset_to_write:
        table["preset"] = report.preset_to_write
    return {**tables, new: table}, report


def add(world: World, tables: Tables) -> None:
    """Write them. Raises UsageError where one of them is there by now, and ConfigError; then nothing was changed."""
    with world.changing_store() as text:
        for (kind, name), table in tables.items():
            text.set(missing(text, kind, name), table)


def _path(world: World, typed: str) -> str | None:
    return str(expand(typed, world.environ)) if typed else None
