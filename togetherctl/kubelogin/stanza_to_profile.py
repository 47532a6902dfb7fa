"""Translate a stanza of kubelogin to an issuer and a profile, and say what is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from togetherctl.config import value_checks
from togetherctl.config.models import IssuerTable, ProfileTable
from togetherctl.config.validation import first_problem
from togetherctl.environment import CLIENT_SECRET, KUBE_CACHE
from togetherctl.errors import UsageError
from togetherctl.kubelogin.exec_stanza import OldStanza
from togetherctl.kubelogin.flag_table import LISTEN_ADDRESS
from togetherctl.kubelogin.flags import Flags, parse
from togetherctl.kubelogin.profile import STORAGES, cache_folder, grant, has_certificate, one_bundle
from togetherctl.paths import expand, tilde

_PROXIES = ("HTTPS_PROXY", "https_proxy")
# What moves togetherctl's own folders; and what a stanza may set to have folders of its own.
_HOMES = ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
_FOLDERS = (*_HOMES, "TMPDIR")
_SHORTEST_LOGIN, _LONGEST_LOGIN = 10, 3600


class CannotCarryOver(Exception):
    """The stanza stays as it is; the message says why, in words that follow "because"."""


@dataclass(frozen=True)
class Meaning:
    """One stanza in the configuration's words.

    `secret` is the client secret that leaves the kubeconfig; `profile` names the variable it is read from anyway.
    `cache` is the folder of the old tokens, None where they are in no file; `env` stays with the stanza; `notes` say
    what changes, `notes_in_place` what does where the stanza itself is converted. The repr shows no secret.
    """

    issuer: Mapping[str, Any] = field(repr=False)
    profile: Mapping[str, Any]
    secret: str | None = field(repr=False)
    cache: Path | None
    env: Mapping[str, str] = field(repr=False)
    notes: tuple[str, ...]
    notes_in_place: tuple[str, ...] = ()


def meaning(stanza: OldStanza, *, folder: Path, environ: Mapping[str, str]) -> Meaning:
    """What `stanza` of a kubeconfig in `folder` says. Raises CannotCarryOver."""
    flags = _parse(stanza)
    if not flags.oidc_issuer_url or not flags.oidc_client_id:
        raise CannotCarryOver("it names no --oidc-issuer-url or no --oidc-client-id")
    if flags.password:
        raise CannotCarryOver(
            "togetherctl keeps no passwords; without --password in it, togetherctl would ask for the password"
        )
    notes: list[str] = []
    try:
        issuer = dict(_issuer(flags, stanza.env, folder, notes))
    except UsageError as error:
        raise CannotCarryOver(error.message) from None
    profile = {**dict(_client(flags)), **dict(_login(flags, notes)), **dict(_addresses(flags, folder, notes))}
    secret, variable = _secret(flags, stanza, environ, notes)
    kept = {name: value for name, value in stanza.env.items() if not _is_taken(name, issuer)}
    in_place = []
    homes = sorted(name for name in _HOMES if name in stanza.env)
    if homes:
        in_place.append(f"loses its {', '.join(homes)}, where togetherctl would look for another configuration")
    if "@" in issuer.get("proxy", ""):
        in_place.append("had a proxy with a password, which is in the configuration from now on")
    if kept:
        in_place.append(f"still sets {', '.join(sorted(kept))} for its program")
    if flags.force_refresh:
        notes.append(
            "no longer asks for a new token at each call (--force-refresh): togetherctl refreshes when it is due"
        )
    if flags.v:
        notes.append("loses its log level; -v of togetherctl shows what is asked of issuers")
    in_files = STORAGES[flags.token_cache_storage] == "file"
    cache = old_cache({**environ, **stanza.env}, flags) if in_files else None
    profile |= _session(cache, stanza.env, environ)
    profile |= {"client_secret": {"env": variable}} if variable else {}
    _check(IssuerTable, issuer, "issuer")
    _check(ProfileTable, {"issuer": "x", **profile}, "profile")
    return Meaning(issuer, profile, secret, cache, kept, tuple(notes), tuple(in_place))


def takes_secret(stanza: OldStanza) -> bool:
    """Whether its program would take a client secret from the environment, if one is there. Raises CannotCarryOver."""
    return _secret(_parse(stanza), stanza, {CLIENT_SECRET: "set"}, [])[1] is not None


def old_cache(environ: Mapping[str, str], flags: Flags | None = None) -> Path:
    """Where kubelogin keeps its tokens."""
    return cache_folder(flags or Flags(), environ) or expand("~/.kube/cache/oidc-login", environ)


def _parse(stanza: OldStanza) -> Flags:
    if stanza.flags is not None:
        return stanza.flags
    try:
        return parse(stanza.arguments)
    except UsageError as error:
        raise CannotCarryOver(f"its flags cannot be read: {error.message}") from None


def _session(cache: Path | None, env: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """What keeps people apart who had nothing but a folder of their own for their tokens."""
    if cache is not None and cache != old_cache(environ):
        return {"session": tilde(cache, environ)}
    apart = next((env[name] for name in _FOLDERS if env.get(name) and env[name] != environ.get(name)), None)
    return {"session": apart} if apart else {}


def _issuer(flags: Flags, env: Mapping[str, str], folder: Path, notes: list[str]) -> Iterator[tuple[str, Any]]:
    yield "url", flags.oidc_issuer_url
    files = [_path(path, folder, notes) for path in flags.certificate_authority]
    if files:
        yield "ca_file", files[0] if len(files) == 1 else files
    if flags.certificate_authority_data:
        yield "ca_data", one_bundle(flags.certificate_authority_data)
    if flags.insecure_skip_tls_verify:
        yield "insecure_skip_tls_verify", True
    if flags.oidc_request_header:
        yield "request_headers", dict(flags.oidc_request_header)
    proxy = next((env[name] for name in _PROXIES if env.get(name)), None)
    if proxy is not None and _is_sound(value_checks.proxy_url, proxy):
        yield "proxy", proxy


def _client(flags: Flags) -> Iterator[tuple[str, Any]]:
    yield "client_id", flags.oidc_client_id
    extra = [word for scope in flags.oidc_extra_scope for word in scope.split()]
    yield "scopes", list(dict.fromkeys(["openid", *extra]))
    if flags.grant_type != "auto":
        yield "grant", grant(flags)
    if grant(flags) == "password" and flags.username:
        yield "username", flags.username
    if flags.oidc_pkce_method == "no" and not flags.oidc_use_pkce:
        yield "pkce", "no"
    if flags.oidc_use_access_token:
        yield "token", "access"
    if STORAGES[flags.token_cache_storage] != "file":
        yield "storage", STORAGES[flags.token_cache_storage]


def _login(flags: Flags, notes: list[str]) -> Iterator[tuple[str, Any]]:
    # The other grants of kubelogin leave these parameters out.
    takes_parameters = grant(flags) in ("authcode", "paste", "client-credentials")
    parameters = dict(flags.oidc_auth_request_extra_params) if takes_parameters else {}
    own = [name for name in parameters if not _is_sound(value_checks.auth_parameter, name)]
    if own:
        notes.append(f"loses the extra parameters {', '.join(own)}, which togetherctl sets itself")
    if len(parameters) > len(own):
        yield "auth_params", {name: value for name, value in parameters.items() if name not in own}
    if flags.skip_open_browser:
        yield "browser", False
    elif flags.browser_command:
        yield "browser", [flags.browser_command]
    if flags.open_url_after_authentication:
        yield "open_url_after", flags.open_url_after_authentication
    seconds = min(max(flags.authentication_timeout_sec, _SHORTEST_LOGIN), _LONGEST_LOGIN)
    if flags.authentication_timeout_sec != seconds:
        notes.append(f"gives a login {seconds} s instead of {flags.authentication_timeout_sec} s")
    if "authentication-timeout-sec" in flags.typed:
        yield "login_timeout", seconds


def _addresses(flags: Flags, folder: Path, notes: list[str]) -> Iterator[tuple[str, Any]]:
    """Redirect URIs and where to listen, as kubelogin takes them: `http://localhost:PORT` without one of its own."""
    secure = has_certificate(flags)
    if secure:
        yield "listen_cert_file", _path(flags.local_server_cert, folder, notes)
        yield "listen_key_file", _path(flags.local_server_key, folder, notes)
    addresses = [
        f"0.0.0.0{item}" if item.startswith(":") else item  # noqa: S104 # as the person wrote it, by Go's rule
        for item in flags.listen_address
    ]
    if flags.oidc_redirect_url:
        yield "redirect_uris", [flags.oidc_redirect_url]
        if addresses != list(LISTEN_ADDRESS) or not _listens_there(flags.oidc_redirect_url, addresses):
            yield "listen", addresses
        return
    if addresses == list(LISTEN_ADDRESS) and flags.oidc_redirect_url_hostname == "localhost" and not secure:
        return
    scheme = "https" if secure else "http"
    ports = [address.rpartition(":")[2] for address in addresses]
    yield "redirect_uris", [f"{scheme}://{flags.oidc_redirect_url_hostname}:{port}" for port in ports]
    if any(address.rpartition(":")[0] not in ("127.0.0.1", "localhost") for address in addresses):
        yield "listen", addresses


def _listens_there(redirect_uri: str, addresses: list[str]) -> bool:
    try:
        port = urlsplit(redirect_uri).port
    except ValueError:
        return True  # what is wrong with it is said when the profile is checked
    return f"127.0.0.1:{port}" in addresses


def _secret(
    flags: Flags, stanza: OldStanza, environ: Mapping[str, str], notes: list[str]
) -> tuple[str | None, str | None]:
    """The secret that the kubeconfig holds, and the variable one is read from."""
    if flags.oidc_client_secret:
        return flags.oidc_client_secret, None
    proves_otherwise = flags.oidc_use_pkce or flags.oidc_pkce_method == "S256"
    if stanza.env.get(CLIENT_SECRET):
        if not proves_otherwise:
            return stanza.env[CLIENT_SECRET], None
        notes.append(f"loses its {CLIENT_SECRET}, which was not used because of PKCE")
    elif stanza.reads_environment and environ.get(CLIENT_SECRET) and not proves_otherwise:
        notes.append(f"reads its client secret from {CLIENT_SECRET}, as before")
        return None, CLIENT_SECRET
    return None, None


def _is_taken(name: str, issuer: Mapping[str, Any]) -> bool:
    """Whether a variable of the stanza went into the configuration, or would mean nothing to togetherctl."""
    return name in (CLIENT_SECRET, KUBE_CACHE, *_HOMES) or (name in _PROXIES and "proxy" in issuer)


def _path(text: str, folder: Path, notes: list[str]) -> str:
    """`~` stays; a relative path was taken from wherever kubectl ran, and can only be taken from one place now."""
    if text.startswith("~") or Path(text).is_absolute():
        return text
    notes.append(f"has the relative path {text}, which is now taken from {folder}")
    return str(folder / text)


def _is_sound(check: Any, value: str) -> bool:
    try:
        check(value)
    except ValueError:
        return False
    return True


def _check(model: type[BaseModel], table: Mapping[str, Any], kind: str) -> None:
    try:
        model.model_validate(dict(table))
    except ValidationError as error:
        raise CannotCarryOver(f"the {kind} it makes would be wrong: {first_problem(error)}") from None
