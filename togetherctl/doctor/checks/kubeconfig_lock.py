"""Whether a lock beside a kubeconfig was left behind, so that nothing can change it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.errors import run
from togetherctl.finding import Finding, Mend
from togetherctl.humanize import time_left
from togetherctl.kube.kubeconfig import LOCK_SECONDS, kubeconfig_files, lock_path, read_lock_owner, remove_if_abandoned


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    found = False
    for path in kubeconfig_files(None, facts.world.environ):
        lock = lock_path(path)
        try:
            since = lock.lstat().st_mtime
        except OSError:
            continue
        found = True
        yield _look(lock, age=max(facts.world.clock() - since, 0))
    if not found:
        yield Finding("ok", "no kubeconfig is locked")


def _look(lock: Path, *, age: float) -> Finding:
    owner = read_lock_owner(lock)
    if owner is not None and owner.is_dead():
        return Finding(
            "warning",
            f"process {owner.pid} of togetherctl left it behind, and kubectl cannot change the kubeconfig meanwhile",
            run("rm", lock),
            subject=str(lock),
            mend=Mend(f"remove the lock {lock}", lambda: _remove(lock)),
        )
    by = f"process {owner.pid} of togetherctl" if owner is not None else "another program"
    # A write gives up waiting after that time.
    if age < LOCK_SECONDS:
        return Finding("ok", f"{by} is writing the kubeconfig at this moment", subject=str(lock))
    return Finding(
        "warning",
        f"{by} made it {time_left(age)} ago, and while it is there, nothing can change the kubeconfig",
        run("rm", lock, words="if no kubectl or togetherctl is running"),
        subject=str(lock),
    )


def _remove(lock: Path) -> None:
    remove_if_abandoned(lock)


CHECK = Check(
    name="kubeconfig-lock",
    area="kubeconfig",
    title="Locks beside the kubeconfig",
    each="machine",
    examine=_examine,
    signs=("`error: open ~/.kube/config.lock: file exists`", "`FILE.lock has been there for 5 s`, exit 7"),
    means="Programs that write a kubeconfig make `FILE.lock` beside it meanwhile. One that was killed leaves it "
    "behind, and then nothing can change the file. Reading it still works.",
    helps="Remove the lock if no kubectl and no togetherctl is running. `togetherctl doctor --fix` removes one of "
    "togetherctl whose process is gone, and no other.",
    place=40,
)
