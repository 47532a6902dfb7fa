"""The HTTP client: every request togetherctl makes to an issuer or an API passes through here.

One request has one deadline, from the name lookup to the last byte; answers are capped; a POST follows no redirect,
a GET only to places as safe as the first; nothing that could be secret is logged.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import inf
from time import monotonic
from urllib.parse import urlencode, urljoin, urlsplit

from togetherctl.connection_settings import Connection
from togetherctl.errors import ConfigError, Refused, TogetherctlError, Unreachable, Untrusted
from togetherctl.http_failures import host_of, in_words, without_query
from togetherctl.loopback import is_safe
from togetherctl.printable import printable
from togetherctl.proxies import LOOKS_LIKE, Proxy, proxy_named
from togetherctl.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import ssl
    from typing import Any, Self

    import httpx2

__all__ = ["HTTP", "MAX_BODY", "REQUEST_SECONDS", "Answer", "Connection"]

REQUEST_SECONDS = 10.0
MAX_BODY = 1024 * 1024
_MAX_REDIRECTS = 5
_LOOK = 0.2
_USER_AGENT = "togetherctl"
_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Answer:
    """What came back: the status, headers in lower case, and the body, which its repr hides."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises Untrusted."""
        try:
            value = json.loads(self.body.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            raise Untrusted(f"the answer from {host_of(self.url)} is not JSON (HTTP {self.status})").naming(
                self.url
            ) from None
        if not isinstance(value, dict):
            raise Untrusted(f"the answer from {host_of(self.url)} is not a JSON object").naming(self.url)
        return value

    def raise_if_later(self) -> None:
        """Raises Unreachable for the statuses that mean "try again": 408, 425, 429 and 5xx."""
        if self.status in _LATER or self.status >= 500:
            raise Unreachable(
                f"{host_of(self.url)} answered HTTP {self.status}{self._describe_wait()}",
                status=self.status,
                retry_after=self._retry_after(),
            ).naming(self.url)

    def _describe_wait(self) -> str:
        wait = self._retry_after()
        asks = [
            *(["too many requests"] if self.status == 429 else []),
            *([f"it asks to wait {wait:.0f} s"] if wait else []),
        ]
        return f" ({'; '.join(asks)})" if asks else ""

    def _retry_after(self) -> float | None:
        value = self.headers.get("retry-after", "")
        return float(value) if value.isdecimal() and len(value) < 6 else None


class HTTP:
    """A client for one `Connection`. Close it, or use it in a `with` block.

    With `total_seconds` everything asked through it ends within that time from now.
    """

    def __init__(
        self,
        connection: Connection,
        environ: Mapping[str, str],
        *,
        log: Callable[[str], None] = lambda _line: None,
        total_seconds: float = inf,
    ) -> None:
        self.connection = connection
        self._ends = monotonic() + total_seconds
        self._environ = environ
        self._log = log
        self._clients: dict[str | None, httpx2.Client] = {}
        self._tls: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def seconds_left(self) -> float:
        """Until `total_seconds` are over."""
        return self._ends - monotonic()

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = REQUEST_SECONDS,
        follow: bool = True,
        limit: int = MAX_BODY,
    ) -> Answer:
        """GET `url`, an answer of at most `limit` bytes. Raises Unreachable and Untrusted.

        Any status below 500 is an answer; without `follow` a redirect is one too.
        """
        deadline = monotonic() + seconds
        first, own_headers = url, dict(self.connection.headers)
        for _ in range(_MAX_REDIRECTS):
            answer = self._send("GET", url, {**own_headers, **(headers or {})}, None, deadline, limit)
            location = answer.headers.get("location")
            if not follow or answer.status not in (301, 302, 303, 307, 308) or not location:
                return answer
            try:
                url = urljoin(url, location)
            except ValueError:
                url = location
            if not is_safe(url, http=urlsplit(first).scheme == "http"):
                raise Untrusted(f"{host_of(first)} redirects to {without_query(url)}, which is not https")
            if urlsplit(url)[:2] != urlsplit(first)[:2]:
                # Headers meant for one host are not for another.
                own_headers, headers = {}, None
        raise Untrusted(f"{host_of(first)} redirects more than {_MAX_REDIRECTS} times")

    def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = REQUEST_SECONDS,
    ) -> Answer:
        """POST `form`. A redirect is an answer: following it would hand the request's secrets to another place."""
        sent = {**self.connection.headers, "Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self._send("POST", url, sent, urlencode(form).encode("ascii"), monotonic() + seconds)

    def post_json(
        self, url: str, value: object, *, headers: Mapping[str, str] | None = None, seconds: float = REQUEST_SECONDS
    ) -> Answer:
        """POST `value` as JSON. Raises Refused instead of following a redirect."""
        sent = {**self.connection.headers, "Content-Type": "application/json", **(headers or {})}
        answer = self._send("POST", url, sent, json.dumps(value).encode("ascii"), monotonic() + seconds)
        if 300 <= answer.status < 400:
            said = f"{host_of(url)} answered a POST with a redirect (HTTP {answer.status})"
            raise Refused(said, status=answer.status)
        return answer

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: float,
        limit: int = MAX_BODY,
    ) -> Answer:
        started, deadline = monotonic(), min(deadline, self._ends)
        if started >= deadline:
            raise Unreachable(f"there was no time left to ask {host_of(url)}", sent=False)
        try:
            answer = _run_within(deadline, lambda: self._exchange(method, url, headers, body, deadline, limit), url)
        except TogetherctlError as error:
            self._log(f"{method} {without_query(url)}: {error.message}")
            error.naming(url)
            raise
        self._log(f"{method} {without_query(url)} -> {answer.status} in {1000 * (monotonic() - started):.0f} ms")
        return answer

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, deadline: float, limit: int
    ) -> Answer:
        left = max(deadline - monotonic(), 0.001)
        try:
            key = self.connection.proxy
            proxy = Proxy(key, "the key proxy or proxy_url") if key else proxy_named(url, self._environ)
        except ValueError:
            raise _refuse_url(url) from None
        sent = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": _USER_AGENT,
            **headers,
        }
        # The standard library reads names in other scripts by older rules than the HTTP library and kubectl.
        if method == "POST" and body is not None and proxy is None and url.isascii():
            return self._post_directly(url, sent, body, left)
        import httpx2

        opened: list[Any] = []

        def note(event: str, info: Mapping[str, Any]) -> None:
            if event == "socks.connect_tcp.complete":
                opened.append(info["return_value"])

        try:
            client = self._client(proxy)
            extensions = {"trace": note}
            request = client.build_request(method, url, content=body, headers=sent, timeout=left, extensions=extensions)
            response = client.send(request, stream=True)
            try:
                return Answer(
                    url,
                    response.status_code,
                    {name.lower(): value for name, value in response.headers.items()},
                    _read_capped(response, url, limit),
                )
            finally:
                response.close()
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            for stream in opened:
                # The library leaves it open where a SOCKS proxy refuses.
                stream.close()
            raise _explain(error, url, proxy) from None
        except UnicodeError:
            # A name that cannot be one, such as one with two dots in a row.
            raise _refuse_url(url) from None

    def _post_directly(self, url: str, headers: Mapping[str, str], body: bytes, left: float) -> Answer:
        from togetherctl import stdlib_post

        try:
            connection = self._connect(url, left)
        except OSError as error:
            raise in_words(error, url, sent=False) from None
        except ValueError:
            raise _refuse_url(url) from None
        with connection:
            try:
                status, received, data = stdlib_post.post(connection, url, body, headers, limit=MAX_BODY)
            except stdlib_post.NotHTTP:
                raise Unreachable(f"{host_of(url)} broke off or does not speak HTTP") from None
            except OSError as error:
                raise in_words(error, url, sent=True) from None
            except ValueError:
                raise _refuse_url(url) from None
        _refuse_compression(received, url)
        if len(data) > MAX_BODY:
            raise _too_large(url, MAX_BODY)
        return Answer(url, status, received, data)

    def _connect(self, url: str, left: float) -> socket.socket:
        """A connection by what trust is cheap to read, else by all of it. Raises OSError and ValueError."""
        from ssl import SSLCertVerificationError

        from togetherctl.stdlib_post import connect

        quick = self.connection.quick_tls_context() if self._tls is None and url.startswith("https:") else None
        if quick is not None:
            with suppress(SSLCertVerificationError):
                return connect(url, lambda: quick, left)
        return connect(url, self._tls_context, left)

    def _tls_context(self) -> ssl.SSLContext:
        self._tls = self._tls or self.connection.tls_context()
        return self._tls

    def _client(self, proxy: Proxy | None) -> httpx2.Client:
        import httpx2

        through = proxy.url if proxy else None
        if through not in self._clients:
            tls = self._tls_context()
            try:
                self._clients[through] = httpx2.Client(
                    verify=tls, proxy=through, trust_env=False, follow_redirects=False, http2=False
                )
            except (ValueError, httpx2.InvalidURL):
                named = proxy.named_by if proxy else ""
                raise ConfigError(f"{named} names no proxy that can be used; it must look like {LOOKS_LIKE}") from None
        return self._clients[through]


