"""Make a profile without a name from kubelogin's flags; the same engine logs it in as any other."""

from __future__ import annotations

import shlex
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from togetherctl.config import value_checks
from togetherctl.config.profile import Issuer, Loopback, Profile, connection_to, read_overrides, session_key_of
from togetherctl.environment import CLIENT_SECRET, KUBE_CACHE
from togetherctl.errors import Remedy, UsageError, run
from togetherctl.kubelogin import PLUGIN
from togetherctl.kubelogin.plain_tables import check_plainly
from togetherctl.paths import expand, locate
from togetherctl.printable import printable
from togetherctl.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from togetherctl.config.models import IssuerTable, ProfileTable
    from togetherctl.config.overrides import Overrides
    from togetherctl.config.types import Grant, Pkce, Storage
    from togetherctl.kubelogin.flag_table import Command
    from togetherctl.kubelogin.flags import Flags

# What a person can copy from a line of a terminal, and an error shows of a hint.
_LONGEST_COMMAND = 900
# What kubelogin sends to every issuer with an authorization request: some give a refresh token for it.
OFFLINE = {"access_type": "offline"}
STORAGES: dict[str, Storage] = {"disk": "file", "keyring": "keyring", "none": "memory"}
_GRANTS: dict[str, Grant] = {
    "authcode": "authcode",
    "authcode-keyboard": "paste",
    "password": "password",
    "device-code": "device-code",
    "client-credentials": "client-credentials",
}
_PKCE: dict[str, Pkce] = {"auto": "auto", "no": "no", "S256": "always"}
_FLAG_OF_KEY = {
    "url": "--oidc-issuer-url",
    "client_id": "--oidc-client-id",
    "scopes": "--oidc-extra-scope",
    "auth_params": "--oidc-auth-request-extra-params",
    "username": "--username",
    "ca_file": "--certificate-authority",
    "ca_data": "--certificate-authority-data",
    "request_headers": "--oidc-request-header",
}
_LOCALHOST = "localhost"


class WrongFlag(UsageError):
    """The value of `flag` makes no sense, for this `reason`."""

    def __init__(self, flag: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"{flag} {reason}", hint=hint)
        self.flag = flag
        self.reason = printable(reason, limit=2000)


def profile_of(
    flags: Flags,
    environ: Mapping[str, str],
    *,
    command: Command = "get-token",
    program: str = PLUGIN,
    warn: Callable[[str], None] = lambda _sentence: None,
) -> Profile:
    """The profile these flags of `command` mean; `warn` is told of a password that others can see when it is used.

    Relative paths are taken from the current folder. Raises UsageError, naming the flag.
    """
    _check(flags)
    issuer, profile = tables(flags, environ)
    here = expand(".", environ)
    connection = connection_to(issuer, folder=here, environ=environ)
    secret = client_secret(flags, environ, command)
    overrides = read_overrides(environ)
    return Profile(
        name="",
        key=session_key_of(issuer, profile, connection),
        issuer=Issuer("", issuer.url, connection),
        client_id=profile.client_id,
        scopes=tuple(dict.fromkeys(["openid", *profile.scopes])),
        offline_access=profile.offline_access,
        grant=profile.grant,
        token=profile.token,
        # Only get-token keeps what a login brought.
        storage=profile.storage if command == "get-token" else "memory",
        secret=(lambda: secret) if secret else None,
        username=profile.username,
        password=_password_reader(flags, warn) if flags.password else None,
        loopbacks=loopbacks(flags),
        certificate=(
            (home_path(flags.local_server_cert, environ), home_path(flags.local_server_key, environ))
            if has_certificate(flags)
            else None
        ),
        open_url_after=flags.open_url_after_authentication or None,
        pkce="always" if flags.oidc_use_pkce else _PKCE[flags.oidc_pkce_method],
        auth_params={**(OFFLINE if profile.grant in ("authcode", "paste") else {}), **profile.auth_params},
        browser=_browser(flags, overrides),
        may_log_in=overrides is None or overrides.login != "never",
        login_timeout=float(flags.authentication_timeout_sec),
        configless=_login_again(flags, command=command, program=program),
        sessions=_session_folder(flags, environ, profile.storage),
    )


