"""Whether kubectl's credential comes from the configuration that this shell uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.environment import CONFIG, HOME
from togetherctl.errors import ExitCode, UsageError, run
from togetherctl.finding import Finding
from togetherctl.kube.entries import list_or_empty, mapping_or_empty, owner_of
from togetherctl.kube.ownership import all_entries
from togetherctl.paths import locate, tilde
from togetherctl.shim import served_config

if TYPE_CHECKING:
    from togetherctl.kube.ownership import EntryInFile


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    environ, here = facts.world.environ, facts.world.paths.config
    users = [one for one in all_entries(facts.kubeconfigs(), "users") if owner_of("users", one.entry) is not None]
    if not users:
        raise Skip("no user of the kubeconfig calls togetherctl")
    other = {user.name: config for user in users if (config := _used_by(user, environ)) not in (None, here)}
    for name, config in other.items():
        assert config is not None  # noqa: S101 # chosen above
        is_there = config.exists()
        gone = "" if is_there else ", which is not there, so kubectl gets no credential"
        yield Finding(
            "warning" if is_there else "failed",
            f"kubectl gets its credential from {tilde(config, environ)}{gone}, and this shell uses "
            f"{tilde(here, environ)}: logins here do not reach it",
            run("togetherctl", "kubeconfig", "write", words="if this shell's is the right one"),
            subject=f"user {name}",
            exit_code=ExitCode.USAGE,
        )
    if not other:
        yield Finding("ok", f"kubectl gets its credential from {tilde(here, environ)}, as this shell does")


def _used_by(user: EntryInFile, environ: Mapping[str, str]) -> Path | None:
    """The configuration that a user's stanza leads to when kubectl runs it from here; None where that is not known."""
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


def _variables(stanza: Mapping[str, object]) -> dict[str, str]:
    items = [item for item in list_or_empty(stanza.get("env")) if isinstance(item, dict)]
    return {str(item["name"]): str(item["value"]) for item in items if item.get("name") and item.get("value")}


CHECK = Check(
    name="kubeconfig-configuration",
    area="kubeconfig",
    title="The configuration that kubectl's credential comes from",
    each="machine",
    examine=_examine,
    signs=(
        "`there is no profile …`, from kubectl, while `togetherctl status` shows it",
        "kubectl opens a login although `togetherctl status` shows a valid session",
    ),
    means="A kubeconfig that was written with another `TOGETHERCTL_HOME`, `TOGETHERCTL_CONFIG` or home leads kubectl "
    "to the configuration and the sessions that were there.",
    helps="`togetherctl kubeconfig write` in the shell whose configuration is the right one.",
    place=35,
)
