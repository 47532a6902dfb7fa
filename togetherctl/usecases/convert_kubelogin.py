"""Convert kubelogin's stanzas to issuers, profiles and clusters, and to togetherctl's own stanza.

What a run would do is a plan, made without changing anything. Carrying it out makes it again under the kubeconfigs'
locks, then writes in this order: the secrets, the backups, the configuration, the kubeconfigs. So wherever it is cut
off, each kubeconfig is the old one or the new one, none names a profile that the configuration lacks, and the same
command goes on.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from togetherctl.config.config import Config
from togetherctl.config.editing import begin_edit, new_key
from togetherctl.config.files import read as read_config
from togetherctl.config.models import ConfigTable
from togetherctl.config.redact import without_secrets
from togetherctl.config.toml_text import TomlText
from togetherctl.config.types import Kind
from togetherctl.config.validation import validate
from togetherctl.errors import UsageError
from togetherctl.importing import naming
from togetherctl.importing.additions import Additions, MovedSecret
from togetherctl.importing.cluster_offer import Offer
from togetherctl.importing.matching import Matching
from togetherctl.importing.secret_place import SecretPlace
from togetherctl.kube.entries import mark_as_ours, stanza_for
from togetherctl.kube.kubeconfig import KubeconfigChange, hold_locks
from togetherctl.kubelogin.backups import Backups
from togetherctl.kubelogin.exec_stanza import OldStanza
from togetherctl.kubelogin.merged_kubeconfig import Context, Kubeconfigs, Where, cluster_table, left_out
from togetherctl.kubelogin.stanza_to_profile import CannotCarryOver, Meaning, meaning
from togetherctl.usecases.kubeconfig_write import WithChanges


@dataclass(frozen=True)
class ConversionRequest:
    """What to convert: the stanza of one context, all, or the only one there is.

    `command` and `env` are what kubeconfigs call from then on.
    """

    files: Sequence[Path]
    command: str
    context: str | None = None
    everyone: bool = False
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ConversionPlan(WithChanges):
    """What a conversion changes, and a sentence for each stanza.

    `tables` are new in the configuration; `secrets` leave the kubeconfigs; `caches` are the folders of old tokens by
    profile;
    `backups` were made, if it was carried out.
    """

    changes: list[KubeconfigChange] = field(default_factory=list)
    tables: Mapping[tuple[Kind, str], dict[str, Any]] = field(default_factory=dict)
    secrets: list[MovedSecret] = field(default_factory=list)
    caches: dict[str, list[Path]] = field(default_factory=dict)
    backups: list[Path] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def seen(self) -> tuple[object, ...]:
        """What a person agrees to: a plan that is made again must have the same."""
        return [(change.path, change.old) for change in self.changed], self.tables, self.secrets


@dataclass(frozen=True)
class Conversion:
    """One request against the configuration as `config` reads it each time.

    `place` tells where a client secret goes, None where that is not known yet.
    """

    request: ConversionRequest
    config: Callable[[], Config]
    environ: Mapping[str, str]
    place: Callable[[MovedSecret], SecretPlace | None]

    def plan(self) -> ConversionPlan:
        """Raises KubeconfigError, and UsageError where it is not clear which stanza is meant."""
        kubeconfigs = Kubeconfigs(self.request.files)
        config = self.config()
        folder = config.path.parent
        additions = Additions(config.table, folder=folder, environ=self.environ, place=self.place)
        matching = Matching(config.table.clusters, additions, (), folder=folder, environ=self.environ, given={})
        plan = ConversionPlan(tables=additions.tables)
        draft = _Draft(kubeconfigs, config.table, additions, matching, plan)
        contexts = kubeconfigs.contexts()
        profiles: dict[Where, str] = {}
        stanzas = kubeconfigs.stanzas()
        for where in self._stanzas_meant(kubeconfigs, list(stanzas), contexts):
            using = [context for context in contexts if context.user == where]
            profile = self._convert_user(draft, where, stanzas[where], using)
            if profile is not None:
                profiles[where] = profile
        for context in contexts:
            if context.user in profiles:
                self._convert_context(draft, context, contexts, profiles)
        self._note_auth_providers(kubeconfigs, plan)
        plan.secrets = list(additions.secrets.values())
        plan.changes = [file.change() for file in kubeconfigs.files]
        return plan

    def carry_out(
        self,
        changing_config: Callable[[], AbstractContextManager[TomlText]],
        backups: Backups,
        agreed: ConversionPlan,
    ) -> ConversionPlan:
        """Do what the plan says, which is as `agreed` to; gives it as it was done.

        Raises KubeconfigError, ConfigError, StorageError and UsageError; then every kubeconfig still works as before.
        """
        with hold_locks(sorted(self.request.files)):
            plan = self.plan()
            if plan.seen != agreed.seen:
                raise UsageError("a file has changed meanwhile; nothing was converted", hint="try again")
            for change in plan.changed:
                change.target()
            for moved in plan.secrets:
                place = self.place(moved)
                assert place is not None  # noqa: S101 # it was settled for what was agreed to
                left = place.keep(moved.value, keyring_name=moved.keyring_name, environ=self.environ)
                plan.done += [left] if left else []
            plan.backups = backups.make(plan.changed, plan.tables)
            if plan.tables:
                with changing_config() as text:
                    text.add({new_key(text, kind, name): table for (kind, name), table in plan.tables.items()})
            for change in plan.changed:
                change.write()
        return plan

    def _stanzas_meant(self, kubeconfigs: Kubeconfigs, stanzas: list[Where], contexts: list[Context]) -> list[Where]:
        if self.request.everyone:
            return stanzas
        if self.request.context is not None:
            user = kubeconfigs.context(self.request.context).user
            return [user] if user in stanzas else []
        if len(stanzas) > 1:
            using = [context.at.name for context in contexts if context.user in stanzas]
            raise UsageError(
                f"which stanza? There are {len(stanzas)}"
                + (f", of the contexts {', '.join(using[:10])}{' …' if len(using) > 10 else ''}" if using else ""),
                hint="togetherctl kubeconfig convert --all, or --context CONTEXT",
            )
        return stanzas

    def _note_auth_providers(self, kubeconfigs: Kubeconfigs, plan: ConversionPlan) -> None:
        """Say which command imports users with `auth-provider: oidc`; their entries hold tokens, so they stay."""
        context = kubeconfigs.context(self.request.context) if self.request.context else None
        for where in kubeconfigs.providers():
            if context is None or context.user == where:
                who = self._describe("user", where)
                plan.left.append(
                    f"{who} logs in by auth-provider: oidc, which is no plugin's stanza and stays; "
                    f"togetherctl init {shlex.quote(str(where.file))} takes its clusters over"
                )

    def _describe(self, kind: str, at: Where) -> str:
        return f"{kind} {at.name}" + (f" in {at.file}" if len(self.request.files) > 1 else "")

    def _convert_user(self, draft: _Draft, where: Where, stanza: OldStanza, using: Sequence[Context]) -> str | None:
        """Give a user our stanza; the name of its profile, None where it stays as it is."""
        who, plan = self._describe("user", where), draft.plan
        try:
            meant = meaning(stanza, folder=where.file.absolute().parent, environ=self.environ)
            known = draft.know(where, meant, using)
            if known is not None:
                profile, notes = known
            else:
                candidates = [naming.telling(name) for name in (where.name, *(one.at.name for one in using))]
                profile, notes = draft.additions.profile(meant.issuer, meant.profile, meant.secret, *candidates)
        except (CannotCarryOver, ValueError) as error:
            plan.left.append(f"{who} still runs {stanza.program}, because {error}")
            return None
        entry = draft.kubeconfigs.entry("users", where)
        ours = stanza_for(profile, self.request.command, {**meant.env, **self.request.env})
        draft.kubeconfigs.put("users", where, mark_as_ours("users", entry, {"exec": ours}, profile=profile))
        plan.done.append(f"{who}: {stanza.program} becomes profile {profile}")
        plan.done += [f"{who} {note}" for note in (*notes, *meant.notes, *meant.notes_in_place)]
        if meant.cache is not None:
            plan.caches.setdefault(profile, []).append(meant.cache)
        return profile

    def _convert_context(
        self,
        draft: _Draft,
        context: Context,
        contexts: Iterable[Context],
        profiles: Mapping[Where, str],
    ) -> None:
        """Take a context's cluster into the configuration, and mark as ours what `kubeconfig write` is to manage."""
        assert context.user is not None  # noqa: S101 # the caller looked it up by this
        profile, plan = profiles[context.user], draft.plan
        who = self._describe("context", context.at)
        if context.cluster is None:
            plan.left.append(f"{who} names a cluster that is in no file, so the configuration gets none")
            return
        at, entry = context.cluster
        try:
            name = draft.cluster(profile, context, cluster_table(at, entry, context.entry))
        except ValueError as error:
            plan.left.append(f"{who}: its cluster stays in the kubeconfig alone, because {error}")
            return
        same = draft.is_known(name)
        plan.done.append(f"{who} is the same cluster as {name}" if same else f"{who} becomes cluster {name}")
        plan.done += [f"{who} {note}" for note in left_out(entry).values()]
        draft.kubeconfigs.put(
            "contexts", context.at, mark_as_ours("contexts", context.entry, {}, cluster=name, profile=profile)
        )
        others = [other for other in contexts if other.cluster is not None and other.cluster[0] == at]
        # A cluster that others use too, or that `kubeconfig write` would not change, stays as it is.
        if at.name == context.at.name and all(other.user in profiles for other in others):
            body = {key: value for key, value in entry["cluster"].items() if key not in left_out(entry)}
            ours = mark_as_ours("clusters", {**entry, "cluster": body}, {}, cluster=name, profile=profile)
            draft.kubeconfigs.put("clusters", at, ours)


