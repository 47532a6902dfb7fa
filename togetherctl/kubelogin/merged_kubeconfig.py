"""Read several kubeconfig files as one, as kubectl does, and find kubelogin's stanzas in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from togetherctl.config.validation import nearest
from togetherctl.errors import UsageError, run
from togetherctl.kube.entries import Section, is_our_entry
from togetherctl.kube.kubeconfig import KubeconfigFile
from togetherctl.kubelogin.exec_stanza import OldStanza, old_stanza

# The keys of a cluster as kubeconfigs and the configuration call them.
_CLUSTER = {
    "certificate-authority-data": "ca_data",
    "certificate-authority": "ca_file",
    "tls-server-name": "tls_server_name",
    "proxy-url": "proxy_url",
    "insecure-skip-tls-verify": "insecure_skip_tls_verify",
}


@dataclass(frozen=True)
class Where:
    """An entry by its file and name."""

    file: Path
    name: str


@dataclass(frozen=True)
class Context:
    """A context, the user it names and the cluster it opens; either is None where no file has it."""

    at: Where
    entry: Mapping[str, Any]
    user: Where | None
    cluster: tuple[Where, Mapping[str, Any]] | None


class Kubeconfigs:
    """Files that are read once. Of entries with one name the first counts, whichever file it is in."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Raises KubeconfigError."""
        self.files = [KubeconfigFile.read(path) for path in files]

    @classmethod
    def of(cls, file: KubeconfigFile) -> Kubeconfigs:
        """One that was read already."""
        one = cls(())
        one.files = [file]
        return one

    def stanzas(self) -> dict[Where, OldStanza]:
        """The users with an old stanza; also those that an earlier file hides, since a file may be used alone."""
        found: dict[Where, OldStanza] = {}
        for where, user in self.entries("users"):
            if (stanza := old_stanza(user)) is not None:
                found.setdefault(where, stanza)
        return found

    def providers(self) -> list[Where]:
        """The users with `auth-provider: oidc`, which no plugin serves."""
        return [where for where, user in self.entries("users") if is_auth_provider(user)]

    def our_profiles(self) -> list[str]:
        """The profiles that our own stanzas name."""
        named = []
        for _, user in self.entries("users"):
            match user:
                case {"user": {"exec": {"args": ["get-token", "--profile", str(name)]}}} if is_our_entry("users", user):
                    named.append(name)
        return list(dict.fromkeys(named))

    def contexts(self) -> list[Context]:
        """The contexts that count, in order."""
        users, clusters = self._by_name("users"), self._by_name("clusters")
        return [
            Context(where, entry, user[0] if user else None, clusters.get(str(body.get("cluster"))))
            for where, entry in self._by_name("contexts").values()
            if isinstance(body := entry.get("context"), dict)
            for user in (users.get(str(body.get("user"))),)
        ]

    def context(self, name: str) -> Context:
        """Raises UsageError."""
        contexts = self.contexts()
        for context in contexts:
            if context.at.name == name:
                return context
        known = [context.at.name for context in contexts]
        raise UsageError(
            f"there is no context {name}{nearest(name, known)}", hint=run("kubectl", "config", "get-contexts")
        )

    def put(self, section: Section, where: Where, entry: dict[str, Any]) -> None:
        """Change an entry in its file."""
        next(file for file in self.files if file.path == where.file).text.put(section, entry)

    def entry(self, section: Section, where: Where) -> Mapping[str, Any]:
        """The entry as its file has it."""
        return next(entry for at, entry in self.entries(section) if at == where)

    def entries(self, section: Section) -> Iterator[tuple[Where, Mapping[str, Any]]]:
        """All entries of one kind, also those that an earlier file hides."""
        return ((Where(file.path, one["name"]), one) for file in self.files for one in file.text.entries(section))

    def _by_name(self, section: Section) -> dict[str, tuple[Where, Mapping[str, Any]]]:
        found: dict[str, tuple[Where, Mapping[str, Any]]] = {}
        for where, entry in self.entries(section):
            found.setdefault(where.name, (where, entry))
        return found


def is_auth_provider(user: Mapping[str, Any]) -> bool:
    """Whether a user logs in by `auth-provider: oidc`."""
    match user:
        case {"user": {"auth-provider": {"name": "oidc"}}}:
            return True
    return False


def left_out(entry: Mapping[str, Any]) -> dict[str, str]:
    """Keys of a cluster's entry that kubectl refuses beside something else of it, and what is said of leaving them."""
    body = entry.get("cluster")
    body = body if isinstance(body, dict) else {}
    authority = next((key for key in ("certificate-authority-data", "certificate-authority") if body.get(key)), None)
    too_much = [
        key
        for key in ("certificate-authority", "insecure-skip-tls-verify")
        if authority and authority != key and body.get(key)
    ]
    return {key: f"leaves out {key}, which kubectl refuses beside {authority}" for key in too_much}


def cluster_table(at: Where, entry: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """A cluster as the configuration has it; the authority's file was relative to its kubeconfig. Raises ValueError."""
    body = entry.get("cluster")
    if not isinstance(body, dict) or not isinstance(body.get("server"), str):
        raise ValueError("it has no server")  # noqa: TRY004 # a value of a file, whatever its type
    table: dict[str, Any] = {"server": body["server"]}
    for theirs, ours in _CLUSTER.items():
        if body.get(theirs) not in (None, "", False):
            table[ours] = body[theirs]
    if "ca_data" in table:
        table.pop("ca_file", None)
    elif isinstance(table.get("ca_file"), str):
        table["ca_file"] = str(at.file.absolute().parent / table["ca_file"])
    if "ca_data" in table or "ca_file" in table:
        table.pop("insecure_skip_tls_verify", None)
    if context["context"].get("namespace"):
        table["namespace"] = context["context"]["namespace"]
    return table
