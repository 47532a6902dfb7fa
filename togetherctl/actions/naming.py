"""Which name each cluster's context bears: what the store says, or what a template makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.errors import UsageError
from togetherctl.kube.context_name import ContextTemplate, Named
from togetherctl.kube.ours import everything
from togetherctl.kube.stanza import mark_of, owner_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from togetherctl.kube.kubeconfig import KubeconfigFile
    from togetherctl.kube.ours import Found
    from togetherctl.store.store import Cluster, Store


@dataclass(frozen=True)
class Naming:
    """Names of contexts by a template that somebody typed, else by the one that each was named by before."""

    store: Store
    typed: ContextTemplate | None = None

    @classmethod
    def of(cls, store: Store, template: str | None) -> Naming:
        """Raises UsageError for a template that cannot be used."""
        return cls(store, ContextTemplate.parse(template) if template is not None else None)

    def all(self, files: Sequence[KubeconfigFile], clusters: Sequence[Cluster]) -> dict[str, Named]:
        """The context of each cluster, by the cluster's name. Raises UsageError where two would share one."""
        ours: dict[str, list[Found]] = {}
        for found in everything(files, "contexts"):
            owner = owner_of("contexts", found.entry)
            if owner is not None and owner.cluster is not None:
                ours.setdefault(owner.cluster, []).append(found)
        named = {cluster.name: self._one(cluster, ours.get(cluster.name, [])) for cluster in clusters}
        first_of: dict[str, str] = {}
        for name, one in named.items():
            first = first_of.setdefault(one.context, name)
            if first != name:
                raise UsageError(
                    f"clusters {first} and {name} would both have the context {one.context}",
                    hint="put {cluster} into the template, as in '{profile}-{cluster}'",
                )
        return named

    def _one(self, cluster: Cluster, ours: list[Found]) -> Named:
        by_template = [found for found in ours if template_of(found) is not None]
        before = by_template
        template: str | None
        if self.typed is not None:
            template = self.typed.text
            name = self.typed.name(values_of(self.store, cluster))
            before = [found for found in ours if found in by_template or found.name == cluster.context]
        else:
            template = template_of(by_template[0]) if by_template else None
            name = made(template, values_of(self.store, cluster)) or cluster.context
        instead = before[0].name if len(before) == 1 and all(found.name != name for found in ours) else None
        return Named(name, template if name != cluster.context else None, instead)


def values_of(store: Store, cluster: Cluster) -> dict[str, str]:
    """What the fields of a template stand for."""
    return {
        "cluster": cluster.name,
        "profile": cluster.profile,
        "issuer": store.table.profiles[cluster.profile].issuer,
        "context": cluster.context,
        "namespace": cluster.namespace or "default",
    }


def made(text: str | None, values: Mapping[str, str]) -> str | None:
    """What a template that is noted in a context makes of these values; None where nothing usable is noted."""
    try:
        return ContextTemplate.parse(text).name(values) if text else None
    except UsageError:
        return None


def template_of(found: Found) -> str | None:
    """The template that a context of ours was named by."""
    text = mark_of("contexts", found.entry).get("template")
    return text if isinstance(text, str) else None
