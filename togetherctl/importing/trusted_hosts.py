"""Find the hosts that would newly get tokens or logins, and agree to them (--trust-host)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from togetherctl.config.models import ClusterTable, ConfigTable, IssuerTable, ProfileTable
from togetherctl.config.types import SESSION_OWNERS
from togetherctl.errors import UsageError
from togetherctl.printable import printable

_SAID = 5
_PORTS = {"https": 443, "http": 80}
# A host as people write it, then perhaps a port; an IPv6 address with a port has brackets.
_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^\[\]:/@?#\s]+)(?::(?P<port>\d{1,5}))?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*")

# An issuer and a client there, as far as spelling does not matter.
Identity = tuple[str, str]


@dataclass(frozen=True)
class NewHost:
    """A host that would get something it does not get yet: in ASCII, what it gets, and on which ports.

    `known` where that is of an identity that was there before, or where another authority vouches for a known host:
    then it has to be agreed to by name, whatever the source.
    """

    host: str
    gets: tuple[str, ...]
    ports: frozenset[int] = field(default=frozenset({443}), compare=False)
    known: bool = False

    @property
    def sentence(self) -> str:
        """What it would get, in a line."""
        return f"{self.host} would get {'; '.join(self.gets)}"


class _Reach(NamedTuple):
    """One place that logins or tokens get to: all that counts of it, and what it gets."""

    what: tuple[object, ...]
    url: str
    gets: str
    identities: frozenset[Identity]
    """Whose logins or tokens it gets."""
    is_login: bool = False
    reaches_others: bool = False
    """Whether its tokens may be good for other clients of the issuer too."""


def new_hosts(before: ConfigTable, after: ConfigTable, sessions: Collection[Identity] = ()) -> list[NewHost]:
    """The hosts that would get by `after` what `before` did not give them, each once.

    `sessions` are identities that have a session though `before` may not have them. A host that gets the tokens of one
    client is still a stranger to those of another, and to tokens that are good for more: no source leads the tokens of
    one company to the servers of another. Nor does it choose who vouches for a host that is known.
    """
    past = list(_find_reached(before))
    reached = {reach.what for reach in past}
    logins = {_place(reach.url) for reach in past if reach.is_login}
    issuers = {issuer for issuer, _ in identities_of(before) | {*sessions}}
    identities = {identity for reach in past for identity in reach.identities} | identities_of(before) | {*sessions}
    found: dict[str, list[tuple[_Reach, bool]]] = {}
    for reach in _find_reached(after):
        if reach.what not in reached:
            vouched = reach.is_login and _place(reach.url) in logins
            others = reach.reaches_others and any(issuer in issuers for issuer, _ in reach.identities)
            known = vouched or others or not identities.isdisjoint(reach.identities)
            found.setdefault(_host(reach.url), []).append((reach, known))
    for name, profile in after.profiles.items():
        url = after.issuers[profile.issuer].url
        was = before.profiles.get(name)
        if was is not None and before.issuers[was.issuer].url != url:
            moved = _Reach((), url, f"the logins of profile {name}", frozenset())
            found.setdefault(_host(url), []).append((moved, True))
    return [
        NewHost(
            host,
            tuple(dict.fromkeys(reach.gets for reach, _ in gets)),
            frozenset(_port(reach.url) for reach, _ in gets),
            any(known for _, known in gets),
        )
        for host, gets in found.items()
    ]


def identities_of(config: ConfigTable) -> set[Identity]:
    """Whom the configuration can log in: each client at its issuer."""
    return {identity(config.issuers[profile.issuer].url, profile.client_id) for profile in config.profiles.values()}


def identity(issuer: str, client_id: str) -> Identity:
    """The same for all spellings of one issuer: more is asked then, never less."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{_host(issuer).rstrip('.')}:{_port(issuer)}{parts.path.rstrip('/')}", client_id


def to_be_named(found: Iterable[NewHost], *, remote: bool) -> list[NewHost]:
    """Those that are agreed to by name alone: all of them for a source from the network, which may be another tomorrow.

    Of a file, which can be looked at, writing it agrees to the hosts of identities that are new.
    """
    return [stranger for stranger in found if remote or stranger.known]


