"""A running gateway whose mail is signed, and a receiver that keeps what it took: for the DKIM scenarios."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.dkim import verifier
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

HEADER = b"From: News <news@shop.test>\r\nSubject: hello\r\n"
_COMMAND = "import sys; from gatepost.cli.main import main; main(sys.argv[1:])"
MESSAGES = {
    "plain": HEADER + b"\r\nGood morning\r\n",
    "dotted": HEADER + b"\r\n.one\r\n..two\r\n.\r\nend\r\n\r\n\r\n",
    "eight-bit": HEADER + b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xa9t\xc3\xa9 \t \r\n",
    "bodiless": HEADER + b"\r\n",
    "large": HEADER
    + b"\r\n"
    + b"\r\n".join(b"%07d line  with spaces \t" % n for n in range(40_000))
    + b"\r\n",
}


class Receiver(receivers.Receiver):
    """``wait…`` gets 451 until it is let in."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = True

    def _answer(self, recipient: str) -> bytes:
        if recipient.startswith("wait") and self.closed:
            self.asked[recipient] += 1
            return b"451 4.7.1 not now\r\n"
        return super()._answer(recipient)

    def received(self, recipient: str) -> bytes:
        """The only message that it took for somebody, un-stuffed."""
        [body] = [body for to, _, body in self.taken if to == recipient]
        return re.sub(rb"(?m)^\.", b"", body)


class Works:
    """The gateway, the receiver, and what the commands printed for DNS."""

    def __init__(self, gateway: gateways.Gateway, receiver: Receiver) -> None:
        self.gateway = gateway
        self.receiver = receiver
        self.records: dict[str, str] = {}

    async def dkim(self, *arguments: str) -> list[dict[str, Any]]:
        """``gatepost dkim …`` beside the running gateway."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", _COMMAND, "dkim", *arguments, "--json", "-c", str(self.gateway.toml)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert (process.returncode, err) == (0, b"")
        shapes: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
        self.records |= {one["name"]: one["value"] for one in shapes}
        return shapes

    async def send(self, message: bytes, *recipients: str) -> None:
        stuffed = re.sub(rb"(?m)^\.", b"..", message)
        assert (await gateways.submit(self.gateway.open, stuffed, recipients))[-1].startswith(b"250")

    async def selectors(self, recipient: str) -> list[str]:
        """Whose signatures stand on what somebody got; all of them verify."""
        found = verifier.verify(self.receiver.received(recipient), self.records)
        return [one["s"] for one in found]

    async def wait_signed_by(self, *selectors: str) -> None:
        """A running gateway takes new keys within a second: until then probes go out signed as before."""
        for number in range(100):
            probe = f"probe{number}-{'-'.join(selectors)}@rcpt.test"
            await self.send(HEADER + b"\r\nprobe\r\n", probe)
            await self.gateway.wait_open(sum(one.startswith("wait") for one in self.receiver.asked))
            if await self.selectors(probe) == list(selectors):
                return
        raise AssertionError(self.gateway.log.read_text())


@asynccontextmanager
async def working(path: Path) -> AsyncIterator[Works]:
    """Started, without keys."""
    async with Receiver() as receiver, gateways.running(path, receiver.port) as gateway:
        yield Works(gateway, receiver)
