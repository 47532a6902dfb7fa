"""Remove a profile, issuer or cluster, and what goes with it.

Kubeconfigs first, then the configuration, under the locks of both: cut off in between, the configuration still has the
entry, and the same command goes on from there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from togetherctl import keyring_secrets
from togetherctl.config.client_secret import keyring_name
from togetherctl.config.config import Config
from togetherctl.config.editing import USED_BY, existing_key
from togetherctl.config.toml_text import TomlText
from togetherctl.config.types import Kind
from togetherctl.errors import TogetherctlError, UsageError, run
from togetherctl.kube.kubeconfig import edit_files
from togetherctl.paths import expand
from togetherctl.usecases.agent_questions import forget_answers
from togetherctl.usecases.kubeconfig_edit import KubeconfigRemoval, plan_leaving
from togetherctl.wiring import World


@dataclass(frozen=True)
class GoingSession:
    """A session that no other profile reaches: a profile that has it, and whose it is (None if it cannot be read)."""

    profile: str
    identity: str | None


@dataclass(frozen=True)
class Removal:
    """What a removal takes along: entries of the configuration (the named one first), of kubeconfigs, and sessions.

    `kubeconfig` is None where kubeconfigs are left alone. `secrets` are names in the keyring, by profile. What stays
    and has no use afterwards: `unused` are issuers, `secret_files` are client secrets of these profiles alone.
    """

    entries: list[tuple[Kind, str]]
    kubeconfig: KubeconfigRemoval | None
    sessions: list[GoingSession] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    secret_files: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class RemovalResult:
    """What was taken out of kubeconfigs, None where they were left alone; and what could not be done."""

    kubeconfig: KubeconfigRemoval | None
    warnings: list[str] = field(default_factory=list)


def plan_removal(
    world: World,
    kind: Kind,
    name: str,
    *,
    cascade: bool = False,
    kubeconfig: str | None = None,
    keep_kubeconfig: bool = False,
) -> Removal:
    """What removing an entry takes along. What uses it goes only if `cascade`.

    Raises UsageError where something uses it, or there is no such entry; and KubeconfigError.
    """
    config = world.config
    config.entry(kind, name)
    entries = list(with_users(config, kind, name))
    if len(entries) > 1 and not cascade:
        users = [other for of, other in entries if of == USED_BY[kind][0]]
        raise UsageError(
            f"{kind} {name} is used by {USED_BY[kind][0]} {', '.join(users)}",
            hint=run("togetherctl", kind, "remove", name, "--cascade"),
        )
    profiles = [other for of, other in entries if of == "profile"]
    clusters = [other for of, other in entries if of == "cluster"]
    return Removal(
        entries,
        None
        if keep_kubeconfig
        else plan_leaving(world, kubeconfig, clusters=clusters.__contains__, profiles=profiles.__contains__),
        list(going_sessions(world, {key for other, key in config.keys().items() if other not in profiles})),
        _secrets(config, profiles),
        list(_unused_issuers(config, entries)),
        _secret_files(world, profiles),
    )


def remove_entry(world: World, going: Removal) -> RemovalResult:
    """Remove it. Raises UsageError where something else uses it by now, ConfigError and KubeconfigError."""
    out = going.kubeconfig
    with edit_files(out.files, out.edit) if out else nullcontext() as pending, world.changing_config() as text:
        for of, other in going.entries:
            text.unset(existing_key(text, of, other))
            if of == "profile" and text.data.get("default_profile") == other:
                text.unset(("default_profile",))
        _refuse_if_used(text, going.entries)
        profiles = [other for of, other in going.entries if of == "profile"]
        if profiles:
            forget_answers(world.paths, *profiles, now=world.clock())
        if pending:
            pending.write()
    done = replace(out, changes=pending.changes, removed=pending.said) if out and pending else None
    return RemovalResult(done, list(_forget(going.secrets)))


def with_users(config: Config, kind: Kind, name: str) -> Iterator[tuple[Kind, str]]:
    """An entry and everything that is of no use without it."""
    yield kind, name
    if kind in USED_BY:
        users, key = USED_BY[kind]
        for other, table in config.entries(users).items():
            if getattr(table, key) == name:
                yield from with_users(config, users, other)


def _refuse_if_used(text: TomlText, entries: Iterable[tuple[Kind, str]]) -> None:
    """Refuse if another entry uses one of them by now."""
    for kind, name in entries:
        users, key = USED_BY.get(kind, (kind, ""))
        using = [other for other, table in text.data.get(f"{users}s", {}).items() if key and table.get(key) == name]
        if using:
            raise UsageError(
                f"{kind} {name} is used by {users} {', '.join(using)} by now; nothing was changed", hint="try again"
            )


def going_sessions(world: World, kept: Collection[str]) -> Iterator[GoingSession]:
    """The stored sessions whose KEY is none of those `kept`. Raises ConfigError."""
    keys = world.config.keys()
    for name in {key: name for name, key in reversed(list(keys.items())) if key and key not in kept}.values():
        try:
            session = world.engine.load(world.config.profile(name))
        except TogetherctlError:
            yield GoingSession(name, None)
        else:
            if session is not None:
                yield GoingSession(name, session.identity)


def _secrets(config: Config, profiles: Iterable[str]) -> dict[str, str]:
    """Client secrets in the keyring that no other profile reads, by profile."""

    def kept_under(name: str) -> str | None:
        table = config.table.profiles[name]
        if table.client_secret is None or table.client_secret.kind != "keyring":
            return None
        return keyring_name(config.table.issuers[table.issuer].url, table.client_id)

    going = {name: secret for name in profiles if (secret := kept_under(name))}
    others = {kept_under(name) for name in config.table.profiles if name not in set(profiles)}
    return {name: secret for name, secret in going.items() if secret not in others}


def _unused_issuers(config: Config, going: Sequence[tuple[Kind, str]]) -> Iterator[str]:
    """The issuers that only profiles use that go."""
    table = config.table
    profiles = {name for kind, name in going if kind == "profile"}
    used = {profile.issuer for name, profile in table.profiles.items() if name not in profiles}
    for issuer in dict.fromkeys(table.profiles[name].issuer for name in table.profiles if name in profiles):
        if issuer not in used and ("issuer", issuer) not in going:
            yield issuer


def _secret_files(world: World, profiles: Collection[str]) -> dict[str, Path]:
    """Files with client secrets that are there and that no other profile reads, by profile."""
    found: dict[str, Path] = {}
    others: set[Path] = set()
    for name, table in world.config.table.profiles.items():
        if table.client_secret is not None and table.client_secret.kind == "file":
            path = expand(str(table.client_secret.value), world.environ, beside=world.paths.config.parent)
            if name not in profiles:
                others.add(path)
            elif path.is_file():
                found[name] = path
    return {name: path for name, path in found.items() if path not in others}


def _forget(secrets: dict[str, str]) -> Iterator[str]:
    for profile, secret in secrets.items():
        try:
            keyring_secrets.delete(secret)
        except TogetherctlError as error:
            yield f"the client secret of profile {profile} is still in the keyring: {error.message}"
