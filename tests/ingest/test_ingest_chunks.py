"""Messages in chunks over real sockets: kept byte for byte, whatever waits, and who trickles is cut off (RFC 3030; faults.md B09, B20)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.ingest import office as offices

from gatepost.ingest import settings as ingest_settings
from gatepost.smtp import server

OPEN = ingest_settings.ListenerSettings(tls=ingest_settings.ListenerTls.NONE, bridge="shop")
HEAD = b"From: a@shop.example\r\nSubject: s\r\n\r\n"
ENVELOPE = b"MAIL FROM:<a@shop.example>\r\nRCPT TO:<ann@x.example>\r\n"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[offices.Office]:
    async with offices.opened(
        tmp_path, max_size=3_000_000, command_timeout_s=1.0, data_timeout_s=1.0
    ) as made:
        yield made


@pytest.fixture
async def number(office: offices.Office) -> int:
    return (await office.listen(OPEN))[1]


def bdat(text: bytes, *, last: bool = False) -> bytes:
    return b"BDAT %d%s\r\n%s" % (len(text), b" LAST" if last else b"", text)


async def replies(client: offices.Client, count: int) -> list[bytes]:
    return [(await client.reply())[:3] for _ in range(count)]


@pytest.mark.parametrize("size", [0, 1_000, 2_500_000])
async def test_a_message_in_chunks_is_kept_byte_for_byte(
    office: offices.Office, number: int, size: int
) -> None:
    body = HEAD + b"..dots\r\n.\r\n" + (b"0123456789" * 7 + b"\r\n") * (size // 72) + b"no end of line"
    async with offices.dial(number) as client:
        await client.reply()
        assert b"CHUNKING" in await client.say(b"EHLO app")
        cuts = range(0, len(body), 70_001)
        chunks = b"".join(bdat(body[at : at + 70_001]) for at in cuts)
        client.writer.write(ENVELOPE + chunks + bdat(b"", last=True))
        assert await replies(client, 3 + len(cuts)) == [b"250"] * (3 + len(cuts))
    [due] = office.offered
    kept = b"".join((await office.store.bodies([due.message]))[due.message])
    assert kept.endswith(b"\r\n" + body + b"\r\n")
    assert due.size == len(kept)


async def test_what_waits_for_an_answer_is_not_read_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    """Each recipient is looked up in the store before the chunks behind it are taken."""
    bodies = [HEAD + (b"%d" % n) * 300_000 + b"\r\n" for n in range(4)]
    bodies = [b"\r\n".join(body[at : at + 900] for at in range(0, len(body), 900)) for body in bodies]
    async with offices.opened(tmp_path, max_size=3_000_000) as office:
        number = (await office.listen(OPEN))[1]
        async with offices.dial(number) as client:
            await client.reply()
            await client.say(b"EHLO app")
            for body in bodies:
                client.writer.write(ENVELOPE + bdat(body, last=True))
            assert await replies(client, 12) == [b"250"] * 12
        assert sum(len(body) for body in bodies) > server.MAX_WAITING
        assert len(office.offered) == len(bodies)


async def trickle(client: offices.Client, piece: bytes) -> None:
    async with asyncio.timeout(10):
        while True:
            client.writer.write(piece)
            await client.writer.drain()
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("step", [b"BDAT 9999\r\n", b"BDAT 9999999 LAST\r\n", b""])
async def test_who_trickles_chunks_is_cut_off(number: int, step: bytes) -> None:
    async with offices.dial(number) as client:
        await client.reply()
        await client.say(b"EHLO app")
        client.writer.write(ENVELOPE + bdat(HEAD) + step)
        await replies(client, 3)
        with pytest.raises(ConnectionError):
            await trickle(client, b"x" if step else bdat(b"y"))


@pytest.mark.parametrize(
    "forged",
    [
        b"PROXY TCP4 192.0.2.9 127.0.0.1 4000 25\r\n",
        b"XCLIENT ADDR=192.0.2.9 NAME=trusted.example\r\n",
        b"XFORWARD ADDR=192.0.2.9\r\n",
    ],
)
async def test_a_forged_address_of_the_client_changes_nothing(
    office: offices.Office, number: int, forged: bytes
) -> None:
    async with offices.dial(number) as client:
        await client.reply()
        client.writer.write(forged)
        assert (await client.reply()).startswith(b"500 5.5.2 ")
        await client.say(b"EHLO app")
        client.writer.write(ENVELOPE + bdat(HEAD, last=True))
        assert await replies(client, 3) == [b"250"] * 3
    [due] = office.offered
    kept = await office.store.message(due.message)
    assert kept is not None
    assert kept.peer_ip == "127.0.0.1"


@pytest.mark.parametrize("early", [b"PROXY TCP4 192.0.2.9 ", b"\r\n\r\n\0\r\nQUIT\n\x21\x11"])
async def test_a_forged_address_before_the_greeting_is_early_talk_or_an_error(
    number: int, early: bytes
) -> None:
    async with offices.dial(number) as client:
        client.writer.write(early + b"x" * 2_000_000)
        client.writer.write(b"\r\n")
        client.writer.write_eof()
        said = await client.reader.read()
        assert b"Queued" not in said
        assert b"192.0.2.9" not in said
