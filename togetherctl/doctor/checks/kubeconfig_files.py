"""Whether every kubeconfig that kubectl reads can be read, by kubectl, and by no other user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from togetherctl.config.files import writable_by_others
from togetherctl.disk import is_ours, open_to_others
from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode, KubeconfigError, run
from togetherctl.finding import Finding, failure
from togetherctl.kube.client_go_rules import unreadable
from togetherctl.kube.kubeconfig import KubeconfigFile, kubeconfig_files
from togetherctl.kube.redact import without_credentials


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    paths = kubeconfig_files(None, facts.world.environ)
    there = 0
    for path in paths:
        try:
            file = KubeconfigFile.read(path)
        except KubeconfigError as error:
            yield failure(error, subject=str(path))
            there += 1
            continue
        if file.original is not None:
            there += 1
            yield from _look(file) or [Finding("ok", "kubectl can read it", subject=str(path))]
        elif len(paths) > 1:
            yield Finding("ok", "it is not there, and kubectl goes on without it", subject=str(path))
    if not there and facts.trouble is None and facts.clusters:
        names = ", ".join(map(str, paths))
        yield Finding(
            "warning",
            "it is not there, so kubectl knows no cluster",
            run("togetherctl", "kubeconfig", "write"),
            subject=names,
        )
    elif not there:
        yield Finding("ok", "there is none, and no cluster to write into it", subject=", ".join(map(str, paths)))


def _look(file: KubeconfigFile) -> list[Finding]:
    return [*_look_at_text(file), *_look_at_mode(file), *_look_at_place(file.path)]


def _look_at_text(file: KubeconfigFile) -> Iterator[Finding]:
    reason = unreadable(file.text)
    if reason is not None:
        yield Finding(
            "failed",
            f"kubectl cannot read it, and every kubectl command fails: {reason}",
            "correct the line",
            subject=str(file.path),
            exit_code=ExitCode.KUBECONFIG,
        )


def _look_at_mode(file: KubeconfigFile) -> Iterator[Finding]:
    path, subject = file.path, str(file.path)
    with suppress(OSError):
        status = path.stat()
        mode = f"mode {status.st_mode & 0o7777:04o}"
        if writable_by_others(status):
            yield Finding(
                "warning",
                f"others on this machine can write it ({mode}), and so choose the programs that kubectl runs as you",
                run("chmod", "go-w", path),
                subject=subject,
            )
        elif open_to_others(status) and without_credentials(file.original or "") != file.original:
            yield Finding(
                "warning",
                f"it holds credentials, and others on this machine can read it ({mode})",
                run("chmod", "go-rwx", path),
                subject=subject,
            )
        if not is_ours(status):
            yield Finding(
                "warning",
                f"it belongs to another user (uid {status.st_uid}), so kubectl and togetherctl may not change it",
                run("sudo", "chown", str(os.getuid()), path),
                subject=subject,
            )
        elif not os.access(path, os.W_OK):
            yield Finding(
                "warning",
                "it is read-only, so neither kubectl nor togetherctl can change the current context",
                run("chmod", "u+w", path),
                subject=subject,
            )


def _look_at_place(path: Path) -> Iterator[Finding]:
    if not path.is_absolute():
        yield Finding(
            "warning",
            "KUBECONFIG names it by a relative path, so kubectl finds it from this folder alone",
            f"name it by its whole path in KUBECONFIG: {path.absolute()}",
            subject=str(path),
        )


CHECK = Check(
    name="kubeconfig-files",
    area="kubeconfig",
    title="The kubeconfigs that kubectl reads",
    each="machine",
    examine=_examine,
    signs=(
        "`error: error loading config file`",
        "`The connection to the server localhost:8080 was refused`",
        "`WARNING: Kubernetes configuration file is group-readable`, from helm",
        "`permission denied`",
    ),
    means="kubectl reads each file that `KUBECONFIG` names, else `~/.kube/config`. One that it cannot understand ends "
    "every kubectl command; with none it asks a server on this machine. A person who can write the file chooses the "
    "programs that kubectl runs as you.",
    helps="Correct the line that is named, or give the file back to you alone with the `chmod` that is shown. "
    "`togetherctl kubeconfig write` makes the first one.",
    place=10,
)
