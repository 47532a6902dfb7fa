"""Check an issuer before a login: what was found there, and what will go wrong."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any, NamedTuple, TypeVar

from togetherctl.auth.client_registration import try_client
from togetherctl.auth.discovery import (
    Metadata,
    check_metadata,
    fetch_keys,
    fetch_metadata,
    fetch_other_metadata,
    parse_metadata,
)
from togetherctl.auth.issuer_clients import IssuerClients
from togetherctl.auth.issuer_clock import ahead_of, compare_clocks, describe_clock
from togetherctl.auth.issuer_findings import ClientNeeds, findings, pitfalls
from togetherctl.auth.issuer_url import parse_typed_issuer, same_but_for_slash
from togetherctl.auth.refused_certificate import explain_refusal
from togetherctl.config.presets import find_preset, recognise_preset
from togetherctl.errors import Refused, TogetherctlError, Unreachable, Untrusted, about
from togetherctl.finding import Finding
from togetherctl.http_failures import host_of
from togetherctl.printable import printable
from togetherctl.proxies import proxy_for
from togetherctl.shown_certificate import look_at_certificate
from togetherctl.transport import HTTP, Answer, Connection

_T = TypeVar("_T")

# A look takes two requests, and one for each redirect URI of a client.
_SECONDS = 30.0
_KEY_TYPES = ("RSA", "EC")
# What is worth saying before the first login, and not only to a person who asks.
_AT_ONCE = ("url", "issuer", "client_secret", "refresh_token", "clock")
# Where "failed" leaves no way for a login; of the rest, metadata may say less than the issuer does.
_CERTAIN = ("endpoints", "algorithms", "keys", "client")


@dataclass(frozen=True)
class Report:
    """How an issuer looks.

    `issuer` is how it should be written; `preset` its entry in the catalogue, and `by_url` whether the URL alone tells
    that; `clock_ahead` is this machine's clock against the issuer's, in seconds. `error` is what a login would end
    with, None where the issuer can be used. `key_ids` are the IDs (kid) of its keys, None where a key
    has none or they are not known.
    """

    issuer: str
    preset: str | None
    findings: tuple[Finding, ...]
    by_url: bool = False
    metadata: Metadata | None = None
    clock_ahead: float | None = None
    error: TogetherctlError | None = None
    key_ids: frozenset[str] | None = None

    @property
    def usable(self) -> bool:
        return self.error is None

    @property
    def provider(self) -> str | None:
        """The provider's name for people."""
        entry = find_preset(self.preset, "") if self.preset else None
        return entry.title if entry else None

    @property
    def preset_to_write(self) -> str | None:
        """The entry that the configuration should name, because the URL does not tell it; else None."""
        return None if self.by_url else self.preset

    @property
    def notes_at_once(self) -> list[Finding]:
        """What a person should hear when the issuer is added."""
        return [finding for finding in self.findings if finding.status == "warning" and finding.about in _AT_ONCE]

    @property
    def to_mend(self) -> list[Finding]:
        """What is wrong at an issuer that is there: a setting, or its operator, may mend it."""
        return [finding for finding in self.findings if finding.status == "failed" and finding.about != "issuer"]

    @property
    def hopeless(self) -> list[Finding]:
        """What of it no login can get around; of several redirect URIs, one that is registered is enough."""
        found = [finding for finding in self.to_mend if finding.about in _CERTAIN]
        if any(finding.about == "client" and finding.status != "failed" for finding in self.findings):
            found = [finding for finding in found if finding.about != "client"]
        # Keys that could not be fetched may be there the next time.
        later = isinstance(self.error, Unreachable)
        return [finding for finding in found if not (later and finding.about == "keys")]

    def raise_if_not_there(self) -> None:
        """Raises why there is no issuer that calls itself so: Unreachable, Refused or Untrusted."""
        there = not any(finding.status == "failed" and finding.about == "issuer" for finding in self.findings)
        if self.error is not None and not there:
            raise self.error


@dataclass
class Shared:
    """What several looks at one issuer have in common: each thing is asked for once, whichever look comes first."""

    _lock: RLock = field(default_factory=RLock)
    _known: dict[Hashable, object] = field(default_factory=dict)

    def once(self, key: Hashable, ask: Callable[[], _T]) -> _T:
        """What `ask` gave or raised for this key; others wait meanwhile."""
        with self._lock:
            if key not in self._known:
                try:
                    self._known[key] = ask()
                except TogetherctlError as error:
                    self._known[key] = error
            known = self._known[key]
        if isinstance(known, TogetherctlError):
            raise known
        return known  # type: ignore[return-value] # what ask() gave for this key


