"""Run the user's own ssh with a socket of the agent forwarded: over one connection, and nothing else changed."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from togetherctl.errors import ExitCode, StorageError, TogetherctlError, run
from togetherctl.signals import defer_signals
from togetherctl.temporary_folder import TemporaryFolder, temporary_folder
from togetherctl.usecases.foreground_process import CannotRun, run_in_foreground, shell_code_of
from togetherctl.usecases.ssh_far_folder import far_socket

if TYPE_CHECKING:
    from types import FrameType

    from togetherctl.paths import Paths
    from togetherctl.usecases.ssh_words import SshWords

SSH = "ssh"
# What OpenSSH puts behind the path of a control master while it binds it.
_SUFFIX = 17
# The shortest limit there is for the address of a Unix socket: macOS has 104 bytes, with a zero at the end.
_LONGEST_ADDRESS = 103
# Seconds that a master without sessions stays, should this process be killed.
_MASTER_STAYS = 10
_CONTROL_SECONDS = 20.0
# As `ssh -G` prints them; SILENT is QUIET.
_QUIET_LEVELS = frozenset({"QUIET", "SILENT", "FATAL", "ERROR"})
# What ssh ends with for a failure of its own.
_LOST = 255
# What the session alone is about, and what we say ourselves; the connection has none of it.
_NOT_FOR_MASTERS = frozenset("fnNstTS")
# The path of the master is ours, and we go to the background ourselves.
_NOT_FOR_SESSIONS = frozenset("fS")


class SshEnded(Exception):
    """ssh ended before there was a session, and has said why; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Signalled(BaseException):
    """SIGTERM or SIGHUP came, and what was open is closed."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = shell_code_of(-number)


class ForwardingRefused(TogetherctlError):
    """The server forwards no Unix socket for this person."""

    code = "ssh"


class Opened(NamedTuple):
    """What is there when the session begins: the socket's path on `host`, and how many connections were opened."""

    host: str
    far_socket: str
    connections: int


class _Settings(NamedTuple):
    """What ssh makes of its options and the person's files (`ssh -G`), as far as it matters here."""

    master: str | None
    no_session: bool
    to_background: bool
    quiet: bool
    remote_command: bool
    # What questions, answers and the log call the host.
    host: str


