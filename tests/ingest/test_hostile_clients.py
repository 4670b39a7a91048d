"""Clients that do not play by the rules: what they get, and that nothing else is lost (faults.md B04, B09-B14, B17)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.ingest import office as offices

from gatepost.ingest import settings as ingest_settings
from gatepost.model import event as events
from gatepost.store import port

OPEN = ingest_settings.ListenerSettings(
    tls=ingest_settings.ListenerTls.NONE, bridge="shop", per_ip_connections=3, max_connections=3
)
HEAD = b"From: a@shop.example\r\nSubject: s\r\n\r\n"
SESSION = (
    b"EHLO app\r\nMAIL FROM:<a@shop.example>\r\nRCPT TO:<ann@x.example>\r\nDATA\r\n"
    + HEAD
    + b"body\r\n.\r\nQUIT\r\n"
)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[offices.Office]:
    async with offices.opened(
        tmp_path, max_size=3_000_000, max_recipients=5, command_timeout_s=1.0, data_timeout_s=1.0
    ) as made:
        yield made


@pytest.fixture
async def number(office: offices.Office) -> int:
    return (await office.listen(OPEN))[1]


async def ready(client: offices.Client, *recipients: bytes) -> None:
    await client.reply()
    await client.say(b"EHLO app.example")
    await client.say(b"MAIL FROM:<a@shop.example>")
    for recipient in recipients:
        assert (await client.say(b"RCPT TO:<%s>" % recipient)).startswith(b"250 ")


async def send(client: offices.Client, body: bytes) -> bytes:
    assert (await client.say(b"DATA")).startswith(b"354 ")
    client.writer.write(body + b".\r\n")
    return await client.reply()


async def is_well(number: int) -> bool:
    async with offices.dial(number) as client:
        await ready(client, b"ann@x.example")
        return (await send(client, HEAD)).startswith(b"250 ")


async def test_a_pipelined_group_is_answered_in_one_write_of_its_replies(number: int) -> None:
    async with offices.dial(number) as client:
        await client.reply()
        await client.say(b"EHLO app")
        client.writer.write(
            b"MAIL FROM:<a@shop.example>\r\nRCPT TO:<ann@x.example>\r\nRCPT TO:<bob@x.example>\r\nDATA\r\n"
        )
        replies = [await client.reply() for _ in range(4)]
        assert [reply[:3] for reply in replies] == [b"250", b"250", b"250", b"354"]


@pytest.mark.parametrize("early", [SESSION, b"x", b"EHLO app\r\n"])
async def test_a_whole_session_in_one_segment_sends_nothing(
    office: offices.Office, number: int, early: bytes
) -> None:
    async with offices.dial(number) as client:
        client.writer.write(early)
        await client.reader.read(1)
        client.writer.write_eof()
        said = await client.reader.read()
        assert b"Queued" not in said
    assert not office.offered


@pytest.mark.parametrize("cut", range(0, len(SESSION) - len(b"QUIT\r\n"), 9))
async def test_a_client_that_leaves_before_the_dot_leaves_nothing(
    office: offices.Office, number: int, cut: int
) -> None:
    lines = SESSION[:cut].split(b"DATA\r\n")
    async with offices.dial(number) as client:
        await client.reply()
        client.writer.write(lines[0])
        if len(lines) > 1 and await client.say(b"DATA"):
            client.writer.write(lines[1])
        await client.writer.drain()
    assert await is_well(number)
    assert len(office.offered) == 1


async def test_a_message_whose_answer_nobody_reads_is_kept(office: offices.Office, number: int) -> None:
    office.valve.open.clear()
    async with offices.dial(number) as client:
        await ready(client, b"ann@x.example")
        await client.say(b"DATA")
        client.writer.write(HEAD + b".\r\n")
        await client.writer.drain()
        await office.valve.called.wait()
        client.writer.transport.abort()
    office.valve.open.set()
    await office.got.wait()
    assert len(await office.found(events.State.QUEUED)) == 1


async def test_a_client_that_half_closes_behind_the_dot_is_still_answered(
    office: offices.Office, number: int
) -> None:
    office.valve.open.clear()
    async with offices.dial(number) as client:
        await ready(client, b"ann@x.example")
        await client.say(b"DATA")
        client.writer.write(HEAD + b".\r\n")
        await office.valve.called.wait()
        client.writer.write_eof()
        await asyncio.sleep(0)
        office.valve.open.set()
        assert (await client.reply()).startswith(b"250 ")
        assert await client.ended()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["command", "body"])
async def test_a_dribbling_client_is_cut_off_and_a_good_one_served(number: int, where: str) -> None:
    async with offices.dial(number) as client:
        await ready(client, b"ann@x.example")
        if where == "body":
            await client.say(b"DATA")

        async def dribble() -> None:
            while True:
                client.writer.write(b"x")
                await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as tasks:
            dribbling = tasks.create_task(dribble())
            assert await is_well(number)
            assert (await client.reply()).startswith(b"421 4.4.2 ")
            dribbling.cancel()


async def test_an_endless_command_line_is_refused_and_the_session_goes_on(number: int) -> None:
    async with offices.dial(number) as client:
        await client.reply()
        client.writer.write(b"x" * 1_000_000)
        assert (await client.say(b"")).startswith(b"500 5.5.2 ")
        assert (await client.say(b"NOOP")).startswith(b"250 ")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(HEAD + b"x" * 70_000 + b"\r\n", b"500 5.5.2 ", id="long-line"),
        pytest.param(HEAD + (b"x" * 998 + b"\r\n") * 3100, b"552 5.3.4 ", id="too-big"),
        pytest.param(b"A: b\r\n" * 1100 + b"\r\n", b"552 5.3.4 ", id="many-headers"),
        pytest.param((b"X: " + b"y" * 990 + b"\r\n") * 400, b"552 5.3.4 ", id="huge-header"),
    ],
)
async def test_too_much_is_refused_and_the_session_goes_on(
    office: offices.Office, number: int, body: bytes, code: bytes
) -> None:
    async with offices.dial(number) as client:
        await ready(client, b"ann@x.example")
        assert (await send(client, body)).startswith(code)
        await client.say(b"MAIL FROM:<a@shop.example>")
        await client.say(b"RCPT TO:<ann@x.example>")
        assert (await send(client, HEAD)).startswith(b"250 ")
    assert len(office.offered) == 1


async def test_an_announced_size_over_the_limit_is_refused_at_mail(number: int) -> None:
    async with offices.dial(number) as client:
        await client.reply()
        await client.say(b"EHLO app")
        assert (await client.say(b"MAIL FROM:<a@shop.example> SIZE=99999999999")).startswith(b"552 5.3.4 ")


async def test_recipients_over_the_limit_are_put_off(office: offices.Office, number: int) -> None:
    async with offices.dial(number) as client:
        await ready(client, *(b"r%d@x.example" % n for n in range(5)))
        assert (await client.say(b"RCPT TO:<r6@x.example>")).startswith(b"452 4.5.3 ")
        assert (await send(client, HEAD)).startswith(b"250 ")
    assert len(office.offered) == 5


async def test_above_its_caps_a_listener_says_421_and_closes(number: int) -> None:
    async with offices.dial(number) as one, offices.dial(number) as two, offices.dial(number) as three:
        for client in (one, two, three):
            await client.reply()
        async with offices.dial(number) as fourth:
            assert (await fourth.reply()).startswith(b"421 4.3.2 ")
            assert await fourth.ended()
        await one.say(b"QUIT")
        assert await one.ended()
        assert await is_well(number)


@pytest.mark.parametrize("text", [b"'; DROP TABLE messages;--", b"%s%n", b"{0}", b"${jndi:x}", b"a\\x00b"])
async def test_what_looks_like_code_is_stored_as_it_is(
    office: offices.Office, number: int, text: bytes
) -> None:
    address = b'"' + text.replace(b"\\", b"\\\\") + b'"@x.example'
    async with offices.dial(number) as client:
        await ready(client, address)
        message = b"From: a@shop.example\r\nSubject: " + text + b"\r\n\r\n"
        assert (await send(client, message)).startswith(b"250 ")
    [due] = office.offered
    kept = await office.store.message(due.message)
    assert due.recipient == address
    assert kept is not None
    assert kept.subject == text.decode()


# --- large messages


@pytest.mark.parametrize("size", [port.PART_BYTES - 9000, port.PART_BYTES, 2 * port.PART_BYTES, 2_500_000])
async def test_a_large_message_is_kept_in_parts_byte_for_byte(
    office: offices.Office, number: int, size: int
) -> None:
    body = HEAD + (b"0123456789" * 7 + b"\r\n") * (size // 72) + b"x" * (size % 72) + b"\r\n"
    async with offices.dial(number) as client:
        await ready(client, b"ann@x.example")
        assert (await send(client, body)).startswith(b"250 ")
    [due] = office.offered
    parts = (await office.store.bodies([due.message]))[due.message]
    assert len(parts) == due.parts + 1
    assert all(len(part) <= port.PART_BYTES for part in parts)
    assert b"".join(parts).endswith(b"\r\n" + body)
    assert due.size == sum(map(len, parts))


async def test_a_large_message_waits_for_the_store_instead_of_filling_memory(
    office: offices.Office, number: int
) -> None:
    office.valve.open.clear()
    line = b"y" * 998 + b"\r\n"
    async with offices.dial(number) as client:
        await ready(client, b"ann@x.example")
        await client.say(b"DATA")
        client.writer.write(HEAD + line * 2500)
        for _ in range(200):
            await asyncio.sleep(0)
        client.writer.write(b".\r\n")
        office.valve.open.set()
        assert (await client.reply()).startswith(b"250 ")


async def test_a_store_that_fails_under_a_large_message_is_a_451(office: offices.Office, number: int) -> None:
    office.valve.sick = True
    async with offices.dial(number) as client:
        await ready(client, b"ann@x.example")
        assert (await send(client, HEAD + (b"y" * 998 + b"\r\n") * 1500)).startswith(b"451 4.3.0 ")
        office.valve.sick = False
    assert await is_well(number)


async def test_a_foreign_from_of_a_large_message_is_refused_at_the_dot(number: int) -> None:
    async with offices.dial(number) as client:
        await ready(client, b"ann@x.example")
        body = b"From: a@evil.example\r\n\r\n" + (b"y" * 998 + b"\r\n") * 1000
        assert (await send(client, body)).startswith(b"550 5.7.1 From")


# --- the end


async def test_a_drain_ends_the_idle_and_lets_running_data_finish(office: offices.Office) -> None:
    made, number = await office.listen(OPEN)
    async with offices.dial(number) as idle, offices.dial(number) as busy:
        await idle.reply()
        await ready(busy, b"ann@x.example")
        await busy.say(b"DATA")
        async with asyncio.TaskGroup() as tasks:
            draining = tasks.create_task(made.drain(5.0))
            assert (await idle.reply()).startswith(b"421 4.3.2 ")
            busy.writer.write(HEAD + b".\r\n")
            assert (await busy.reply()).startswith(b"250 ")
            assert (await busy.reply()).startswith(b"421 4.3.2 ")
            await draining
    assert made.connections == 0
    assert len(office.offered) == 1


async def test_a_drain_breaks_off_what_takes_too_long(office: offices.Office) -> None:
    made, number = await office.listen(OPEN)
    async with offices.dial(number) as client:
        await ready(client, b"ann@x.example")
        await client.say(b"DATA")
        await made.drain(0.05)
        assert await client.ended()
    assert not office.offered
