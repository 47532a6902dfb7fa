"""Ask an agent that another machine forwards: a request over its socket, and what its answer means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import gmtime, monotonic, strftime, time

from togetherctl.agent_socket import (
    RECONNECT,
    SILENCE_SECONDS,
    START,
    Gone,
    NoneBehind,
    Silent,
    connect_to,
    folders_of_sockets,
    forget,
    forget_silence,
    newest_first,
    silent,
    was_silent,
)
from togetherctl.environment import AGENT
from togetherctl.errors import (
    ConfigError,
    LoginRequired,
    Refused,
    Remedy,
    StorageError,
    TogetherctlError,
    Unreachable,
    Untrusted,
    UsageError,
    run,
)
from togetherctl.http_answer import NotHTTP, read_answer
from togetherctl.quick_json import loads, quote
from togetherctl.records import NamedTuple, dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

_PROFILES, _CREDENTIALS, _LOGINS = "/v1/profiles", "/v1/credentials/", "/v1/logins"
_LIMIT = 1024 * 1024
_NOT_THERE = 404
# Seconds. A person may be asked there, then a refresh waited for; while nothing comes, it is looked whether it lives.
_CREDENTIAL_SECONDS = 150.0
_QUICK_SECONDS = 10.0
_LOOK_SECONDS = 2.0
_MOMENT_SECONDS = 0.25
# Seconds by which a credential may have ended: the clocks of two machines differ.
_CLOCKS_DIFFER = 300.0
# A login begins with a question; the agent says how long it waits in all, and is believed up to here.
_LONGEST_LOGIN = 900.0
_USUAL_LOGIN = 360.0
_WHERE = "where the agent runs"
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_KINDS: dict[str, type[TogetherctlError]] = {
    kind.code: kind for kind in (ConfigError, LoginRequired, Refused, StorageError, Unreachable, Untrusted, UsageError)
}


class Answer(NamedTuple):
    """The status and the body of an answer, and the socket that it came from."""

    status: int
    body: bytes
    socket: str


@dataclass(frozen=True)
class Forwarded:
    """A token that an agent handed out, when to ask again (seconds since 1970), and the socket that it came from."""

    token: str = field(repr=False)
    ask_again_at: float
    socket: str


class Offered(NamedTuple):
    """What an agent says of its profiles, each a mapping, and how many seconds a login there may take."""

    profiles: list[Mapping[str, Any]]
    login_seconds: float
    socket: str


def fetch_credential(environ: Mapping[str, str], name: str, *, waiting: Callable[[], None] | None = None) -> Forwarded:
    """The credential of the agent's profile `name`; `waiting` is called once where that takes a while.

    Raises Unreachable, LoginRequired, Refused, Untrusted, and what the agent itself failed with.
    """
    answer = _ask(environ, "GET", f"{_CREDENTIALS}{_escape(name)}", seconds=_CREDENTIAL_SECONDS, waiting=waiting)
    status: Any = _document(answer, name).get("status")
    try:
        token, ends = status["token"], status["expirationTimestamp"]
        good = token and token.isascii() and token.isprintable() and " " not in token
        forwarded = Forwarded(token, _seconds_of(ends), answer.socket) if good else None
    except (TypeError, KeyError, ValueError, AttributeError):
        forwarded = None
    if forwarded is None:
        raise _no_answer_of_an_agent(answer.socket)
    if forwarded.ask_again_at < time() - _CLOCKS_DIFFER:
        now = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(time()))
        said = (
            f"the credential of profile {name} from the agent at {answer.socket} ended at {ends}, and it is {now} here"
        )
        raise Untrusted(said, hint="compare the clocks of this machine and the agent's")
    return forwarded


def fetch_profiles(environ: Mapping[str, str]) -> Offered:
    """What may be asked for. Raises as `fetch_credential` does."""
    answer = _ask(environ, "GET", _PROFILES, seconds=_QUICK_SECONDS)
    document = _document(answer, "")
    listed, seconds = document.get("profiles"), document.get("login_seconds")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise _no_answer_of_an_agent(answer.socket)
    if not isinstance(seconds, (int, float)) or not 0 < seconds <= _LONGEST_LOGIN:
        seconds = _USUAL_LOGIN
    return Offered(listed, float(seconds), answer.socket)


def log_in_there(
    environ: Mapping[str, str], name: str, *, seconds: float, go_on: Callable[[], None] = lambda: None
) -> None:
    """Have the person at the agent log in to its profile `name`; comes back when that is done.

    `go_on` is called again and again; what it raises closes the connection, which ends the login there.
    Raises as `fetch_credential` does.
    """
    body = f'{{"profile":{quote(name)}}}'.encode("ascii")
    _document(_ask(environ, "POST", _LOGINS, body, seconds=seconds, go_on=go_on), name)


def _ask(
    environ: Mapping[str, str],
    method: str,
    target: str,
    body: bytes = b"",
    *,
    seconds: float,
    waiting: Callable[[], None] | None = None,
    go_on: Callable[[], None] | None = None,
) -> Answer:
    """The answer of the agent that the environment names, else of the newest whose agent knows the profile."""
    head = f"{method} {target} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    request = f"{head}Content-Type: application/json\r\n\r\n".encode("ascii") + body
    named = environ.get(AGENT, "")
    if named:
        try:
            return _talk(named, request, _Patience(named, seconds, waiting, go_on))
        except Gone as why:
            hint = START if isinstance(why, NoneBehind) else RECONNECT
            raise Unreachable(f"{AGENT} names {named}, and {why}", hint=hint, sent=False) from None
    answer = _first_that_knows(environ, lambda path: _talk(path, request, _Patience(path, seconds, waiting, go_on)))
    if answer is not None:
        return answer
    looked = " and ".join(folders_of_sockets(environ)) or "any folder, because HOME is not set"
    raise Unreachable(f"no agent is forwarded to this machine: no socket answers in {looked}", hint=RECONNECT)


def _first_that_knows(environ: Mapping[str, str], talk: Callable[[str], Answer]) -> Answer | None:
    """The newest answer; one that there is no such profile only where all say that. None where none answers.

    Raises Silent where only one that sleeps may know it, and Unreachable where there are only sockets without an agent.
    """
    unknown: Answer | None = None
    asleep: Silent | None = None
    empty = ""
    for path in newest_first(environ):
        try:
            answer = talk(path)
        except NoneBehind:
            empty = empty or path
        except Gone:
            forget(path)
        except Silent as error:
            asleep = asleep or error
        else:
            if answer.status != _NOT_THERE:
                return answer
            unknown = unknown or answer
    if asleep is not None:
        raise asleep
    if empty and unknown is None:
        raise Unreachable(f"a socket is at {empty}, but no agent is behind it", hint=START)
    return unknown


def _talk(path: str, request: bytes, patience: _Patience) -> Answer:
    connection = connect_to(path)
    try:
        connection.settimeout(SILENCE_SECONDS)
        connection.sendall(request)
        status, _, body = read_answer(_Stream(connection, patience), _LIMIT)
    except TimeoutError:
        raise silent(path) from None
    except (OSError, NotHTTP):
        if patience.heard:
            raise Unreachable(f"the agent at {path} broke off", hint=RECONNECT) from None
        raise NoneBehind from None
    finally:
        connection.close()
    forget_silence(path)
    if len(body) > _LIMIT:
        raise _no_answer_of_an_agent(path)
    return Answer(status, body, path)


class _Patience:
    """How long an answer of the socket at `path` is waited for, and what happens in the meantime."""

    def __init__(
        self, path: str, seconds: float, waiting: Callable[[], None] | None, go_on: Callable[[], None] | None
    ) -> None:
        self._path = path
        self._waiting = waiting
        self._go_on = go_on
        self._ends = monotonic() + seconds
        self._look_at = monotonic() + (_MOMENT_SECONDS if was_silent(path) else min(_LOOK_SECONDS, SILENCE_SECONDS))
        # Whether anything came.
        self.heard = False

    def next_wait(self) -> float:
        """How many seconds to wait now. Raises TimeoutError at the end."""
        left = self._ends - monotonic()
        if left <= 0:
            raise TimeoutError
        until_look = max(self._look_at - monotonic(), _MOMENT_SECONDS)
        return min(left, _MOMENT_SECONDS if self._go_on else until_look)

    def nothing_came(self) -> None:
        """See whether it goes on. Raises Unreachable where the agent is not there any more."""
        if self._go_on:
            self._go_on()
        if monotonic() < self._look_at:
            return
        request = f"GET {_PROFILES} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n".encode("ascii")
        connection, heard = None, b""
        try:
            # Where a person is asked, or an issuer, the agent answers others meanwhile; where it sleeps, it does not.
            connection = connect_to(self._path)
            connection.sendall(request)
            heard = connection.recv(1)
        except (OSError, Gone):
            heard = b""
        finally:
            if connection is not None:
                connection.close()
        if not heard:
            raise silent(self._path)
        forget_silence(self._path)
        self._look_at = monotonic() + SILENCE_SECONDS
        if self._waiting:
            self._waiting()
            self._waiting = None


class _Stream:
    """Bytes from a connection, as long as there is patience."""

    def __init__(self, connection: socket.socket, patience: _Patience) -> None:
        self._connection = connection
        self._patience = patience
        self._buffer = b""

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size and self._more():
            pass
        return self._take(size)

    def readline(self, size: int) -> bytes:
        end = self._buffer.find(b"\n")
        while end < 0 and len(self._buffer) < size and self._more():
            end = self._buffer.find(b"\n")
        return self._take(min(end + 1, size) if end >= 0 else size)

    def _take(self, size: int) -> bytes:
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _more(self) -> bool:
        while True:
            self._connection.settimeout(self._patience.next_wait())
            try:
                data = self._connection.recv(65536)
            except TimeoutError:
                self._patience.nothing_came()
                continue
            self._patience.heard = self._patience.heard or bool(data)
            self._buffer += data
            return bool(data)


def _document(answer: Answer, name: str) -> Mapping[str, Any]:
    """What a good answer holds; raises what a bad one tells."""
    try:
        document = loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _no_answer_of_an_agent(answer.socket)
    if 200 <= answer.status < 300:
        return document
    raise _failure(answer, document.get("error"), name)


def _failure(answer: Answer, told: object, name: str) -> TogetherctlError:
    """The failure that the agent tells, as if it had happened here; what helps has its place there."""
    told = told if isinstance(told, dict) else {}
    said, code = told.get("message"), told.get("code")
    message = said if isinstance(said, str) and said else f"the agent answered with HTTP status {answer.status}"
    words = _what_helps(told)
    if answer.status == 401:
        login = run("togetherctl", "login", name, words=_WHERE) if name else None
        return LoginRequired(message, hint=login)
    if answer.status == 403:
        return Refused(message, hint=words, error="forbidden", status=403)
    if answer.status == _NOT_THERE:
        return UsageError(message, hint=words)
    if answer.status == 503:
        return Unreachable(message, hint=words, status=503)
    kind = _KINDS.get(code, TogetherctlError) if isinstance(code, str) else TogetherctlError
    return kind(message, hint=words)


def _what_helps(told: Mapping[str, Any]) -> Remedy | None:
    """In words alone: a command of the other machine is none of this one."""
    hint, command = told.get("hint"), told.get("hint_command")
    words = [part for part in dict.fromkeys((hint, command)) if isinstance(part, str) and part]
    if not words:
        return None
    where = "" if words[0].startswith(_WHERE) else f"{_WHERE}: "
    return Remedy(f"{where}{': '.join(words)}")


def _no_answer_of_an_agent(path: str) -> Untrusted:
    return Untrusted(f"what answers at {path} is no agent of togetherctl, or not of this version", hint=RECONNECT)


def _escape(name: str) -> str:
    return "".join(
        char if char in _PLAIN else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
        for char in name
    )


def _seconds_of(moment: str) -> float:
    """Seconds since 1970 of a time in UTC as Kubernetes writes it (RFC 3339). Raises ValueError."""
    parts = [int(moment[at : at + 2]) for at in (5, 8, 11, 14, 17)]
    year, (month, day, hour, minute, second) = int(moment[:4]), parts
    if f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z" != moment or not 1 <= month <= 12:
        raise ValueError(moment)
    # Years that begin in March have the odd day at their end; the library for this takes longer to load than the rest.
    since_march = (month + 9) % 12
    years = year - since_march // 10
    days = years * 365 + years // 4 - years // 100 + years // 400 + (since_march * 306 + 5) // 10 + day - 719_469
    return float(((days * 24 + hour) * 60 + minute) * 60 + second)
