"""`togetherctl demo`: show the main job on this machine alone."""

from __future__ import annotations

import shlex
import signal
import time
from typing import TYPE_CHECKING, NoReturn

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.errors import TogetherctlError

if TYPE_CHECKING:
    from types import FrameType

    from togetherctl.demo.playground import Playground


@click.command("demo")
@click.option("--browser", "by_hand", is_flag=True, help="Log in yourself, in your own browser.")
@click.option("--keep", is_flag=True, help="Leave it running afterwards, with the exports to play with it.")
@pass_app
def command(app: App, by_hand: bool, keep: bool) -> None:
    """Show how everything works, on this machine alone.

    Starts an issuer and a small API server on loopback, in a folder of its own, and walks from an empty configuration
    to a logout. Nothing of yours is read or changed, and nothing stays behind.
    """
    from togetherctl.demo.playground import playground
    from togetherctl.demo.walk import CommandFailed, Walk

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    with playground(app.environ, by_hand=by_hand) as place:
        try:
            Walk(place, put).run(by_hand=by_hand)
        except CommandFailed as error:
            raise TogetherctlError(f"the demo stopped: {error}") from None
        if keep:
            _keep(place)


def _keep(place: Playground) -> None:
    put("\nStill running. In another terminal:\n")
    for name, value in place.exports.items():
        # The shell adds what the person's own PATH has.
        first = value.split(":", 1)[0] if name == "PATH" else value
        put(f"  export {name}={shlex.quote(first)}" + (':"$PATH"' if name == "PATH" else ""))
    put("\n  kubectl get pods\n\nCtrl-C ends it and removes everything.")
    try:
        while True:
            # Short, because a signal that comes just before a sleep begins does not cut it short.
            time.sleep(0.2)
    except KeyboardInterrupt:
        put("\nGone.")


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
