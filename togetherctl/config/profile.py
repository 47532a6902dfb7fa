"""Resolve a profile into everything that a login needs: its issuer, expanded paths, preset defaults.

Plain dataclasses, so that the auth engine depends on neither the file's form nor the library that checks it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from togetherctl.config.profile_hints import ProfileHints
from togetherctl.connection_settings import Connection
from togetherctl.environment import BROWSER, LOGIN, PROFILE
from togetherctl.paths import expand
from togetherctl.records import NamedTuple, dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from togetherctl.config.models import IssuerTable, ProfileTable
    from togetherctl.config.overrides import Overrides
    from togetherctl.config.types import ClientAuth, Grant, OfflineAccess, Pkce, Storage, TokenKind
    from togetherctl.errors import Remedy

_QUOTES = frozenset("'\"\\")


@dataclass(frozen=True)
class Issuer:
    """An OpenID Provider, and how requests get to it.

    `usual_device_endpoint` is where device codes come from if neither the configuration nor the metadata says.
    """

    name: str
    url: str
    connection: Connection
    client_auth: ClientAuth = "auto"
    device_authorization_endpoint: str | None = None
    usual_device_endpoint: str | None = None
    revocation_endpoint: str | None = None


@dataclass(frozen=True)
class Loopback:
    """Where the authorization response comes back to: a redirect URI, and the address to listen on if not its own."""

    redirect_uri: str
    listen: str | None = None


@dataclass(frozen=True)
class Profile:
    """What the engine works with.

    `key` tells whose session it is; `secret` reads the client secret when it is needed, None for a public client;
    `password` reads the person's, None where it is asked for; times are in seconds. A profile that flags make has no
    name: `configless` asks for it, without secrets; `words` is the name of their ready file, empty if there is none.
    `called_there` is what a forwarded agent calls the profile whose credential it gives.
    `sessions` is the folder of its session, if not the usual one.
    """

    name: str
    key: str
    issuer: Issuer
    client_id: str
    scopes: tuple[str, ...]
    offline_access: OfflineAccess = "auto"
    grant: Grant = "auto"
    token: TokenKind = "id"  # noqa: S105 # a kind of token
    storage: Storage = "file"
    secret: Callable[[], str] | None = field(default=None, repr=False, compare=False)
    username: str | None = None
    password: Callable[[], str] | None = field(default=None, repr=False, compare=False)
    loopbacks: tuple[Loopback, ...] = (Loopback("http://localhost:8000"), Loopback("http://localhost:18000"))
    certificate: tuple[Path, Path] | None = None
    open_url_after: str | None = None
    pkce: Pkce = "S256"
    account: str | None = None
    auth_params: Mapping[str, str] = field(default_factory=dict)
    browser: tuple[str, ...] | Literal[False] | None = None
    may_log_in: bool = True
    login_timeout: float = 180.0
    margin: float = 60.0
    configless: Remedy | None = None
    words: str = ""
    called_there: str = ""
    sessions: Path | None = None

    @property
    def called(self) -> str:
        """What a sentence calls it."""
        return f"profile {self.name}" if self.name else f"client {self.client_id}"

    @property
    def ready_as(self) -> str:
        """What its ready file is called; empty where no other call could ask for it."""
        return self.name or self.words

    @property
    def ways(self) -> ProfileHints:
        """What hints name."""
        return ProfileHints(self.name, self.configless)

    def with_secret_at_hand(self) -> Profile:
        """The same profile with its client secret read now, once. Raises ConfigError and StorageError."""
        if self.secret is None:
            return self
        secret = self.secret()
        return replace(self, secret=lambda: secret)


def once_per_session(profiles: Sequence[Profile]) -> list[Profile]:
    """The first profile of each session, in their order."""
    first: dict[str, Profile] = {}
    for profile in profiles:
        first.setdefault(profile.key, profile)
    return list(first.values())


def resolve(
    name: str,
    profile: ProfileTable,
    issuer: IssuerTable,
    *,
    folder: Path,
    environ: Mapping[str, str],
    secrets: Callable[[], Collection[str]] = frozenset,
) -> Profile:
    """The profile called `name`; relative paths lie beside the configuration in `folder`.

    `secrets` gives the variables that hold client secrets.
    """
    from togetherctl.config.presets import find_preset

    preset = find_preset(issuer.preset, issuer.url)
    connection = connection_to(issuer, folder=folder, environ=environ)
    certificate = None
    if profile.listen_cert_file and profile.listen_key_file:
        certificate = (
            expand(profile.listen_cert_file, environ, beside=folder),
            expand(profile.listen_key_file, environ, beside=folder),
        )
    return Profile(
        name=name,
        key=session_key_of(issuer, profile, connection),
        issuer=Issuer(
            profile.issuer,
            issuer.url,
            connection,
            issuer.client_auth,
            issuer.device_authorization_endpoint,
            preset.device_endpoint(issuer.url) if preset else None,
            issuer.revocation_endpoint,
        ),
        client_id=profile.client_id,
        scopes=tuple(dict.fromkeys(["openid", *profile.scopes])),
        offline_access=preset.offline_access if preset and profile.offline_access == "auto" else profile.offline_access,
        grant=profile.grant,
        token=profile.token,
        storage="memory" if profile.grant == "agent" else profile.storage,
        secret=_secret_reader(name, profile, issuer, folder, environ, secrets),
        username=profile.username,
        loopbacks=_loopbacks(profile),
        certificate=certificate,
        open_url_after=profile.open_url_after,
        pkce=profile.pkce,
        account=profile.account,
        auth_params={**(preset.auth_params if preset else {}), **profile.auth_params},
        browser=tuple(profile.browser) if isinstance(profile.browser, list) else profile.browser,
        may_log_in=profile.login == "auto",
        login_timeout=float(profile.login_timeout),
        margin=float(profile.margin),
        called_there=(profile.session or "") if profile.grant == "agent" else "",
    )


def connection_to(issuer: IssuerTable, *, folder: Path, environ: Mapping[str, str]) -> Connection:
    """How requests get to an issuer; relative paths lie beside the configuration in `folder`."""
    return Connection(
        ca_files=tuple(expand(path, environ, beside=folder) for path in issuer.ca_file or ()),
        ca_data=issuer.ca_data,
        insecure=issuer.insecure_skip_tls_verify,
        proxy=issuer.proxy,
        headers=dict(issuer.request_headers),
    )


def session_key_of(issuer: IssuerTable, profile: ProfileTable, connection: Connection) -> str:
    """The session key of `profile`; `connection` is how requests get to `issuer`."""
    from togetherctl.config.session_key import session_key

    return session_key(issuer, profile, [str(path) for path in connection.ca_files])


@dataclass(frozen=True)
class Identities:
    """Compares tables that are written differently; relative paths lie beside the configuration in `folder`."""

    folder: Path
    environ: Mapping[str, str]

    def key(self, issuer: IssuerTable, profile: ProfileTable) -> str:
        """The session key: profiles with the same one share a session."""
        return session_key_of(issuer, profile, self.way(issuer))

    def way(self, issuer: IssuerTable) -> Connection:
        """How requests get to the issuer, and what is trusted on the way."""
        return connection_to(issuer, folder=self.folder, environ=self.environ)


def _loopbacks(profile: ProfileTable) -> tuple[Loopback, ...]:
    listen = profile.listen or []
    if len(profile.redirect_uris) == 1 and listen:
        return tuple(Loopback(profile.redirect_uris[0], address) for address in listen)
    addresses = [*listen, *[None] * (len(profile.redirect_uris) - len(listen))]
    return tuple(Loopback(uri, address) for uri, address in zip(profile.redirect_uris, addresses, strict=True))


def _secret_reader(
    name: str,
    profile: ProfileTable,
    issuer: IssuerTable,
    folder: Path,
    environ: Mapping[str, str],
    others: Callable[[], Collection[str]],
) -> Callable[[], str] | None:
    source = profile.client_secret
    if source is None:
        return None
    from togetherctl.config.client_secret import keyring_name, read_secret

    kept_as = keyring_name(issuer.url, profile.client_id)
    return lambda: read_secret(
        source, profile=name, folder=folder, environ=environ, keyring_name=kept_as, others=others
    )


def read_overrides(environ: Mapping[str, str]) -> Overrides | None:
    """What the environment overrides; None where it says nothing, which needs no library. Raises ConfigError."""
    if not any(environ.get(name) for name in (PROFILE, LOGIN, BROWSER)):
        return None
    from togetherctl.config.overrides import Overrides

    return Overrides.read(environ)


class Override(NamedTuple):
    """What the environment says about logins and the browser; None where it says nothing."""

    login: str | None
    browser: tuple[str, ...] | None


def simple_overrides(environ: Mapping[str, str]) -> Override:
    """As `read_overrides`, without a library: a token is worth more than a message about a variable.

    Raises ValueError where a variable is wrong, or takes more to read.
    """
    login, browser = environ.get(LOGIN) or None, environ.get(BROWSER) or None
    if login not in (None, "auto", "never"):
        raise ValueError(LOGIN)
    if not (environ.get(PROFILE, "") + (browser or "")).isprintable():
        raise ValueError("a character that a library judges")
    if browser is None or _QUOTES.isdisjoint(browser):
        words = browser.split() if browser else []
    else:
        import shlex

        words = shlex.split(browser)
    return Override(login, tuple(words) or None)


def override(profile: Profile, overrides: Override | Overrides | None) -> Profile:
    """The profile with what the environment says about its login and browser."""
    if overrides is None:
        return profile
    may_log_in = profile.may_log_in if overrides.login is None else overrides.login == "auto"
    return replace(profile, may_log_in=may_log_in, browser=overrides.browser or profile.browser)
