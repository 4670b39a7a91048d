"""Hands reports to a process that reads them, one after the other, and ends it where one takes too long.

Guarantees: what cannot be read in its time, or ends the process, is None, and the next one finds a new process; no more than
``WAITING`` wait, above that it is Overloaded; nothing of it runs in the worker's own process.
Not here: reading (``parser``).
"""

import asyncio
import socket
import subprocess
import sys

import msgspec

from gatepost import log as logs
from gatepost.app import parser
from gatepost.ingest import intake, reading

WAITING = 500
READ_BYTES = (
    1024 * 1024 + 1
)  # of a report: what matters stands in front (gatepost.reports.limits), and one more tells that it was cut
MOST_ANSWER = 4 * 1024 * 1024

_GIST = msgspec.msgpack.Decoder(reading.Gist)


class _Process:
    """One reader process with its line."""

    def __init__(self, process: subprocess.Popen[bytes], line: socket.socket) -> None:
        self._process = process
        self._line = line

    async def ask(self, raw: bytes) -> bytes:
        """One document; its gist as bytes. Raises OSError, EOFError where the process is gone."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._line, len(raw).to_bytes(parser.HEAD, "big") + raw)
        size = int.from_bytes(await self._exactly(parser.HEAD), "big")
        if size > MOST_ANSWER:
            raise EOFError
        return await self._exactly(size)

    def end(self) -> None:
        """Kill it."""
        self._line.close()
        self._process.kill()
        self._process.wait()

    async def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            chunk = await asyncio.get_running_loop().sock_recv(self._line, size - len(found))
            if not chunk:
                raise EOFError
            found += chunk
        return found


class Reader:
    """``read`` reports; ``close`` at the end. The process is started with the first report."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._process: _Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self.ended = 0  # processes that had to be ended

    async def read(self, raw: bytes) -> reading.Gist | None:
        """The gist; None where it cannot be told. Raises Overloaded."""
        if self._waiting >= WAITING:
            raise intake.Overloaded("too many reports wait to be read")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._read(raw[:READ_BYTES])
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
            self._process = None

    async def _read(self, raw: bytes) -> reading.Gist | None:
        if self._process is None:
            self._process = _start()
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._process.ask(raw)
            return _GIST.decode(answer)
        except (TimeoutError, OSError, EOFError, msgspec.MsgspecError) as error:
            self.close()
            self.ended += 1
            logs.get("inbound").warning("a report could not be read", problem=repr(error), size=len(raw))
            return None
        except BaseException:
            self.close()  # cancelled in the middle of a document
            raise


def _start() -> _Process:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "gatepost.app.parser", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return _Process(process, ours)
