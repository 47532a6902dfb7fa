"""Tell loopback addresses from others: plain http is allowed to this machine only."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str | None) -> bool:
    """`localhost`, or an address of the loopback network (RFC 8252, 7.3)."""
    host = host or ""
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_safe(url: str, *, http: bool = True) -> bool:
    """Whether `url` is https, or, where `http` is allowed, http to this machine."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        local = http and parts.scheme == "http" and is_loopback(parts.hostname)
        return bool(parts.hostname) and (parts.scheme == "https" or local)
    except ValueError:
        return False
