"""Tell which configuration the user of a kubeconfig leads to: several may have entries in one kubeconfig."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.environment import CONFIG, HOME
from togetherctl.errors import UsageError
from togetherctl.kube.entries import list_or_empty, mapping_or_empty, owner_of
from togetherctl.kube.ownership import UsersOfOthers, all_entries
from togetherctl.paths import locate
from togetherctl.shim import served_config

if TYPE_CHECKING:
    from togetherctl.kube.kubeconfig import KubeconfigFile
    from togetherctl.kube.ownership import EntryInFile

# Writing an entry puts those of them that are set into its stanza, or into the script that it calls.
_LEADING = (CONFIG, HOME, "XDG_CONFIG_HOME")


def configuration_used(user: EntryInFile, environ: Mapping[str, str]) -> Path | None:
    """The configuration that kubectl's call of a user's stanza reads in this environment; None where not known."""
    stanza = mapping_or_empty(user.body.get("exec"))
    said = {**environ, **_variables(stanza)}
    command = stanza.get("command")
    served = served_config(Path(command)) if isinstance(command, str) and command else None
    # What the environment says goes before what is in the script.
    if served is not None and not said.get(CONFIG) and not said.get(HOME):
        return Path(served)
    try:
        return locate(said).config
    except UsageError:
        return None


def other_configuration(user: EntryInFile, environ: Mapping[str, str], here: Path) -> Path | None:
    """The configuration that a user of ours was written for, where it is there and is not the one at `here`.

    A variable of this shell changes nothing about that: it may be set for one call. A command without a path, as
    `--portable` writes it, is of no particular configuration.
    """
    command = mapping_or_empty(user.body.get("exec")).get("command")
    if owner_of("users", user.entry) is None or not isinstance(command, str) or os.sep not in command:
        return None
    config = configuration_used(user, {name: value for name, value in environ.items() if name not in _LEADING})
    try:
        return None if config is None or config.samefile(here) else config
    except OSError:
        return config if config is not None and config != here and config.exists() else None


def users_of_others(files: Sequence[KubeconfigFile], environ: Mapping[str, str], here: Path) -> UsersOfOthers:
    """The users of the files that are of another configuration than the one at `here`."""
    users = list(all_entries(files, "users"))
    # Many users call the same script, which is read once.
    by_call: dict[str, Path | None] = {}
    found: dict[tuple[Path, str], Path] = {}
    for user in users:
        stanza = mapping_or_empty(user.body.get("exec"))
        call = repr((owner_of("users", user.entry) is None, stanza.get("command"), _variables(stanza)))
        if call not in by_call:
            by_call[call] = other_configuration(user, environ, here)
        config = by_call[call]
        if config is not None:
            found[user.file.path, user.name] = config
    return UsersOfOthers(users, found)


def _variables(stanza: Mapping[str, object]) -> dict[str, str]:
    items = [item for item in list_or_empty(stanza.get("env")) if isinstance(item, dict)]
    return {str(item["name"]): str(item["value"]) for item in items if item.get("name") and item.get("value")}
