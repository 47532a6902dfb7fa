"""Describe the configuration file: every key, its meaning and its values (pydantic models).

These models describe the file and nothing else. What a login works with is `config.profile.Profile`, in which names
are looked up, paths expanded and presets applied.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from togetherctl.config import value_checks
from togetherctl.config.client_secret import SecretSource
from togetherctl.config.types import (
    DEFAULT_REDIRECT_URIS,
    DEFAULT_SCOPES,
    HIDDEN,
    ClientAuth,
    Forward,
    Grant,
    OfflineAccess,
    Storage,
    TokenKind,
)

Name = Annotated[str, AfterValidator(value_checks.name)]
IssuerURL = Annotated[str, AfterValidator(value_checks.issuer_url)]
EndpointURL = Annotated[str, AfterValidator(value_checks.endpoint_url)]
PageURL = Annotated[str, AfterValidator(value_checks.page_url)]
ClusterProxyURL = Annotated[str, AfterValidator(value_checks.cluster_proxy_url)]
ProxyURL = Annotated[str, AfterValidator(value_checks.proxy_url)]
RedirectURI = Annotated[str, AfterValidator(value_checks.redirect_uri)]
ListenAddress = Annotated[str, AfterValidator(value_checks.listen_address)]
Scope = Annotated[str, AfterValidator(value_checks.scope)]
CAData = Annotated[str, AfterValidator(value_checks.ca_data)]
Text = Annotated[str, AfterValidator(value_checks.text)]
Affix = Annotated[str, AfterValidator(value_checks.printable)]
FilePath = Annotated[str, AfterValidator(value_checks.path)]
AuthParameter = Annotated[str, AfterValidator(value_checks.auth_parameter)]
HeaderName = Annotated[str, AfterValidator(value_checks.header_name)]
HeaderValue = Annotated[str, AfterValidator(value_checks.header_value)]


def _list_paths(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _hide_values(headers: dict[str, str]) -> dict[str, str]:
    # Most headers that an issuer needs are credentials.
    return dict.fromkeys(headers, HIDDEN)


def _without_password(url: str | None) -> str | None:
    parts = urlsplit(url or "")
    if not parts.password:
        return url
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:{HIDDEN}@{host}").geturl()


def _without_key(source: str) -> str:
    """The source without its query: a signed URL is a credential."""
    place, query, _ = source.partition("?")
    return f"{place}?{HIDDEN}" if query and "://" in place else source


def _check_browser(value: object) -> object:
    if value is False:
        return value
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise ValueError('must be a list of words such as ["firefox", "{url}"], or false')
    return value_checks.words(value)


OneOrMorePaths = Annotated[
    tuple[FilePath, ...],
    BeforeValidator(_list_paths),
    Field(strict=False),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
Browser = Annotated[
    Any,
    BeforeValidator(_check_browser),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1}, {"const": False}]}),
]
Secret = Annotated[
    SecretSource,
    BeforeValidator(SecretSource.parse),
    PlainSerializer(SecretSource.shown),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "object", "properties": {"env": {"type": "string"}}, "required": ["env"]},
                {"type": "object", "properties": {"file": {"type": "string"}}, "required": ["file"]},
                {
                    "type": "object",
                    "properties": {"command": {"type": "array", "items": {"type": "string"}}},
                    "required": ["command"],
                },
                {"type": "object", "properties": {"keyring": {"const": True}}, "required": ["keyring"]},
            ]
        }
    ),
]


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )


class IssuerTable(_Table):
    """An OpenID Provider: where it is and how to reach it."""

    url: IssuerURL
    """The issuer, byte for byte as its metadata and tokens name it; a trailing slash matters."""
    preset: str | None = None
    """The catalogue entry whose defaults apply; recognised from the URL where it can be."""
    ca_file: OneOrMorePaths | None = None
    """Extra certificate authorities for this issuer, as a PEM file or a list of them; relative to the configuration."""
    ca_data: CAData | None = None
    """Extra certificate authorities for this issuer as base64 of PEM, the way kubeconfigs hold them."""
    insecure_skip_tls_verify: bool = False
    """Do not verify this issuer's certificate. Anyone between you and it can take your tokens; said at every use."""
    proxy: Annotated[ProxyURL | None, PlainSerializer(_without_password), Field(repr=False)] = None
    """The proxy to this issuer: http, https or socks5; without it `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` count."""
    request_headers: Annotated[dict[HeaderName, HeaderValue], PlainSerializer(_hide_values), Field(repr=False)] = Field(
        default_factory=dict
    )
    """Headers sent with every request to this issuer."""
    device_authorization_endpoint: EndpointURL | None = None
    """The endpoint for device codes where the issuer's metadata lacks it (RFC 8628)."""
    revocation_endpoint: EndpointURL | None = None
    """The endpoint that revokes tokens at logout where the issuer's metadata lacks it (RFC 7009)."""
    client_auth: ClientAuth = "auto"
    """Where a client secret travels: in the Authorization header, in the body, or as the metadata says."""


