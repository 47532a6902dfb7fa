"""Name issuers, profiles and clusters after a host, and apart from names in use."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

_LONGEST = 63
_ROOM_FOR_NUMBER = 5
# What hosts of identity providers are called everywhere, and users of kubeconfigs too.
_SAYS_NOTHING = frozenset(
    {
        "accounts",
        "auth",
        "dex",
        "iam",
        "id",
        "identity",
        "idp",
        "keycloak",
        "login",
        "oauth",
        "oauth2",
        "oidc",
        "openid",
    }
    | {"kubelogin", "kube", "kubernetes", "oidc-user", "secure", "sso", "token", "user", "www"}
)


def name_from_url(url: str) -> str:
    """`acme` for https://acme.okta.com, `google` for https://accounts.google.com."""
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return clean(host) or "issuer"
    labels = host.split(".")
    telling = [label for label in (labels[:-1] or labels) if label not in _SAYS_NOTHING]
    return clean(telling[0] if telling else labels[0]) or "issuer"


def clean(text: str) -> str:
    """The text as a name the configuration takes; empty where nothing of it is left."""
    return re.sub(r"[^A-Za-z0-9._@-]+", "-", text).lstrip("._@-")[:_LONGEST].rstrip("-")


def telling(text: str) -> str:
    """The text as a name, empty where it would say nothing."""
    name = clean(text)
    return "" if name.lower() in _SAYS_NOTHING else name


class UsedNames:
    """Names that are taken; the configuration knows no upper and lower case.

    Asking costs the same however many there are.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {name.lower() for name in names}
        self._numbers: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._names

    def add(self, name: str) -> None:
        """Take one more."""
        self._names.add(name.lower())

    def free(self, candidates: Iterable[str]) -> str:
        """The first candidate that is not taken, else the first with a number."""
        names = [name for name in candidates if name]
        for name in names:
            if name not in self:
                return name
        stem = names[0][: _LONGEST - _ROOM_FOR_NUMBER]
        number = self._numbers.get(stem.lower(), 2)
        while f"{stem}-{number}" in self:
            number += 1
        # Names are never given back.
        self._numbers[stem.lower()] = number
        return f"{stem}-{number}"
