"""The catalogue of known identity providers: the TOML files of the top-level folder `profiles/`."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from togetherctl.store.choices import OfflineAccess

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


class Preset(BaseModel):
    """What differs from OpenID Connect's defaults at one provider, as far as a login depends on it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    title: str
    """The provider's name for people."""
    issuer_pattern: str | None = None
    """A regular expression for the whole issuer URL, where the URL alone tells the provider."""
    offline_access: OfflineAccess = "auto"
    """Whether the scope `offline_access` gets a refresh token here."""
    auth_params: dict[str, str] = Field(default_factory=dict)
    """Parameters every authorization request needs here."""


def names() -> tuple[str, ...]:
    """The catalogue's entries, sorted."""
    return tuple(sorted(_catalogue()))


def find(name: str | None, issuer: str) -> Preset | None:
    """The entry called `name`; without a name the one whose pattern fits the issuer URL."""
    if name is not None:
        return _catalogue().get(name)
    fitting = (
        preset
        for preset in _catalogue().values()
        if preset.issuer_pattern and re.fullmatch(preset.issuer_pattern, issuer)
    )
    return next(fitting, None)


def folder() -> Traversable:
    """`profiles/`, in the wheel or beside the package in a checkout."""
    packaged = files("togetherctl") / "profiles"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "profiles"


@cache
def _catalogue() -> dict[str, Preset]:
    providers = folder() / "providers"
    return {
        entry.name.removesuffix(".toml"): Preset.model_validate(tomllib.loads(entry.read_text("utf-8")))
        for entry in providers.iterdir()
        if entry.name.endswith(".toml")
    }
