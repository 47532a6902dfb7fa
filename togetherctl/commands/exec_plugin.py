"""The exec plugin as kubectl calls it. It loads no command line: somebody waits for every call."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from togetherctl.commands.console import Console
from togetherctl.commands.ending import ended
from togetherctl.environment import CALLERS
from togetherctl.kube.exec_credential import render, wanted_version
from togetherctl.wiring import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from togetherctl.store.profile import Profile


def get_token(name: str, environ: Mapping[str, str]) -> int:
    """Print the credential of the profile `name`; gives the exit code."""
    console = Console(environ)
    return ended(lambda: print_credential(World(environ, console), name), console.error)


def print_credential(world: World, name: str, *, renew: bool = False) -> None:
    """An ExecCredential of the version that `KUBERNETES_EXEC_INFO` asks for, on stdout, and nothing else there.

    With `renew` its token is younger than this call, where one is to be had.
    """
    with stdout_for_the_answer_alone() as answer:
        version = wanted_version(world.environ)
        profile = world.profile(name)
        if world.environ.get(CALLERS):
            from togetherctl.store.secrets import refuse_recursion

            refuse_recursion(profile.name, world.environ)
        credential = world.engine.credential(profile, world.policy, renew=renew)
        answer(render(version, credential.token.value, credential.ask_again_at))
        say_notes(world, profile)


def say_notes(world: World, profile: Profile) -> None:
    """After the answer, and only if this call logged in: why a cluster may refuse the token all the same."""
    for note in world.noted.pop(profile.key, ()):
        world.conversation.say(f"note: {note}")


@contextmanager
def stdout_for_the_answer_alone() -> Iterator[Callable[[str], None]]:
    """While this runs, everything else that is printed, by us or by a child, goes to stderr.

    A stray line on stdout would break the credential, and a child that held it open would hang kubectl.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield lambda text: _write_all(kept, f"{text}\n".encode("ascii"))
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
