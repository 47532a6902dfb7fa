"""Whether a forwarded agent answers, and lets the profiles out that ask it."""

from __future__ import annotations

from collections.abc import Iterator

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.environment import AGENT
from togetherctl.errors import ExitCode, Remedy
from togetherctl.finding import Finding


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    from togetherctl.agent_client import fetch_profiles

    asking = {profile.called_there: profile.name for profile in facts.profiles if profile.called_there}
    named = facts.world.environ.get(AGENT)
    if not asking and not named:
        raise Skip("no profile asks a forwarded agent")
    offered = fetch_profiles(facts.world.environ)
    out = {str(each.get("name")) for each in offered.profiles}
    for there, name in asking.items():
        if there not in out:
            yield Finding(
                "failed",
                f"the agent at {offered.socket} does not let its profile {there} out",
                Remedy(f"where the agent runs: togetherctl profile set {there} forward=ask"),
                subject=name,
                exit_code=ExitCode.REFUSED,
            )
    let_out = ", ".join(sorted(out)) or "none of its profiles"
    every = f"; get-token asks it for every profile, because {AGENT} is set" if named else ""
    yield Finding("ok", f"it answers at {offered.socket}, and lets {let_out} out{every}")


CHECK = Check(
    name="login-agent",
    area="login",
    title="The agent of another machine",
    each="machine",
    examine=_examine,
    signs=(
        "no agent is forwarded to this machine",
        "the agent at … does not answer",
        "the agent may not hand it out",
    ),
    means="A profile here gets its credential from an agent that another machine forwards, by SSH or into a container. "
    "It answers only as long as that connection lasts, and only for profiles that may go out.",
    helps="Connect again from where the agent runs, with `togetherctl ssh HOST`. There `togetherctl profile set NAME "
    "forward=ask` lets a profile out after a question, and `togetherctl agent status` says whether the agent runs.",
    network=True,
    seconds=15.0,
    late="the agent does not answer in time",
    place=5,
)
