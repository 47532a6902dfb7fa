"""The page and the record of `setup`: API server flags, RBAC, and what each person runs."""

from __future__ import annotations

import re
import shlex
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from togetherctl.disk import read_whole
from togetherctl.importing import export_commands
from togetherctl.kube import api_server_setup
from togetherctl.kube.api_server_setup import CONFIGURATION_FILE, Authentication, Naming
from togetherctl.kube.yaml_text import dump, load
from togetherctl.printable import printable

if TYPE_CHECKING:
    from togetherctl.auth.claims import Claims
    from togetherctl.cli.output import Item
    from togetherctl.config.profile import Profile
    from togetherctl.connection_settings import Connection

_MAX_CA_BYTES = 4 * 1024 * 1024
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True)
class Steps:
    """The claims of a token that `profile` was given, signed with `algorithm`, and the clusters it opens already.

    `notes` are sentences on the token that are true whatever the API server is told.
    Raises UsageError where an API server would not take the token.
    """

    profile: Profile
    claims: Claims
    algorithm: str
    naming: Naming
    clusters: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def issuer(self) -> str:
        """The issuer as the token names it, which is what API servers compare."""
        named = self.claims.get("iss")
        return named if isinstance(named, str) else self.profile.issuer.url

    @property
    def audience(self) -> str:
        """The client, unless the token names other audiences, as access tokens can."""
        audience = self.claims.get("aud")
        listed = [item for item in (audience if isinstance(audience, list) else [audience]) if isinstance(item, str)]
        return self.profile.client_id if self.profile.client_id in listed or not listed else listed[0]

    @cached_property
    def username(self) -> str:
        return self.naming.username(self.claims, self.issuer)

    @cached_property
    def groups(self) -> list[str]:
        return self.naming.groups(self.claims)

    @cached_property
    def authentication(self) -> Authentication:
        authority = _read_authorities(self.profile.issuer.connection)
        return Authentication(self.issuer, self.audience, self.naming, authority, self.algorithm)

    @property
    def bindings(self) -> list[str]:
        return api_server_setup.bindings(self.username, self.groups)

    @property
    def togetherctl(self) -> list[str]:
        """What each person runs; words in capitals are the cluster's own."""
        words = export_commands.commands(self.profile)
        profile = words[-1][3]
        cluster = self.clusters[0] if self.clusters else "CLUSTER"
        if not self.clusters:
            add = ["togetherctl", "cluster", "add", cluster, "--profile", profile]
            add += ["--server", "https://API_SERVER:6443", "--ca-file", "API_SERVER_CA.pem"]
            words.append([*add, *(f"{key}={value}" for key, value in asdict(self.naming).items() if value)])
        words += [["togetherctl", "kubeconfig", "write", cluster, "--set-current"], ["kubectl", "auth", "whoami"]]
        return [shlex.join(command) for command in words]

    @property
    def remarks(self) -> list[str]:
        """Obstacles, and what an admin should know."""
        said = [*self.authentication.remarks(), *api_server_setup.remarks(self.username, self.groups), *self.notes]
        if self.issuer != self.profile.issuer.url:
            said.append(
                f"The token names the issuer {printable(self.issuer)}, not {self.profile.issuer.url}: the API server "
                "compares it, and looks for the keys there."
            )
        if self.profile.secret is not None:
            said.append("Each person puts the client secret into OIDC_CLIENT_SECRET, or says where else it is read.")
        return said

    def yaml(self) -> str:
        """The AuthenticationConfiguration, seen to say what it should."""
        configuration = self.authentication.configuration()
        text = dump(configuration)
        if load(text) != configuration:
            raise ValueError("the configuration does not survive YAML")
        return text

    def item(self) -> Item:
        """The record for scripts."""
        return {
            "issuer": self.issuer,
            "client_id": self.profile.client_id,
            "token": self.profile.token,
            "claims": self.claims,
            "username": self.username,
            "groups": self.groups,
            "api_server_flags": self.authentication.flags(),
            "authentication_configuration": self.authentication.configuration(),
            "rbac": self.bindings,
            "togetherctl": self.togetherctl,
            "remarks": self.remarks,
        }

    def text(self, claims: str) -> str:
        """The page; `claims` as they are shown."""
        kind = "ID" if self.profile.token == "id" else self.profile.token  # noqa: S105 # a kind of token
        seen = [f"  user    {printable(self.username, limit=1000)}"]
        seen += [f"  group   {printable(group, limit=1000)}" for group in self.groups]
        parts = [
            f"The claims of the {kind} token:\n\n{claims}",
            "1. On the API server. Either these flags of kube-apiserver:\n\n"
            + _indent(map(shlex.quote, self.authentication.flags())),
            f"or, from Kubernetes 1.34 on, {CONFIGURATION_FILE} with\n\n{self.yaml()}",
            f"named by --authentication-config={CONFIGURATION_FILE}, and no --oidc- flag.",
            "2. In the cluster. The API server will see\n\n" + "\n".join(seen),
            "which these give rights to; choose other roles as you see fit:\n\n" + _indent(self.bindings),
            "3. On the machine of each person:\n\n" + _indent(self.togetherctl),
        ]
        if self.remarks:
            parts.append("Note:\n\n" + _indent(f"- {remark}" for remark in self.remarks))
        return "\n\n".join(parts)


def _indent(lines: Iterable[str]) -> str:
    return "\n".join(f"  {printable(line, limit=4000)}" for line in lines)


def _read_authorities(connection: Connection) -> str | None:
    """The extra certificate authorities as PEM: the certificates alone, whatever else a file may hold."""
    texts = [read_whole(path, limit=_MAX_CA_BYTES)[0].decode("utf-8", "replace") for path in connection.ca_files]
    if connection.ca_data:
        texts.append(b64decode(connection.ca_data).decode("ascii", "replace"))
    certificates = [match for text in texts for match in _CERTIFICATE.findall(text)]
    return "".join(f"{certificate.strip()}\n" for certificate in certificates) or None
