"""Hide secrets in the text of the configuration file before it is shown; its comments stay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from togetherctl.config.toml_text import Key, TomlText
from togetherctl.config.types import HIDDEN

if TYPE_CHECKING:
    from togetherctl.config.models import ConfigTable


def without_secrets(text: str, table: ConfigTable) -> TomlText:
    """The text that says `table`, with its secrets hidden. Raises CannotEdit."""
    shown = TomlText(text)
    # The models hide secrets where they write data.
    hidden = table.model_dump(mode="json")
    for section, key in (("profiles", "client_secret"), ("issuers", "proxy"), ("bundles", "source")):
        for name, entry in hidden[section].items():
            if entry[key] != shown.data[section][name].get(key):
                shown.set((section, name, key), entry[key])
    for name, issuer in table.issuers.items():
        for header in issuer.request_headers:
            shown.set(("issuers", name, "request_headers", header), HIDDEN)
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
