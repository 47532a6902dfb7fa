"""The words the store is made of, spelled once."""

from __future__ import annotations

from typing import Literal

Kind = Literal["profile", "issuer", "cluster"]
Grant = Literal["auto", "authcode", "paste", "device-code", "password", "client-credentials"]
TokenKind = Literal["id", "access"]
Storage = Literal["file", "keyring", "memory"]
OfflineAccess = Literal["auto", "always", "never"]
ClientAuth = Literal["auto", "basic", "post"]

# What stands in any output where a secret would.
HIDDEN = "(hidden)"
