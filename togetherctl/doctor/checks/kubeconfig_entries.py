"""Whether the kubeconfig says of our clusters what the configuration says, and of no others."""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from togetherctl.disk import read_whole
from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode, KubeconfigError, Remedy, run
from togetherctl.finding import Finding, Mend, failure
from togetherctl.http_failures import without_query
from togetherctl.kube.entries import SECTIONS, Section, mapping_or_empty, owner_of
from togetherctl.kube.kubeconfig import KubeconfigFile
from togetherctl.kube.ownership import EntryInFile, RemovedEntries, all_entries
from togetherctl.paths import tilde
from togetherctl.printable import printable
from togetherctl.shown_certificate import names_in
from togetherctl.usecases.kubeconfig_edit import KubeconfigRemoval, of_nothing_known
from togetherctl.usecases.kubeconfig_state import KubeconfigEntries
from togetherctl.usecases.kubeconfig_update import plan_update, update_entries
from togetherctl.usecases.reports import drift_words

# More clusters than so many are written by one command.
_EACH = 3
# What kubectl needs to reach the right server, and to know that it is that.
_WAY = frozenset({"server", "ca", "tls_server_name", "insecure_skip_tls_verify"})
_CA = frozenset({"ca_file", "ca_data"})
_TITLES = {"ca": "certificate authority"}
_MAX_CA_BYTES = 16 * 1024 * 1024
_MOST_AUTHORITIES = 3


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    config, files = facts.config, facts.kubeconfigs()
    if not any(file.original is not None for file in files):
        # Its own check says what to do.
        yield Finding("ok", "there is no kubeconfig yet")
        return
    found = [*_hidden(files), *_drift(facts), *_missing(facts)]
    try:
        found += _orphans(of_nothing_known(facts.world)) if config.mtime_ns is not None else ()
    except KubeconfigError as error:
        # It is laid out in a way that cannot be changed.
        found.append(failure(error))
    yield from found
    if not found:
        count = len(facts.clusters)
        yield Finding("ok", f"it says the same as the configuration of {count} cluster{'s' if count != 1 else ''}")


def _drift(facts: Facts) -> Iterator[Finding]:
    """Clusters of which the kubeconfig says something else."""
    world, drift = facts.world, facts.kubeconfig().drift
    asked = [cluster.name for cluster in facts.clusters if cluster.name in drift]
    for name in asked:
        keys = drift[name]
        what = f"write what the configuration says of cluster {name} into the kubeconfig: {drift_words(keys)}"

        def apply(name: str = name) -> None:
            update_entries(world, [name])

        if "entry" in keys:
            yield Finding(
                "failed",
                "its context in the kubeconfig names a cluster or a user that is not there, so kubectl cannot use it",
                _write(asked, name),
                subject=name,
                exit_code=ExitCode.KUBECONFIG,
                mend=Mend(what, apply) if _can_be_written(facts, name) else None,
            )
        else:
            values = _values(facts, name)
            others = [key for key in keys if key not in values and not (key in _CA and "ca" in values)]
            said = "; ".join([*values.values(), *([drift_words(others)] if others else [])])
            yield Finding(
                "failed" if _WAY & values.keys() else "warning",
                f"it differs in the kubeconfig, and kubectl goes by the kubeconfig: {said}",
                _write(asked, name),
                subject=name,
                exit_code=ExitCode.KUBECONFIG,
                mend=Mend(what, apply) if _is_certain(facts, name, values) and _can_be_written(facts, name) else None,
            )


def _can_be_written(facts: Facts, name: str) -> bool:
    """Whether writing changes anything: what contexts of another configuration use stays as it is."""
    try:
        return bool(plan_update(facts.world, [name]).changed)
    except KubeconfigError:
        return False


def _is_certain(facts: Facts, name: str, values: Mapping[str, str]) -> bool:
    """Whether the server may be written without being asked for by name.

    Not under a user that calls togetherctl by its bare name: that may be another configuration's in another shell.
    """
    entries = KubeconfigEntries(facts.kubeconfigs(), facts.config, facts.world.environ)
    context = entries.context_of(facts.config.cluster(name))
    user = entries.used_by(context, "users") if context else None
    command = mapping_or_empty(user.body.get("exec")).get("command") if user else None
    return "server" not in values or (isinstance(command, str) and os.sep in command)


