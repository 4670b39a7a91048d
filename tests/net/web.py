"""A web server over TLS on loopback that answers every request with the same bytes."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Site:
    """asked: the head of each request. says: the whole answer; None: silence."""

    def __init__(self, says: bytes | None) -> None:
        self.asked: list[bytes] = []
        self.says = says
        self.port = 0
        self._over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            if self.says is None:
                await self._over.wait()
            else:
                writer.write(self.says)
                await writer.drain()
        writer.close()

    def end(self) -> None:
        self._over.set()


def page(body: bytes, *, status: str = "200 OK", kind: str = "text/plain", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


@asynccontextmanager
async def serving(
    context: ssl.SSLContext, says: bytes | None, *, ip: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Site]:
    site = Site(says)
    server = await asyncio.start_server(site.serve, ip, port, ssl=context)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        site.end()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)
