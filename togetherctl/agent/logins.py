"""Log in at this machine for a far one: after a question, by a child that opens the browser."""

from __future__ import annotations

from functools import partial

from togetherctl.agent.protocol import LOGIN_SECONDS, Errand, Failure, failure
from togetherctl.agent.snapshot import ERRANDS, read_answer
from togetherctl.environment import NO_INPUT
from togetherctl.errors import ExitCode
from togetherctl.humanize import time_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.agent.protocol import Cancel, Children, Document, Ended
    from togetherctl.agent.questions import Over, QuestionDesk

    Done = Callable[[Document | Failure], None]
    LookAgain = Callable[[Callable[[Failure | None], None]], Cancel]

# At once, of different sessions: each has a browser tab of its own.
_MOST = 4


class LoginDesk:
    """What `protocol.Logins` says, one login at a time for each session.

    `session_of` tells whose session a profile uses: any text, equal for equal ones.
    """

    def __init__(
        self,
        questions: QuestionDesk,
        children: Children,
        session_of: Callable[[str], str],
        *,
        seconds: float = LOGIN_SECONDS,
    ) -> None:
        self._questions, self._children, self._session_of = questions, children, session_of
        self._seconds = seconds
        self._running: dict[str, _Login] = {}

    def begin(self, profile: str, host: str | None, look_again: LookAgain, done: Done) -> Cancel:
        """See `protocol.Logins`."""
        request = _Request(profile, host, look_again, done)
        request.leave = self._questions.ask("login", profile, host, partial(self._answered, request))
        return request.cancel

    def _answered(self, request: _Request, refusal: Failure | None) -> None:
        if request.is_over:
            return
        if refusal is not None:
            request.end(refusal)
        else:
            # A request that is over meanwhile begins nothing, so there is nothing to call off.
            request.leave = _nothing
            request.look_again(partial(self._begin, request))

    def _begin(self, request: _Request, refusal: Failure | None) -> None:
        if request.is_over:
            return
        if refusal is not None:
            request.end(refusal)
            return
        session = self._session_of(request.profile)
        login = self._running.get(session)
        if login is None:
            if len(self._running) >= _MOST:
                request.end(failure("busy", f"{_MOST} logins are open at the agent's machine", ExitCode.UNREACHABLE))
                return
            login = self._running[session] = _Login()
            login.stop = self._children.run(
                # No person is at its terminal; the browser is where it asks.
                Errand(
                    ["login", request.profile],
                    self._seconds,
                    ERRANDS,
                    apart=True,
                    environ={NO_INPUT: ""},
                    ends_with_agent=True,
                ),
                partial(self._ended, session, request.profile),
            )
        login.requests.append(request)
        request.leave = partial(self._leave, session, request)
        request.over = self._questions.show_login(
            request.profile, request.host, self._seconds, partial(self._call_off, session)
        )

    def _ended(self, session: str, profile: str, ended: Ended) -> None:
        login = self._running.pop(session)
        problem = _problem(ended, profile, self._seconds)
        for request in login.requests:
            request.end(problem or {"profile": request.profile, "logged_in": True})

    def _leave(self, session: str, request: _Request) -> None:
        """A client went away; the login ends with the last of them."""
        login = self._running[session]
        login.requests.remove(request)
        if not login.requests:
            del self._running[session]
            login.stop()

    def _call_off(self, session: str) -> None:
        """The person ends the login, for all who wait for it."""
        login = self._running.pop(session, None)
        if login is not None:
            login.stop()
            for request in login.requests:
                said = f"the login to profile {request.profile} was cancelled at the agent's machine"
                request.end(failure("login_required", said, ExitCode.LOGIN_REQUIRED), by_person=True)


class _Login:
    """A child that logs in, and those who wait for it."""

    def __init__(self) -> None:
        self.requests: list[_Request] = []
        self.stop: Cancel = _nothing


class _Request:
    """One client that waits: `done` is called once, and not after `cancel`."""

    def __init__(self, profile: str, host: str | None, look_again: LookAgain, done: Done) -> None:
        self.profile, self.host, self.look_again = profile, host, look_again
        self._done = done
        self.is_over = False
        self.leave: Cancel = _nothing
        self.over: Over | None = None

    def end(self, answer: Document | Failure, *, by_person: bool = False) -> None:
        if not self.is_over:
            self.is_over = True
            if self.over is not None and isinstance(answer, Failure):
                self.over("no", "" if by_person else answer.message)
            elif self.over is not None:
                self.over("yes")
            self._done(answer)

    def cancel(self) -> None:
        if not self.is_over:
            self.is_over = True
            self.leave()
            if self.over is not None:
                self.over("withdrawn")


def _nothing() -> None:
    """There is nothing to end."""


def _problem(ended: Ended, profile: str, seconds: float) -> Failure | None:
    """Why there is no login; None where there is one. What the issuer sent besides stays here."""
    if ended.code == 0:
        return None
    if ended.code is None:
        said = f"the login to profile {profile} was not finished at the agent's machine within {time_left(seconds)}"
        return failure("login_required", said, ExitCode.LOGIN_REQUIRED)
    found = read_answer(ended, f"the login to profile {profile}")
    if isinstance(found, Failure):
        return found._replace(code="login_required", exit=ExitCode.LOGIN_REQUIRED)
    return failure("login_required", f"the login to profile {profile} failed", ExitCode.LOGIN_REQUIRED)
