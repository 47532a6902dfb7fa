"""A service manager that holds the agent's sockets and starts the agent with a request, as systemd does."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

# sd_listen_fds(3): from 3 on, for the process with this number.
_BECOME_AGENT = """\
import os, sys
given = [int(word) for word in sys.argv[1:]]
high = [os.dup2(fd, 100 + number) for number, fd in enumerate(given)]
for number, fd in enumerate(high):
    os.dup2(fd, 3 + number)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given)))
os.execv(sys.executable, [sys.executable, "-P", "-m", "togetherctl.agent"])
"""


@contextmanager
def service_manager(folder: Path, environ: Mapping[str, str]) -> Iterator[list[int]]:
    """While the block runs, a request at a socket in `folder` starts an agent; the list has their process numbers."""
    folder.mkdir(mode=0o700, exist_ok=True)
    started: list[int] = []
    over = threading.Event()
    with ExitStack() as stack:
        sockets = []
        for name in ("agent.sock", "control.sock"):
            listening = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            listening.bind(str(folder / name))
            (folder / name).chmod(0o600)
            listening.listen(64)
            sockets.append(listening)

        def start_when_asked() -> None:
            while not over.is_set():
                if not select.select(sockets, [], [], 0.1)[0]:
                    continue
                words = [str(one.fileno()) for one in sockets]
                process = subprocess.Popen(
                    [sys.executable, "-c", _BECOME_AGENT, *words],
                    env=dict(environ),
                    pass_fds=[one.fileno() for one in sockets],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                started.append(process.pid)
                while process.poll() is None:
                    if over.wait(0.1):
                        process.terminate()
                        process.wait()

        thread = threading.Thread(target=start_when_asked)
        thread.start()
        try:
            yield started
        finally:
            over.set()
            thread.join()
            for name in ("agent.sock", "control.sock"):
                (folder / name).unlink()
