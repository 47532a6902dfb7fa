"""Whether the configuration has issuers and profiles that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.errors import run
from togetherctl.finding import Finding


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    config = facts.config
    table = config.table
    used = {profile.issuer for profile in table.profiles.values()}
    unused = [name for name in table.issuers if name not in used]
    without = [profile.name for profile in facts.profiles if not config.clusters_of(profile.name)]
    for name in unused:
        yield Finding(
            "warning",
            "no profile uses it",
            run("togetherctl", "issuer", "remove", name),
            subject=f"issuer {name}",
        )
    for name in without:
        yield Finding(
            "warning",
            "no cluster is opened by it, so only `togetherctl get-token` uses its session",
            f"togetherctl cluster add NAME --profile {name} --server URL, or togetherctl profile remove {name}",
            subject=f"profile {name}",
        )
    if not unused and not without:
        yield Finding("ok", "each issuer has a profile, and each profile a cluster")


CHECK = Check(
    name="configuration-unused",
    area="configuration",
    title="Entries of the configuration that nothing uses",
    each="machine",
    examine=_examine,
    signs=("kubectl has no context for a profile that you log in to",),
    means="An issuer without a profile, or a profile without a cluster, is often the rest of something that was "
    "removed, or the beginning of something that was not finished.",
    helps="`togetherctl cluster add NAME --profile PROFILE --server URL` gives a profile its cluster; "
    "`togetherctl profile remove NAME` and `togetherctl issuer remove NAME` take out what is not needed.",
    place=30,
)