def agree(found: Sequence[NewHost], *, trusted: Iterable[str], ask: Callable[[NewHost], bool] | None) -> None:
    """Come back only if each of these hosts was agreed to: by `--trust-host`, or by `ask`, once for each.

    Raises UsageError with the flags that would agree.
    """
    named = {trusted_host(word) for word in trusted}
    open_ones = [
        stranger
        for stranger in found
        if (stranger.host, None) not in named and not all((stranger.host, port) in named for port in stranger.ports)
    ]
    if not open_ones:
        return
    if ask is None:
        said = "; ".join(stranger.sentence for stranger in open_ones[:_SAID])
        more = f"; and {len(open_ones) - _SAID} more" if len(open_ones) > _SAID else ""
        raise UsageError(
            f"{'this host is' if len(open_ones) == 1 else 'these hosts are'} not agreed to yet: {said}{more}",
            hint="if that is right, add "
            + " ".join(f"--trust-host {shlex.quote(stranger.host)}" for stranger in open_ones),
        )
    for stranger in open_ones:
        if not ask(stranger):
            raise UsageError(f"{stranger.host} was not agreed to; nothing was changed")


def trusted_host(word: str) -> tuple[str, int | None]:
    """What `--trust-host` names: a host, and a port where that is said. Raises UsageError."""
    word = word.strip()
    if _IPV6.fullmatch(word):
        return word.lower(), None
    match = _HOST_AND_PORT.fullmatch(word)
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        raise UsageError(f"--trust-host {printable(word)}: it takes HOST or HOST:PORT")
    return _ascii(match["host"].strip("[]")), int(match["port"]) if match["port"] else None


def _find_reached(config: ConfigTable) -> Iterator[_Reach]:
    """What the configuration reaches with logins and tokens."""
    clients: dict[str, set[Identity]] = {name: set() for name in config.issuers}
    for profile in config.profiles.values():
        clients[profile.issuer].add(identity(config.issuers[profile.issuer].url, profile.client_id))
    for name, issuer in config.issuers.items():
        mine = frozenset(clients[name])
        what = (_place(issuer.url), _voucher(issuer))
        yield _Reach(what, issuer.url, f"your login, as the issuer {name}", mine, is_login=True)
        for url, use, gets in (
            (issuer.device_authorization_endpoint, "login", "your logins by device code"),
            (issuer.revocation_endpoint, "revocation", "your tokens at each logout"),
        ):
            if url is not None and _place(url) != _place(issuer.url):
                told = (_place(url), _voucher(issuer), issuer.url, use)
                yield _Reach(told, url, f"{gets}, for the issuer {name}", mine, is_login=use == "login")
    for name, cluster in config.clusters.items():
        profile = config.profiles[cluster.profile]
        issuer = config.issuers[profile.issuer]
        at = (_place(cluster.server), _voucher(cluster), cluster.tls_server_name, issuer.url, *_tokens(profile))
        gets = f"tokens of client {profile.client_id} at {issuer.url}, as the API server of cluster {name}"
        mine = frozenset({identity(issuer.url, profile.client_id)})
        yield _Reach(at, cluster.server, gets, mine, reaches_others=_reaches_others(profile))


def _voucher(table: IssuerTable | ClusterTable) -> tuple[object, ...]:
    return table.ca_data, table.ca_file, table.insecure_skip_tls_verify


def _tokens(profile: ProfileTable) -> tuple[object, ...]:
    """What a token of the profile is good for.

    Of an ID token, scopes change what it says of the person; those with a colon can also name who else takes it
    (`audience:server:client_id:…` at Dex, `urn:zitadel:iam:org:project:id:…:aud`).
    """
    power = profile.token == "access"  # noqa: S105 # a kind of token
    scopes = frozenset(scope for scope in profile.scopes if power or ":" in scope)
    # The client's own tokens are not those of a person.
    alone = SESSION_OWNERS[profile.grant] == "client"
    return profile.client_id, profile.token, frozenset(profile.auth_params.items()), scopes, alone


def _reaches_others(profile: ProfileTable) -> bool:
    """Whether the profile asks for tokens that name other clients: by a scope with a colon, or as RFC 8707 does."""
    return any(":" in scope for scope in profile.scopes) or not {"audience", "resource"}.isdisjoint(profile.auth_params)


def _place(url: str) -> str:
    """What is the same for everything a host serves; without TLS any user of a machine may serve a port."""
    return url if urlsplit(url).scheme == "http" else _host(url)


def _host(url: str) -> str:
    return _ascii(urlsplit(url).hostname or "")


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or _PORTS.get(parts.scheme, 0)


def _ascii(host: str) -> str:
    """The host as it is looked up: letters of other scripts can look like those of a host that is trusted.

    Letters that the old and the new rules for names read differently (RFC 3490, RFC 5891), such as a sharp s, are
    spelled out: such a host is not the one that it would be by the old rules.
    """
    host = host.lower()
    with suppress(ValueError):
        return str(ip_address(host))
    if host.isascii():
        return host
    with suppress(UnicodeError):
        encoded = host.encode("idna")
        if encoded.decode("idna") == host:
            return encoded.decode("ascii")
    return printable(host.encode("unicode_escape").decode("ascii"))
