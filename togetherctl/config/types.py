"""The words of the configuration: grants, token kinds, storages."""

from __future__ import annotations

from typing import Literal

Kind = Literal["profile", "issuer", "cluster"]
Grant = Literal["auto", "authcode", "paste", "device-code", "password", "client-credentials", "agent"]
# Whose session a login by each grant makes; sessions of different kinds have different KEYs. `auto` makes a user's
# where the profile names one; `agent` makes none here, it asks for one of another machine.
Owner = Literal["person", "user", "client", "agent"]
SESSION_OWNERS: dict[Grant, Owner] = {
    "auto": "person",
    "authcode": "person",
    "paste": "person",
    "device-code": "person",
    "password": "user",
    "client-credentials": "client",
    "agent": "agent",
}
# What a profile on a desk logs in by without saying so.
USUAL_GRANTS: frozenset[Grant] = frozenset({"auto", "authcode"})
TokenKind = Literal["id", "access"]
Storage = Literal["file", "keyring", "memory"]
OfflineAccess = Literal["auto", "always", "never"]
# Whether a credential may go out over the agent's socket, which people forward to other machines.
Forward = Literal["never", "ask", "always"]
ClientAuth = Literal["auto", "basic", "post"]
# `S256` takes an issuer that lists other methods alone at its word and goes no further; `always` does not, and `auto`
# goes without PKCE there.
Pkce = Literal["S256", "always", "auto", "no"]

DEFAULT_REDIRECT_URIS = ("http://localhost:8000", "http://localhost:18000")
DEFAULT_SCOPES = ("openid", "email")
# What any output shows in place of a secret.
HIDDEN = "(hidden)"
