"""A SOCKS5 proxy on loopback that notes where it was asked to go (RFC 1928), and by whom (RFC 1929)."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

_NAME, _IPV4 = 3, 1


class SocksProxy:
    """Takes every host name to loopback: names mean something here alone. With `refuses` it says "not allowed"."""

    def __init__(self, *, user: str = "", password: str = "", refuses: bool = False) -> None:
        self.seen: list[str] = []
        self.refuses = refuses
        self._credentials = (user, password) if user else None
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

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as reading:
            methods = reading.read(reading.read(2)[1])
            method = 2 if self._credentials else 0
            if method not in methods:
                connection.sendall(b"\x05\xff")
                return
            connection.sendall(bytes([5, method]))
            if self._credentials:
                reading.read(1)
                given = tuple(reading.read(reading.read(1)[0]).decode() for _ in range(2))
                connection.sendall(bytes([1, given != self._credentials]))
                if given != self._credentials:
                    return
            _, _, _, kind = reading.read(4)
            if kind == _NAME:
                host = reading.read(reading.read(1)[0]).decode()
            else:
                family, length = (socket.AF_INET, 4) if kind == _IPV4 else (socket.AF_INET6, 16)
                host = socket.inet_ntop(family, reading.read(length))
            (port,) = struct.unpack(">H", reading.read(2))
            self.seen.append(f"{'name' if kind == _NAME else 'address'} {host}:{port}")
            if self.refuses:
                connection.sendall(b"\x05\x02\x00\x01\0\0\0\0\0\0")
                return
            with socket.create_connection(("127.0.0.1", port)) as onward:
                connection.sendall(b"\x05\x00\x00\x01\0\0\0\0\0\0")
                other = threading.Thread(target=_pump, args=(onward, connection), daemon=True)
                other.start()
                _pump(connection, onward)
                other.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
