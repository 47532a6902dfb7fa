"""Set up an API server for OIDC: its flags or AuthenticationConfiguration, user names, RBAC commands.

The rules are those of kube-apiserver's `--oidc-*` flags.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from togetherctl.errors import UsageError
from togetherctl.printable import printable

Claims = Mapping[str, Any]

# No token should name a user or group with this prefix, which Kubernetes reserves; `system:masters` is its root.
_RESERVED = "system:"
_MOST_COMMANDS = 5
_SLUG_LENGTH = 40
API_VERSION = "apiserver.config.k8s.io/v1"
CA_FILE = "/etc/kubernetes/pki/oidc-ca.pem"
CONFIGURATION_FILE = "/etc/kubernetes/authentication.yaml"
DEFAULT_ALGORITHM = "RS256"
ALGORITHMS = frozenset(f"{family}{bits}" for family in ("RS", "ES", "PS") for bits in (256, 384, 512))


@dataclass(frozen=True)
class Naming:
    """Which claims name a user and their groups, and the prefix of each; None is a flag that is not set.

    For user names without a prefix of their own the issuer is put before every claim but `email`, and `-` is none; a
    prefix of groups is used as it is.
    """

    username_claim: str
    username_prefix: str | None = None
    groups_claim: str | None = None
    groups_prefix: str | None = None

    @classmethod
    def suggested(
        cls,
        claims: Claims,
        *,
        username_claim: str | None = None,
        username_prefix: str | None = None,
        groups_claim: str | None = None,
        groups_prefix: str | None = None,
    ) -> Naming:
        """What is asked for; else `email` where an API server takes it, or `sub`; and `groups` where there are any."""
        if username_claim is None:
            username_claim = "email" if _text(claims.get("email")) and verified_email(claims) else "sub"
        if groups_claim is None and listed_groups(claims.get("groups")):
            groups_claim = "groups"
        return cls(username_claim, username_prefix, groups_claim, groups_prefix)

    def prefix(self, issuer: str) -> str:
        """The prefix of user names."""
        if self.username_prefix == "-":
            return ""
        return self.username_prefix or ("" if self.username_claim == "email" else f"{issuer}#")

    def username(self, claims: Claims, issuer: str) -> str:
        """The name the API server will see. Raises UsageError where it would refuse the token."""
        value = _text(claims.get(self.username_claim))
        if value is None:
            raise UsageError(
                f"the token has no claim {self.username_claim} that is text, so an API server could not name its user",
                hint=f"its claims are {', '.join(map(printable, claims))}",
            )
        if self.username_claim == "email" and not verified_email(claims):
            raise UsageError(
                "the issuer says that the email is not verified, and API servers refuse such a token",
                hint="have it verified at the issuer, or take another claim: --username-claim sub",
            )
        return self.prefix(issuer) + value

    def groups(self, claims: Claims) -> list[str]:
        """The groups the API server will see. Raises UsageError where it would refuse the token."""
        value = None if self.groups_claim is None else claims.get(self.groups_claim)
        if value is None:
            return []
        groups = listed_groups(value)
        if groups is None:
            raise UsageError(
                f"the claim {self.groups_claim} is no text and no list of texts, so API servers refuse the token",
                hint="take another claim: --groups-claim NAME",
            )
        return [f"{self.groups_prefix or ''}{group}" for group in groups]


def bindings(username: str, groups: Sequence[str]) -> list[str]:
    """The commands that give rights to a user, and to the first few of their groups, quoted for a shell.

    A name that cannot be shown gets none: a person could not tell what they are about to run.
    """
    commands = []
    if username.isprintable():
        commands.append(_binding("oidc-cluster-admin", "cluster-admin", f"--user={username}"))
    shown = [group for group in groups if group.isprintable()][:_MOST_COMMANDS]
    used: set[str] = set()
    for group in shown:
        slug = f"oidc-group-{_slug(group)}".rstrip("-")
        names = (slug, *(f"{slug}-{number}" for number in range(2, _MOST_COMMANDS + 2)))
        name = next(name for name in names if name not in used)
        used.add(name)
        commands.append(_binding(name, "view", f"--group={group}"))
    return commands


def may_ask_who_they_are(username: str) -> str | None:
    """The command that gives a user every default right; None for a name that cannot be shown."""
    if not username.isprintable():
        return None
    return _binding("oidc-basic-user", "system:basic-user", f"--user={username}")


def remarks(username: str, groups: Sequence[str]) -> list[str]:
    """What an admin should know about these names, a sentence each."""
    said = []
    for kind, flag, names in (("user name", "--username-prefix", [username]), ("group", "--groups-prefix", groups)):
        said += [
            f"The {kind} {printable(name)} begins with {_RESERVED}, which Kubernetes reserves: a person who can choose "
            f"it at the issuer gets its rights. Choose a prefix with {flag}."
            for name in names
            if name.startswith(_RESERVED)
        ]
        said += [
            f"The {kind} {printable(name)} holds characters that cannot be shown, so there is no command for it."
            for name in names
            if not name.isprintable()
        ]
    more = len([group for group in groups if group.isprintable()]) - _MOST_COMMANDS
    if more > 0:
        said.append(f"There are {more} more groups; each is bound the same way.")
    return said


def _binding(name: str, role: str, subject: str) -> str:
    return shlex.join(["kubectl", "create", "clusterrolebinding", name, f"--clusterrole={role}", subject])


def _slug(group: str) -> str:
    """The group as part of the name of an object: Kubernetes allows little more than letters and digits there."""
    return re.sub(r"[^a-z0-9]+", "-", group.lower()).strip("-")[:_SLUG_LENGTH]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def listed_groups(value: object) -> list[str] | None:
    """A claim of groups: a text, or a list of texts."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return None
    return items