@dataclass(frozen=True)
class SshRun:
    """One call of ssh: its words, and where it runs.

    `lend` keeps a path a link to a socket of the agent for a host, while its block runs.
    `opened` is called once, when everything is open and before the session begins.
    """

    words: SshWords
    environ: Mapping[str, str]
    paths: Paths
    lend: Callable[[str, Path], AbstractContextManager[None]]
    opened: Callable[[Opened], None]

    def run(self) -> int:
        """Connect, forward, run the session, and clean up; the exit code is that of ssh.

        Raises SshEnded, Signalled, CannotRun, ForwardingRefused, FarFolderMissing, StorageError, and what `lend` does.
        """
        settings = _read_settings(self.words, self.environ)
        if settings.to_background:
            return self._in_background(settings)
        return self._run(settings, lambda: None)

    def _run(self, settings: _Settings, ready: Callable[[], None]) -> int:
        host = self.words.host
        with _signals_raise(), ExitStack() as stack:
            folder = stack.enter_context(_short_folder(self.paths))
            control = stack.enter_context(self._connection(settings, folder))
            # ssh splits its argument at colons, and an address has few bytes: a link in our folder is short and plain.
            link = folder.path / "a"
            stack.enter_context(self.lend(settings.host, link))
            far, keeper = stack.enter_context(far_socket(_over(control), host, self.environ))
            stack.enter_context(self._forward(settings, control, far, link))
            if not settings.quiet:
                self.opened(Opened(host, far, 0 if settings.master else 1))
            ready()
            if settings.no_session:
                return _wait(keeper)
            return run_in_foreground(self._session(settings, control), self.environ, keep_open=[folder.lock])

    def _session(self, settings: _Settings, control: str) -> list[str]:
        """The session's command line: over a master of ours, with all that is not of the connection; else as typed."""
        words, null = self.words, ["-n"] if settings.to_background else []
        if settings.master:
            ours: list[str] = []
            options = words.without("f")
        else:
            # The master has done the forwards and the local command already.
            ours = ["-S", control, *_set("ControlMaster=no", "ClearAllForwardings=yes", "PermitLocalCommand=no")]
            options = words.without(_NOT_FOR_SESSIONS)
        return [SSH, *null, *ours, *options, words.destination, *_behind(words)]

    @contextmanager
    def _connection(self, settings: _Settings, folder: TemporaryFolder) -> Iterator[str]:
        """The path of a control master: the person's own where one runs for this host, else one that ends with us."""
        if settings.master:
            yield settings.master
            return
        control = str(folder.path / "c")
        none = ["RemoteCommand=none"] if settings.remote_command else []
        ours = ["-f", "-N", "-T", "-M", "-S", control, *_set(f"ControlPersist={_MASTER_STAYS}", *none)]
        # It asks for passwords and new hosts on the terminal, and returns once the person is let in.
        code = run_in_foreground(
            [SSH, *ours, *self.words.without(_NOT_FOR_MASTERS), self.words.destination], self.environ
        )
        if code:
            raise SshEnded(code)
        with _at_the_end([*_over(control), "-O", "exit"], self.environ):
            yield control

    @contextmanager
    def _forward(self, settings: _Settings, control: str, far: str, near: Path) -> Iterator[None]:
        """The forwarding itself. Raises ForwardingRefused."""
        where = ["-R", f"{_field(far)}:{_field(str(near))}"]
        if _ask_master(control, self.environ, "forward", *where) != 0:
            raise ForwardingRefused(
                f"{self.words.host} does not let a Unix socket be forwarded (sshd's AllowStreamLocalForwarding, "
                "DisableForwarding, or restrict in authorized_keys)",
                hint=run(SSH, self.words.destination, words="ask its admin to allow it; without the agent"),
            )
        if settings.master is None:
            # It goes with our master.
            yield
            return
        with _at_the_end([*_over(control), "-O", "cancel", *where], self.environ):
            yield

    def _in_background(self, settings: _Settings) -> int:
        """As `ssh -f`: in the foreground until everything is open, then in a process that the terminal does not end."""
        reading, writing = os.pipe()
        child = os.fork()
        if child:
            os.close(writing)
            with open(reading, "rb") as pipe:
                if pipe.read(1):
                    return 0
            _, status = os.waitpid(child, 0)
            return shell_code_of(os.waitstatus_to_exitcode(status))
        os.close(reading)

        def leave() -> None:
            os.setsid()
            nowhere = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nowhere, 0)
            os.close(nowhere)
            os.write(writing, b".")
            os.close(writing)

        return self._run(settings, leave)


