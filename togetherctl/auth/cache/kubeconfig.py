"""A session that lives in a kubeconfig: the tokens of a user with `auth-provider: oidc`.

The file holds an ID token and a refresh token and nothing else, so the rest of a session is what those say.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.auth.cache.base import FoundSession
from togetherctl.auth.claims import identity, read_claims
from togetherctl.auth.session import Session, Token
from togetherctl.errors import KubeconfigError, StorageError, Untrusted

if TYPE_CHECKING:
    from togetherctl.auth.cache.files import FileSessions
    from togetherctl.kube.auth_provider import AuthProvider


class KubeconfigSessions:
    """The session of one user of a kubeconfig. Locks and logins under way are kept in `files`, as for every session."""

    def __init__(self, provider: AuthProvider, files: FileSessions) -> None:
        self._provider = provider
        self.lock, self.login_file = files.lock, files.login_file

    def load(self, key: str) -> Session | None:
        """The session, or None where there is no ID token of this issuer for this client. Raises StorageError."""
        try:
            provider = self._provider.read_again()
        except KubeconfigError as error:
            raise StorageError(error.message, hint=error.remedy) from None
        if not provider.id_token:
            return None
        try:
            claims = read_claims(provider.id_token)
            subject, begins, ends = claims["sub"], float(claims["iat"]), float(claims["exp"])
        except (Untrusted, LookupError, TypeError, ValueError):
            return None
        audience = claims.get("aud")
        if claims.get("iss") != provider.issuer or provider.client_id not in (
            audience if isinstance(audience, list) else [audience]
        ):
            return None
        return Session(
            issuer=provider.issuer,
            client_id=provider.client_id,
            subject=str(subject),
            identity=identity(claims),
            id_token=Token(provider.id_token, begins, ends),
            refresh_token=provider.refresh_token or None,
        )

    def damaged(self, key: str) -> Path | None:  # as the interface has it
        """None: the session is in no file of its own."""
        return None

    def found(self, key: str, *, if_left: bool = False) -> FoundSession:
        """The session in the kubeconfig."""
        try:
            return FoundSession(None if if_left else self.load(key))
        except StorageError as error:
            return FoundSession(None, trouble=error)

    def save(self, key: str, session: Session) -> None:
        """Write the tokens into the kubeconfig. Raises KubeconfigError."""
        now = self._provider.read_again()
        # What else a session says, such as its last error, a kubeconfig cannot hold.
        if session.id_token is not None and (now.id_token, now.refresh_token or None) != (
            session.id_token.value,
            session.refresh_token,
        ):
            self._provider.keep(session.id_token.value, session.refresh_token)

    def set_aside(self, key: str, *, only_broken: bool = False) -> Path | None:
        """Nothing: a login replaces the tokens."""
        return None

    def delete(self, key: str) -> bool:
        """Take the tokens out of the kubeconfig; False where there were none. Raises KubeconfigError."""
        there = self.load(key) is not None
        self._provider.keep(None, None)
        return there