def tables(flags: Flags, environ: Mapping[str, str]) -> tuple[IssuerTable, ProfileTable]:
    """What these flags would be in a configuration, as far as it tells whose session it is. Raises UsageError."""
    kind = grant(flags)
    issuer: dict[str, Any] = {
        "url": flags.oidc_issuer_url,
        "ca_file": tuple(path and str(home_path(path, environ)) for path in flags.certificate_authority) or None,
        "ca_data": one_bundle(flags.certificate_authority_data),
        "insecure_skip_tls_verify": flags.insecure_skip_tls_verify,
        "request_headers": dict(flags.oidc_request_header),
    }
    # The other grants of kubelogin leave these parameters out.
    takes_parameters = kind in ("authcode", "paste", "client-credentials")
    profile: dict[str, Any] = {
        "issuer": "flags",
        "client_id": flags.oidc_client_id,
        "scopes": list(flags.oidc_extra_scope),
        # kubelogin asks for it only where it is among the extra scopes.
        "offline_access": "never",
        "grant": kind,
        "token": "access" if flags.oidc_use_access_token else "id",
        "storage": STORAGES[flags.token_cache_storage],
        "username": (flags.username or None) if kind == "password" else None,
        "auth_params": dict(flags.oidc_auth_request_extra_params) if takes_parameters else {},
    }
    # The names that are asked for are the same in both.
    plain: Any = check_plainly(issuer, profile)
    return plain or _validate(issuer, profile)


def grant(flags: Flags) -> Grant:
    """Kubelogin's meaning of `auto`, and our name for pasting."""
    if flags.grant_type == "auto":
        return "password" if flags.username else "authcode"
    return _GRANTS[flags.grant_type]


def client_secret(flags: Flags, environ: Mapping[str, str], command: Command = "get-token") -> str:
    """The client secret, empty where there is none.

    `OIDC_CLIENT_SECRET` counts in `get-token` alone, and not where S256 is forced: that is how a public client is
    told from one with a secret, and a secret of one issuer must not go to another.
    """
    if flags.oidc_client_secret or command != "get-token":
        return flags.oidc_client_secret
    forced = flags.oidc_use_pkce or flags.oidc_pkce_method == "S256"
    return "" if forced else environ.get(CLIENT_SECRET, "")


def cache_folder(flags: Flags, environ: Mapping[str, str]) -> Path | None:
    """The folder that `--token-cache-dir` or `KUBECACHEDIR` names; None for togetherctl's own."""
    if flags.token_cache_dir:
        return home_path(flags.token_cache_dir, environ)
    if environ.get(KUBE_CACHE):
        return expand(environ[KUBE_CACHE], environ) / "oidc-login"
    return None


def home_path(path: str, environ: Mapping[str, str]) -> Path:
    """`~` at the beginning is the user's home, whatever follows it."""
    rest = path.removeprefix("~").lstrip("/")
    return expand(f"~/{rest}" if path.startswith("~") else path, environ)


def _login_again(flags: Flags, *, command: Command, program: str) -> Remedy:
    """The command that logs in by these flags, without the secrets in them.

    A word in capitals replaces each secret; the output of get-token is a token, so it is not shown.
    """
    once = replace(flags, typed=tuple(name for name in flags.typed if name != "force-refresh"))
    argv = (*program.split(), command, *once.words())
    if len(shlex.join(argv)) > _LONGEST_COMMAND:
        return run("kubectl", "config", "view", "--minify", words="run the command of your kubeconfig in a terminal")
    return Remedy(command=argv, secret_output=command == "get-token")


def _check(flags: Flags) -> None:
    """What the configuration's models do not know of. Raises UsageError."""
    if not flags.oidc_issuer_url:
        raise WrongFlag("--oidc-issuer-url", "is missing", hint="or name a profile: --profile NAME")
    if not flags.oidc_client_id:
        raise WrongFlag("--oidc-client-id", "is missing")
    if flags.authentication_timeout_sec < 1:
        raise UsageError("--authentication-timeout-sec must be at least 1")
    if flags.open_url_after_authentication:
        check_flags("--open-url-after-authentication", value_checks.page_url, flags.open_url_after_authentication)
    check_redirect_url(flags, browser=grant(flags) == "authcode")


