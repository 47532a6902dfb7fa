"""Remove a profile, issuer or cluster, and what goes with it.

Kubeconfigs first, then the store, under the locks of both: cut off in between, the store still has the entry, and the
same command goes on from there.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from togetherctl import vault
from togetherctl.actions.kubeconfig_edit import Leaving, leaving
from togetherctl.errors import TogetherctlError, UsageError, run
from togetherctl.kube.kubeconfig import editing
from togetherctl.store.editing import USED_BY, existing
from togetherctl.store.secrets import keyring_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from togetherctl.store.choices import Kind
    from togetherctl.store.store import Store
    from togetherctl.store.toml_text import TomlText
    from togetherctl.wiring import World


@dataclass(frozen=True)
class GoingSession:
    """A session that no other profile reaches: a profile that has it, and whose it is (None if it cannot be read)."""

    profile: str
    identity: str | None


@dataclass(frozen=True)
class Going:
    """What a removal takes along: entries of the store, the one that was named first; kubeconfig entries; sessions.

    `kubeconfig` is None where kubeconfigs are left alone. `secrets` are names in the keyring, by profile.
    """

    entries: list[tuple[Kind, str]]
    kubeconfig: Leaving | None
    sessions: list[GoingSession] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Removed:
    """What was taken out of kubeconfigs, None where they were left alone; and what could not be done."""

    kubeconfig: Leaving | None
    warnings: list[str] = field(default_factory=list)


def what_goes(
    world: World,
    kind: Kind,
    name: str,
    *,
    cascade: bool = False,
    kubeconfig: str | None = None,
    keep_kubeconfig: bool = False,
) -> Going:
    """What removing an entry takes along. What uses it goes only if `cascade`.

    Raises UsageError where something uses it, or there is no such entry; and KubeconfigError.
    """
    store = world.store
    store.entry(kind, name)
    entries = list(_with_users(store, kind, name))
    if len(entries) > 1 and not cascade:
        users = [other for of, other in entries if of == USED_BY[kind][0]]
        raise UsageError(
            f"{kind} {name} is used by {USED_BY[kind][0]} {', '.join(users)}",
            hint=run("togetherctl", kind, "remove", name, "--cascade"),
        )
    profiles = [other for of, other in entries if of == "profile"]
    clusters = [other for of, other in entries if of == "cluster"]
    return Going(
        entries,
        None
        if keep_kubeconfig
        else leaving(world, kubeconfig, clusters=clusters.__contains__, profiles=profiles.__contains__),
        list(_sessions(world, profiles)),
        _secrets(store, profiles),
    )


def remove(world: World, going: Going) -> Removed:
    """Remove it. Raises UsageError where something else uses it by now, ConfigError and KubeconfigError."""
    out = going.kubeconfig
    with editing(out.files, out.edit) if out else nullcontext() as pending, world.changing_store() as text:
        for of, other in going.entries:
            text.unset(existing(text, of, other))
            if of == "profile" and text.data.get("default_profile") == other:
                text.unset(("default_profile",))
        _refuse_if_used(text, going.entries)
        if pending:
            pending.write()
    done = Leaving(out.files, pending.changes, pending.said, out.clusters, out.profiles) if out and pending else None
    return Removed(done, list(_forget(going.secrets)))


def _with_users(store: Store, kind: Kind, name: str) -> Iterator[tuple[Kind, str]]:
    """An entry and everything that is of no use without it."""
    yield kind, name
    if kind in USED_BY:
        users, key = USED_BY[kind]
        for other, table in store.entries(users).items():
            if getattr(table, key) == name:
                yield from _with_users(store, users, other)


def _refuse_if_used(text: TomlText, entries: Iterable[tuple[Kind, str]]) -> None:
    """Refuse if another entry uses one of them by now."""
    for kind, name in entries:
        users, key = USED_BY.get(kind, (kind, ""))
        using = [other for other, table in text.data.get(f"{users}s", {}).items() if key and table.get(key) == name]
        if using:
            raise UsageError(
                f"{kind} {name} is used by {users} {', '.join(using)} by now; nothing was changed", hint="try again"
            )


def _sessions(world: World, profiles: list[str]) -> Iterator[GoingSession]:
    keys = world.store.keys()
    kept = {key for name, key in keys.items() if name not in profiles}
    for key, name in {keys[name]: name for name in reversed(profiles) if keys[name] not in kept}.items():
        try:
            session = world.engine.load(world.store.profile(name))
        except TogetherctlError:
            yield GoingSession(name, None)
            continue
        if session is not None and key:
            yield GoingSession(name, session.identity)


def _secrets(store: Store, profiles: Iterable[str]) -> dict[str, str]:
    """Client secrets in the keyring that no other profile reads, by profile."""

    def kept_under(name: str) -> str | None:
        table = store.table.profiles[name]
        if table.client_secret is None or table.client_secret.kind != "keyring":
            return None
        return keyring_name(store.table.issuers[table.issuer].url, table.client_id)

    going = {name: secret for name in profiles if (secret := kept_under(name))}
    others = {kept_under(name) for name in store.table.profiles if name not in set(profiles)}
    return {name: secret for name, secret in going.items() if secret not in others}


def _forget(secrets: dict[str, str]) -> Iterator[str]:
    for profile, secret in secrets.items():
        try:
            vault.delete(secret)
        except TogetherctlError as error:
            yield f"the client secret of profile {profile} is still in the keyring: {error.message}"
