"""Whether profiles that share a session also keep it in the same place."""

from __future__ import annotations

from collections.abc import Iterator

from togetherctl.config.files import read
from togetherctl.config.validation import different_storage
from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ConfigError, ExitCode, run
from togetherctl.finding import Finding


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    # Such a configuration is refused, so its text is looked at.
    try:
        problems = different_storage(read(facts.world.paths.config).data)
    except ConfigError:
        raise Skip("the configuration cannot be read") from None
    for problem in problems:
        yield Finding(
            "failed",
            f"its storage {problem.reason}",
            run("togetherctl", "config", "edit"),
            subject=f"profile {problem.key[1]}",
            exit_code=ExitCode.USAGE,
        )
    if problems:
        return
    config = facts.config
    shared = {tuple(config.sharing(profile)) for profile in facts.profiles}
    together = sorted(", ".join(names) for names in shared if len(names) > 1)
    said = (
        f"profiles that share a session, and its storage: {'; '.join(together)}"
        if together
        else "no two profiles share a session"
    )
    yield Finding("ok", said)


CHECK = Check(
    name="configuration-shared-session",
    area="configuration",
    title="Sessions that profiles share",
    each="machine",
    examine=_examine,
    signs=("`differs from that of profile …, which shares its session; give both the same`, exit 2",),
    means="Profiles with the same issuer, client, scopes and account share one session. If one kept it in the keyring "
    "and the other in a file, each would take it away from the other.",
    helps="Give both the same `storage` with `togetherctl config edit`, or one of them an `account` of its own.",
    place=40,
)
