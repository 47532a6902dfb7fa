"""What an API server has to be told to accept an issuer's tokens: its flags, and the same as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from togetherctl.kube.rbac import Naming

API_VERSION = "apiserver.config.k8s.io/v1"
CA_FILE = "/etc/kubernetes/pki/oidc-ca.pem"
CONFIGURATION_FILE = "/etc/kubernetes/authentication.yaml"
DEFAULT_ALGORITHM = "RS256"
ALGORITHMS = frozenset(f"{family}{bits}" for family in ("RS", "ES", "PS") for bits in (256, 384, 512))


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
        """What stands in the way, a sentence each."""
        said = []
        if not self.issuer.startswith("https://"):
            said.append("API servers take https issuers only, so this one serves for a try at most.")
        if self.algorithm and self.algorithm not in ALGORITHMS:
            said.append("API servers do not take this token's signature; let the issuer sign with RS256 or ES256.")
        if self.authority:
            said.append(f"The issuer's certificate authority goes to {CA_FILE} on the API server's machine.")
        return said
