"""What the agent and its clients agree on: paths, documents, errors, limits, and what its parts offer each other."""

from __future__ import annotations

from togetherctl.errors import EXIT_CODES, ExitCode, Remedy, TogetherctlError, remedy_of
from togetherctl.printable import printable
from togetherctl.records import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal

    Document = dict[str, Any]
    Kind = Literal["credential", "login"]

# What agent.sock answers, which may be forwarded.
PROFILES = "/v1/profiles"
CREDENTIALS = "/v1/credentials/"
LOGINS = "/v1/logins"
# What control.sock answers, which is never forwarded.
STATUS = "/v1/status"
STOP = "/v1/stop"
QUESTIONS = "/v1/questions"
FORWARDS = "/v1/forwards"

AGENT_LOCK = "agent.lock"

# Seconds that a person at the laptop has for a question, and for a login after it.
QUESTION_SECONDS = 60.0
LOGIN_SECONDS = 300.0
# Seconds that a credential takes at most: more than a refresh and the command that reads a client secret.
CREDENTIAL_SECONDS = 60.0
# Seconds in which a request has to be here whole, and in which its answer has to be taken.
REQUEST_SECONDS = 10.0
# Seconds that a connection may stay open without a request.
IDLE_SECONDS = 30.0
MAX_HEAD = 8 * 1024
MAX_BODY = 16 * 1024
# At one socket, at all that may be forwarded, and at control.sock.
MAX_CONNECTIONS = 256
MAX_FORWARDABLE = 512
MAX_CONTROL = 128
# Each holds a connection at control.sock; with all of them there is still room for the person.
MAX_FORWARDS = 64
MAX_CHILDREN = 4

# The HTTP status for each code of an error; `exit` in the envelope says what a client ends with.
STATUSES = {
    "login_required": 401,
    "forbidden": 403,
    "usage": 404,
    "unreachable": 503,
    "busy": 503,
    "stopped": 503,
    "refused": 502,
    "untrusted": 502,
    "failed": 500,
    "config": 500,
    "storage": 500,
    "kubeconfig": 500,
    "bug": 500,
    "bad_request": 400,
    "not_found": 404,
    "method": 405,
    "timeout": 408,
    "too_large": 413,
    "head_too_large": 431,
}


class Answer(NamedTuple):
    """What a request is answered: the HTTP status and the JSON text."""

    status: int
    body: bytes


class Failure(NamedTuple):
    """An error as it goes over the socket; `exit` is the exit code for a command that ends with it."""

    code: str
    message: str
    exit: int = ExitCode.FAILED
    hint: str | None = None
    hint_command: str | None = None

    @property
    def document(self) -> Document:
        """The envelope, the same as that of `-o json`."""
        return {"version": 1, "error": self._asdict()}

    @property
    def error(self) -> TogetherctlError:
        """The error that a command ends with."""
        # Where there are no words, the hint is the command.
        hints = dict.fromkeys(filter(None, (self.hint, self.hint_command)))
        error = TogetherctlError(self.message, hint=": ".join(hints))
        error.exit_code, error.code = self.exit, self.code
        return error


def failure(code: str, message: str, exit_code: int = ExitCode.FAILED, hint: Remedy | str | None = None) -> Failure:
    """A failure with what helps, in words or as a command."""
    remedy = remedy_of(hint)
    return Failure(code, message, int(exit_code), *((remedy.hint, remedy.hint_command) if remedy else ()))


def failure_of(error: TogetherctlError) -> Failure:
    """The failure that is this error, its place included."""
    return failure(error.code, error.sentence(), error.exit_code, error.advice)


def read_failure(document: object) -> Failure | None:
    """The error in an answer; None where it holds none. Its texts are made printable, its exit code is never 0."""
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    number, code = error.get("exit"), error.get("code")
    return Failure(
        code if isinstance(code, str) else TogetherctlError.code,
        printable(error["message"], limit=2000),
        number if isinstance(number, int) and number in EXIT_CODES and number else ExitCode.FAILED,
        *(
            printable(text, limit=1000) if isinstance(text, str) else None
            for text in (error.get("hint"), error.get("hint_command"))
        ),
    )


