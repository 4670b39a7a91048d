"""A store that does not come to write: what the clients hear, and that nothing of it is kept (faults.md P4)."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.ingest import office as offices

from gatepost.ingest import settings as ingest_settings
from gatepost.model import event as events
from gatepost.net import http_server, listen

OPEN = ingest_settings.ListenerSettings(tls=ingest_settings.ListenerTls.NONE, bridge="shop")
MESSAGE = b"From: a@shop.example\r\nSubject: s\r\n\r\nbody\r\n"
LARGE = b"From: a@shop.example\r\n\r\n" + (b"y" * 998 + b"\r\n") * 1000
BUSY = b"451 4.3.2 store: busy, try again later\r\n"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[offices.Office]:
    async with offices.opened(tmp_path, accept_timeout_s=0.05) as made:
        yield made


@contextlib.asynccontextmanager
async def sending(number: int, domain: bytes, message: bytes = MESSAGE) -> AsyncIterator[offices.Client]:
    """A client that has said everything up to the dot."""
    async with offices.dial(number) as client:
        await client.reply()
        await client.say(b"EHLO app")
        await begin(client, domain, message)
        yield client


async def begin(client: offices.Client, domain: bytes, message: bytes = MESSAGE) -> None:
    assert (await client.say(b"MAIL FROM:<a@shop.example>")).startswith(b"250 ")
    assert (await client.say(b"RCPT TO:<ann@%s>" % domain)).startswith(b"250 ")
    assert (await client.say(b"DATA")).startswith(b"354 ")
    client.writer.write(message + b".\r\n")


async def test_a_message_that_waits_too_long_is_a_451_and_mail_flows_again(
    office: offices.Office, tmp_path: Path
) -> None:
    _, number = await office.listen(OPEN)
    async with sending(number, b"x.example") as before:
        assert (await before.reply()).startswith(b"250 ")
    with offices.stalled(tmp_path):
        async with sending(number, b"x.example") as first, sending(number, b"x.example") as second:
            assert await first.reply() == BUSY
            assert await second.reply() == BUSY
            office.got.clear()
            await begin(first, b"x.example")
            assert await first.reply() == BUSY
    async with sending(number, b"x.example") as after:
        assert (await after.reply()).startswith(b"250 ")
    assert len(office.offered) == len(await office.found(events.State.RECEIVED)) == 2


@pytest.mark.parametrize(
    ("domain", "message"),
    [pytest.param(b"new.example", MESSAGE, id="new-lane"), pytest.param(b"x.example", LARGE, id="large")],
)
async def test_whatever_a_message_waits_for_is_bounded(
    office: offices.Office, tmp_path: Path, domain: bytes, message: bytes
) -> None:
    _, number = await office.listen(OPEN)
    async with sending(number, b"x.example") as client:
        assert (await client.reply()).startswith(b"250 ")
        with offices.stalled(tmp_path):
            await begin(client, domain, message)
            assert await client.reply() == BUSY
        await begin(client, domain, message)
        assert (await client.reply()).startswith(b"250 ")
    assert len(await office.found(events.State.RECEIVED)) == 2


async def test_over_http_it_is_a_503_and_the_same_key_may_be_used_again(
    office: offices.Office, tmp_path: Path
) -> None:
    [sock] = listen.bind("127.0.0.1", 0, "test")
    server = http_server.HttpServer(office.app, None)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run([sock]))
        number = int(sock.getsockname()[1])
        with offices.stalled(tmp_path):
            answer = await post(number)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 5\r\n" in answer.lower()
        assert (await post(number)).startswith(b"HTTP/1.1 202 ")
        server.stop()
    assert len(office.offered) == len(await office.found(events.State.RECEIVED)) == 1


async def post(number: int) -> bytes:
    body = json.dumps({"from": "a@shop.example", "to": "ann@x.example", "text": "hi"}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    writer.write(
        b"POST /v1/send HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n"
        b"Idempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (offices.KEY.encode(), len(body), body)
    )
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return answer
