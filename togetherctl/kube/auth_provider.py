"""Find, read and update kubeconfig users that log in by `auth-provider: oidc`.

kubectl reads these tokens itself, and refreshes them itself. Where several files are given, the first that has an entry
of a name counts, as for kubectl.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from togetherctl.errors import KubeconfigError, run
from togetherctl.kube.entries import mapping_or_empty
from togetherctl.kube.kubeconfig import KubeconfigChange, KubeconfigFile, hold_locks
from togetherctl.kube.yaml_text import YamlText

_ID_TOKEN = "id-token"  # noqa: S105 # the name of a key
_REFRESH_TOKEN = "refresh-token"  # noqa: S105 # the name of a key
_SETUP = "kubectl together-login setup --oidc-issuer-url=URL --oidc-client-id=ID"


@dataclass(frozen=True)
class AuthProvider:
    """One user of one file, and what its `config` says. The repr shows no secret."""

    path: Path
    user: str
    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ()
    ca_file: str = ""
    ca_data: str = ""
    id_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)

    def read_again(self) -> AuthProvider:
        """The same user as it is now: kubectl may have refreshed it. Raises KubeconfigError."""
        return provider_of(self.path, self.user, self._find_entry(KubeconfigFile.read(self.path)))

    def check_writable(self) -> None:
        """Raises KubeconfigError where tokens could not be kept: before a person logs in for nothing."""
        for path in (self.path, self.path.parent, self.path.resolve().parent):
            if not os.access(path, os.W_OK):
                raise KubeconfigError(
                    f"{path} is read-only, so the tokens of a login could not be kept",
                    hint=run("chmod", "u+w", path),
                )
        self._change("an ID token", "a refresh token")

    def keep(self, id_token: str | None, refresh_token: str | None) -> None:
        """Write the tokens into the user's entry; without one, the key goes. Raises KubeconfigError."""
        with hold_locks([self.path]):
            change = self._change(id_token, refresh_token)
            if change.changed:
                change.write()

    def _change(self, id_token: str | None, refresh_token: str | None) -> KubeconfigChange:
        """The file with these tokens in the user's entry, as it is now. Raises KubeconfigError."""
        file = KubeconfigFile.read(self.path)
        entry = self._find_entry(file)
        now = provider_of(self.path, self.user, entry)
        if (now.issuer, now.client_id) != (self.issuer, self.client_id):
            raise KubeconfigError(
                f"the user {self.user} in {self.path} has another issuer or client now; it was not changed"
            )
        provider = entry["user"]["auth-provider"]
        tokens = {_ID_TOKEN: id_token, _REFRESH_TOKEN: refresh_token}
        config = {key: value for key, value in provider["config"].items() if tokens.get(key, "") is not None}
        config |= {key: token for key, token in tokens.items() if token is not None}
        file.text.put("users", {**entry, "user": {**entry["user"], "auth-provider": {**provider, "config": config}}})
        return file.change()

    def _find_entry(self, file: KubeconfigFile) -> dict[str, Any]:
        entry = file.text.entry("users", self.user)
        if entry is None:
            raise KubeconfigError(f"the user {self.user} is not in {self.path} any more")
        return entry


def find_user(files: Sequence[Path], *, context: str = "", user: str = "") -> AuthProvider:
    """The user with the name `user`, else that of `context` or the current context. Raises KubeconfigError."""
    texts = {path: file.text for path in files if (file := KubeconfigFile.read(path)).original is not None}
    if not texts:
        raise KubeconfigError(f"there is no kubeconfig at {', '.join(map(str, files))}", hint=_SETUP)
    name = user or _user_of(texts, context)
    for path, text in texts.items():
        entry = text.entry("users", name)
        if entry is not None:
            return provider_of(path, name, entry)
    raise KubeconfigError(
        f"there is no user {name} in {', '.join(map(str, texts))}", hint=run("kubectl", "config", "get-users")
    )


def _user_of(texts: Mapping[Path, YamlText], context: str) -> str:
    name = context or next((current for text in texts.values() if (current := text.data.get("current-context"))), "")
    if not isinstance(name, str) or not name:
        raise KubeconfigError(
            "the kubeconfig has no current context", hint="name one with --context, or a user with --user"
        )
    for text in texts.values():
        entry = text.entry("contexts", name)
        if entry is not None:
            user = mapping_or_empty(entry.get("context")).get("user")
            if not isinstance(user, str) or not user:
                raise KubeconfigError(f"the context {name} names no user", hint="name one with --user")
            return user
    raise KubeconfigError(
        f"there is no context {name} in {', '.join(map(str, texts))}", hint=run("kubectl", "config", "get-contexts")
    )


def provider_of(path: Path, name: str, entry: Mapping[str, Any]) -> AuthProvider:
    """Raises KubeconfigError unless this user logs in by `auth-provider: oidc`."""
    body = mapping_or_empty(entry.get("user"))
    provider = mapping_or_empty(body.get("auth-provider"))
    if not provider and body.get("exec"):
        raise KubeconfigError(
            f"the user {name} in {path} runs a plugin, so kubectl logs in by itself; there is nothing to do here",
            hint=run("kubectl", "get", "pods"),
        )
    if not provider:
        raise KubeconfigError(
            f"the user {name} in {path} has no auth-provider, so there is nothing to log in to", hint=_SETUP
        )
    if provider.get("name") != "oidc":
        raise KubeconfigError(f"the auth-provider of the user {name} in {path} is not oidc")
    config = {key: value for key, value in mapping_or_empty(provider.get("config")).items() if isinstance(value, str)}
    for key in ("idp-issuer-url", "client-id"):
        if not config.get(key):
            raise KubeconfigError(
                f"the auth-provider of the user {name} in {path} has no {key}",
                hint=f"kubectl config set-credentials {shlex.quote(name)} --auth-provider=oidc "
                f"--auth-provider-arg={key}=VALUE",
            )
    return AuthProvider(
        path=path,
        user=name,
        issuer=config["idp-issuer-url"],
        client_id=config["client-id"],
        client_secret=config.get("client-secret", ""),
        scopes=tuple(scope.strip() for scope in config.get("extra-scopes", "").split(",") if scope.strip()),
        ca_file=config.get("idp-certificate-authority", ""),
        ca_data=config.get("idp-certificate-authority-data", ""),
        id_token=config.get(_ID_TOKEN, ""),
        refresh_token=config.get(_REFRESH_TOKEN, ""),
    )
