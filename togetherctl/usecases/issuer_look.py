"""Look once at each issuer and client that an import brings, before anything is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from togetherctl.importing.cluster_offer import Offer
from togetherctl.usecases.add_entry import Tables
from togetherctl.wiring import World

Look = Callable[[Tables, Mapping[str, Any]], Tables]


class IssuerLook:
    """Looks at each issuer, with each client of it, once by `look`.

    `look` gets the issuer's table and the profile's, and gives the issuer's as the issuer describes itself.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._looked: dict[str, dict[str, object]] = {}

    def issuer(self, table: Mapping[str, Any], profile: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The table with its URL and preset as the issuer says them. Raises what the look raises."""
        client = {key: (profile or {}).get(key) for key in ("client_id", "redirect_uris", "grant", "scopes")}

        def place(url: object) -> str:
            # What tells one look from another.
            return json.dumps([url, table.get("ca_file"), table.get("ca_data"), client], sort_keys=True, default=str)

        if place(table["url"]) not in self._looked:
            looked = self._look({("issuer", "new"): dict(table)}, profile or {})["issuer", "new"]
            self._looked[place(table["url"])] = self._looked[place(looked["url"])] = looked
        looked = self._looked[place(table["url"])]
        return {**table, **{key: value for key, value in looked.items() if key in ("url", "preset")}}

    def offers(self, world: World, offers: Sequence[Offer]) -> list[Offer]:
        """The offers after a look at each issuer that the configuration does not have yet.

        Raises what the look raises.
        """
        return [
            replace(offer, issuer=self.issuer(offer.issuer, offer.profile))
            if offer.issuer and is_new_issuer(world, offer)
            else offer
            for offer in offers
        ]


def is_new_issuer(world: World, offer: Offer) -> bool:
    """Whether the offer names an issuer that the configuration does not have, and that is asked from here."""
    if offer.is_forwarded:
        return False
    urls = {table.url for table in world.config.table.issuers.values()}
    return offer.issuer is not None and offer.issuer["url"] not in urls
