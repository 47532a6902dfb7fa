"""`togetherctl get-token`: the exec plugin."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.kube.exec_credential import render, wanted_version
from togetherctl.store.secrets import refuse_recursion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@click.command("get-token")
@click.option("--profile", "name", metavar="NAME", help="The profile whose credential is wanted.")
@pass_app
def command(app: App, name: str | None) -> None:
    """Print a credential for kubectl, which calls this.

    The answer is an ExecCredential of client.authentication.k8s.io, v1 or v1beta1 as KUBERNETES_EXEC_INFO asks. A
    login is opened where one is needed, unless the profile says login = "never", TOGETHERCTL_NO_INPUT or CI is set.
    """
    with _stdout_for_the_answer_alone() as answer:
        version = wanted_version(app.environ)
        profile = app.world.store.profile(name)
        refuse_recursion(profile.name, app.environ)
        credential = app.world.engine.credential(profile, app.world.policy)
        answer(render(version, credential.token.value, credential.ask_again_at))


@contextmanager
def _stdout_for_the_answer_alone() -> Iterator[Callable[[str], None]]:
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
