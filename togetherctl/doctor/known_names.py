"""Find the names and the secrets that a text about this machine may hold."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from togetherctl.config.types import HIDDEN
from togetherctl.disk import read_whole
from togetherctl.environment import API_KEY, BROWSER, CLIENT_SECRET
from togetherctl.errors import TogetherctlError
from togetherctl.kube.entries import SECTIONS, list_or_empty, mapping_or_empty
from togetherctl.kube.kubeconfig import KubeconfigFile, kubeconfig_files

if TYPE_CHECKING:
    from togetherctl.auth.session import Session
    from togetherctl.config.models import ConfigTable, ProfileTable
    from togetherctl.doctor.facts import Facts

Known = tuple[str, str]

# Parameters of an authorization request that hold no secret.
OPEN_PARAMETERS = frozenset({"prompt", "access_type", "display", "max_age", "ui_locales", "acr_values"})
# A secret that is shorter is a word that stands in half of all sentences.
_SHORTEST_SECRET = 4
_MAX_BYTES = 1024 * 1024
# Claims that say nothing of a person: they are codes of the issuer, and times.
_CODES = frozenset({"iss", "typ", "token_use", "amr", "acr", "alg", "kid", "ver", "scope", "scp", "at_hash", "c_hash"})
_HEADING = re.compile(r"^\s*\[(issuers|profiles|clusters|bundles)\.(?:\"([^\"]+)\"|([\w.@-]+))", re.MULTILINE)
_AUTHORITY = re.compile(
    r"(?:signed by (?:the authority )?|ca_data of the (?:issuer|cluster) hold |certificate is for )"
    r"(.+?)(?=, which |, good until |; |$)",
    re.MULTILINE,
)
# What a kubeconfig and the configuration call it, where they differ.
_TWO_AUTHORITIES = re.compile(r"certificate authority \(kubeconfig: (.+?); configuration: (.+?)\)(?=;|$)", re.MULTILINE)
_NO_AUTHORITIES = frozenset({"the system's", "no certificate", "one that cannot be read"})
_SECRET_FORMS = (
    # A JSON web token, whole or cut.
    re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}"),
    re.compile(r"(?i)(?<=\bbearer )[\w.~+/=-]{8,}"),
    re.compile(r"(?i)(?<=://)([^/@\s:]*):[^/@\s]+(?=@)"),
    # A name without a password is one: some proxies take a token so.
    re.compile(r"(?<=://)[^/@\s:(]+:?(?=@)"),
    re.compile(r"(?i)(\b[a-z][a-z\d+.-]*://[^\s?#\"'<>]*)[?#][^\s\"'<>]+"),
    re.compile(
        r"(?i)\b((?:client[_-]?)?secret|passw(?:or)?d|passphrase|api[_-]?key|(?:id|access|refresh)[_-]token|"
        r"code_verifier|device_code)((?:\"|')?\s*[=:]\s*(?:\"|')?)(?!\(hidden\))[^\s\"'&,;]+"
    ),
)


def find_names(facts: Facts, sessions: Iterable[Session]) -> Iterator[Known]:
    """Every name that is known here, with its kind: of entries, people, clients, machines and kubeconfigs."""
    yield from _of_this_machine(facts.world.environ)
    if facts.trouble is None:
        yield from _of_configuration(facts.config.table)
    else:
        with suppress(OSError, TogetherctlError):
            text = read_whole(facts.world.paths.config, limit=_MAX_BYTES)[0].decode("utf-8", "replace")
            yield from ((kind[:-1], quoted or bare) for kind, quoted, bare in _HEADING.findall(text))
    yield from _of_kubeconfigs(facts.world.environ)
    for session in sessions:
        yield from _of_session(session)


def find_secrets(facts: Facts, sessions: Iterable[Session]) -> frozenset[str]:
    """Every secret that is known here. No file of a secret is read for it, and no command is run."""
    environ = facts.world.environ
    secrets = {environ.get(API_KEY, ""), environ.get(CLIENT_SECRET, "")}
    said = _of_command(environ.get(BROWSER, "").split())
    for name, value in environ.items():
        if name.lower().endswith("_proxy"):
            secrets |= _of_url(value)
    if facts.trouble is None:
        secrets.update(environ.get(name, "") for name in facts.config.secret_variables())
        secrets.update(_of_entries(facts.config.table))
        said.update(word for one in facts.config.table.profiles.values() for word in _of_commands(one))
        said -= _open_words(facts.config.table)
    for session in sessions:
        tokens = (session.id_token, session.access_token)
        secrets |= {session.refresh_token or "", *(token.value for token in tokens if token)}
    return frozenset(secret for secret in secrets | said if len(secret) >= _SHORTEST_SECRET)


def _of_entries(table: ConfigTable) -> Iterator[str]:
    for issuer in table.issuers.values():
        yield from issuer.request_headers.values()
        yield from _of_url(issuer.proxy)
    for cluster in table.clusters.values():
        yield from _of_url(cluster.proxy_url)
    for bundle in table.bundles.values():
        yield from _of_url(bundle.source)
    for profile in table.profiles.values():
        if profile.client_secret is not None and profile.client_secret.kind == "literal":
            yield str(profile.client_secret.value)
        yield from (value for name, value in profile.auth_params.items() if name not in OPEN_PARAMETERS)
        yield from _of_url(profile.open_url_after)


def _of_commands(profile: ProfileTable) -> Iterator[str]:
    if isinstance(profile.browser, (list, tuple)):
        yield from _of_command(profile.browser)
    if profile.client_secret is not None and profile.client_secret.kind == "command":
        yield from _of_command(profile.client_secret.value)


def find_authorities(message: str) -> Iterator[Known]:
    """The authorities and the subject of a certificate that a check names: the whole name, and each part of it."""
    of_two = {name for pair in _TWO_AUTHORITIES.findall(message) for name in pair} - _NO_AUTHORITIES
    for named in (*_AUTHORITY.findall(message), *sorted(of_two)):
        yield "authority", named
        for part in named.split(","):
            yield "authority", part.strip().partition("=")[2] or part.strip()


def hide_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets, and without what has the form of one."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    tokens, bearers, urls, users, queries, pairs = _SECRET_FORMS
    text = queries.sub(r"\1?…", text)
    text = bearers.sub(HIDDEN, tokens.sub(HIDDEN, text))
    text = users.sub(HIDDEN, urls.sub(rf"\1:{HIDDEN}", text))
    return pairs.sub(rf"\1\2{HIDDEN}", text)


def program_of(word: str) -> str:
    """The program of a command line's first word, without the options of a line that was written as one word."""
    return re.split(r"\s+-", word, maxsplit=1)[0]