class ProfileTable(_Table):
    """Who you are to an issuer: what `get-token` is given."""

    issuer: str
    """The name of an entry under `issuers`."""
    client_id: Text
    """The client ID registered at the issuer."""
    client_secret: Secret | None = None
    """Where the client secret is read when it is needed: `env`, `file`, `command`, `keyring`, or the secret itself."""
    scopes: list[Scope] = Field(default_factory=lambda: list(DEFAULT_SCOPES))
    """The scopes asked for; `openid` is always among them."""
    offline_access: OfflineAccess = "auto"
    """Whether a refresh token is asked for by scope: where the issuer offers it, always, or never."""
    grant: Grant = "auto"
    """How a login is done; `auto` chooses by the place it runs in, and takes `password` where `username` is set;
    `agent` asks a forwarded agent instead."""
    username: Text | None = None
    """The user name for the password grant; with `grant = "auto"` it chooses that grant."""
    redirect_uris: Annotated[list[RedirectURI], Field(min_length=1)] = Field(
        default_factory=lambda: list(DEFAULT_REDIRECT_URIS)
    )
    """Registered redirect URIs, tried in order and sent as written; port 0 is any free port, sent as bound. `paste`
    takes the first, with port 8000 in place of 0, because nothing listens there."""
    listen: Annotated[list[ListenAddress], Field(min_length=1)] | None = None
    """Where to listen, if not on the redirect URI's port at 127.0.0.1 and ::1. The first address goes with the first
    redirect URI and so on; a single redirect URI tries them all in order."""
    listen_cert_file: FilePath | None = None
    """The PEM certificate for https redirect URIs; relative to the configuration."""
    listen_key_file: FilePath | None = None
    """The private key of that certificate; relative to the configuration."""
    open_url_after: PageURL | None = None
    """Where the last page of a login leads."""
    pkce: Literal["S256", "no"] = "S256"
    """Proof Key for Code Exchange (RFC 7636); `no` only for an issuer that cannot do it."""
    token: TokenKind = "id"  # noqa: S105 # a kind of token
    """Which token the cluster gets. With `access` an issuer may leave the ID token out, and any text is a token."""
    storage: Storage = "file"
    """Where the session is kept: in a file, in a file sealed with a key from the keyring, or only in memory."""
    account: Text | None = None
    """Sent as `login_hint`, and the only identity accepted: an email, a preferred user name or a subject."""
    session: Text | None = None
    """Keeps the session apart from profiles that are otherwise the same: any word or path, one for each person; with
    grant `agent`, the profile's name there."""
    auth_params: dict[AuthParameter, str] = Field(default_factory=dict)
    """Extra parameters of the authorization request; of the device or token request with a grant that has none."""
    browser: Browser = None
    """The browser as a list of words, no shell; the URL replaces `{url}` or comes last. `false`: only print the URL."""
    login: Literal["auto", "never"] = "auto"
    """Whether `get-token` may open a login by itself; `client-credentials` opens nothing, so it always may."""
    login_timeout: Annotated[int, Field(ge=10, le=3600)] = 180
    """Seconds a login may take."""
    margin: Annotated[int, Field(ge=0, le=3600)] = 60
    """Seconds before expiry at which a refresh is waited for; never more than a tenth of the token's lifetime."""
    forward: Forward = "never"
    """Whether the agent hands its credential out over a socket that other machines may use: never, after a question
    on this one, or always."""

    @model_validator(mode="after")
    def _fits_together(self) -> ProfileTable:
        if bool(self.listen_cert_file) != bool(self.listen_key_file):
            raise ValueError("listen_cert_file and listen_key_file go together; one of them is missing")
        if self.listen and len(self.listen) > len(self.redirect_uris) > 1:
            raise ValueError("listen has more addresses than redirect_uris has entries; they go together one by one")
        if not self.listen_cert_file and any(uri.startswith("https:") for uri in self.redirect_uris):
            raise ValueError("an https redirect URI needs listen_cert_file and listen_key_file")
        if self.grant == "agent":
            if self.session is None:
                raise ValueError('grant = "agent" needs session, which is what the agent calls the profile')
            if "storage" in self.model_fields_set and self.storage != "memory":
                raise ValueError('grant = "agent" keeps no session here; leave storage out')
        return self


