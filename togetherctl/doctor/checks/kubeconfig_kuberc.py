"""Whether kubectl's own preferences let it run the program that our kubeconfig entries call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.programs import kubectls
from togetherctl.environment import KUBERC
from togetherctl.errors import ExitCode, KubeconfigError, Remedy, run
from togetherctl.finding import Finding, Status
from togetherctl.kube.entries import mapping_or_empty, owner_of
from togetherctl.kube.kuberc import Kuberc, locate_kuberc
from togetherctl.kube.ownership import all_entries
from togetherctl.usecases.kubeconfig_write import refusals

# kubectl asks the list of plugins since Kubernetes 1.35.
_FIRST_MINOR = 35
_ALLOW = run("togetherctl", "kubeconfig", "allowlist", "--write")


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    environ = facts.world.environ
    path = locate_kuberc(environ)
    if path is None:
        raise Skip("kubectl is told to use no kuberc")
    subject, old = str(path), _is_old(facts)
    try:
        read = Kuberc.read(path)
    except KubeconfigError as error:
        # Of a file that KUBERC names, kubectl makes an error of every command.
        named = bool(environ.get(KUBERC)) and not old
        ends = "every kubectl command fails" if named else "kubectl says so at every command, and goes on without it"
        yield Finding(
            "failed" if named else "warning",
            f"{error.message}; {ends}",
            error.remedy,
            subject=subject,
            exit_code=ExitCode.KUBECONFIG,
        )
        return
    fault = read.fault()
    refused = [] if fault else refusals(facts.world, _commands(facts))
    if fault is not None:
        yield _finding(f"it {fault}: every kubectl command fails", "correct it by hand", path, old=old)
    for one in refused:
        yield _finding(f"it {one.why}, so kubectl gets no credential", _ALLOW, path, old=old)
    if not refused and fault is None:
        there = "kubectl may run what the kubeconfig calls"
        yield Finding("ok", there if read.original is not None else "there is none: " + there, subject=subject)


def _finding(message: str, helps: Remedy | str, path: Path, *, old: bool) -> Finding:
    status: Status = "warning" if old else "failed"
    since = "; kubectl here is too old to ask it, later ones do" if old else ""
    return Finding(status, f"{message}{since}", helps, subject=str(path), exit_code=ExitCode.KUBECONFIG)


def _commands(facts: Facts) -> list[str]:
    """The commands of our users in the kubeconfig."""
    users = [found for found in all_entries(facts.kubeconfigs(), "users") if owner_of("users", found.entry) is not None]
    commands = [mapping_or_empty(found.body.get("exec")).get("command") for found in users]
    return list(dict.fromkeys(command for command in commands if isinstance(command, str) and command))


def _is_old(facts: Facts) -> bool:
    """Whether the kubectl of this shell certainly asks no list."""
    found = kubectls(facts)
    first = found[0][1] if found else None
    return first is not None and first.minor < _FIRST_MINOR


CHECK = Check(
    name="kubeconfig-kuberc",
    area="kubeconfig",
    title="The plugins that kubectl may run",
    each="machine",
    examine=_examine,
    signs=(
        "`is not permitted by the credential plugin allowlist`",
        "`error occurred while applying preferences`",
        '`not allowed: policy set to "DenyAll"`',
    ),
    means="kubectl 1.35 and later read in `~/.kube/kuberc` which credential plugins they may run, and the program that "
    "the kubeconfig calls is not among them.",
    helps="`togetherctl kubeconfig allowlist --write` adds what togetherctl calls to the list.",
    place=70,
)
