"""Whether the programs that our kubeconfig entries call are there and work, the shim above all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.programs import ask
from togetherctl.errors import ExitCode, run
from togetherctl.finding import Finding, Mend
from togetherctl.kube.entries import mapping_or_empty, own_command, owner_of
from togetherctl.kube.ownership import all_entries
from togetherctl.paths import tilde
from togetherctl.shim import Shim, ShimState, shim_for
from togetherctl.usecases.kubeconfig_state import KubeconfigEntries
from togetherctl.usecases.kubeconfig_write import write_clusters

_WRITE = run("togetherctl", "kubeconfig", "write")
_RUN_SECONDS = 10.0


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    environ = facts.world.environ
    called = _called(facts)
    if not called:
        raise Skip("no user of the kubeconfig calls togetherctl")
    shim = shim_for(environ, own_command(environ, portable=False))
    for command, users in called.items():
        if command == str(shim.path):
            yield _look_at_shim(shim, facts)
        elif os.sep not in command:
            yield _look_in_path(command, environ.get("PATH", ""))
        elif os.access(command, os.X_OK) and Path(command).is_file():
            yield Finding("ok", f"it is there, and {', '.join(users)} calls it", subject=command)
        else:
            yield Finding(
                "failed",
                f"it is not there or cannot be run, and the kubeconfig calls it for {', '.join(users)}, so kubectl "
                "gets no credential",
                _WRITE,
                subject=command,
                exit_code=ExitCode.KUBECONFIG,
                mend=_rewriting(facts, command),
            )


def _called(facts: Facts) -> dict[str, list[str]]:
    """The commands of our users in the kubeconfig, and the users that call each."""
    called: dict[str, list[str]] = {}
    for found in all_entries(facts.kubeconfigs(), "users"):
        command = mapping_or_empty(found.body.get("exec")).get("command")
        if isinstance(command, str) and command and owner_of("users", found.entry) is not None:
            called.setdefault(command, []).append(found.name)
    return called


def _look_at_shim(shim: Shim, facts: Facts) -> Finding:
    state, subject, other = shim.state(), str(shim.path), shim.other_config()
    writing = Mend(f"write the script {shim.path} again", lambda: _write(shim))
    # Only its own configuration writes it.
    mend = writing if other is None and shim.is_possible() else None
    config = tilde(Path(other), facts.world.environ) if other else ""
    remedy = run("togetherctl", "kubeconfig", "write", words=f"in a shell that uses {config}") if other else _WRITE
    if state is ShimState.NONE:
        message = "the script that the kubeconfig calls is not there, so kubectl gets no credential"
    elif not os.access(shim.path, os.X_OK):
        message = "the script that the kubeconfig calls may not be run, so kubectl gets no credential"
    elif ask(shim.path, "version", "-o", "name", environ=facts.world.environ, seconds=_RUN_SECONDS) is None:
        message = "the script that the kubeconfig calls does not run here, so kubectl gets no credential"
    elif other:
        return Finding("ok", f"the script that the kubeconfig calls is of {config}, and it runs", subject=subject)
    elif state is ShimState.OUTDATED:
        return Finding(
            "warning",
            "the script that the kubeconfig calls is of another version or installation; it works, but may be slower",
            remedy,
            subject=subject,
            mend=mend,
        )
    else:
        return Finding("ok", "the script that the kubeconfig calls is of this version, and it runs", subject=subject)
    return Finding("failed", message, remedy, subject=subject, exit_code=ExitCode.KUBECONFIG, mend=mend)


def _write(shim: Shim) -> None:
    shim.write()


def _look_in_path(command: str, path: str) -> Finding:
    found = shutil.which(command, path=path)
    if found is not None:
        return Finding("ok", f"this shell finds it at {found}", subject=command)
    return Finding(
        "failed",
        "the kubeconfig calls it by its bare name, which this shell's PATH does not have; kubectl gets no credential",
        _WRITE,
        subject=command,
        exit_code=ExitCode.KUBECONFIG,
    )


def _rewriting(facts: Facts, command: str) -> Mend | None:
    """How the entries that call a program which is gone are written again; None where no cluster is behind them."""
    if facts.trouble is not None:
        return None
    entries = KubeconfigEntries(facts.kubeconfigs(), facts.config, facts.world.environ)
    names = []
    for cluster in facts.config.clusters():
        context = entries.context_of(cluster)
        user = entries.used_by(context, "users") if context else None
        if user is not None and mapping_or_empty(user.body.get("exec")).get("command") == command:
            names.append(cluster.name)
    if not names:
        return None
    what = f"write the kubeconfig entries of {', '.join(names)} again, which call {command}"
    return Mend(what, lambda: _write_again(facts, names))


def _write_again(facts: Facts, names: list[str]) -> None:
    write_clusters(facts.world.reread(), names)


CHECK = Check(
    name="kubeconfig-shim",
    area="kubeconfig",
    title="The program that the kubeconfig calls",
    each="machine",
    examine=_examine,
    signs=(
        "`getting credentials: exec: executable … not found`",
        "`fork/exec …: no such file or directory`, or `permission denied`",
        "kubectl is slow although you are logged in",
    ),
    means="kubectl gets its credential from a program that its kubeconfig names: a small script of togetherctl, which "
    "serves a token that is ready, or togetherctl itself. It is gone after an installation was moved or removed, and "
    "slower than it need be after an upgrade.",
    helps="`togetherctl kubeconfig write` writes the script and the entries again; `togetherctl doctor --fix` does it "
    "too.",
    place=30,
    seconds=20.0,
)
