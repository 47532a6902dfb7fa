"""What sources said and may not set, gathered so that it is said once for all clusters it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.environment import CLIENT_SECRET
from togetherctl.printable import printable
from togetherctl.sources.trust import identities_of, identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from togetherctl.sources.offer import Offer
    from togetherctl.sources.rule import Left
    from togetherctl.store.choices import Kind
    from togetherctl.store.models import StoreTable

_MOST_NAMES = 6
_LONGEST_VALUE = 80


class LeftOut:
    """Keys by what they said and why they are left out, with the entries of the store that do without."""

    def __init__(self) -> None:
        self._names: dict[Left, dict[str, None]] = {}

    def add(self, left: Left, name: str) -> None:
        """One key that the entry called `name` does without."""
        self._names.setdefault(left, {})[name] = None

    def lines(self) -> Iterable[str]:
        """A line each, safe to show; then how to set them oneself."""
        first: dict[Kind, tuple[str, dict[str, None]]] = {}
        for left, found in self._names.items():
            names = list(found)
            first.setdefault(left.kind, (names[0], {}))[1][left.key] = None
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            value = printable(left.said, limit=_LONGEST_VALUE)
            said = f" ({value})" if value else ""
            several = "s" if len(names) > 1 else ""
            yield (
                f"{left.key}{said} is left out of {left.kind}{several} {', '.join(names[:_MOST_NAMES])}{more}, because "
                f"{left.why}"
            )
        if first:
            # The values are the source's, and nothing of them goes into a command that a person copies.
            for kind, (name, keys) in first.items():
                settings = " ".join(f"{key}=VALUE" for key in keys)
                yield f"To set it yourself: togetherctl {kind} set {name} {settings}"


def secrets_kept(offers: Iterable[Offer], store: StoreTable, environ: Mapping[str, str]) -> list[str]:
    """Which new clients do not get the client secret of the environment, though their programs would take it."""
    if not environ.get(CLIENT_SECRET):
        return []
    known = identities_of(store)
    clients = {
        (str(offer.issuer["url"]), str(offer.profile["client_id"])): None
        for offer in offers
        if offer.takes_secret and offer.issuer and offer.profile and "client_secret" not in offer.profile
    }
    return [
        f"Client {printable(client)} at {printable(issuer)} does not get the client secret in {CLIENT_SECRET}, which "
        f"is yours; --secret env:{CLIENT_SECRET} gives it."
        for issuer, client in clients
        if identity(issuer, client) not in known
    ]
