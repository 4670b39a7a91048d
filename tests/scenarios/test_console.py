"""The console of a running gateway: its own process, beside workers that deliver."""

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

from gatepost.app import compose
from gatepost.model import directory as directories
from gatepost.store import credentials

MESSAGE = b"From: News <news@shop.test>\r\nSubject: hello\r\n\r\nbye\r\n"


async def add_key(gateway: gateways.Gateway, name: str) -> dict[str, str]:
    """A key to the running gateway; the header that carries it."""
    key = credentials.new_key()
    mac = credentials.mac(compose.pepper(gateway.settings), key)
    async with gateway.store() as store:
        await store.change_directory([directories.ApiKey(0, name, directories.Role.ADMIN, mac)], "test")
    return {"Authorization": f"Bearer {key}"}


async def answered(session: aiohttp.ClientSession, url: str, headers: dict[str, str], status: int) -> Any:
    """The answer, once it has this status: a new key is known, and a revoked one ends, within a second.

    The console is a process of its own, which may listen a little later than the workers.
    """
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectorError):
                async with session.get(url, headers=headers) as answer:
                    if answer.status == status:
                        return await answer.read()
            await asyncio.sleep(0.05)


async def heard(answer: aiohttp.ClientResponse, state: str) -> Any:
    async with asyncio.timeout(20):
        while True:
            line = await answer.content.readline()
            if line.startswith(b"data: ") and json.loads(line[6:])["state"] == state:
                return json.loads(line[6:])


async def test_what_a_receiver_says_is_in_an_open_stream_at_once_and_a_stop_ends_it(tmp_path: Path) -> None:
    [port] = gateways.free_ports(1)
    console = f'[console]\naddress = "127.0.0.1:{port}"\n'
    base = f"http://127.0.0.1:{port}"
    async with (
        receivers.Receiver() as sink,
        gateways.running(tmp_path, sink.port, policy=console) as gateway,
        aiohttp.ClientSession() as session,
    ):
        headers = await add_key(gateway, "ops")
        await answered(session, f"{base}/v1/me", headers, 200)
        async with session.get(f"{base}/v1/events/stream?bridge=shop", headers=headers) as stream:
            await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test", "dead1@rcpt.test"])
            bounced = await heard(stream, "bounced")
            assert (bounced["recipient"], bounced["category"]) == ("dead1@rcpt.test", "recipient.unknown")
            await gateway.wait_open()
            path = f"{base}/v1/messages/{bounced['message']}"
            whole = json.loads(await answered(session, path, headers, 200))
            assert {one["recipient"]: one["state"] for one in whole["deliveries"]} == {
                "ann@rcpt.test": "delivered",
                "dead1@rcpt.test": "bounced",
            }
            [entry] = json.loads(await answered(session, f"{base}/v1/suppressions", headers, 200))["items"]
            assert entry["target"] == "dead1@rcpt.test"
            figures = await answered(session, f"{base}/metrics", headers, 200)
            assert b'gatepost_events_total{category="recipient.unknown",outcome="hard"' in figures
            began = time.monotonic()
            assert await gateway.stop() == 0
            assert time.monotonic() - began < 15
            async with asyncio.timeout(5):
                await stream.content.read()


async def test_a_key_that_is_revoked_ends_within_a_second(tmp_path: Path) -> None:
    [port] = gateways.free_ports(1)
    console = f'[console]\naddress = "127.0.0.1:{port}"\n'
    url = f"http://127.0.0.1:{port}/v1/me"
    async with gateways.running(tmp_path, 1, policy=console) as gateway, aiohttp.ClientSession() as session:
        headers = await add_key(gateway, "ops")
        await answered(session, url, headers, 200)
        async with gateway.store() as store:
            [key] = (await store.directory()).api_keys
            ended = directories.ApiKey(key.id, key.name, key.role, key.key_mac, revoked_at=1)
            await store.change_directory([ended], "test")
        began = time.monotonic()
        await answered(session, url, headers, 401)
        assert time.monotonic() - began < 3
