"""`get-token` as kubectl calls it, and the refresh that it leaves behind, without loading the command line."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from togetherctl.auth.cache.ready_file import end_claim
from togetherctl.cli.console import Console
from togetherctl.cli.report_error import run_to_exit
from togetherctl.environment import AGENT, CALLERS
from togetherctl.kube.exec_credential import V1, VERSIONS, render, wanted_version
from togetherctl.wiring import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.config.profile import Profile
    from togetherctl.plugin_words import PluginWords

# Seconds; more than a refresh and the command that reads a client secret take together.
_LONGEST_BEHIND = 60


def get_token(name: str, environ: Mapping[str, str], *, otherwise: str = V1) -> int:
    """Print the credential of the profile `name`; gives the exit code. `otherwise` as in `print_credential`."""
    console = Console(environ, for_a_client=True)
    world = World(environ, console)
    try:
        return run_to_exit(lambda: print_credential(world, name, otherwise=otherwise), console.error)
    finally:
        end_claim(world.paths, name)


def get_token_by_flags(words: PluginWords, environ: Mapping[str, str], program: str) -> int:
    """The same for kubelogin's flags in words that may have a ready file."""
    console = Console(environ, for_a_client=True)
    world = World(environ, console)

    def make_profile() -> Profile:
        from togetherctl.kubelogin.ready_words import profile_of_words

        return profile_of_words(environ, words, program=program, warn=console.warn)

    try:
        return run_to_exit(
            lambda: print_credential(world, make_profile, words=words, otherwise=VERSIONS[words.version]), console.error
        )
    finally:
        end_claim(world.paths, words.name)


def refresh_behind(name: str, lock: int, environ: Mapping[str, str]) -> int:
    """Refresh the session of the profile `name` for a `get-token` that is gone and left its `lock` open; the exit code.

    Nothing is asked, and what goes wrong is noted in the session.
    """
    console = Console(environ, for_a_client=True)
    world = World(environ, console)
    if sys.platform != "win32":
        from signal import alarm

        # If something hangs, there is no person to press Ctrl-C.
        alarm(_LONGEST_BEHIND)

    def refresh() -> None:
        # First, because the engine reads the whole configuration where it is not known.
        profile = world.profile(name)
        world.engine.refresh_behind(profile, lock)

    return run_to_exit(refresh, console.error)


def print_credential(
    world: World,
    wanted: str | Callable[[], Profile],
    *,
    words: PluginWords | None = None,
    otherwise: str = V1,
    renew: bool = False,
) -> None:
    """An ExecCredential of the apiVersion that `KUBERNETES_EXEC_INFO` asks for, else of `otherwise`.

    `wanted` names a profile of the configuration, or makes one that no configuration has; `words` made that one.
    Nothing else goes to stdout. With `renew` its token is younger than this call, if the issuer gives one.
    """
    with stdout_for_the_answer_alone() as answer:
        version = wanted_version(world.environ, otherwise=otherwise)
        if callable(wanted):
            profile, engine = wanted(), world.engine_for(words) if words else world.configless_engine
        else:
            known = None if world.environ.get(AGENT) else world.profile(wanted)
            if known is None or known.called_there:
                from togetherctl.usecases.forwarded_credential import forwarded_credential

                forwarded = forwarded_credential(world, wanted, known)
                answer(render(version, forwarded.token, forwarded.ask_again_at))
                return
            profile, engine = known, world.engine
            if world.environ.get(CALLERS):
                from togetherctl.config.client_secret import refuse_recursion

                refuse_recursion(profile.name, world.environ)
        credential = engine.credential(profile, world.policy, renew=renew)
        answer(render(version, credential.token.value, credential.ask_again_at))
        # Only if this call logged in: why a cluster may refuse the token all the same.
        for note in world.noted.pop(profile.key, ()):
            world.conversation.say(f"note: {note}")


@contextmanager
def stdout_for_the_answer_alone() -> Iterator[Callable[[str], None]]:
    """While this runs, everything else that is printed, by us or by a child, goes to stderr.

    A stray line on stdout would break the credential, and a child that held it open would hang kubectl. Where stderr is
    the same pipe as stdout, nothing goes there either before the answer.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with _stderr_apart():
            os.dup2(2, 1)
            yield lambda text: _write_all(kept, f"{text}\n".encode("ascii"))
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _stderr_apart() -> AbstractContextManager[None]:
    """Keep stderr out of the answer where both lead to the same place, and that is no terminal."""
    out, err = os.fstat(1), os.fstat(2)
    # A character device is a terminal, or swallows what it gets.
    if (out.st_dev, out.st_ino) != (err.st_dev, err.st_ino) or stat.S_ISCHR(out.st_mode):
        return nullcontext()
    from togetherctl.cli.caller_terminal import stderr_apart

    return stderr_apart()


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
