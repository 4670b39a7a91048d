"""A receiving server for tests that answers as it was told: by stage, a reply or a misbehaviour."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

USUAL = {
    "GREETING": b"220 mx.test\r\n",
    "EHLO": b"250-mx.test\r\n250 8BITMIME\r\n",
    "HELO": b"250 mx.test\r\n",
    "STARTTLS": b"454 4.7.0 no\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n",
    "DATA": b"354 go\r\n",
    "DOT": b"250 2.0.0 kept\r\n",
    "RSET": b"250 ok\r\n",
    "QUIT": b"221 bye\r\n",
}
CLOSE, SILENCE, RESET, DRIP = b"close", b"silence", b"reset", b"drip"  # the last: a byte now and then, no end
_DRIP_S = 0.05
Answer = (
    bytes | Callable[[bytes], Awaitable[bytes]]
)  # the second is asked with the line that is to be answered


class Server:
    """heard: every line of commands, of all connections. connections: how many there were. bodies: what came, un-stuffed.

    A script's ``EHLO2`` answers the EHLO inside TLS, where ``context`` makes STARTTLS work.
    """

    def __init__(
        self, script: Mapping[str, Answer], after: int, context: ssl.SSLContext | None = None
    ) -> None:
        self.port = 0
        self.heard: list[bytes] = []
        self.connections = 0
        self.bodies: list[bytes] = []
        self._script = script
        self._context = context
        self._after = after  # so many commands get the usual answer first
        self._more = asyncio.Event()

    @property
    def transactions(self) -> list[list[bytes]]:
        """The recipients named in each transaction, over all connections (one after the other)."""
        found: list[list[bytes]] = []
        for line in self.heard:
            if line.startswith(b"MAIL"):
                found.append([])
            elif line.startswith(b"RCPT"):
                found[-1].append(line[line.index(b"<") + 1 : line.index(b">")])
        return found

    async def wait_heard(self, verb: bytes, count: int = 1) -> None:
        """Until so many of these commands came."""
        async with asyncio.timeout(10):
            while sum(line.startswith(verb) for line in self.heard) < count:
                self._more.clear()
                await self._more.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._talk(reader, writer)
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stage, line, left, secure = "GREETING", b"", self._after, False
        while stage and await self._answer(stage, line, writer, scripted=left <= 0):
            await writer.drain()
            if stage == "STARTTLS" and self._context is not None and self._begins_tls:
                await writer.start_tls(self._context)
                secure = True
            stage, line = await self._next(stage, reader)
            stage = "EHLO2" if secure and stage == "EHLO" else stage
            left -= 1

    @property
    def _begins_tls(self) -> bool:
        said = self._script.get("STARTTLS", b"")
        return isinstance(said, bytes) and said.startswith(b"220")

    async def _next(self, stage: str, reader: asyncio.StreamReader) -> tuple[str, bytes]:
        if stage == "DATA":
            body = b""
            while (line := await reader.readline()) not in (b".\r\n", b""):
                body += line.removeprefix(b".")
            self.bodies.append(body)
            return ("DOT" if line else ""), line
        line = await reader.readline()
        self.heard.append(line)
        self._more.set()
        if line.startswith(b"BDAT"):
            self.bodies.append(await reader.readexactly(int(line.split()[1])))
            return "DOT", line
        verb = line.decode("latin-1").partition(" ")[0].strip()
        return (verb if verb in USUAL else ""), line  # what is no command, a TLS hello perhaps, ends it

    async def _answer(self, stage: str, line: bytes, writer: asyncio.StreamWriter, *, scripted: bool) -> bool:
        usual = USUAL["EHLO" if stage == "EHLO2" else stage]
        answer = self._script.get(stage, usual) if scripted else usual
        said = answer if isinstance(answer, bytes) else await answer(line)
        if said == CLOSE:
            return False
        if said == RESET:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        while said == DRIP:
            writer.write(b"2")
            await writer.drain()
            await asyncio.sleep(_DRIP_S)
        if said != SILENCE:
            writer.write(said)
        return True


@asynccontextmanager
async def serving(
    script: Mapping[str, Answer] | None = None,
    *,
    ip: str = "127.0.0.1",
    port: int = 0,
    after: int = 0,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """after: that many commands are answered as usual before the script holds."""
    made = Server(script or {}, after, context)
    server = await asyncio.start_server(made.serve, ip, port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)
