"""Remember that a person stopped the agent, so that nothing but a person has it hand out credentials again.

A service manager starts the agent with the next request, from a far machine too, and a session of `togetherctl ssh`
looks for the next agent. The file lies beside the sockets; where those are in memory, it goes with the machine's end.
"""

from __future__ import annotations

import secrets

from togetherctl.agent.protocol import Failure, failure
from togetherctl.disk import make_private_folder, read_whole, write_whole
from togetherctl.errors import ExitCode, TogetherctlError, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

NAME = "stopped"
_STOPPED, _STARTED = "stopped", "started"
_LONGEST = 100
STOPPED = failure(
    "stopped",
    "the agent was stopped on its machine, so it hands nothing out",
    ExitCode.UNREACHABLE,
    run("togetherctl", "agent", "start", words="there"),
)


def stop_for_good(folder: Path) -> None:
    """Until `let_go_on`, no agent hands out anything; what was forwarded stays ended. Raises TogetherctlError."""
    _write(folder, f"{_STOPPED} {secrets.token_hex(8)}")


def let_go_on(folder: Path) -> None:
    """The person started the agent. Raises TogetherctlError."""
    state, number = _read(folder)
    if state == _STOPPED:
        _write(folder, f"{_STARTED} {number}")


def is_stopped(folder: Path) -> bool:
    """Whether the person stopped the agent, and has not started it since."""
    return _read(folder)[0] == _STOPPED


def last_stop(folder: Path) -> str:
    """What is another text after each stop, also where the agent was started since."""
    return _read(folder)[1]


def refusal(folder: Path) -> Failure | None:
    """The answer to what asks for a credential while the agent is stopped."""
    return STOPPED if is_stopped(folder) else None


def _read(folder: Path) -> tuple[str, str]:
    try:
        text = read_whole(folder / NAME, limit=_LONGEST)[0].decode("ascii", "replace")
    except FileNotFoundError:
        return "", ""
    except OSError:
        # What cannot be read may say so.
        return _STOPPED, "unreadable"
    state, _, number = text.strip().partition(" ")
    return state, number


def _write(folder: Path, text: str) -> None:
    try:
        make_private_folder(folder)
        write_whole(folder / NAME, f"{text}\n".encode("ascii"), durable=False)
    except OSError as error:
        raise TogetherctlError(f"{folder / NAME}: {error.strerror}") from None
