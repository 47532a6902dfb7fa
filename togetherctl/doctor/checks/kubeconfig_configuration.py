"""Whether kubectl's credential comes from the configuration that this shell uses."""

from __future__ import annotations

from collections.abc import Iterator

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode, run
from togetherctl.finding import Finding
from togetherctl.kube.configuration_of_user import configuration_used
from togetherctl.kube.entries import owner_of
from togetherctl.kube.ownership import EntryInFile, all_entries
from togetherctl.paths import tilde


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    environ, here = facts.world.environ, facts.world.paths.config
    merged: dict[str, EntryInFile] = {}
    for one in all_entries(facts.kubeconfigs(), "users"):
        # kubectl takes the first of a name.
        merged.setdefault(one.name, one)
    users = [one for one in merged.values() if owner_of("users", one.entry) is not None]
    if not users:
        raise Skip("no user of the kubeconfig calls togetherctl")
    other = {user.name: config for user in users if (config := configuration_used(user, environ)) not in (None, here)}
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
