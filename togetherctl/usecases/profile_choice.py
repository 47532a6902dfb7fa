"""Find the profile that a word means, a cluster's or a context's too, and the one that is meant without a word."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from togetherctl.config.validation import unknown
from togetherctl.errors import KubeconfigError, UsageError, run

if TYPE_CHECKING:
    from togetherctl.wiring import World

# What a user of a kubeconfig may have beside or instead of a plugin; client-go then asks no plugin.
_CREDENTIALS = {
    "token": "has a static token",
    "tokenFile": "has a file with a token",
    "client-certificate": "has a client certificate",
    "client-certificate-data": "has a client certificate",
    "username": "has a user name and a password",
    "auth-provider": "logs in by an auth-provider",
}


@dataclass(frozen=True)
class MeantProfile:
    """A profile's name, and what led to it: the cluster or context called `by`; nothing where it was named itself."""

    name: str
    kind: Literal["profile", "cluster", "context", "current context"] = "profile"
    by: str = ""

    @property
    def sentence(self) -> str | None:
        """What a person reads of a profile that they did not name."""
        if self.kind == "profile":
            return None
        if self.kind == "current context":
            return f"Profile {self.name}: kubectl's current context is {self.by}."
        return f"Profile {self.name}: {self.by} is a {self.kind} of it."


def find_profile(world: World, word: str) -> MeantProfile:
    """The profile called `word`, else that of the cluster, else that of the context; the kubeconfig is read last.

    Raises UsageError.
    """
    table = world.config.table
    if word in table.profiles:
        return MeantProfile(word)
    world.config.refuse_two_meanings(word)
    if word in table.clusters:
        return MeantProfile(table.clusters[word].profile, "cluster", word)
    contexts = (cluster.profile for cluster in table.clusters.values() if cluster.context == word)
    owner = next(contexts, None) or _owner_of_context(world, word)
    if owner:
        return MeantProfile(owner, "context", word)
    foreign = _explain_foreign(world, word)
    if foreign is not None:
        raise foreign
    raise unknown("profile", word, [*table.profiles, *table.clusters], config=world.config.path)


def find_current_profile(world: World) -> MeantProfile | None:
    """The profile that is meant without a word; None where only a person could tell.

    `TOGETHERCTL_PROFILE`, else `default_profile`, else that of kubectl's current context, else the only one. Raises
    UsageError where there is no profile at all.
    """
    config = world.config
    name = config.preferred_profile()
    if name:
        return MeantProfile(name)
    if len(config.table.profiles) == 1 or not config.table.profiles:
        return MeantProfile(config.meant_profile())
    from togetherctl.usecases.kubeconfig_state import read_kubeconfig_state

    state = read_kubeconfig_state(world)
    if state.current_profile in config.table.profiles:
        return MeantProfile(state.current_profile, "current context", state.current_context or "")
    return None


def _owner_of_context(world: World, context: str) -> str | None:
    """The profile of our context of that name in the kubeconfig, which a person may have renamed there."""
    from togetherctl.kube.entries import owner_of
    from togetherctl.kube.kubeconfig import kubeconfig_files
    from togetherctl.usecases.kubeconfig_write import read_entries

    profiles, clusters = world.config.table.profiles, world.config.table.clusters
    with suppress(KubeconfigError):
        for found in read_entries(kubeconfig_files(None, world.environ), "contexts"):
            owner = owner_of("contexts", found.entry) if found.name == context else None
            if owner is not None and owner.profile in profiles:
                return owner.profile
            if owner is not None and owner.cluster in clusters:
                return clusters[owner.cluster].profile
    return None


def _explain_foreign(world: World, context: str) -> UsageError | None:
    """The error for a context of the kubeconfig that is not of the configuration, with what its user logs in by."""
    from togetherctl.kube.entries import mapping_or_empty
    from togetherctl.kube.kubeconfig import kubeconfig_files
    from togetherctl.usecases.kubeconfig_write import read_entries

    try:
        entries = read_entries(kubeconfig_files(None, world.environ), "contexts", "users")
    except KubeconfigError:
        return None
    found = next((one for one in entries if one.section == "contexts" and one.name == context), None)
    if found is None:
        return None
    name = found.word("user")
    user = next((one for one in entries if one.section == "users" and one.name == name), None)
    body = user.body if user else {}
    words = next((words for key, words in _CREDENTIALS.items() if body.get(key)), "")
    remedy = run("kubectl", "--context", context, "auth", "whoami", words="ask the cluster who it takes you for")
    if not words:
        command = mapping_or_empty(body.get("exec")).get("command")
        words = f"runs {PurePath(command).name}" if isinstance(command, str) and command else "has no credential"
    return UsageError(
        f"{context} is a context of the kubeconfig that is not of togetherctl: its user {name} {words}", hint=remedy
    )
