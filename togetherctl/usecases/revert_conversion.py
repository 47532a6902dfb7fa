"""Find what a conversion brought into the configuration, which its kubeconfig needs no more once it is put back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.config.types import Kind
from togetherctl.errors import KubeconfigError
from togetherctl.kubelogin.merged_kubeconfig import Kubeconfigs
from togetherctl.usecases.remove_entry import with_users

if TYPE_CHECKING:
    from togetherctl.config.config import Config
    from togetherctl.kubelogin.backups import Backup

_KINDS: tuple[Kind, ...] = ("issuer", "profile", "cluster")


def entries_left_over(
    config: Config, reverted: Sequence[Backup], still_converted: Sequence[Path]
) -> list[tuple[Kind, str]]:
    """The entries that came by the conversions that were `reverted`, and that nothing else uses.

    An entry stands for all that uses it, which came along too. What a kubeconfig that is `still_converted` needs, or
    what an entry of the person's own uses, stays.
    """
    made = {name for item in reverted for name in item.made}
    needed: set[str] = set()
    for path in still_converted:
        with suppress(KubeconfigError):
            needed.update(Kubeconfigs([path]).our_profiles())
    left: list[tuple[Kind, str]] = []
    covered: set[tuple[Kind, str]] = set()
    for kind in _KINDS:
        for name in config.entries(kind):
            entries = list(with_users(config, kind, name))
            is_free = all(
                f"{of} {other}" in made and not (of == "profile" and other in needed) for of, other in entries
            ) and not _opens_a_needed(config, kind, name, needed)
            if is_free and (kind, name) not in covered:
                left.append((kind, name))
                covered.update(entries)
    return left


def _opens_a_needed(config: Config, kind: Kind, name: str, needed: set[str]) -> bool:
    """Whether a kubeconfig that is still converted may have this cluster."""
    return kind == "cluster" and config.table.clusters[name].profile in needed
