"""Both ends of a connection for tests: a protocol that notes what it is told, and a raw peer that says what it likes."""

import asyncio
import datetime as dt
import functools
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from gatepost.net import addresses, connect, tls

LOOPBACK = addresses.rules(["127.0.0.0/8", "::1/128"], [])
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Noting(asyncio.Protocol):
    """Notes what it is told, in order, and pauses reading at the word ``go``, as one does that goes on with TLS."""

    def __init__(self) -> None:
        self.said: list[bytes | str] = []
        self.transport: asyncio.Transport | None = None
        self.may_go = asyncio.Event()
        self.there = asyncio.Event()
        self.lost = asyncio.Event()
        self.more = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.there.set()

    def data_received(self, data: bytes) -> None:
        self.said.append(data)
        self.more.set()
        if b"go" in data and not self.may_go.is_set():
            assert self.transport is not None
            self.transport.pause_reading()
            self.may_go.set()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.said.append("lost")
        self.lost.set()

    async def wait_said(self, wanted: bytes) -> None:
        async with asyncio.timeout(3):
            while wanted not in b"".join(one for one in self.said if isinstance(one, bytes)):
                self.more.clear()
                await self.more.wait()

    async def wait_lost(self) -> None:
        async with asyncio.timeout(3):
            await self.lost.wait()


@functools.cache
def server_context() -> ssl.SSLContext:
    certificate, key = tls.self_signed("mx.test", now=NOW, days=36500)
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "cert.pem"), Path(folder, "key.pem")
        paths[0].write_bytes(certificate)
        paths[1].write_bytes(key)
        return tls.server_context(str(paths[0]), str(paths[1]))


@asynccontextmanager
async def raw_peer() -> AsyncIterator[tuple[int, "Peers"]]:
    """A server whose connections do nothing by themselves."""
    peers = Peers()
    server = await asyncio.get_running_loop().create_server(peers.make, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], peers
    finally:
        server.close()
        for one in peers.made:
            if one.transport is not None:
                one.transport.abort()
        await server.wait_closed()


class Peers:
    """The server's ends of the connections."""

    def __init__(self) -> None:
        self.made: list[Noting] = []
        self._any = asyncio.Event()

    def make(self) -> Noting:
        self.made.append(Noting())
        self._any.set()
        return self.made[-1]

    async def wait_first(self) -> tuple[Noting, asyncio.Transport]:
        async with asyncio.timeout(3):
            await self._any.wait()
            await self.made[0].there.wait()
        transport = self.made[0].transport
        assert transport is not None
        return self.made[0], transport


async def connected(port: int) -> tuple[asyncio.Transport, Noting]:
    return await connect.open_connection(
        Noting, connect.Endpoint("127.0.0.1", port), source_ip=None, rules=LOOPBACK, within_s=3
    )
