"""Reports are read in a process of their own, which may be lost without harm."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gatepost.app import parser, parsing
from gatepost.ingest import intake, reading
from gatepost.reports import parser as report_parser

DSN = b"""From: MAILER-DAEMON@mx.rcpt.test\r
To: b.x@bounce.shop.test\r
Subject: Undelivered Mail Returned to Sender\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="=b"\r
\r
--=b\r
Content-Type: text/plain\r
\r
I could not deliver it.\r
--=b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.rcpt.test\r
\r
Final-Recipient: rfc822; ann@rcpt.test\r
Action: failed\r
Status: 5.1.1\r
Remote-MTA: dns; store.rcpt.test\r
Diagnostic-Code: smtp; 550 5.1.1 <ann@rcpt.test>: no such user\r
\r
--=b\r
Content-Type: message/rfc822\r
\r
X-Gatepost-Token: h.0000000000001.gyh4.01.7by9gfeqwt3e9nbz\r
From: news@shop.test\r
Message-ID: <1@shop.test>\r
\r
hi\r
--=b--\r
"""


@pytest.fixture
async def reader() -> AsyncIterator[parsing.Reader]:
    made = parsing.Reader(10.0)
    yield made
    made.close()


def children() -> list[int]:
    """The reader processes of this one."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in pids if b"gatepost.app.parser" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def test_a_report_is_told_as_what_the_listener_needs(reader: parsing.Reader) -> None:
    gist = await reader.read(DSN)
    assert gist == reading.Gist(
        kind=reading.Of.DSN,
        lines=(
            reading.Line(
                ("ann@rcpt.test",),
                "failed",
                550,
                b"550 5.1.1 <ann@rcpt.test>: no such user",
                "store.rcpt.test",
            ),
        ),
        mta="mx.rcpt.test",
        marks=("h.0000000000001.gyh4.01.7by9gfeqwt3e9nbz",),
    )
    assert gist == parser.gist(report_parser.parse(DSN))


async def test_many_are_read_one_after_the_other_by_one_process(reader: parsing.Reader) -> None:
    found = await asyncio.gather(*(reader.read(DSN if n % 2 else b"\r\n%d" % n) for n in range(50)))
    kinds = [one.kind for one in found if one is not None]
    assert kinds == [reading.Of.OTHER, reading.Of.DSN] * 25
    assert len(children()) == 1


async def test_a_process_that_dies_loses_one_report_and_the_next_finds_another(
    reader: parsing.Reader,
) -> None:
    await reader.read(DSN)
    [pid] = children()
    os.kill(pid, signal.SIGKILL)
    assert await reader.read(DSN) is None
    assert (await reader.read(DSN)) is not None
    assert reader.ended == 1


async def test_what_takes_too_long_is_given_up_and_its_process_ended() -> None:
    reader = parsing.Reader(0.3)
    while await reader.read(DSN) is None:
        continue  # a slow machine may need more than that to start one
    [pid] = children()
    os.kill(pid, signal.SIGSTOP)
    ended = reader.ended
    assert await reader.read(DSN) is None
    assert reader.ended == ended + 1
    assert pid not in children()
    reader.close()


async def test_more_than_may_wait_is_overload(reader: parsing.Reader) -> None:
    await reader.read(DSN)
    [pid] = children()
    os.kill(pid, signal.SIGSTOP)
    waiting = [asyncio.get_running_loop().create_task(reader.read(DSN)) for _ in range(parsing.WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(intake.Overloaded):
        await reader.read(DSN)
    os.kill(pid, signal.SIGCONT)
    assert all(one is not None for one in await asyncio.gather(*waiting))


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(b"Content-Type: " + b";" * 20_000 + b"\r\n\r\n", id="parameters"),
        pytest.param(
            b"".join(
                b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000)
            ),
            id="depth",
        ),
        pytest.param(
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000, id="parts"
        ),
        pytest.param(b"To: " + b"(" * 50_000 + b"\r\n\r\n", id="comments"),
        pytest.param(b"X" * 10_000_000, id="size"),
    ],
)
async def test_a_bomb_is_read_within_its_time_or_given_up(reader: parsing.Reader, bomb: bytes) -> None:
    await reader.read(DSN)
    await asyncio.wait_for(reader.read(bomb), 5)
    assert (await reader.read(DSN)) is not None