def _read_capped(response: httpx2.Response, url: str, limit: int) -> bytes:
    # Bytes as they came: identity encoding was asked for, and unpacking what was not would undo the cap.
    _refuse_compression(response.headers, url)
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > limit:
            raise _too_large(url, limit)
    return bytes(body)


def _refuse_compression(headers: Mapping[str, str], url: str) -> None:
    if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise Untrusted(f"{host_of(url)} sent a compressed answer that was not asked for")


def _refuse_url(url: str) -> Refused:
    return Refused(f"{without_query(url)} is not a URL that can be asked")


def _too_large(url: str, limit: int) -> Untrusted:
    return Untrusted(f"the answer from {host_of(url)} is larger than {limit // 1024} KiB")


def _run_within(deadline: float, exchange: Callable[[], Answer], url: str) -> Answer:
    """Run `exchange` on a thread of its own: name lookups and dripping headers know no other deadline."""
    answers: list[Answer] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            answers.append(exchange())
        except BaseException as error:  # noqa: BLE001 # handed to the caller, whatever it is
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="togetherctl-request", daemon=True).start()
    # A little later than the deadline, so that a timeout that knows its own reason is the one that is reported; in
    # short waits, because a Ctrl-C that comes just before one begins does not cut it short.
    while not done.wait(_LOOK):
        if monotonic() > deadline + _LOOK:
            raise Unreachable(f"{host_of(url)} did not answer in time")
    if errors:
        raise errors[0]
    return answers[0]


def _explain(error: Exception, url: str, proxy: Proxy | None) -> TogetherctlError:
    """Why there is no answer: what the HTTP library alone knows, else what the system said."""
    import ssl

    import httpx2

    host = host_of(url)
    cause = _root_cause(error)
    match error:
        case httpx2.ProxyError() if proxy:
            said = f"the proxy to {host} refused: {printable(error)}"
            return Unreachable(said, hint=f"it is named by {proxy.named_by}", sent=False)
        case httpx2.ConnectError() | httpx2.ConnectTimeout() if proxy and not isinstance(cause, ssl.SSLError):
            said = f"the proxy to {host} cannot be reached: {in_words(cause, proxy.url, sent=False).message}"
            return Unreachable(said, hint=f"it is named by {proxy.named_by}", sent=False)
        case httpx2.InvalidURL() | httpx2.UnsupportedProtocol():
            return _refuse_url(url)
        case httpx2.TimeoutException():
            return Unreachable(f"{host} did not answer in time", sent=not isinstance(error, httpx2.ConnectTimeout))
        case httpx2.RemoteProtocolError():
            return Unreachable(f"{host} broke off or does not speak HTTP")
    return in_words(cause, url, sent=not isinstance(error, httpx2.ConnectError))


def _root_cause(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error
