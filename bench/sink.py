"""A receiving server for benchmarks: takes everything, or with ``bounce`` refuses by the recipient's last digit.

Run as ``python -m bench.sink PORT FILE [bounce]``; writes ``taken hard soft last`` to FILE every 20 ms.
"""

import asyncio
import struct
import sys
import time
from pathlib import Path
from typing import cast

import uvloop

FORMAT = "<3qd"
_HELLO = b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 SIZE 99999999\r\n"


class Counts:
    """Of the whole run."""

    def __init__(self) -> None:
        self.taken = self.hard = self.soft = 0
        self.last = 0.0

    def packed(self) -> bytes:
        """As written to the file."""
        return struct.pack(FORMAT, self.taken, self.hard, self.soft, self.last)


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self, counts: Counts, *, bounce: bool) -> None:
        self._counts = counts
        self._bounce = bounce
        self._data = b""
        self._in_body = False
        self._chunk = -1  # octets of one that are still to come
        self._recipients = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 sink.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Commands, or a body."""
        self._data += data
        out: list[bytes] = []
        while self._data:
            if self._chunk >= 0:
                taken = min(self._chunk, len(self._data))
                self._data = self._data[taken:]
                self._chunk -= taken
                if self._chunk:
                    break
                self._chunk = -1
                out.append(self._took())
                continue
            if self._in_body:
                end = self._data.find(b"\r\n.\r\n")
                if end < 0:
                    self._data = self._data[-4:]
                    break
                self._data = self._data[end + 5 :]
                self._in_body = False
                out.append(self._took())
                continue
            line, found, rest = self._data.partition(b"\r\n")
            if not found:
                break
            self._data = rest
            if line[:4].upper() == b"BDAT":  # one chunk is a whole message here
                self._chunk = int(line.split()[1])
                continue
            out.append(self._answer(line))
        self._transport.write(b"".join(out))

    def _took(self) -> bytes:
        if not self._recipients:
            return b"554 5.5.1 No valid recipients\r\n"
        self._counts.taken += self._recipients
        self._counts.last = time.monotonic()
        return b"250 2.0.0 Ok: taken\r\n"

    def _answer(self, line: bytes) -> bytes:
        match line[:4].upper():
            case b"EHLO":
                return _HELLO
            case b"RCPT":
                return self._rcpt(line)
            case b"MAIL":
                self._recipients = 0
                return b"250 2.1.0 Ok\r\n"
            case b"DATA":
                if not self._recipients:
                    return b"554 5.5.1 No valid recipients\r\n"
                self._in_body = True
                return b"354 go\r\n"
            case b"QUIT":
                return b"221 2.0.0 Bye\r\n"
            case _:
                return b"250 2.0.0 Ok\r\n"

    def _rcpt(self, line: bytes) -> bytes:
        digit = next((c - 48 for c in reversed(line.partition(b"@")[0]) if 48 <= c <= 57), 9)
        if self._bounce and b"postmaster" not in line and digit < 5:
            self._counts.last = time.monotonic()
            if digit < 3:
                self._counts.hard += 1
                return b"550 5.1.1 No such user\r\n"
            self._counts.soft += 1
            return b"451 4.7.1 Try again later\r\n"
        self._recipients += 1
        return b"250 2.1.5 Ok\r\n"


async def _main(port: int, file: Path, *, bounce: bool) -> None:
    counts = Counts()
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Sink(counts, bounce=bounce), "127.0.0.1", port, backlog=1000)
    while True:
        file.write_bytes(counts.packed())  # noqa: ASYNC240 - some bytes in memory
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(int(sys.argv[1]), Path(sys.argv[2]), bounce=len(sys.argv) > 3))
