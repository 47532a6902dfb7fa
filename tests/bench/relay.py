"""A loopback relay that lets everything take its time, as a network of a given round trip would."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Self

_CHUNK = 65536


class Relay:
    """Passes on what comes to `port`, half of `round_trip` seconds late in each direction.

    A relay accepts before the server could have, so a client's first bytes wait one round trip longer: what the TCP
    handshake would have cost. TLS and HTTP then cost what they cost. `round_trip` may be changed between connections.
    """

    def __init__(self, *, to_port: int) -> None:
        self.round_trip = 0.0
        self.port = 0
        self._to_port = to_port
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=128))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        late = self.round_trip / 2
        connected_at = self._loop.time() + self.round_trip
        server, to_server = await asyncio.open_connection("127.0.0.1", self._to_port)
        await asyncio.gather(
            self._pass_on(client, to_server, late, not_before=connected_at),
            self._pass_on(server, to_client, late, not_before=0.0),
        )

    async def _pass_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, late: float, *, not_before: float
    ) -> None:
        """Hand over each chunk when it would have arrived, while later ones are on their way already."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            with suppress(OSError):
                while True:
                    due, data = await under_way.get()
                    await asyncio.sleep(due - self._loop.time())
                    if not data:
                        break
                    target.write(data)
                    await target.drain()
            target.close()

        delivering = asyncio.ensure_future(deliver())
        data = b"first"
        while data:
            try:
                data = await source.read(_CHUNK)
            except OSError:
                data = b""
            under_way.put_nowait((max(self._loop.time(), not_before) + late, data))
        await delivering
