"""What makes two issuers, or two profiles, the same, though their entries are written differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.paths import expand
from togetherctl.store.key import session_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from togetherctl.store.models import IssuerTable, ProfileTable


@dataclass(frozen=True)
class Identities:
    """Compares tables of a store whose file lies in `folder`, from which relative paths are taken."""

    folder: Path
    environ: Mapping[str, str]

    def key(self, issuer: IssuerTable, profile: ProfileTable) -> str:
        """KEY: profiles with the same one share a session."""
        return session_key(issuer, profile, self._ca_files(issuer))

    def way(self, issuer: IssuerTable) -> tuple[object, ...]:
        """How requests get to the issuer, and what is trusted on the way."""
        return (
            tuple(self._ca_files(issuer)),
            issuer.ca_data,
            issuer.insecure_skip_tls_verify,
            issuer.proxy,
            tuple(sorted(issuer.request_headers.items())),
        )

    def _ca_files(self, issuer: IssuerTable) -> list[str]:
        return [str(expand(path, self.environ, beside=self.folder)) for path in issuer.ca_file or ()]
