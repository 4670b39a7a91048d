"""A receiving server for tests that answers as it was told: by stage, a reply or a misbehaviour."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

USUAL = {
    "GREETING": b"220 mx.test\r\n",
    "EHLO": b"250-mx.test\r\n250 8BITMIME\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n",
    "DATA": b"354 go\r\n",
    "DOT": b"250 2.0.0 kept\r\n",
    "RSET": b"250 ok\r\n",
    "QUIT": b"221 bye\r\n",
}
CLOSE, SILENCE = b"close", b"silence"


class Server:
    """heard: every line of commands, of all connections. connections: how many there were."""

    def __init__(self, script: Mapping[str, bytes], after: int) -> None:
        self.port = 0
        self.heard: list[bytes] = []
        self.connections = 0
        self._script = script
        self._after = after  # so many commands get the usual answer first

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            stage, left = "GREETING", self._after
            while stage and self._answer(stage, writer, scripted=left <= 0):
                await writer.drain()
                stage = await self._next(stage, reader)
                left -= 1
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _next(self, stage: str, reader: asyncio.StreamReader) -> str:
        if stage == "DATA":
            while (line := await reader.readline()) not in (b".\r\n", b""):
                pass
            return "DOT" if line else ""
        line = await reader.readline()
        self.heard.append(line)
        return line[:4].decode().strip()

    def _answer(self, stage: str, writer: asyncio.StreamWriter, *, scripted: bool) -> bool:
        said = self._script.get(stage, USUAL[stage]) if scripted else USUAL[stage]
        if said == CLOSE:
            return False
        if said != SILENCE:
            writer.write(said)
        return True


@asynccontextmanager
async def serving(
    script: Mapping[str, bytes] | None = None, *, ip: str = "127.0.0.1", port: int = 0, after: int = 0
) -> AsyncIterator[Server]:
    """after: that many commands are answered as usual before the script holds."""
    made = Server(script or {}, after)
    server = await asyncio.start_server(made.serve, ip, port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)
