"""Write the commands that make a profile like this one elsewhere, without any secret."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from togetherctl.config.profile import Profile
from togetherctl.config.types import USUAL_GRANTS
from togetherctl.importing.naming import name_from_url

_USUAL_SCOPES = ("openid", "email")
_USUAL_REDIRECTS = ["http://localhost:8000", "http://localhost:18000"]


def commands(profile: Profile) -> list[list[str]]:
    """The words of each command: `issuer add` where the issuer needs more than a URL and a CA file, `profile add`."""
    name = profile.name or name_from_url(profile.issuer.url)
    issuer = profile.issuer
    more = list(_issuer_settings(profile))
    words = ["togetherctl", "profile", "add", name]
    first: list[list[str]] = []
    if more:
        first = [["togetherctl", "issuer", "add", name, "--url", issuer.url, *more]]
        words += ["--issuer", name]
    else:
        words += ["--issuer", issuer.url]
    words += ["--client-id", profile.client_id]
    if not more:
        words += [word for path in issuer.connection.ca_files for word in ("--ca-file", str(path))]
    if profile.scopes != _USUAL_SCOPES:
        asked = [scope for scope in profile.scopes if scope != "openid"] or list(profile.scopes)
        words += [word for scope in asked for word in ("--scope", scope)]
    return [*first, [*words, *_settings(profile)]]


def _issuer_settings(profile: Profile) -> Iterator[str]:
    connection = profile.issuer.connection
    more = connection.ca_data or connection.insecure or connection.proxy or connection.headers
    if more or len(connection.ca_files) > 1:
        if connection.ca_files:
            yield f"ca_file={_list(map(str, connection.ca_files))}"
        if connection.ca_data:
            yield f"ca_data={connection.ca_data}"
        if connection.insecure:
            yield "insecure_skip_tls_verify=true"
        if connection.proxy:
            # A proxy's address may hold a password.
            yield "proxy=URL"
        for header in connection.headers:
            yield f"request_headers.{header}=VALUE"


def _settings(profile: Profile) -> Iterator[str]:
    if profile.secret is not None:
        yield 'client_secret={ env = "OIDC_CLIENT_SECRET" }'
    if profile.grant not in USUAL_GRANTS:
        yield f"grant={profile.grant}"
    if profile.username:
        yield f"username={profile.username}"
    if profile.token != "id":  # noqa: S105 # a kind of token
        yield f"token={profile.token}"
    if profile.pkce == "no":
        yield "pkce=no"
    yield from _loopbacks(profile)
    # kubelogin sends this to everybody; a profile knows which issuers want it.
    usual = {} if profile.name else {"access_type": "offline"}
    parameters = {key: value for key, value in profile.auth_params.items() if usual.get(key) != value}
    if parameters:
        inner = ", ".join(f"{_quote(key)} = {_quote(value)}" for key, value in parameters.items())
        yield f"auth_params={{ {inner} }}"


def _loopbacks(profile: Profile) -> Iterator[str]:
    uris = list(dict.fromkeys(loopback.redirect_uri for loopback in profile.loopbacks))
    if uris != _USUAL_REDIRECTS:
        yield f"redirect_uris={_list(uris)}"
    # An address on the redirect URI's own port is what a profile listens on by itself.
    listen = [loopback.listen for loopback in profile.loopbacks if loopback.listen]
    if [address.rpartition(":")[2] for address in listen] != [str(urlsplit(uri).port) for uri in uris] and listen:
        yield f"listen={_list(listen)}"
    if profile.certificate is not None:
        for key, path in zip(("listen_cert_file", "listen_key_file"), profile.certificate, strict=True):
            yield f"{key}={path}"


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_quote, texts))}]"


def _quote(text: str) -> str:
    """As TOML has it, which in this is JSON's way."""
    return json.dumps(text, ensure_ascii=False)