class ClusterTable(_Table):
    """A Kubernetes API server, and the profile that opens it."""

    profile: str
    """The name of an entry under `profiles`."""
    server: Annotated[str, AfterValidator(value_checks.server_url)]
    """The API server's URL."""
    ca_data: CAData | None = None
    """Its certificate authority as base64 of PEM."""
    ca_file: FilePath | None = None
    """Its certificate authority as a PEM file; relative to the configuration."""
    tls_server_name: Text | None = None
    """The name to expect in its certificate, if not the host of `server`."""
    proxy_url: ClusterProxyURL | None = None
    """The proxy to this cluster."""
    insecure_skip_tls_verify: bool = False
    """Do not verify its certificate."""
    context: Text | None = None
    """The name of its context in the kubeconfig, if not the cluster's own."""
    namespace: Annotated[str, AfterValidator(value_checks.namespace)] | None = None
    """The namespace of that context."""
    username_claim: Text | None = None
    """The claim the API server takes the user name from."""
    username_prefix: Affix | None = None
    """What the API server puts before the user name; `-` is nothing."""
    groups_claim: Text | None = None
    """The claim the API server takes the groups from."""
    groups_prefix: Affix | None = None
    """What the API server puts before each group."""
    together_cluster_id: Text | None = None
    """The cluster's ID at Together AI."""

    @model_validator(mode="after")
    def _one_authority(self) -> ClusterTable:
        if self.ca_data and self.ca_file:
            raise ValueError("ca_data and ca_file exclude each other; keep one")
        return self


class BundleTable(_Table):
    """A bundle that issuers, profiles or clusters were taken from; `togetherctl profile update` asks for newer ones."""

    source: Annotated[Text, PlainSerializer(_without_key), Field(repr=False)]
    """Where it came from: an https URL, a file, or `-` for standard input."""
    sha256: Annotated[str, AfterValidator(value_checks.sha256)]
    """The SHA-256 of the bundle as it was taken last."""


class AgentTable(_Table):
    """What `togetherctl agent` does."""

    idle: Annotated[int, Field(ge=0, le=2_592_000)] = 86_400
    """Seconds for which the agent keeps a session fresh that nothing uses, up to thirty days; with 0 it keeps none."""


class ConfigTable(_Table):
    """togetherctl's configuration: issuers, profiles and clusters."""

    version: Literal[1] = 1
    """The version of this file's form."""
    default_profile: str | None = None
    """The profile meant where a command leaves it out."""
    agent: AgentTable = Field(default_factory=AgentTable)
    """What the agent does."""
    issuers: dict[Name, IssuerTable] = Field(default_factory=dict)
    """OpenID Providers by name."""
    profiles: dict[Name, ProfileTable] = Field(default_factory=dict)
    """Profiles by name."""
    clusters: dict[Name, ClusterTable] = Field(default_factory=dict)
    """Clusters by name."""
    bundles: dict[Name, BundleTable] = Field(default_factory=dict)
    """Bundles by name: where entries came from."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the configuration's file (2020-12)."""
    from togetherctl.config.descriptions import describe

    describe(sys.modules[__name__])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ConfigTable.model_json_schema()}
