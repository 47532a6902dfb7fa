"""Add an issuer after a look at it, a profile, and a cluster that a person describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from togetherctl.auth.issuer_check import Report
from togetherctl.auth.issuer_findings import ClientNeeds
from togetherctl.config import files
from togetherctl.config.editing import new_key, new_table, section, valid_issuer
from togetherctl.config.models import IssuerTable
from togetherctl.config.profile import connection_to
from togetherctl.config.session_key import sharing
from togetherctl.config.types import DEFAULT_REDIRECT_URIS, Kind
from togetherctl.config.validation import new_problems, validate
from togetherctl.errors import ConfigError
from togetherctl.paths import expand
from togetherctl.wiring import World

Tables = dict[tuple["Kind", str], dict[str, object]]


@dataclass(frozen=True)
class NewProfile:
    """What a person wants to have. `issuer` is the name of one in the configuration, or a URL; no `cluster`: none.

    `like` names a profile whose keys it starts with; its session is its own all the same, and `account` the only one
    that it accepts. `settings` are further keys of the profile, as KEY=VALUE.
    """

    name: str
    issuer: str
    client_id: str
    issuer_ca_file: str = ""
    scopes: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    cluster: str = ""
    server: str = ""
    cluster_ca_file: str = ""
    like: str = ""
    account: str = ""


def tables_for(world: World, wish: NewProfile) -> Tables:
    """The tables it takes; the issuer's is among them if the configuration has none with that URL.

    Raises UsageError.
    """
    ca_file = _path(world, wish.issuer_ca_file)
    like = _keys_of(world, wish.like) if wish.like else {}
    issuer = wish.issuer or str(like.get("issuer", ""))
    known = world.config.issuer_meant(issuer, ca_file=ca_file)
    tables: Tables = {}
    if known is None:
        tables["issuer", wish.name] = new_table("issuer", {"url": issuer, "ca_file": ca_file}, ())
    said = {"client_id": wish.client_id, "scopes": list(wish.scopes), "account": wish.account}
    profile = {**like, "issuer": known or wish.name, **{key: value for key, value in said.items() if value}}
    tables["profile", wish.name] = new_table("profile", profile, wish.settings)
    if wish.like:
        _keep_apart(world, tables, wish.name)
    if wish.cluster or wish.server:
        cluster = {"profile": wish.name, "server": wish.server, "ca_file": _path(world, wish.cluster_ca_file)}
        tables["cluster", wish.cluster or wish.name] = new_table("cluster", cluster, ())
    return tables


def _keys_of(world: World, name: str) -> dict[str, Any]:
    """What the configuration says of a profile, apart from whose session it is. Raises UsageError."""
    world.config.entry("profile", name)
    table: dict[str, Any] = files.read(world.config.path).data["profiles"][name]
    return {key: value for key, value in table.items() if key not in ("account", "session")}


def _keep_apart(world: World, tables: Tables, name: str) -> None:
    """Name the session of a new profile where another profile would share it. Raises ConfigError."""
    after = _with_tables(files.read(world.config.path).data, tables)
    table, problems = validate(after)
    if table is None:
        raise ConfigError("nothing was added, because it would bring problems", problems=[str(one) for one in problems])
    if name in table.profiles and sharing(table, name):
        tables["profile", name]["session"] = name


def problems_with(data: Mapping[str, Any], tables: Tables) -> dict[tuple[Kind, str], str]:
    """What would be wrong with a configuration that says `data` and these tables: why, by kind and key."""
    after = _with_tables(data, tables)
    kinds: dict[str, Kind] = {section(kind): kind for kind, _ in tables}
    return {
        (kinds[problem.key[0]], problem.key[2] if len(problem.key) > 2 else ""): problem.reason
        for problem in new_problems(dict(data), after)
        if problem.key[0] in kinds
    }


def _with_tables(data: Mapping[str, Any], tables: Tables) -> dict[str, Any]:
    after = {**data}
    for (kind, name), table in tables.items():
        after[section(kind)] = {**after.get(section(kind), {}), name: table}
    return after


def look_at_issuer(
    world: World, tables: Tables, *, offline: bool = False, profile: Mapping[str, Any] | None = None
) -> tuple[Tables, Report | None]:
    """The tables as they should be written, and how an issuer that is new looks, unless `offline`.

    The issuer is also asked whether it knows the client of the profile, which is among the tables or `profile`.

    Raises an error unless that issuer's table is sound and, if not `offline`, there is an issuer that calls itself so.
    """
    new = next((key for key in tables if key[0] == "issuer"), None)
    if new is None:
        return tables, None
    issuer = valid_issuer(tables[new])
    connection = connection_to(issuer, folder=world.paths.config.parent, environ=world.environ)
    if offline:
        # Its certificate authority is checked without asking the issuer.
        connection.tls_context()
        return tables, None
    from togetherctl.auth.issuer_check import check_issuer

    wanted: Mapping[str, Any] = (
        next((table for (kind, _), table in tables.items() if kind == "profile"), {}) if profile is None else profile
    )
    report = check_issuer(
        world.issuers,
        issuer.url,
        connection,
        preset=issuer.preset,
        wishes=_wishes(issuer, wanted),
    )
    report.raise_if_not_there()
    table = {**tables[new], "url": report.issuer}
    if report.preset_to_write:
        table["preset"] = report.preset_to_write
    return _with_issuer(world, {**tables, new: table}), report


def add_profile(world: World, tables: Tables) -> None:
    """Write them. Raises UsageError where one of them is there by now, and ConfigError; then nothing was changed."""
    with world.changing_config() as text:
        # The issuer came along with what was asked for: its name is looked at last.
        places = {place: new_key(text, *place) for place in reversed(tables)}
        for place, table in tables.items():
            text.set(places[place], table)


def _with_issuer(world: World, tables: Tables) -> Tables:
    """The tables of a profile name the issuer of the configuration, where another address of it was typed."""
    profile = next((key for key in tables if key[0] == "profile"), None)
    new = next(key for key in tables if key[0] == "issuer")
    known = world.config.issuer_meant(str(tables[new]["url"])) if profile else None
    if profile is None or known is None:
        return tables
    return {key: table for key, table in tables.items() if key != new} | {profile: {**tables[profile], "issuer": known}}


def _wishes(issuer: IssuerTable, profile: Mapping[str, Any]) -> ClientNeeds:
    """What a new profile will want, as far as the look at its issuer goes by it."""
    from togetherctl.auth.grants.registry import WITHOUT_BROWSER
    from togetherctl.auth.issuer_findings import ClientNeeds

    by_browser = profile.get("grant") not in WITHOUT_BROWSER
    return ClientNeeds(
        scopes=("openid", *(scope for scope in profile.get("scopes") or ("email",) if scope != "openid")),
        redirect_uris=tuple(profile.get("redirect_uris") or DEFAULT_REDIRECT_URIS),
        device_endpoint=issuer.device_authorization_endpoint,
        revocation_endpoint=issuer.revocation_endpoint,
        has_secret=True if "client_secret" in profile else None,
        by_browser=by_browser,
        pkce=profile.get("pkce") != "no",
        client_id=str(profile["client_id"]) if by_browser and profile.get("client_id") else None,
    )


def _path(world: World, typed: str) -> str | None:
    return str(expand(typed, world.environ)) if typed else None
