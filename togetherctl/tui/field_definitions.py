"""The fields of all forms: each key of the configuration with its label, group, help, default and choices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from togetherctl.config import models
from togetherctl.config.descriptions import describe
from togetherctl.config.editing import TABLES
from togetherctl.tui.field_values import as_text

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from togetherctl.config.types import Kind

# The keys by their groups, in the order in which people meet them.
_LABELS: Mapping[Kind, Mapping[str, Mapping[str, str]]] = {
    "profile": {
        "Profile": {
            "issuer": "Issuer",
            "client_id": "Client ID",
            "client_secret": "Client secret",
            "scopes": "Scopes",
            "offline_access": "Refresh token",
            "account": "Account",
        },
        "Login": {
            "grant": "Grant",
            "username": "User name",
            "redirect_uris": "Redirect URIs",
            "listen": "Listen at",
            "listen_cert_file": "Listener's certificate",
            "listen_key_file": "Listener's key",
            "browser": "Browser",
            "open_url_after": "Page after the login",
            "login_timeout": "Login timeout",
            "login": "Login by get-token",
            "auth_params": "Extra parameters",
            "pkce": "PKCE",
        },
        "Session": {
            "storage": "Storage",
            "token": "Token for clusters",
            "margin": "Refresh margin",
            "session": "Session name",
            "forward": "Forwarding",
        },
    },
    "issuer": {
        "Issuer": {
            "url": "Issuer's URL",
            "ca_file": "CA file",
            "ca_data": "CA certificates",
            "insecure_skip_tls_verify": "Skip verification",
            "proxy": "Proxy",
            "request_headers": "Request headers",
        },
        "What it can do": {
            "preset": "Preset",
            "client_auth": "Client authentication",
            "device_authorization_endpoint": "Device endpoint",
            "revocation_endpoint": "Revocation endpoint",
        },
    },
    "cluster": {
        "Cluster": {
            "server": "Server",
            "profile": "Profile",
            "ca_file": "CA file",
            "ca_data": "CA certificates",
            "insecure_skip_tls_verify": "Skip verification",
            "tls_server_name": "Name in certificate",
            "proxy_url": "Proxy",
            "together_cluster_id": "ID at Together AI",
        },
        "Context": {
            "context": "Context",
            "namespace": "Namespace",
        },
        "Who you are there": {
            "username_claim": "User name claim",
            "username_prefix": "User name prefix",
            "groups_claim": "Groups claim",
            "groups_prefix": "Groups prefix",
        },
    },
}
# What counts without a value, where no model can say it.
_DEFAULTS = {("cluster", "context"): "the cluster's name"}


@dataclass(frozen=True)
class FieldDefinition:
    """One key of a table of the configuration, as every form shows it."""

    kind: Kind
    key: str
    label: str
    group: str

    @property
    def help(self) -> str:
        """What the key means, and what counts without it, in one line."""
        describe(models)
        default = f" Default: {self.default}." if self.default and not self.choices else ""
        return " ".join((self._model.description or "").split()) + default

    @property
    def required(self) -> bool:
        return self._model.is_required()

    @property
    def choices(self) -> list[str]:
        """The words the key allows, if it allows only some."""
        if self._model.annotation is bool:
            return ["true", "false"]
        if get_origin(self._model.annotation) is Literal:
            return [str(choice) for choice in get_args(self._model.annotation)]
        return []

    @property
    def default(self) -> str:
        """What counts where the key is not set, as a line; empty where that is nothing."""
        if self.required:
            return ""
        if (self.kind, self.key) in _DEFAULTS:
            return _DEFAULTS[self.kind, self.key]
        value = self._model.get_default(call_default_factory=True)
        return as_text(self.kind, self.key, value) if value not in (None, {}) else ""

    @property
    def placeholder(self) -> str:
        """What a field without a value shows."""
        if self.required:
            return ""
        return f"default: {self.default}" if self.default else "not set"

    @property
    def _model(self) -> FieldInfo:
        return TABLES[self.kind].model_fields[self.key]


def definitions(kind: Kind) -> Iterator[FieldDefinition]:
    """All fields of a kind, group by group."""
    for group, labels in _LABELS[kind].items():
        for key, label in labels.items():
            yield FieldDefinition(kind, key, label, group)


def definition(kind: Kind, key: str) -> FieldDefinition:
    """The field of one key."""
    return next(one for one in definitions(kind) if one.key == key)