def check_issuer(
    issuers: IssuerClients,
    url: str,
    connection: Connection,
    *,
    preset: str | None = None,
    wishes: ClientNeeds | None = None,
    shared: Shared | None = None,
) -> Report:
    """Ask the issuer at `url` for its metadata and keys, and say what that means for a login there.

    `preset` is the catalogue's entry if the configuration names one; `wishes` is what logins there need; `shared` is
    what other looks at the same issuer, reached in the same way, have asked already. Raises UsageError where `url`
    cannot be an issuer's, and ConfigError where `connection` cannot be used; whatever else goes wrong is in the report.
    """
    typed = parse_typed_issuer(url)
    wishes = wishes or ClientNeeds()
    with about(None, typed.issuer), issuers.http(typed.issuer, connection, total_seconds=_SECONDS) as http:
        asked = _Timed(http, issuers.clock, shared or Shared())
        look = _Look(typed.issuer, asked, preset, wishes)
        heard = look.take(pasted_metadata=typed.pasted_metadata)
        heard = _explain_certificate(heard, _proxy(typed.issuer, issuers, connection), asked, connection, wishes)
    ways = list(_describe_way(typed.issuer, issuers, connection, heard, wishes))
    if typed.pasted_metadata:
        ways.append(
            Finding("warning", f"that is the address of the metadata; the issuer is {heard.issuer}", None, "url")
        )
    return replace(heard, findings=(*ways, *heard.findings), error=_find_error(heard, typed.issuer))


class _Dated(NamedTuple):
    """An answer, and when it was asked for and came."""

    answer: Answer
    asked_at: float
    came_at: float


class _Timed:
    """Asks through `http`, each address once, and remembers the first answer with its time."""

    def __init__(self, http: HTTP, clock: Callable[[], float], shared: Shared) -> None:
        self._http, self.clock, self.shared = http, clock, shared
        self.first: _Dated | None = None

    def get(self, url: str, *, follow: bool = True) -> Answer:
        dated = self.shared.once((url, follow), lambda: self._ask(url, follow=follow))
        self.first = self.first or dated
        return dated.answer

    def _ask(self, url: str, *, follow: bool) -> _Dated:
        asked_at = self.clock()
        answer = self._http.get(url, follow=follow)
        return _Dated(answer, asked_at, self.clock())


@dataclass(frozen=True)
class _Look:
    """One look at one issuer."""

    issuer: str
    http: _Timed
    preset: str | None
    wishes: ClientNeeds

    def take(self, *, pasted_metadata: bool) -> Report:
        """The report, as far as the issuer's own answers go."""
        try:
            return self._look_at(self.issuer, fetch_metadata(self.issuer, self.http), [])
        except Untrusted as error:
            return self._explain_mismatch(error, pasted_metadata=pasted_metadata)
        except (Unreachable, Refused) as error:
            preset, by_url = self._recognise(self.issuer, None)
            found = [_wrong(error, "issuer"), *pitfalls(self.issuer, find_preset(preset, self.issuer))]
            return Report(self.issuer, preset, tuple(found), by_url, error=error)

    def _explain_mismatch(self, error: Untrusted, *, pasted_metadata: bool) -> Report:
        """What to say of metadata that is not this issuer's own; where but a slash differs, all else is looked at."""
        document = self._read_document()
        named = document.get("issuer")
        preset, by_url = self._recognise(self.issuer, document)
        if isinstance(named, str) and same_but_for_slash(named, self.issuer):
            try:
                check_metadata(document, named)
            except Untrusted as other:
                error = other
            else:
                # A person who pasted the metadata's address has not spelled the issuer at all.
                wrong = [] if pasted_metadata else [self._wrong_slash(error, named)]
                found = self._look_at(named, document, wrong)
                return found if pasted_metadata else replace(found, error=error)
        entry = find_preset(preset, self.issuer)
        notes = [replace(note, hint=None) for note in pitfalls(self.issuer, entry)]
        return Report(self.issuer, preset, (_wrong(error, "issuer"), *notes), by_url, error=error)

    def _wrong_slash(self, error: Untrusted, named: str) -> Finding:
        """The error, with the command that writes the URL as it is `named`, where the configuration has this issuer."""
        found = _wrong(error, "issuer")
        if self.wishes.issuer is None:
            return found
        command = self.wishes.command("issuer", "set", "{}", f"url={named}", does="writes it as it calls itself")
        return replace(found, hint=command)

    def _look_at(self, issuer: str, document: dict[str, Any], wrong: list[Finding]) -> Report:
        metadata = self._complete(parse_metadata(document))
        preset, by_url = self._recognise(issuer, document)
        entry = find_preset(preset, issuer) if preset else None
        first = [] if wrong else [Finding("ok", f"it calls itself {issuer}, to the letter", None, "issuer")]
        how = "" if by_url or self.preset else ", as its metadata shows"
        provider = [Finding("ok", f"this is {entry.title}{how}", None, "provider")] if entry else []
        said = list(findings(issuer, document, metadata, entry, self.wishes))
        keys, key_ids, error = self._check_keys(metadata)
        dated = self.http.first
        ahead = compare_clocks(dated.answer.headers, dated.asked_at, dated.came_at) if dated else None
        clock = [describe_clock(ahead)] if ahead is not None else []
        found = (*first, *wrong, *provider, *said, *keys, *self._try_clients(metadata), *clock)
        return Report(issuer, preset, found, by_url, metadata, ahead, error, key_ids)

    def _complete(self, metadata: Metadata) -> Metadata:
        """With what only the issuer's other metadata names (RFC 8414), as a logout and a device login look it up."""
        if metadata.revocation_endpoint and metadata.device_authorization_endpoint:
            return metadata
        other = fetch_other_metadata(metadata.issuer, self.http)
        return replace(
            metadata,
            revocation_endpoint=metadata.revocation_endpoint or other.get("revocation_endpoint"),
            device_authorization_endpoint=metadata.device_authorization_endpoint
            or other.get("device_authorization_endpoint"),
        )

    def _recognise(self, issuer: str, document: dict[str, Any] | None) -> tuple[str | None, bool]:
        by_url = recognise_preset(issuer)
        known = by_url or recognise_preset(issuer, document)
        return self.preset or (known[0] if known else None), by_url is not None

    def _check_keys(self, metadata: Metadata) -> tuple[list[Finding], frozenset[str] | None, TogetherctlError | None]:
        if metadata.jwks_uri is None:
            return [], None, None
        try:
            keys = fetch_keys(metadata.jwks_uri, self.http)["keys"]
        except (Unreachable, Refused) as error:
            return [_wrong(error, "keys")], None, error
        usable = [key for key in keys if isinstance(key, dict) and key.get("kty") in _KEY_TYPES]
        usable = [key for key in usable if key.get("use", "sig") == "sig"]
        if not usable:
            text = "none of its keys can check an ID token"
            return [Finding("failed", text, "an RSA or EC key for signatures is needed", "keys")], None, None
        count = "1 key checks" if len(usable) == 1 else f"{len(usable)} keys check"
        ids = [key.get("kid") for key in usable]
        known = frozenset(one for one in ids if isinstance(one, str))
        return [Finding("ok", f"{count} its ID tokens", None, "keys")], known if None not in ids else None, None

    def _try_clients(self, metadata: Metadata) -> list[Finding]:
        endpoint, client_id = metadata.authorization_endpoint, self.wishes.client_id
        if not endpoint or not client_id:
            return []
        if metadata.require_pushed_authorization_requests:
            text = f"client {client_id}: only a login tells whether it is registered, since requests have to be pushed"
            return [Finding("skipped", text, about="client")]
        scopes, http = self.wishes.scopes, self.http

        def try_with(uri: str) -> Callable[[], Finding]:
            return lambda: try_client(endpoint, client_id=client_id, redirect_uri=uri, scopes=scopes, http=http)

        return [
            http.shared.once((endpoint, client_id, uri, scopes), try_with(uri)) for uri in self.wishes.redirect_uris
        ]

    def _read_document(self) -> dict[str, Any]:
        try:
            return self.http.first.answer.json() if self.http.first else {}
        except Untrusted:
            return {}


