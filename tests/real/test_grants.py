"""Each grant at the certified provider, which counts what it is asked and forgives nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.provider import SERVICE_ID, SERVICE_SECRET, Person
from togetherctl.auth.engine import Policy
from togetherctl.auth.login_environment import LoginEnvironment
from togetherctl.errors import Refused
from togetherctl.wiring import World

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.real.conftest import Real
    from tests.support.canary import Canary
    from tests.support.conversation import Remembered
    from togetherctl.auth.session import Session


@pytest.fixture
def log_in(real: Real, conversation: Remembered) -> Callable[..., Session]:
    """Log in from an SSH session, where no browser would come up."""

    def act(profile: str = "acme") -> Session:
        world = World(real.environ, conversation, place=lambda _profile: LoginEnvironment(ssh=True))
        session, _ = world.engine.login(world.config.profile(profile), Policy(), force=True)
        real.watch()
        return session

    return act


@pytest.fixture
def meanwhile() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Do something on another thread as soon as it can be done."""
    threads: list[threading.Thread] = []

    def start(act: Callable[[], object]) -> None:
        threads.append(threading.Thread(target=act, daemon=True))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


class Phone:
    """Waits until a device code is shown and does what a person with a phone would."""

    def __init__(self, conversation: Remembered, act: Callable[[Person, str, str], object]) -> None:
        self._conversation = conversation
        self._act = act
        self._shown = threading.Event()
        shown = conversation.device_code

        def device_code(device: object, *, opened: bool) -> None:
            shown(device, opened=opened)  # type: ignore[arg-type] # handed on as it came
            self._shown.set()

        conversation.device_code = device_code  # type: ignore[method-assign] # to learn of the moment

    def __call__(self) -> None:
        assert self._shown.wait(30)
        device, _ = self._conversation.devices[-1]
        assert device.complete is not None
        self._act(Person("me"), device.complete, device.code)


def test_a_device_code_confirmed_on_a_phone(
    log_in: Callable[..., Session],
    meanwhile: Callable[[Callable[[], object]], None],
    conversation: Remembered,
    process: Run,
    real: Real,
) -> None:
    meanwhile(Phone(conversation, lambda person, url, _code: person.log_in(url)))
    session = log_in()
    assert (session.identity, session.refreshable) == ("me@example.com", True)
    [(device, _)] = conversation.devices
    assert device.uri == f"{real.issuer}/device"
    assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", device.code)
    assert process("refresh", **real.environ).code == 0


def test_a_device_code_typed_by_hand(
    log_in: Callable[..., Session], meanwhile: Callable[[Callable[[], object]], None], conversation: Remembered
) -> None:
    def by_hand(person: Person, url: str, code: str) -> None:
        person.log_in(url.partition("?")[0], user_code=code)

    meanwhile(Phone(conversation, by_hand))
    assert log_in().identity == "me@example.com"


def test_a_device_code_refused_on_the_phone(
    log_in: Callable[..., Session], meanwhile: Callable[[Callable[[], object]], None], conversation: Remembered
) -> None:
    def say_no(person: Person, url: str, _code: str) -> None:
        # After a no the provider offers its form again.
        with pytest.raises(AssertionError, match="keeps asking"):
            person.log_in(url, abort="yes")

    meanwhile(Phone(conversation, say_no))
    with pytest.raises(Refused, match="access_denied") as refused:
        log_in()
    assert "it was refused: by you" in (str(refused.value.remedy or ""))


def pasted(url: str) -> str:
    """The address of the page a browser cannot show, because nothing listens there."""
    person = Person("me", stops_at="http://localhost:8000")
    person.log_in(url)
    return person.ended_at


def test_a_pasted_address(log_in: Callable[..., Session], conversation: Remembered, process: Run, real: Real) -> None:
    assert process("profile", "set", "acme", "grant=paste", **real.environ).code == 0

    conversation.answer = lambda _question: pasted(conversation.pages[-1][0])
    session = log_in()
    assert (session.identity, session.refreshable) == ("me@example.com", True)


def test_a_refusal_pasted(log_in: Callable[..., Session], conversation: Remembered, process: Run, real: Real) -> None:
    assert process("profile", "set", "acme", "grant=paste", "auth_params={prompt = 'none'}", **real.environ).code == 0

    conversation.answer = lambda _question: pasted(conversation.pages[-1][0])
    with pytest.raises(Refused, match="login_required"):
        log_in()


@pytest.mark.parametrize("how", ["auto", "basic", "post"])
def test_a_client_that_logs_in_as_itself(how: str, process: Run, real: Real, canary: Canary) -> None:
    environ = {**real.environ, "SERVICE_SECRET": canary.watch("a client secret", SERVICE_SECRET), "CI": "1"}
    for words in (
        ["profile", "add", "robot", "--issuer", "acme", "--client-id", SERVICE_ID, "grant=client-credentials"],
        ["profile", "set", "robot", "client_secret={env = 'SERVICE_SECRET'}", "token=access"],
        ["issuer", "set", "acme", f"client_auth={how}"],
    ):
        done = process(*words, **environ)
        assert done.code == 0, done.stderr
    done = process("login", "robot", **environ)
    assert done.code == 0, done.stderr
    assert f"Logged in as {SERVICE_ID} with profile robot" in done.stderr
    real.watch()
    assert process("get-token", "--profile", "robot", **environ).code == 0
    # The provider gives a client no ID token.
    process("profile", "set", "robot", "token=id", **environ)
    done = process("login", "robot", "--force", **environ)
    assert (done.code, 'token = "access"' in done.stderr) == (5, True)
