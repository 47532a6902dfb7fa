"""A wait ends at its time, even where a signal is handled past it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from time import sleep
from typing import TYPE_CHECKING

import pytest

from tests.support.keyrings import Silent
from togetherctl.auth.callback import Listener
from togetherctl.errors import StorageError
from togetherctl.keyring_secrets import Patience, read
from togetherctl.tui.job_prompter import LineQuestion

if TYPE_CHECKING:
    from tests.conftest import UseKeyring

_WAIT, _SIGNAL_AFTER, _HANDLED_FOR = 0.2, 0.1, 0.3
# So that a wait without end fails its test, and does not stop the run.
_GIVES_UP = 20.0


@pytest.fixture
def interrupted() -> Iterator[threading.Event]:
    """A signal that is handled until the wait's time is over."""
    over = threading.Event()

    def handle(*_: object) -> None:
        sleep(_HANDLED_FOR)
        over.set()

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, _SIGNAL_AFTER)
    yield over
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def giving_up() -> Iterator[Callable[[Callable[[], object]], None]]:
    timers: list[threading.Timer] = []

    def after_all(answer: Callable[[], object]) -> None:
        timers.append(threading.Timer(_GIVES_UP, answer))
        timers[-1].start()

    yield after_all
    for timer in timers:
        timer.cancel()


def test_for_a_typed_line(giving_up: Callable[[Callable[[], object]], None], interrupted: threading.Event) -> None:
    question = LineQuestion("?", hidden=True)
    giving_up(lambda: question.answer("too late"))
    assert question.wait(_WAIT) is None
    assert interrupted.is_set()


def test_for_a_browser(giving_up: Callable[[Callable[[], object]], None], interrupted: threading.Event) -> None:
    listener = Listener("http://localhost:1", [], None)
    listener._expects = lambda _parameters: True
    giving_up(lambda: listener.take({"code": "too late"}))
    assert listener.wait(_WAIT) is None
    assert interrupted.is_set()


def test_for_a_keyring(use_keyring: UseKeyring, interrupted: threading.Event) -> None:
    use_keyring(Silent())
    with pytest.raises(StorageError, match="has not answered"):
        read("a-name", Patience(_WAIT))
    assert interrupted.is_set()
