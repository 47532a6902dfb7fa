"""What a source has to offer, whatever it is: issuers, profiles and clusters in the store's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from togetherctl.sources.rule import Left


@dataclass(frozen=True)
class Offer:
    """One cluster as a source describes it, or a profile without one.

    `issuer`, `profile` and `cluster` are tables of the store without the names that tie them together. Without an
    `issuer` or `profile` the source does not say how to log in, so that is asked. `issuer_name` and `profile_name` are
    what the source calls them, where it does. `secret` is a client secret that stands in the source; `source` is where
    it comes from, the same each time, empty where the cluster has an ID. `opened_by` is a profile of the store, where
    somebody said so. `left` is what the source said and may not set. `vouched` where the person or Together AI's API
    said it all; `takes_secret` where its program would take a client secret from the environment. The repr shows no
    secret.
    """

    name: str
    issuer: Mapping[str, Any] | None = field(default=None, repr=False)
    profile: Mapping[str, Any] | None = field(default=None, repr=False)
    cluster: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    issuer_name: str | None = None
    profile_name: str | None = None
    secret: str | None = field(default=None, repr=False)
    source: str = ""
    opened_by: str | None = None
    left: tuple[Left, ...] = ()
    vouched: bool = False
    takes_secret: bool = False

    @property
    def says_login(self) -> bool:
        """Whether it is known how to log in."""
        return self.opened_by is not None or (self.issuer is not None and self.profile is not None)


@dataclass(frozen=True)
class Passed:
    """Something a source names that cannot be taken, and why, in words that follow "because"."""

    name: str
    reason: str


@dataclass(frozen=True)
class Found:
    """All that a source says; `origin` names it for people."""

    origin: str
    offers: tuple[Offer, ...]
    passed: tuple[Passed, ...] = ()
