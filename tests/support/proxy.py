"""Proxies on loopback that note where they were asked to go: what all have in common, and HTTP's (RFC 9110, 9.3.6)."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class Proxy:
    """Runs while the block does, each connection on a thread of its own. With `refuses` it says "not allowed"."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.seen: list[str] = []
        self.refuses = refuses
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def serve(self, connection: socket.socket) -> None:
        """Talk to a client."""
        raise AssertionError

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self.serve(connection)


def tunnel(client: socket.socket, port: int, ready: bytes) -> None:
    """Say `ready` to the client, then carry bytes between it and a port of loopback until both have ended."""
    with socket.create_connection(("127.0.0.1", port)) as onward:
        client.sendall(ready)
        other = threading.Thread(target=_pump, args=(onward, client), daemon=True)
        other.start()
        _pump(client, onward)
        other.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class ForwardProxy(Proxy):
    """Understands CONNECT and absolute-form requests; takes every host name to loopback."""

    @property
    def url(self) -> str:
        return f"http://{self.place}"

    def serve(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self.seen.append(f"{method} {target}")
        if self.refuses:
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif method == "CONNECT":
            tunnel(connection, int(target.rpartition(":")[2]), b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
