"""Servers that tests start: processes on loopback that end with the test."""

from __future__ import annotations

import random
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago. No system hands it out by itself: some servers start slowly."""
    for _ in range(100):
        port = random.randrange(20000, 32000)  # noqa: S311 # any will do
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@dataclass(frozen=True)
class Server:
    """A process that runs, and the file with all it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(
        self, url: str, *, seconds: float, ca_file: Path | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Wait until `url` answers 200. Fails with the end of the log where it does not, or the process ends before."""
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))
        request = Request(url, headers=dict(headers or {}))  # noqa: S310 # loopback only
        last: object = None
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with opener.open(request, timeout=5) as answer:
                    if answer.status == 200:
                        return
            except HTTPError as error:
                with error:
                    last = error.read()[-2000:]
            except (URLError, OSError, HTTPException) as error:
                last = error
            time.sleep(0.1)
        raise AssertionError(f"{url} does not get ready: {last!r}\n{self.log.read_text(errors='replace')[-4000:]}")


@contextmanager
def running(words: list[str], log: Path, environ: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server, what it says going to `log`; it ends with the block, and with this process if that is killed."""
    tied = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [*tied, *words], cwd=log.parent, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        ) as process,
    ):
        try:
            yield Server(process, log)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
