"""A forward proxy on loopback that notes where it was asked to go (RFC 9110, 9.3.6)."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class ForwardProxy:
    """Understands CONNECT and absolute-form requests; takes every host name to loopback."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.seen: list[str] = []
        self.refuses = refuses
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            self.seen.append(f"{method} {target}")
            if self.refuses:
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            if method == "CONNECT":
                port = int(target.rpartition(":")[2])
                with socket.create_connection(("127.0.0.1", port)) as onward:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    other = threading.Thread(target=_pump, args=(onward, connection), daemon=True)
                    other.start()
                    _pump(connection, onward)
                    other.join(5)
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
