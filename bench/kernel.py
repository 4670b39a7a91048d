"""What the event loop and the kernel take for the bytes of a message, whoever handles them: canned bytes over real sockets.

A child process plays client and receiver; this process answers each segment with canned bytes and sends each message on,
as the gateway would, without looking at what it reads. Only this process's CPU time counts.
"""

import asyncio
import functools
import multiprocessing
import time
from typing import cast

from bench import pieces

_REPLIES = {pieces.MAIL: b"250 2.1.0 Ok\r\n", pieces.RCPT: b"250 2.1.5 Ok\r\n", b"DATA\r\n": b"354 go\r\n"}
_DOT = b"250 2.0.0 Queued\r\n"
_ENVELOPE = pieces.MAIL + pieces.RCPT + b"DATA\r\n"
_THREE = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n"


class _Talk(asyncio.Protocol):
    """One end of a connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)


class _Onward(_Talk):
    """Our connection to the receiver: envelope, then body, then free again."""

    def __init__(self) -> None:
        self._answers = 0

    def data_received(self, data: bytes) -> None:
        self._answers += data.count(b"\n")
        if self._answers == 3:
            self.transport.writelines([pieces.MESSAGE, b".\r\n"])
        elif self._answers == 4:
            self._answers = 0


class _Server(_Talk):
    """Our side of a client: each segment its answer; a whole body is sent on."""

    def __init__(self, onward: _Onward) -> None:
        self._onward = onward
        self._body = 0

    def data_received(self, data: bytes) -> None:
        reply = _REPLIES.get(data) if not self._body else None
        if reply is not None:
            self.transport.write(reply)
            return
        self._body += len(data)
        if self._body >= len(pieces.BODY):
            self._body = 0
            self._onward.transport.write(_ENVELOPE)
            self.transport.write(_DOT)


class _Receiver(_Talk):
    """The child's server: answers an envelope and a body."""

    def __init__(self) -> None:
        self._read = 0

    def data_received(self, data: bytes) -> None:
        before, self._read = self._read, self._read + len(data)
        if before < len(_ENVELOPE) <= self._read:
            self.transport.write(_THREE)
        elif self._read == len(_ENVELOPE) + len(pieces.MESSAGE) + 3:
            self._read = 0
            self.transport.write(_DOT)


class _Client(_Talk):
    """The child's client: each segment after the answer to the one before."""

    def __init__(self, count: int, done: asyncio.Future[None]) -> None:
        self._left = count * 4
        self._done = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        del data
        if not self._left:
            self._done.set_result(None)
            return
        self.transport.write((pieces.BODY, b"DATA\r\n", pieces.RCPT, pieces.MAIL)[(self._left - 1) % 4])
        self._left -= 1


def _child(ports: "multiprocessing.connection.Connection", sessions: int, count: int) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Receiver, "127.0.0.1", 0)
        ports.send(server.sockets[0].getsockname()[1])
        while port := await asyncio.to_thread(ports.recv):
            ended = [loop.create_future() for _ in range(sessions)]
            for done in ended:
                client = functools.partial(_Client, count // sessions, done)
                await loop.create_connection(client, "127.0.0.1", port)
            await asyncio.gather(*ended)
            ports.send(None)

    asyncio.run(run())


async def measure(sessions: int, count: int, rounds: int) -> float:
    """Least CPU microseconds of this process per message."""
    loop = asyncio.get_running_loop()
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_child, args=(theirs, sessions, count))
    child.start()
    port = await asyncio.to_thread(ours.recv)
    free = [(await loop.create_connection(_Onward, "127.0.0.1", port))[1] for _ in range(sessions)]
    at = iter(range(sessions * (rounds + 1)))
    server = await loop.create_server(lambda: _Server(free[next(at) % sessions]), "127.0.0.1", 0)
    found = []
    for _ in range(rounds):
        began = time.process_time()
        ours.send(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(ours.recv)
        found.append((time.process_time() - began) / count * 1e6)
    ours.send(0)
    await asyncio.to_thread(child.join)
    server.close()
    return min(found)
