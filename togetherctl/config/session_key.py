"""The session key: which profiles share one session."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from togetherctl.config.types import SESSION_OWNERS

if TYPE_CHECKING:
    from togetherctl.config.models import ConfigTable, IssuerTable, ProfileTable

_VERSION = 1


def session_key(issuer: IssuerTable, profile: ProfileTable, ca_files: Sequence[str]) -> str:
    """64 hexadecimal digits, the same for profiles whose tokens may stand in for each other.

    `ca_files` are the issuer's CA files with absolute paths: two configurations may mean different files by one name.

    What the person asked for goes in, never what an issuer's metadata made of it: the key must be known offline and
    must not change when the issuer does. Storage, token kind, margin and redirect URIs do not count.
    """
    identity: dict[str, object] = {
        "version": _VERSION,
        "issuer": issuer.url,
        "client_id": profile.client_id,
        "scopes": sorted({"openid", *profile.scopes}),
        "offline_access": profile.offline_access,
        "auth_params": profile.auth_params,
        "grant": _grant_family(profile),
        "account": profile.account,
        "connection": {
            "ca_file": list(ca_files),
            "ca_data": issuer.ca_data,
            "insecure": issuer.insecure_skip_tls_verify,
            "proxy": issuer.proxy,
            "headers": sorted((name.lower(), value) for name, value in issuer.request_headers.items()),
        },
    }
    if profile.session is not None:
        identity["session"] = profile.session
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def sharing(config: ConfigTable, name: str) -> list[str]:
    """The other profiles that share the session of the profile `name`."""
    keys = session_keys(config)
    return [other for other, key in keys.items() if other != name and key == keys.get(name)]


def session_keys(config: ConfigTable) -> dict[str, str]:
    """KEY by profile within one configuration, where the same CA file has the same name."""
    return {
        name: session_key(config.issuers[profile.issuer], profile, config.issuers[profile.issuer].ca_file or ())
        for name, profile in config.profiles.items()
        if profile.issuer in config.issuers
    }


def _grant_family(profile: ProfileTable) -> str:
    owner = SESSION_OWNERS[profile.grant]
    if owner == "user" or (profile.grant == "auto" and profile.username):
        return f"password:{profile.username or ''}"
    return owner
