"""Ways out that hints name: commands and settings of a profile in the store, or flags where it stands in none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from togetherctl.store.choices import Grant, Storage

_FLAGS = {
    'pkce = "no"': "--oidc-pkce-method=no",
    'auth_params = { prompt = "consent" }': "--oidc-auth-request-extra-params=prompt=consent",
    'offline_access = "never"': "--oidc-extra-scope without offline_access",
    'token = "access"': "--oidc-use-access-token",
    "login_timeout": "--authentication-timeout-sec",
    "redirect_uris": "--listen-address",
    "listen_cert_file": "--local-server-cert",
    "listen_key_file": "--local-server-key",
}
_GRANTS: dict[Grant, str] = {"paste": "authcode-keyboard"}
_STORAGES: dict[Storage, str] = {"file": "disk", "keyring": "keyring", "memory": "none"}


@dataclass(frozen=True)
class Ways:
    """`name` is the profile's; a profile without one is asked for by `command`, in which stands no secret."""

    name: str = "NAME"
    command: str = ""

    @property
    def login(self) -> str:
        """What a person runs to log in."""
        return self.command or f"togetherctl login {self.name}"

    @property
    def forced_login(self) -> str:
        """What a person runs to log in though the token in hand is still good."""
        return self.command or f"togetherctl login --force {self.name}"

    def by_grant(self, grant: Grant) -> str:
        """How the login is done in another way: a command, or what to say as well."""
        if self.command:
            return f"--grant-type={_GRANTS.get(grant, grant)}"
        return f"togetherctl login --grant {grant} {self.name}"

    @property
    def secret(self) -> str:
        """How the client gets its secret: a command, or what to say as well."""
        return "say --oidc-client-secret=SECRET" if self.command else f"togetherctl profile secret {self.name}"

    def storage(self, kind: Storage) -> str:
        """How the session is kept elsewhere: a command, or what to say as well."""
        if self.command:
            return f"say --token-cache-storage={_STORAGES[kind]}"
        return f"togetherctl profile set {self.name} storage={kind}"

    def setting(self, key: str, *, place: str = "") -> str:
        """A key of the profile, or the flag that does the same; `place` follows the key."""
        return _FLAGS[key] if self.command else f"{key}{place}"
