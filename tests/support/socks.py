"""A SOCKS5 proxy on loopback that notes where it was asked to go (RFC 1928), and by whom (RFC 1929)."""

from __future__ import annotations

import socket
import struct

from tests.support.proxy import Proxy, tunnel

_NAME, _IPV4 = 3, 1


class SocksProxy(Proxy):
    """Takes every host name to loopback: names mean something here alone."""

    def __init__(self, *, user: str = "", password: str = "", refuses: bool = False) -> None:
        self._credentials = (user, password) if user else None
        super().__init__(refuses=refuses)

    def serve(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as reading:
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
            else:
                tunnel(connection, port, b"\x05\x00\x00\x01\0\0\0\0\0\0")