def run_plain_ssh(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run ssh as it is called; its exit code. Raises CannotRun."""
    return run_in_foreground([SSH, *words], environ)


def _wait(keeper: subprocess.Popen[bytes]) -> int:
    """Wait for the end of the connection, as `ssh -N` does, or for Ctrl-C."""
    try:
        keeper.wait()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return _LOST


def _read_settings(words: SshWords, environ: Mapping[str, str]) -> _Settings:
    """Ask ssh itself, so that its files count as they do for it. Raises SshEnded, CannotRun."""
    try:
        asked = subprocess.run(
            [SSH, "-G", "-T", *words.without("tT"), words.destination, *_behind(words)],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
    except OSError as error:
        raise CannotRun(SSH, error) from None
    if asked.returncode:
        raise SshEnded(shell_code_of(asked.returncode))
    found: dict[str, str] = {}
    for line in os.fsdecode(asked.stdout).splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name.lower(), value)
    path = found.get("controlpath", "none")
    alive = path != "none" and _ask_master(path, environ, "check") == 0
    return _Settings(
        path if alive else None,
        words.has("N") or found.get("sessiontype") == "none",
        words.has("f") or found.get("forkafterauthentication") == "yes",
        found.get("loglevel", "").upper() in _QUIET_LEVELS,
        found.get("remotecommand", "none") != "none",
        name_in_full(words.host, found),
    )


def name_in_full(word: str, settings: Mapping[str, str]) -> str:
    """The host as it was typed; with USER@HOSTNAME:PORT by `settings` (of `ssh -G`) where one of these differs.

    So an answer about one machine or user never counts for another that is called by the same word.
    """
    import pwd

    hostname, port = settings.get("hostname", word).strip("[]"), settings.get("port", "22")
    jump = settings.get("proxyjump", "none")
    try:
        usual = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        usual = ""
    user = settings.get("user", usual)
    # ssh makes small letters of a name.
    same = hostname.casefold() == word.casefold()
    if same and port == "22" and user == usual and jump == "none":
        return word
    where = f"[{hostname}]" if ":" in hostname else hostname
    place = f"{user}@{where}:{port}" + (f" through {jump}" if jump != "none" else "")
    return place if same else f"{word} ({place})"


def _behind(words: SshWords) -> list[str]:
    """The command, behind what keeps ssh from taking its first word for an option."""
    return ["--", *words.command] if words.command else []


def _over(control: str) -> list[str]:
    """The words that talk over a control master alone: without the person's files, and never by a new connection."""
    return [SSH, "-F", "none", "-T", "-S", control, *_set("BatchMode=yes", "ProxyCommand=false"), "localhost"]


def _ask_master(control: str, environ: Mapping[str, str], what: str, *more: str) -> int:
    """Give a master an order; its exit code, that of a failure where there is no answer."""
    try:
        return subprocess.run(
            [*_over(control), "-O", what, *more],
            env=_bare(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=_CONTROL_SECONDS,
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        return _LOST


@contextmanager
def _at_the_end(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[None]:
    """Run `command` when the block ends, and also where this process is killed before: another one waits for that."""
    waiting = subprocess.Popen(
        ["/bin/sh", "-c", 'cat >/dev/null; exec "$@"', "sh", *command],
        env=_bare(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C at the terminal is not for it.
        start_new_session=True,
    )
    try:
        yield
    finally:
        with defer_signals():
            try:
                # This closes its stdin.
                waiting.communicate(timeout=_CONTROL_SECONDS)
            except subprocess.TimeoutExpired:
                waiting.kill()
                waiting.communicate()


def _bare(environ: Mapping[str, str]) -> dict[str, str]:
    """For what talks to a master with words from the other side: nothing in it is worth knowing over there."""
    return {name: environ[name] for name in ("PATH", "HOME") if name in environ}


def _set(*options: str) -> list[str]:
    return [word for option in options for word in ("-o", option)]


def _field(path: str) -> str:
    """A path as a part of `-R`: ssh splits at colons, and puts values in place of what begins with a percent sign."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace("%", "%%")


@contextmanager
def _short_folder(paths: Paths) -> Iterator[TemporaryFolder]:
    """A private folder in which the path of a control master is no longer than a socket's address may be."""
    failed: OSError | None = None
    for parent in (*(base / "ssh" for base in (paths.runtime, paths.state) if base), None):
        with ExitStack() as stack:
            try:
                if parent is None:
                    made = stack.enter_context(tempfile.TemporaryDirectory(prefix="togetherctl-"))
                    folder = stack.enter_context(temporary_folder(Path(made), "s"))
                else:
                    folder = stack.enter_context(temporary_folder(parent, "s"))
            except OSError as error:
                failed = error
                continue
            if {"$", "%"} & set(str(folder.path)):
                # ssh puts values in place of `${NAME}` and `%d` in the paths of sockets.
                continue
            if len(os.fsencode(folder.path / "c")) + _SUFFIX > _LONGEST_ADDRESS:
                continue
            yield folder
            return
    reason = failed.strerror if failed else "the paths are too long for a Unix socket"
    raise StorageError(f"there is no private folder for ssh's control socket: {reason}")


@contextmanager
def _signals_raise() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP raise Signalled, so that it cleans up behind itself."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise Signalled(number)

    usual = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
            usual[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
