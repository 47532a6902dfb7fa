"""The words the store is made of, spelled once."""

from __future__ import annotations

from typing import Literal

Kind = Literal["profile", "issuer", "cluster"]
Grant = Literal["auto", "authcode", "paste", "device-code", "password", "client-credentials"]
TokenKind = Literal["id", "access"]
Storage = Literal["file", "keyring", "memory"]
OfflineAccess = Literal["auto", "always", "never"]
ClientAuth = Literal["auto", "basic", "post"]
# `S256` takes an issuer that lists other methods alone at its word and goes no further; `always` does not, and `auto`
# goes without PKCE there.
Pkce = Literal["S256", "always", "auto", "no"]

# What stands in any output where a secret would.
HIDDEN = "(hidden)"
