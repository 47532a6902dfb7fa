"""Hide secrets in the text of the configuration file before it is shown; its comments stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.store.choices import HIDDEN
from togetherctl.store.toml_text import Key, TomlText

if TYPE_CHECKING:
    from collections.abc import Iterable

    from togetherctl.store.models import StoreTable


def without_secrets(text: str, table: StoreTable) -> TomlText:
    """The text that says `table`, with its secrets hidden. Raises CannotEdit."""
    shown = TomlText(text)
    for name, profile in table.profiles.items():
        if profile.client_secret is not None and profile.client_secret.kind == "literal":
            shown.set(("profiles", name, "client_secret"), HIDDEN)
    for name, issuer in table.issuers.items():
        for header in issuer.request_headers:
            shown.set(("issuers", name, "request_headers", header), HIDDEN)
        proxy = issuer.model_dump()["proxy"]
        if proxy != issuer.proxy:
            shown.set(("issuers", name, "proxy"), proxy)
    for name, bundle in table.bundles.items():
        source = bundle.model_dump()["source"]
        if source != bundle.source:
            shown.set(("bundles", name, "source"), source)
    return shown


def only(text: TomlText, keys: Iterable[Key]) -> str:
    """The tables at `keys` alone, each with the comments in it and right above it. Raises CannotEdit."""
    wanted = set(keys)
    for section in ("issuers", "profiles", "clusters"):
        for name in list(text.data.get(section, {})):
            if (section, name) not in wanted:
                text.unset((section, name))
    for key in [key for key in text.data if key not in ("issuers", "profiles", "clusters")]:
        text.unset((key,))
    return text.text.strip() + "\n"
