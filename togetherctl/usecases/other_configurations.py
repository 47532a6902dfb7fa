"""Refuse to mix the entries of two configurations in a kubeconfig: one's token would go to the other's server."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from togetherctl.config.config import Cluster
from togetherctl.errors import KubeconfigError
from togetherctl.kube.configuration_of_user import users_of_others
from togetherctl.kube.entries import USER_PREFIX
from togetherctl.kube.kubeconfig import KubeconfigFile
from togetherctl.kube.ownership import all_entries
from togetherctl.paths import tilde
from togetherctl.wiring import World


def refuse_mixing(
    world: World, opened: Sequence[KubeconfigFile], clusters: Sequence[Cluster], contexts: Collection[str]
) -> None:
    """Raises KubeconfigError where an entry that we would write also serves a context of another configuration.

    `contexts` are the names of those that are replaced, all three entries of each.
    """
    others = users_of_others(opened, world.environ, world.paths.config)
    beside = [one for one in all_entries(opened, "contexts") if one.name not in contexts]
    for user in dict.fromkeys(f"{USER_PREFIX}{cluster.profile}" for cluster in clusters):
        using = [one.name for one in beside if one.word("user") == user]
        other = others.merged(user)
        if other is not None and using:
            raise KubeconfigError(
                f"user {user} of the kubeconfig is of {tilde(other, world.environ)}, and "
                f"{', '.join(using)} would get a credential of this configuration with it",
                hint="give the profile another name (togetherctl profile rename), or write into another file with "
                "--kubeconfig; --overwrite does it all the same",
            )
    for cluster in clusters:
        sharing = [one for one in beside if one.word("cluster") == cluster.context and others.touching(one)]
        if sharing:
            config = tilde(others.touching(sharing[0]) or world.paths.config, world.environ)
            raise KubeconfigError(
                f"cluster {cluster.context} of the kubeconfig is used by {', '.join(one.name for one in sharing)}, "
                f"whose credential comes from {config} and would go to this server",
                hint="give the cluster another name (togetherctl cluster rename), or write into another file with "
                "--kubeconfig; --overwrite does it all the same",
            )
