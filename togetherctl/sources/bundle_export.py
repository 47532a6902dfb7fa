"""Writing a bundle: what of a store is for others, and what is left out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from togetherctl.paths import expand
from togetherctl.sources.bundle_keys import KINDS, LEFT_ABOVE, TAKEN
from togetherctl.sources.certificates import joined
from togetherctl.sources.rule import objection, strange_parameters
from togetherctl.store.editing import section
from togetherctl.store.toml_text import TomlText

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from togetherctl.store.choices import Kind
    from togetherctl.store.store import Store

_HEAD = """\
# Issuers, profiles and clusters for togetherctl, without any secret. To take them:
#
#   togetherctl init THIS-FILE-OR-ITS-HTTPS-ADDRESS
"""


@dataclass(frozen=True)
class Exported:
    """The bundle's text, and a line for each entry that lost something on the way."""

    text: str
    left_out: tuple[str, ...]


def bundle_of(store: Store, profiles: Sequence[str], environ: Mapping[str, str]) -> Exported:
    """The bundle of these profiles, with their issuers and clusters; without names of all of them.

    CA files stand in it as their certificates. Raises UsageError for an unknown profile, and ConfigError where a CA
    file cannot be read.
    """
    names = list(dict.fromkeys(profiles)) or list(store.table.profiles)
    for name in names:
        store.entry("profile", name)
    exported = set(names)
    chosen: dict[Kind, list[str]] = {
        "issuer": list(dict.fromkeys(store.table.profiles[name].issuer for name in names)),
        "profile": names,
        "cluster": [name for name, cluster in store.table.clusters.items() if cluster.profile in exported],
    }
    tables: dict[tuple[str, ...], dict[str, Any]] = {}
    above = [key for key in LEFT_ABOVE if getattr(store.table, key)]
    left_out = [f"the store: {', '.join(above)}"] if above else []
    for kind in KINDS:
        for name in chosen[kind]:
            table, lost = _exported(store, kind, name, environ)
            tables[section(kind), name] = table
            if lost:
                left_out.append(f"{kind} {name}: {', '.join(lost)}")
    text = TomlText(_HEAD)
    text.set(("version",), 1)
    text.add(tables)
    return Exported(text.text, tuple(left_out))


def _exported(store: Store, kind: Kind, name: str, environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The table as a bundle has it, and the keys it lost."""
    entry = store.entry(kind, name)
    # Only what the store says: a default of today may be another tomorrow.
    table = entry.model_dump(mode="json", exclude_unset=True)
    ca_files = table.pop("ca_file", None) or []
    ca_files = [ca_files] if isinstance(ca_files, str) else ca_files
    if ca_files or "ca_data" in table:
        files = [expand(file, environ, beside=store.path.parent) for file in ca_files]
        table["ca_data"] = joined(files, table.get("ca_data"), alone=False)
    lost = [key for key in table if key not in TAKEN[kind]]
    if "auth_params" in table:
        strange = strange_parameters(table)
        lost += [f"auth_params.{parameter}" for parameter in strange]
        table["auth_params"] = {key: value for key, value in table["auth_params"].items() if key not in strange}
    lost += [key for key in table if key in TAKEN[kind] and objection("bundle", kind, key, table)]
    return {key: value for key, value in table.items() if key not in lost and value != {}}, lost