def _values(facts: Facts, name: str) -> dict[str, str]:
    """What both say of the cluster, by the key; authorities that are the same in another place do not matter."""
    entries = KubeconfigEntries(facts.kubeconfigs(), facts.config, facts.world.environ)
    found = entries.cluster_values(facts.config.cluster(name))
    if _CA & found.keys():
        kubeconfig, configuration = (
            _authorities(found.get("ca_file", ("", ""))[at], found.get("ca_data", ("", ""))[at]) for at in (0, 1)
        )
        for key in _CA:
            found.pop(key, None)
        if kubeconfig != configuration:
            found["ca"] = (_called(kubeconfig), _called(configuration))
    return {
        key: f"{_TITLES.get(key, key)} (kubeconfig: {_shown(key, one)}; configuration: {_shown(key, other)})"
        for key, (one, other) in found.items()
    }


def _authorities(path: Any, data: Any) -> bytes | None:
    """The PEM text that a file or base64 holds; None where neither can be read."""
    try:
        return read_whole(Path(path), limit=_MAX_CA_BYTES)[0].strip() if path else b64decode(data or "").strip()
    except (OSError, TypeError, ValueError):
        return None


def _called(pem: bytes | None) -> str:
    if pem is None:
        return "one that cannot be read"
    return ", ".join(names_in(pem)[:_MOST_AUTHORITIES]) or ("no certificate" if pem else "the system's")


def _shown(key: str, value: object) -> str:
    if isinstance(value, str) and key in ("server", "proxy_url"):
        # Not the user and password that it may hold.
        return without_query(value)
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else printable(value, limit=200)


def _missing(facts: Facts) -> Iterator[Finding]:
    missing, elsewhere, environ = facts.kubeconfig().missing, facts.kubeconfig().elsewhere, facts.world.environ
    asked = [cluster.name for cluster in facts.clusters if cluster.name in missing]
    for name in asked:
        text = "the kubeconfig has no context for it"
        if name in elsewhere:
            text = (
                f"its context in the kubeconfig is of {tilde(elsewhere[name], environ)}, which may mean another cluster"
            )
        yield Finding("warning", text, _write(asked, name), subject=name)


def _write(names: Sequence[str], name: str) -> Remedy:
    return run("togetherctl", "kubeconfig", "write", *([name] if len(names) <= _EACH else []))


def _hidden(files: Sequence[KubeconfigFile]) -> Iterator[Finding]:
    """Entries of ours that another program's entry of the same name in an earlier file hides."""
    for section in SECTIONS:
        first: dict[str, EntryInFile] = {}
        for found in all_entries(files, section):
            counts = first.setdefault(found.name, found)
            if counts is not found and _is_hidden(section, counts, found):
                yield Finding(
                    "failed",
                    f"{found.file.path} has it, but kubectl takes the {section[:-1]} of the same name in "
                    f"{counts.file.path}, which togetherctl did not write",
                    f"rename it there, or put {found.file.path} first in KUBECONFIG",
                    subject=f"{section[:-1]} {found.name}",
                    exit_code=ExitCode.KUBECONFIG,
                )


def _is_hidden(section: Section, counts: EntryInFile, found: EntryInFile) -> bool:
    return owner_of(section, found.entry) is not None and owner_of(section, counts.entry) is None


def _orphans(leaving: KubeconfigRemoval) -> Iterator[Finding]:
    removed = leaving.removed
    if not removed:
        return
    names = _names(removed)
    current = f", and {removed.current} is the current context" if removed.current else ""
    yield Finding(
        "failed" if removed.current else "warning",
        "the configuration does not have the cluster or the profile of these entries any more, so they get no "
        f"credential: {names}{current}",
        run("togetherctl", "kubeconfig", "prune"),
        exit_code=ExitCode.KUBECONFIG,
        mend=Mend(f"take these out of the kubeconfig: {names}", lambda: _carry_out(leaving)),
    )


def _carry_out(leaving: KubeconfigRemoval) -> None:
    leaving.carry_out()


def _names(removed: RemovedEntries) -> str:
    lists = (("context", removed.contexts), ("cluster", removed.clusters), ("user", removed.users))
    return "; ".join(f"{kind}{'s' if len(names) > 1 else ''} {', '.join(names)}" for kind, names in lists if names)


CHECK = Check(
    name="kubeconfig-entries",
    area="kubeconfig",
    title="The clusters of the configuration in the kubeconfig",
    each="machine",
    examine=_examine,
    signs=(
        '`error: context "NAME" does not exist`',
        "kubectl talks to an old address, or checks the server by an old certificate authority",
        "`there is no profile …`, from a context that worked before",
    ),
    means="kubectl goes by the kubeconfig alone. What was changed in the configuration, or removed from it, reaches "
    "kubectl when it is written there. Another server, authority or TLS setting is a failure, since kubectl then "
    "goes to the wrong place, or trusts the wrong one.",
    helps="`togetherctl kubeconfig write` writes what the configuration says, and `togetherctl kubeconfig prune` takes "
    "out entries of clusters and profiles that are gone. `togetherctl doctor --fix` does both for entries that "
    "togetherctl wrote.",
    place=20,
)