@dataclass
class _Draft:
    """A plan in the making: what is read, what is new, and how a stanza logs in, by its user."""

    kubeconfigs: Kubeconfigs
    config: ConfigTable
    additions: Additions
    matching: Matching
    plan: ConversionPlan
    meant: dict[Where, Meaning] = field(default_factory=dict)

    def know(self, where: Where, meant: Meaning, using: Sequence[Context]) -> tuple[str, list[str]] | None:
        """The profile of the configuration that opens one of the user's clusters already, and what differs."""
        self.meant[where] = meant
        for context in using:
            offer = self._offer(context)
            name = self.matching.cluster(offer, self.config.clusters) if offer else None
            if offer is None or name is None:
                continue
            profile = self.matching.profile(offer, self.config.clusters[name].profile)
            if profile is not None:
                return profile, self.matching.differences(profile, offer)
        return None

    def cluster(self, profile: str, context: Context, table: Mapping[str, Any]) -> str:
        """The name of a context's cluster, new or known. Raises ValueError where the configuration cannot have it."""
        offer = self._offer(context)
        name = self.matching.cluster(offer, self.config.clusters) if offer else None
        if name is not None and self.config.clusters[name].profile == profile:
            return name
        return self.additions.cluster(profile, context.at.name, table)

    def is_known(self, name: str) -> bool:
        """Whether the configuration has this cluster without the conversion."""
        return name in self.config.clusters

    def _offer(self, context: Context) -> Offer | None:
        """A context as `init` would read it; None where it has no cluster that can be taken."""
        if context.cluster is None or context.user is None:
            return None
        meant = self.meant[context.user]
        try:
            table = cluster_table(*context.cluster, context.entry)
        except ValueError:
            return None
        return Offer(context.at.name, issuer=meant.issuer, profile=meant.profile, cluster=table, secret=meant.secret)


def preview_conversion(tables: Mapping[tuple[Kind, str], Mapping[str, Any]], config: Config) -> str:
    """What the configuration would be, as a difference, with headers and passwords of proxies hidden.

    Raises ConfigError where it cannot be edited.
    """
    if not tables:
        return ""
    before = read_config(config.path).text
    text = TomlText(before)
    begin_edit(text)
    text.add({new_key(text, kind, name): dict(table) for (kind, name), table in tables.items()})
    after = validate(text.data)[0] or config.table
    path = str(config.path)
    old, new = (
        without_secrets(of, table).text.splitlines() for of, table in ((before, config.table), (text.text, after))
    )
    return "".join(f"{line}\n" for line in difflib.unified_diff(old, new, path, path, lineterm=""))
