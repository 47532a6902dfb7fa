"""Hosts that a change of the store would newly send somebody's tokens, or somebody's login, to."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from togetherctl.errors import UsageError
from togetherctl.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from togetherctl.store.models import ClusterTable, IssuerTable, ProfileTable, StoreTable

_SAID = 5


@dataclass(frozen=True)
class Stranger:
    """A host that has to be agreed to, in ASCII, and what it would get."""

    host: str
    gets: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What it would get, in a line."""
        return f"{self.host} would get {'; '.join(self.gets)}"


def strangers(before: StoreTable, after: StoreTable) -> list[Stranger]:
    """The hosts that would get by `after` what `before` did not give them, each once.

    A host that gets the tokens of one client is still a stranger to those of another, and to tokens that are good for
    more: a bundle must not lead the tokens of one company to the servers of another. Nor does it choose who vouches for
    a host that is known.
    """
    known = {reach for reach, _, _ in _reached(before)}
    found: dict[str, list[str]] = {}
    for reach, host, gets in _reached(after):
        if reach not in known:
            found.setdefault(host, []).append(gets)
    for name, profile in after.profiles.items():
        url = after.issuers[profile.issuer].url
        past = before.profiles.get(name)
        if past is not None and before.issuers[past.issuer].url != url:
            found.setdefault(_host(url), []).append(f"the logins of profile {name}")
    return [Stranger(host, tuple(dict.fromkeys(gets))) for host, gets in found.items()]


def agree(
    found: Sequence[Stranger],
    *,
    trusted: Iterable[str],
    yes: bool,
    ask: Callable[[Stranger], bool] | None,
) -> None:
    """Come back only if each of these hosts was agreed to: by name, by `yes`, or by `ask`, once for each.

    `yes` is that of `--yes` where it may agree: not for a bundle from the network. Raises UsageError with the flags
    that would agree.
    """
    named = {_ascii(host.strip().strip("[]")) for host in trusted}
    open_ones = [stranger for stranger in found if stranger.host not in named]
    if not open_ones or yes:
        return
    if ask is None:
        said = "; ".join(stranger.sentence for stranger in open_ones[:_SAID])
        more = f"; and {len(open_ones) - _SAID} more" if len(open_ones) > _SAID else ""
        raise UsageError(
            f"nobody has agreed to {'this host' if len(open_ones) == 1 else 'these hosts'} yet: {said}{more}",
            hint="if that is right, add "
            + " ".join(f"--trust-host {shlex.quote(stranger.host)}" for stranger in open_ones),
        )
    for stranger in open_ones:
        if not ask(stranger):
            raise UsageError(f"{stranger.host} was not agreed to; nothing was changed")


def _reached(store: StoreTable) -> Iterable[tuple[tuple[object, ...], str, str]]:
    """What the store reaches with logins and tokens: all that counts of it, its host, and what that gets."""
    for name, issuer in store.issuers.items():
        host = _host(issuer.url)
        yield (_place(issuer.url), _voucher(issuer)), host, f"your login, as the issuer {name}"
        device = issuer.device_authorization_endpoint
        if device is not None and _place(device) != _place(issuer.url):
            asked = (_place(device), _voucher(issuer), issuer.url)
            yield asked, _host(device), f"your logins by device code, for the issuer {name}"
        revocation = issuer.revocation_endpoint
        if revocation is not None and _place(revocation) != _place(issuer.url):
            told = (_place(revocation), _voucher(issuer), issuer.url, "revocation")
            yield told, _host(revocation), f"your tokens at each logout, for the issuer {name}"
    for name, cluster in store.clusters.items():
        profile = store.profiles[cluster.profile]
        issuer = store.issuers[profile.issuer]
        host = _host(cluster.server)
        reach = (_place(cluster.server), _voucher(cluster), cluster.tls_server_name, issuer.url, *_tokens(profile))
        yield reach, host, f"tokens of {_client(profile, issuer)}, as the API server of cluster {name}"


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
    alone = profile.grant == "client-credentials"
    return profile.client_id, profile.token, frozenset(profile.auth_params.items()), scopes, alone


def _client(profile: ProfileTable, issuer: IssuerTable) -> str:
    return f"client {profile.client_id} at {issuer.url}"


def _place(url: str) -> str:
    """What is the same for everything a host serves; without TLS anybody on this machine may be behind a port."""
    return url if urlsplit(url).scheme == "http" else _host(url)


def _host(url: str) -> str:
    return _ascii(urlsplit(url).hostname or "")


def _ascii(host: str) -> str:
    """The host as it is looked up: letters of other scripts can look like those of a host that is trusted.

    Letters that the old and the new rules for names read differently (RFC 3490, RFC 5891), such as a sharp s, are
    spelled out: such a host is not the one that it would be by the old rules.
    """
    host = host.lower()
    if host.isascii():
        return host
    with suppress(UnicodeError):
        encoded = host.encode("idna")
        if encoded.decode("idna") == host:
            return encoded.decode("ascii")
    return printable(host.encode("unicode_escape").decode("ascii"))
