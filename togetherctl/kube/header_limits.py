"""How large a request's headers may be for common servers, as their documentation says of their defaults."""

from __future__ import annotations

from typing import NamedTuple


class HeaderLimit(NamedTuple):
    """What `server` lets through by default: `size` in bytes, of one header or of all together."""

    server: str
    size: int


# The smallest first; docs/tokens.md names the setting of each and where it is documented.
HEADER_LIMITS = (
    HeaderLimit("Apache", 8190),
    HeaderLimit("nginx", 8 * 1024),
    HeaderLimit("HAProxy", 15 * 1024),
    HeaderLimit("AWS Application Load Balancer", 16 * 1024),
    HeaderLimit("Envoy and Istio", 60 * 1024),
    HeaderLimit("Go's net/http, and so kube-apiserver", 1024 * 1024),
)


def in_kib(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1024:.1f} KiB".replace(".0 ", " ")
