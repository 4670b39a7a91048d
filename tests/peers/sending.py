"""What the tests with other people's programs share: one message through the gateway, and what the feed says of it."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.scenarios import gateway as gateways

from gatepost.model import event as events

MESSAGE = b"From: News <news@shop.test>\r\nSubject: hello\r\n\r\nGood morning\r\n..dot\r\n"
TRIED = frozenset({events.State.DELIVERED, events.State.DEFERRED, events.State.BOUNCED})


async def tried(gateway: gateways.Gateway, recipients: Sequence[str]) -> Mapping[str, events.Event]:
    """The first attempt's event of every recipient, as soon as all have one."""
    for _ in range(250):
        found: dict[str, events.Event] = {}
        for one in await gateway.events():
            if one.state in TRIED:
                found.setdefault(one.recipient, one)
        if found.keys() >= set(recipients):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"only {list(found)}\n{gateway.log.read_text()[-3000:]}")


async def send(gateway: gateways.Gateway, recipients: Sequence[str]) -> Mapping[str, events.Event]:
    """Submit one message and wait for its first attempts."""
    said = await gateways.submit(gateway.open, MESSAGE, recipients)
    assert said[-1].startswith(b"250 2.0.0 Queued as "), said
    return await tried(gateway, recipients)


async def suppressed(gateway: gateways.Gateway) -> list[str]:
    """The addresses and domains that are suppressed now."""
    async with gateway.store() as store:
        return [entry.target for _, entry in await store.suppressions((), 0, 100)]


async def traced(gateway: gateways.Gateway, what: str) -> list[bytes]:
    """The replies as ``gatepost trace --json`` gives them."""
    program = str(Path(sys.executable).with_name("gatepost"))
    status, output = await run([program, "trace", what, "--json", "-c", str(gateway.toml)])
    assert status == 0, output
    lines = [json.loads(line) for line in output.splitlines()]
    return [base64.b64decode(line["reply_base64"]) for line in lines if line["reply_base64"]]


async def run(
    command: Sequence[str], stdin: str = "", env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """A program's exit status, and what it wrote to both its outputs."""

    def wait() -> tuple[int, str]:
        done = subprocess.run(
            command,
            input=stdin.encode(),
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
        )
        return done.returncode, done.stdout.decode(errors="replace")

    return await asyncio.to_thread(wait)


def read(path: Path) -> str:
    """A log, whatever bytes it has."""
    return path.read_text(errors="replace") if path.exists() else ""