def verified_email(claims: Claims) -> bool:
    """Whether an API server takes the claim `email`: `email_verified` may be missing, but not say anything but true."""
    return claims.get("email_verified", True) is True


@dataclass(frozen=True)
class Authentication:
    """Trust in one issuer's tokens for one audience. `authority` is PEM; `algorithm` is what signs the token."""

    issuer: str
    audience: str
    naming: Naming
    authority: str | None = None
    algorithm: str = DEFAULT_ALGORITHM

    def flags(self) -> list[str]:
        """The flags of kube-apiserver, a word each and not quoted; the authority is a file that has to be put there."""
        values = {
            "issuer-url": self.issuer,
            "client-id": self.audience,
            "username-claim": self.naming.username_claim,
            "username-prefix": self.naming.username_prefix,
            "groups-claim": self.naming.groups_claim,
            "groups-prefix": self.naming.groups_claim and self.naming.groups_prefix,
            "ca-file": CA_FILE if self.authority else None,
            # The file's form takes every one of them, the flags by default this one alone.
            "signing-algs": None if self.algorithm in ("", DEFAULT_ALGORITHM) else self.algorithm,
        }
        return [f"--oidc-{name}={value}" for name, value in values.items() if value]

    def configuration(self) -> dict[str, Any]:
        """The AuthenticationConfiguration that says the same (v1, Kubernetes 1.34 or newer)."""
        issuer: dict[str, Any] = {"url": self.issuer, "audiences": [self.audience]}
        if self.authority:
            issuer["certificateAuthority"] = self.authority
        naming = self.naming
        mappings = {"username": {"claim": naming.username_claim, "prefix": naming.prefix(self.issuer)}}
        if naming.groups_claim:
            mappings["groups"] = {"claim": naming.groups_claim, "prefix": naming.groups_prefix or ""}
        return {
            "apiVersion": API_VERSION,
            "kind": "AuthenticationConfiguration",
            "jwt": [{"issuer": issuer, "claimMappings": mappings}],
        }

    def remarks(self) -> list[str]:
        """What may prevent a login, a sentence each."""
        said = []
        if not self.issuer.startswith("https://"):
            said.append("API servers take https issuers only, so this one serves for a try at most.")
        if self.algorithm and self.algorithm not in ALGORITHMS:
            said.append("API servers do not take this token's signature; let the issuer sign with RS256 or ES256.")
        if self.authority:
            said.append(f"The issuer's certificate authority goes to {CA_FILE} on the API server's machine.")
        return said
