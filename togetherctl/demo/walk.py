"""The demo itself: the main job from an empty configuration to a logout, every command shown with what came back."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from togetherctl.demo.playground import Playground
from togetherctl.printable import printable
from togetherctl.transport import HTTP, Connection

_LONGEST_LINE = 200


class CommandFailed(Exception):
    """A command of the demo did not do what it shows; the message is the command."""


class Walk:
    """Runs the demo's commands in a playground and tells what happens through `tell`."""

    def __init__(self, place: Playground, tell: Callable[[str], None]) -> None:
        self._place = place
        self._tell = tell
        self._kubectl = shutil.which("kubectl", path=place.environ["PATH"]) is not None

    def run(self, *, by_hand: bool) -> None:
        """The whole way. Raises CommandFailed."""
        place = self._place
        self._tell(f"An issuer at {place.issuer} and an API server at {place.server}, on this machine alone.")
        self._tell(f"Everything else is in {place.folder}, which goes when this ends; below it is $DEMO.")
        if not self._kubectl:
            self._tell("kubectl is not on PATH; the demo asks the API server itself, with the same credential.")

        self._chapter("Who you are, and which cluster that opens")
        self._do(
            *("togetherctl", "profile", "add", "demo", "--issuer", place.issuer, "--client-id", place.client_id),
            # Any free port: a model server often has the usual one, 8000.
            "redirect_uris=http://localhost:0",
            # The issuer is on this machine alone, so no other machine's browser would reach it.
            *(("grant=authcode",) if by_hand else ()),
        )
        self._do(
            *("togetherctl", "cluster", "add", "gpu", "--profile", "demo"),
            *("--server", place.server, "--ca-file", str(place.ca_file)),
        )
        self._do("togetherctl", "kubeconfig", "write", "gpu", "--set-current")

        self._chapter("The first call logs in" + (": answer the page in your browser" if by_hand else ""))
        first = self._pods()
        self._chapter("The second is served from the session")
        second = self._pods()
        self._tell(f"({first:.2f} s with the login, {second:.2f} s from the session)")
        self._chapter("Who the issuer says you are, and who the cluster does")
        self._do("togetherctl", "whoami")
        if self._kubectl:
            self._do("kubectl", "auth", "whoami")

        self._chapter("New tokens without a login")
        self._do("togetherctl", "refresh", "demo")
        self._do("togetherctl", "status")

        self._chapter("And out again: revoked at the issuer, deleted here")
        self._do("togetherctl", "logout", "demo")
        self._do("togetherctl", "status")

    def _chapter(self, title: str) -> None:
        self._tell(f"\n== {title}")

    def _pods(self) -> float:
        """Ask for pods; seconds until the answer."""
        if self._kubectl:
            return self._do("kubectl", "get", "pods")
        started = perf_counter()
        output = self._output("togetherctl", "get-token", "--profile", "demo")
        token = json.loads(output)["status"]["token"]
        url = f"{self._place.server}/api/v1/namespaces/default/pods"
        with HTTP(Connection(ca_files=(self._place.ca_file,)), {}) as http:
            answer = http.get(url, headers={"Authorization": f"Bearer {token}"})
        self._tell(f"$ GET {url}\n  HTTP {answer.status}")
        for item in answer.json().get("items", []):
            self._tell(f"  {printable(item['metadata']['name'])}")
        return perf_counter() - started

    def _do(self, *words: str) -> float:
        """Run a command and show what it prints as it comes; seconds it took. Raises CommandFailed."""
        started = perf_counter()
        with self._running(words, stderr=subprocess.STDOUT) as process:
            self._relay(process.stdout)
        return perf_counter() - started

    def _output(self, *words: str) -> str:
        """Run a command, show what it says to people, and give its payload, which is not shown."""
        with self._running(words, stderr=subprocess.PIPE) as process:
            self._relay(process.stderr)
            return process.stdout.read() if process.stdout else ""

    @contextmanager
    def _running(self, words: Sequence[str], *, stderr: int) -> Iterator[subprocess.Popen[str]]:
        """A command that runs while the block does. Raises CommandFailed at its end."""
        typed = shlex.join(words).replace(str(self._place.folder), "$DEMO")
        self._tell(f"$ {typed}")
        with subprocess.Popen(
            words,
            env=dict(self._place.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process:
            yield process
        if process.returncode != 0:
            raise CommandFailed(f"{typed} ended with {process.returncode}")

    def _relay(self, lines: Iterable[str] | None) -> None:
        for line in lines or ():
            # A login's address is long and has to be whole.
            shown = printable(line.rstrip("\n"), limit=4000 if "://" in line else _LONGEST_LINE)
            self._tell(f"  {shown}" if shown else "")