def _proxy(issuer: str, issuers: IssuerClients, connection: Connection) -> str | None:
    try:
        return connection.proxy or proxy_for(issuer, issuers.environ)
    except ValueError:
        return None


def _describe_way(
    issuer: str, issuers: IssuerClients, connection: Connection, heard: Report, wishes: ClientNeeds
) -> list[Finding]:
    """How the issuer was reached, where that is out of the ordinary."""
    way = []
    if connection.insecure:
        text = "its certificate is not verified: anyone in between can take your tokens"
        way.append(Finding("warning", text, wishes.command("issuer", "unset", "{}", "insecure_skip_tls_verify"), "tls"))
    proxy = _proxy(issuer, issuers, connection)
    if proxy and isinstance(heard.error, Unreachable):
        hint = "NO_PROXY excepts hosts; proxy of the issuer names another"
        way.append(Finding("warning", f"it was asked through the proxy {host_of(proxy)}", hint, "proxy"))
    elif proxy:
        way.append(Finding("ok", f"reached through the proxy {host_of(proxy)}", None, "proxy"))
    return way


def _explain_certificate(
    heard: Report, proxy: str | None, asked: _Timed, connection: Connection, wishes: ClientNeeds
) -> Report:
    """With what is known of a certificate that was refused."""
    reason = heard.error.reason if isinstance(heard.error, Unreachable) else ""
    if not reason:
        return heard
    asked_at = asked.clock()
    shown = asked.shared.once("certificate", lambda: look_at_certificate(heard.issuer, proxy))
    if shown is None:
        return heard
    note = explain_refusal(reason, shown, connection, wishes, now=asked.clock())
    if reason != "clock" or shown.stated_at is None:
        return replace(heard, findings=(*heard.findings, note))
    ahead = ahead_of(shown.stated_at, asked_at, asked.clock())
    return replace(heard, findings=(*heard.findings, note, describe_clock(ahead)), clock_ahead=ahead)


def _wrong(error: TogetherctlError, what: str) -> Finding:
    later = "check the address; if it is right, try again later" if isinstance(error, Unreachable) else None
    return Finding("failed", error.message, error.remedy or later, what, exit_code=error.exit_code)


def _find_error(report: Report, issuer: str) -> TogetherctlError | None:
    """What a login would end with: the failure itself, else the first thing that is wrong."""
    wrong = next((finding for finding in report.findings if finding.status == "failed"), None)
    error = report.error or (Untrusted(wrong.message, hint=wrong.remedy) if wrong else None)
    if error is not None:
        error.issuer = printable(issuer)
    return error
