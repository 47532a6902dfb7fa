"""Every way togetherctl fails on purpose, and the exit code each one ends in.

TogetherctlError            1  failed for a reason not below
├── UsageError              2  the command line asks for something that makes no sense
│   └── ConfigError         2  the configuration, or a file or secret it points at, is wrong
├── LoginRequired           3  nothing left to serve, and this run may not ask for a login
├── Unreachable             4  the issuer or cluster did not answer; trying again may help
├── Refused                 5  the issuer or cluster said no
│   └── Untrusted           5  its answer cannot be trusted
├── StorageError            6  a session or the keyring cannot be used
└── KubeconfigError         7  a kubeconfig cannot be read or written safely

An error says what failed, on which profile and issuer, and what to run next. Whatever a remote party sent is made
printable here, so that no caller has to remember it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from togetherctl.printable import printable
from togetherctl.records import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, Self

    # Why a request had no answer, where that decides what helps.
    Reason = Literal["", "authority", "hostname", "clock"]


class ExitCode:
    """What a process says when it ends; an enumeration would take longer to make than a token to serve."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    LOGIN_REQUIRED = 3
    UNREACHABLE = 4
    REFUSED = 5
    STORAGE = 6
    KUBECONFIG = 7
    BUG = 70
    INTERRUPTED = 130


# What each exit code means; these are an interface.
EXIT_CODES = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed for a reason not below",
    ExitCode.USAGE: "wrong usage or configuration",
    ExitCode.LOGIN_REQUIRED: "login required, and this run may not ask for one",
    ExitCode.UNREACHABLE: "issuer or cluster unreachable; trying again may help",
    ExitCode.REFUSED: "issuer refused, or its answer cannot be trusted",
    ExitCode.STORAGE: "token storage or keyring unusable",
    ExitCode.KUBECONFIG: "kubeconfig cannot be read or written safely",
    ExitCode.BUG: "a bug of ours",
    ExitCode.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True)
class Remedy:
    """What helps: in words, and as the argv of a command that can be run as it stands, without a placeholder.

    One of the two is there. `secret_output`: what the command prints must not be seen.
    """

    text: str = ""
    command: tuple[str, ...] | None = None
    secret_output: bool = False

    @property
    def hint(self) -> str:
        """The words, or the command where there are none; safe to show."""
        return printable(self.text, limit=1000) or self.hint_command or ""

    @property
    def hint_command(self) -> str | None:
        """The command as a person copies it into a shell."""
        if self.command is None:
            return None
        import shlex

        return printable(shlex.join(self.command), limit=1000) + (" > /dev/null" if self.secret_output else "")

    def __str__(self) -> str:
        """All of it in one line."""
        return f"{self.hint}: {self.hint_command}" if self.text and self.command else self.hint


def run(*command: str | Path, words: str = "") -> Remedy:
    """The remedy that is this command; `words` say more than the command does."""
    return Remedy(words, tuple(map(str, command)))


def remedy_of(hint: Remedy | str | None) -> Remedy | None:
    """A hint of words alone as a remedy."""
    return Remedy(hint) if isinstance(hint, str) and hint else hint or None


def also(first: Remedy | None, then: Remedy | None) -> Remedy | None:
    """Both: the words one after the other, and the last command; one before it is among the words."""
    if first is None or then is None:
        return first or then
    words = "; ".join(filter(None, (str(first) if then.command else first.text, then.text)))
    return replace(then if then.command else first, text=words)


def _is_command(remedy: Remedy | None) -> bool:
    return remedy is not None and remedy.command is not None


_MAY_HELP = Remedy("trying again may help; is the network there, and the VPN if this needs one?")


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0] or url


class TogetherctlError(Exception):
    """What failed (`message`), where (`profile`, `issuer`), and what helps (`remedy`)."""

    exit_code = ExitCode.FAILED
    code = "failed"

    def __init__(self, message: str, *, hint: Remedy | str | None = None) -> None:
        super().__init__(printable(message, limit=2000))
        self.remedy = remedy_of(hint)
        self.profile: str | None = None
        self.issuer: str | None = None
        self.cluster: str | None = None
        # The host that the message names, if it names one.
        self.host: str | None = None

    def naming(self, url: str) -> Self:
        """This error, whose message names the host of `url`."""
        self.host = _host(url)
        return self

    @property
    def message(self) -> str:
        """One sentence without the place."""
        return str(self.args[0])

    @property
    def advice(self) -> Remedy | None:
        """What a person reads below the message: what helps here, else what usually does with such a failure."""
        return self.remedy

    @property
    def is_uncertain(self) -> bool:
        """Whether what is known here names no cause, so that it has to be looked for."""
        return False

    @property
    def hint(self) -> str | None:
        """What helps, in words or as a command; to show, never to decide by."""
        return self.remedy.hint if self.remedy else None

    @property
    def hint_command(self) -> str | None:
        """The command that helps, where one does."""
        return self.remedy.hint_command if self.remedy else None

    def sentence(self) -> str:
        """The message and where it happened, in one line."""
        issuer = self.issuer if self.issuer and self.host != _host(self.issuer) else ""
        place = " at ".join(part for part in (f"profile {self.profile}" if self.profile else "", issuer) if part) or (
            f"cluster {self.cluster}" if self.cluster else ""
        )
        return f"{place}: {self.message}" if place else self.message


