"""Name issuers, profiles and clusters after a host or a provider, and apart from names in use."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from togetherctl.config.presets import recognise_preset

_LONGEST = 63
_ROOM_FOR_NUMBER = 5
# How the pattern of a provider begins that everyone runs for themselves.
_ANY_HOST = "https://.+"
# What hosts of identity providers are called everywhere, and users of kubeconfigs too.
_SAYS_NOTHING = frozenset(
    {
        "accounts",
        "auth",
        "dex",
        "example",
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


def name_from_url(url: str, preset: str | None = None) -> str:
    """`acme` for https://acme.okta.com, `entra` for https://login.microsoftonline.com/…: what tells a login.

    Where the host says nothing of whose it is, the name of its entry in the catalogue, which `preset` may be.
    """
    known = recognise_preset(url)
    name = telling_host(url, known[1].issuer_pattern if known else None)
    return name or clean(preset or (known[0] if known else "")) or "login"


def cluster_name_from_url(url: str) -> str:
    """What an API server is called by its host; an IP address says nothing."""
    return telling_host(url) or "cluster"


def telling_host(url: str, provider: str | None = None) -> str:
    """The part of a URL's host that says whose it is; empty where none does.

    `provider` is a pattern of URLs: what it spells out is the provider's, and what stands before that the customer's.
    """
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return ""
    labels = host.split(".")
    own = [label for label in (labels[:-1] or labels) if label.lower() not in _SAYS_NOTHING]
    if provider is not None and not provider.startswith(_ANY_HOST):
        # `dex.REGION.cloud.together.ai` begins with a word that all have, and a region names no person.
        first = labels[0]
        return clean(first) if first in own and first not in provider else ""
    return clean(own[0]) if own else ""


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