def _of_command(words: Iterable[str]) -> set[str]:
    """What a command's words after the program say, apart from options and words of a language, which are no secret."""
    said = [word.partition("=")[2] if word.startswith("-") else word for word in list(words)[1:]]
    return {word for word in said if not (word.isalpha() or word.isdecimal() or "{url}" in word)}


def _open_words(table: ConfigTable) -> set[str]:
    """Words of the configuration that a command may be given, and that are no secrets."""
    named = (table.issuers, table.profiles, table.clusters)
    clients = (profile.client_id for profile in table.profiles.values())
    return {*(name for entries in named for name in entries), *clients, *(one.url for one in table.issuers.values())}


def _of_url(url: str | None) -> set[str]:
    """The password of an address, its query and what that says; without a password the name, which may be a token."""
    parts = urlsplit(url or "")
    secret = parts.password or parts.username or ""
    return {secret, unquote(secret), parts.query, *(value for _, value in parse_qsl(parts.query))} - {""}


def _of_this_machine(environ: Mapping[str, str]) -> Iterator[Known]:
    for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER"):
        yield "user", environ.get(name, "")
    with suppress(OSError, KeyError, ImportError):
        yield "user", getpass.getuser()
    host = socket.gethostname()
    yield "machine", host
    yield "machine", host.partition(".")[0]
    for name, value in environ.items():
        if name.lower().endswith("_proxy") and name.lower() != "no_proxy":
            yield from _host_of(value if "://" in value else f"http://{value}")


def _of_configuration(table: ConfigTable) -> Iterator[Known]:
    for kind, entries in (("issuer", table.issuers), ("profile", table.profiles), ("cluster", table.clusters)):
        yield from ((kind, name) for name in entries)
    yield from (("bundle", name) for name in table.bundles)
    for issuer in table.issuers.values():
        yield from (("path", path) for path in issuer.ca_file or ())
        yield from _host_of(issuer.url, issuer.proxy)
    for profile in table.profiles.values():
        yield "client", profile.client_id
        yield "email" if "@" in (profile.account or "") else "account", profile.account or ""
        yield "account", profile.username or ""
        yield "session", profile.session or ""
        yield from (("path", path or "") for path in (profile.listen_cert_file, profile.listen_key_file))
        yield from _host_of(*profile.redirect_uris, profile.open_url_after)
    for cluster in table.clusters.values():
        yield "context", cluster.context or ""
        yield "namespace", cluster.namespace or ""
        yield "together-cluster", cluster.together_cluster_id or ""
        yield "host", cluster.tls_server_name or ""
        yield "path", cluster.ca_file or ""
        yield "prefix", (cluster.username_prefix or "").rstrip(":-/")
        yield "prefix", (cluster.groups_prefix or "").rstrip(":-/")
        yield from _host_of(cluster.server, cluster.proxy_url)


def _host_of(*urls: str | None) -> Iterator[Known]:
    """A host that is one word has no form by which it could be recognised."""
    for url in urls:
        with suppress(ValueError):
            host = urlsplit(url or "").hostname or ""
            # An IP address has its form.
            if not (host.replace(".", "").isdigit() or ":" in host):
                yield "host", host


def _of_kubeconfigs(environ: Mapping[str, str]) -> Iterator[Known]:
    try:
        paths = kubeconfig_files(None, environ)
    except TogetherctlError:
        return
    for path in paths:
        try:
            data = KubeconfigFile.read(path).text.data
        except (TogetherctlError, OSError):
            continue
        for section in SECTIONS:
            for entry in list_or_empty(data.get(section)):
                name = mapping_or_empty(entry).get("name")
                if isinstance(name, str):
                    yield section[:-1], name.removeprefix("togetherctl:")


def _of_session(session: Session) -> Iterator[Known]:
    from togetherctl.auth.claims import read_claims

    yield "subject", session.subject
    yield "email" if "@" in session.identity else "account", session.identity
    yield "client", session.client_id
    if session.id_token is None:
        return
    try:
        claims = read_claims(session.id_token.value)
    except TogetherctlError:
        return
    for name, value in claims.items():
        if name not in _CODES:
            kind = {"aud": "client", "azp": "client", "sub": "subject", "email": "email"}.get(name, "claim")
            yield from ((("group" if "group" in name.lower() else kind), text) for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