class UsageError(TogetherctlError):
    """The command line asks for something that makes no sense; `problems`, a line each, where there are several."""

    exit_code = ExitCode.USAGE
    code = "usage"

    def __init__(self, message: str, *, problems: Sequence[str] = (), hint: Remedy | str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problems = [printable(problem, limit=1000) for problem in problems]


class ConfigError(UsageError):
    """The configuration is wrong; `problems` holds every one of them."""

    code = "config"


class LoginRequired(TogetherctlError):
    """Its remedy is a login, or what makes one work."""

    exit_code = ExitCode.LOGIN_REQUIRED
    code = "login_required"


class Unreachable(TogetherctlError):
    """No answer, or one that says "later" (5xx, 429).

    `sent` is False where the request cannot have arrived; `status` is the HTTP status, 0 without an answer;
    `retry_after` in seconds where the answer named it (RFC 9110, 10.2.3); `reason` is why a certificate was refused.
    """

    exit_code = ExitCode.UNREACHABLE
    code = "unreachable"

    def __init__(
        self,
        message: str,
        *,
        hint: Remedy | str | None = None,
        sent: bool = True,
        status: int = 0,
        retry_after: float | None = None,
        reason: Reason = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent
        self.status = status
        self.retry_after = retry_after
        self.reason: Reason = reason
        # Another try, some time before, ended in the same way, or a person waits for this one.
        self.lasts = False

    @property
    def is_uncertain(self) -> bool:
        return (self.lasts or bool(self.reason)) and not _is_command(self.remedy)

    @property
    def advice(self) -> Remedy | None:
        # A certificate that was refused once is refused again.
        return self.remedy or (None if self.reason else _MAY_HELP)


def had_no_answer(error: BaseException) -> bool:
    """Whether a request that may have arrived was answered by nothing at all, in time or ever."""
    return isinstance(error, Unreachable) and error.sent and error.status == 0


class Refused(TogetherctlError):
    """`error` is the OAuth 2.0 error code (RFC 6749, 5.2) where the issuer gave one."""

    exit_code = ExitCode.REFUSED
    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        hint: Remedy | str | None = None,
        error: str = "",
        description: str = "",
        status: int = 0,
    ) -> None:
        super().__init__(message, hint=hint)
        self.error = error
        self.description = description
        self.status = status

    @property
    def is_uncertain(self) -> bool:
        return self.remedy is None


class Untrusted(Refused):
    """What the issuer or cluster sent cannot be believed."""

    code = "untrusted"

    @property
    def is_uncertain(self) -> bool:
        return not _is_command(self.remedy)


class StorageError(TogetherctlError):
    """A session or the keyring cannot be used."""

    exit_code = ExitCode.STORAGE
    code = "storage"

    @property
    def is_uncertain(self) -> bool:
        return self.remedy is None


class KubeconfigError(TogetherctlError):
    """A kubeconfig cannot be read or written safely. `overwritable`: --overwrite would do what was asked."""

    exit_code = ExitCode.KUBECONFIG
    code = "kubeconfig"

    def __init__(self, message: str, *, hint: Remedy | str | None = None, overwritable: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.overwritable = overwritable


@contextmanager
def about(profile: str | None, issuer: str | None, *, doctor: Remedy | None = None) -> Iterator[None]:
    """Name the profile and issuer on every error that passes through and does not name them yet.

    Where its cause is not certain, `doctor` is the command that looks for it.
    """
    try:
        yield
    except TogetherctlError as error:
        if doctor is not None and error.is_uncertain:
            error.remedy = replace(doctor, text=error.advice.text if error.advice else "")
        error.profile = error.profile or profile
        error.issuer = error.issuer or (printable(issuer) if issuer else None)
        raise


@contextmanager
def os_error_as(kind: type[TogetherctlError], what: str) -> Iterator[None]:
    """Raise an OSError as an error of this kind: what could not be done, and the system's reason."""
    try:
        yield
    except OSError as error:
        raise kind(f"{what}: {error.strerror}") from None


def from_os_error(error: OSError) -> TogetherctlError:
    """What the system refused, such as a write to a full disk, as an error of ours."""
    place = f"{error.filename}: " if isinstance(error.filename, str) else ""
    return TogetherctlError(f"{place}{error.strerror or 'the system refused'}")


def bug_sentence(error: Exception) -> str:
    """Say where an unexpected error broke; its message may hold anything, secrets too, so it is not shown."""
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1]
    file = last.filename.replace("\\", "/").rpartition("/")[2]
    return f"this is a bug in togetherctl ({type(error).__name__} at {file}:{last.lineno})"