def one_bundle(bundles: tuple[str, ...]) -> str | None:
    """The certificates of several flags in one. Raises UsageError."""
    if len(bundles) < 2:
        return bundles[0] if bundles else None
    for bundle in bundles:
        check_flags("--certificate-authority-data", value_checks.ca_data, bundle)
    return b64encode(b"\n".join(b64decode(bundle) for bundle in bundles)).decode("ascii")


def _browser(flags: Flags, overrides: Overrides | None) -> tuple[str, ...] | Literal[False] | None:
    """What is typed goes before `TOGETHERCTL_BROWSER`."""
    if flags.skip_open_browser:
        return False
    return (flags.browser_command,) if flags.browser_command else (overrides.browser if overrides else None)


def _password_reader(flags: Flags, warn: Callable[[str], None]) -> Callable[[], str]:
    def read() -> str:
        warn(
            "everyone on this machine can see a password on the command line; "
            "without --password togetherctl asks for it"
        )
        return flags.password

    return read


def _session_folder(flags: Flags, environ: Mapping[str, str], storage: Storage) -> Path | None:
    """The folder of the session.

    Sealed ones have their own: a profile in the configuration may keep that session unsealed.
    """
    folder = cache_folder(flags, environ)
    if storage == "keyring":
        return (folder or locate(environ).sessions) / "keyring"
    return folder


def _validate(issuer: dict[str, Any], profile: dict[str, Any]) -> tuple[IssuerTable, ProfileTable]:
    """Both tables, checked by the models of the configuration. Raises UsageError."""
    from pydantic import ValidationError

    from togetherctl.config.models import IssuerTable, ProfileTable
    from togetherctl.config.validation import first_problem

    def given(table: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in table.items() if value is not None}

    try:
        return IssuerTable.model_validate(given(issuer)), ProfileTable.model_validate(given(profile))
    except ValidationError as error:
        problem = first_problem(error)
        raise WrongFlag(_FLAG_OF_KEY[problem.key[0]], problem.reason) from None


def loopbacks(flags: Flags) -> tuple[Loopback, ...]:
    """Redirect URIs, and where to listen for each. Raises UsageError.

    The addresses that kubelogin listens at by default become both families of `localhost`, so that no other process can
    own the other half; what is typed is listened at as it is.
    """
    host = flags.oidc_redirect_url_hostname or _LOCALHOST
    as_given = "listen-address" in flags.typed or bool(flags.oidc_redirect_url) or host != _LOCALHOST
    scheme = "https" if has_certificate(flags) else "http"
    return tuple(
        Loopback(
            flags.oidc_redirect_url or f"{scheme}://{host}:{address.rpartition(':')[2]}", address if as_given else None
        )
        for address in map(_check_address, flags.listen_address or ("127.0.0.1:0",))
    )


def has_certificate(flags: Flags) -> bool:
    """Whether the redirect URI is https; as in kubelogin, a certificate without its key counts for nothing."""
    return bool(flags.local_server_cert and flags.local_server_key)


def check_redirect_url(flags: Flags, *, browser: bool) -> None:
    """Any URI without a fragment (RFC 6749, 3.1.2) will do: what is registered is the issuer's matter.

    A `browser` on this machine has to find its way back. Raises UsageError.
    """
    url = flags.oidc_redirect_url
    if not url:
        return
    check_flags("--oidc-redirect-url", _check_uri, url)
    if browser and urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(
            "--oidc-redirect-url is no address that a browser could come back to",
            hint="with --grant-type=authcode-keyboard the code is pasted",
        )


def check_flags(flag: str, check: Callable[[str], str], value: str) -> str:
    """The value, if the check accepts it. Raises UsageError, naming the flag."""
    try:
        return check(value)
    except ValueError as error:
        raise WrongFlag(flag, str(error)) from None


def _check_uri(value: str) -> str:
    if not value.isprintable() or " " in value or "#" in value:
        raise ValueError("must be a URI without spaces and without a fragment")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if not parts.scheme or (parts.scheme in ("http", "https") and not parts.hostname):
        raise ValueError("must look like http://localhost:8000")
    return value


def _check_address(address: str) -> str:
    """An address to listen at; without a host it is every address of this machine, as in Go. Raises UsageError."""
    whole = f"0.0.0.0{address}" if address.startswith(":") else address  # noqa: S104 # as the person wrote it
    return check_flags("--listen-address", value_checks.listen_address, whole)
