"""Which proxy a request goes through, by the rules of Go's programs and kubectl."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from togetherctl.loopback import is_loopback
from togetherctl.records import NamedTuple

LOOKS_LIKE = "http://proxy.example:3128 or socks5://proxy.example:1080"


class Proxy(NamedTuple):
    """A proxy, and the variable or key that names it. The URL may hold a password."""

    url: str
    named_by: str


def proxy_named(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that `HTTPS_PROXY`, `HTTP_PROXY` or else `ALL_PROXY` names for `url`.

    None for hosts that `NO_PROXY` excepts. Loopback hosts never go through one. Names are looked up at a SOCKS5 proxy,
    for socks5 as for socks5h, as Go does. Raises ValueError for what is no URL.
    """
    target = urlsplit(url)
    host = (target.hostname or "").rstrip(".")
    port = target.port or (443 if target.scheme == "https" else 80)
    names = [f"{target.scheme.upper()}_PROXY", f"{target.scheme}_proxy", "ALL_PROXY", "all_proxy"]
    name = next((name for name in names if environ.get(name)), None)
    if (
        name is None
        or is_loopback(host)
        or _is_excepted(host, port, environ.get("NO_PROXY") or environ.get("no_proxy"))
    ):
        return None
    proxy = environ[name]
    return Proxy(proxy if "://" in proxy else f"http://{proxy}", name)


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The URL of `proxy_named`."""
    proxy = proxy_named(url, environ)
    return proxy.url if proxy else None


def _is_excepted(host: str, port: int, no_proxy: str | None) -> bool:
    return any(_matches(rule.strip().lower(), host, port) for rule in (no_proxy or "").split(",") if rule.strip())


def _matches(rule: str, host: str, port: int) -> bool:
    if rule == "*":
        return True
    try:
        return ip_address(host) in ip_network(rule, strict=False)
    except ValueError:
        pass
    name, _, rule_port = rule.partition(":") if rule.count(":") == 1 else (rule, "", "")
    if rule_port and rule_port != str(port):
        return False
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")