class Cancel(Protocol):
    """What ends something that was begun; a second call does nothing."""

    def __call__(self) -> None: ...


class Loop(Protocol):
    """The one thread of the agent: what is called when time has passed or a descriptor is readable."""

    def after(self, seconds: float, call: Callable[[], None]) -> Cancel:
        """Call once, `seconds` (monotonic) from now."""

    def watch(self, descriptor: int, readable: Callable[[], None]) -> Cancel:
        """Call each time `descriptor` can be read, until that is cancelled."""


class Ended(NamedTuple):
    """How a child ended: its exit code (negative: the signal; None: it took too long), and its stdout."""

    code: int | None
    output: bytes


class Errand(NamedTuple):
    """A child of the agent: `python -P -m MODULE WORDS`, without a person, for at most `seconds`.

    `urgent` ones, for which a client waits, go first. One that is `apart` is not counted, because a person takes part
    in it or all others wait for it; its caller bounds their number. `environ` is added to the agent's own; the caller
    keeps `pass_fds` open. One that `ends_with_agent` has a pipe as stdin, which ends when the agent does, or is killed.
    """

    words: Sequence[str]
    seconds: float
    module: str = "togetherctl"
    urgent: bool = True
    apart: bool = False
    environ: Mapping[str, str] = {}  # never changed
    pass_fds: Sequence[int] = ()
    ends_with_agent: bool = False


class Children(Protocol):
    """The agent's children, of which a bounded number runs at once."""

    def run(self, errand: Errand, ended: Callable[[Ended], None]) -> Cancel:
        """Start it, now or when there is room.

        Cancelled, or when its time is over, it gets SIGTERM; once cancelled, `ended` is not called any more.
        """


class Questions(Protocol):
    """Asks the person at the laptop, and remembers the answers."""

    def ask(self, kind: Kind, profile: str, host: str | None, answered: Callable[[Failure | None], None]) -> Cancel:
        """Call `answered` once: at once where the answer is remembered, else when it was given or time is up.

        None is a "yes"; else it is why not, for the one who asked. `host` is None where it is not known. Cancelled, the
        question is taken back.
        """

    def would_ask(self, profile: str, host: str | None) -> bool:
        """Whether no answer is known yet to who asks for this credential."""

    def not_handed_out(self, profile: str, host: str | None) -> None:
        """What was agreed to failed: for a minute from that answer the next call needs no new one.

        So a kubectl that calls several times asks the person once.
        """

    def pending(self) -> Sequence[Document]:
        """The open questions: `{"id", "kind", "profile", "host", "asked_at", "ends_at", "runs"}`, times in RFC 3339.

        What `runs` is a login that was agreed to: "no" ends it.
        """

    def failed(self) -> Sequence[Document]:
        """Logins that failed within the last minute: `{"id", "profile", "host", "at", "message"}`, as in `pending`."""

    def answer(self, number: str, *, yes: bool, seconds: float) -> bool:
        """Answer the question `number`, remembered for `seconds`, 0 for this once. False where there is none."""


class Logins(Protocol):
    """Logs in at the laptop for a remote host."""

    def begin(
        self,
        profile: str,
        host: str | None,
        look_again: Callable[[Callable[[Failure | None], None]], Cancel],
        done: Callable[[Document | Failure], None],
    ) -> Cancel:
        """Ask, open the browser, and call `done` with `{"profile", "logged_in"}` or a failure.

        After the person's "yes" `look_again` tells whether the profile is still the one that was asked about.
        Cancelled, the question and the login end, and `done` is not called any more.
        """


class Ahead(Protocol):
    """Keeps used sessions ahead."""

    def tick(self) -> float:
        """Do what is due, and give the seconds until the next call at the latest."""

    def wake(self) -> None:
        """Do what is due now that this process, which was stopped, goes on."""

    def states(self) -> Mapping[str, Document]:
        """What `agent status` says of each profile: `{"kept", "used_at", "next_refresh", "problem"}`, as known."""
