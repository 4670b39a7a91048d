"""The submitter is told: what cannot be delivered comes back to its sender, once, whatever is killed meanwhile."""

import asyncio
import os
import signal
import smtplib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import suppression as suppressions
from gatepost.reports import parser
from gatepost.reports import report as reports

State = events.State
SENDER = "news@shop.test"
MESSAGE = b"From: News <news@shop.test>\r\nSubject: hello\r\nX-Token: t1\r\n\r\nbody text\r\n"


@asynccontextmanager
async def telling(
    path: Path, sink: receivers.Receiver, *, scale: float = 0.002, workers: int = 1
) -> AsyncIterator[gateways.Gateway]:
    auto = directories.NotifySender.AUTO
    async with gateways.running(path, sink.port, scale=scale, workers=workers, notify_sender=auto) as gateway:
        yield gateway


async def told(sink: receivers.Receiver, count: int = 1) -> list[bytes]:
    """The notices that arrived, once there are so many."""
    for _ in range(600):
        found = [body for to, _, body in sink.taken if to == SENDER]
        if len(found) >= count:
            break
        await asyncio.sleep(0.05)
    return found


def _send(port: int, recipients: Sequence[str], mail: Sequence[str] = (), rcpt: Sequence[str] = ()) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail(SENDER, list(recipients), MESSAGE, mail, rcpt)


async def send(
    gateway: gateways.Gateway, *recipients: str, mail: Sequence[str] = (), rcpt: Sequence[str] = ()
) -> None:
    await asyncio.to_thread(_send, gateway.open, recipients, mail, rcpt)


def read(notice: bytes) -> EmailMessage:
    found = message_from_bytes(notice, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


async def test_a_dead_address_comes_back_with_the_reply_as_it_was_given(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, telling(tmp_path, sink) as gateway:
        asked = ("NOTIFY=FAILURE", "ORCPT=rfc822;Dead+2B1@rcpt.test")
        await send(gateway, "dead1@rcpt.test", mail=("RET=HDRS", "ENVID=QQ+2B314"), rcpt=asked)
        [notice] = await told(sink)
        assert sink.senders == [""]
        mail, parsed = read(notice), parser.parse(notice)
        assert mail["To"] == SENDER
        assert mail["Auto-Submitted"] == "auto-replied"
        assert mail.get_content_type() == "multipart/report"
        [one] = parsed.recipients
        assert (one.address, one.action, one.status) == ("dead1@rcpt.test", reports.Action.FAILED, "5.1.1")
        assert one.original == "Dead+1@rcpt.test"
        assert one.reply == r"550 5.1.1 <dead1@rcpt.test>: no such user here \xe9"
        assert parsed.original is not None
        assert parsed.original.get("x-token") == "t1"
        assert b"\r\nOriginal-Envelope-Id: QQ+314\r\n" in notice
        assert b"\r\nReporting-MTA: dns; gw.test\r\n" in notice
        assert b"body text" not in notice
        await gateway.wait_open()
        found = await gateway.events()
        [noted] = [e for e in found if e.state is State.NOTIFIED]
        assert (noted.recipient, noted.detail) == (SENDER, "told of 1 recipient")
        assert {e.bridge for e in found if e.campaign == "notices"} == {0}
        async with gateway.store() as store:
            assert all(kept == again and kept.holds for kept, again in await store.ledger())
            assert await store.notices(1 << 60, 9, 9) == []


async def test_many_recipients_come_back_in_one_mail(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, telling(tmp_path, sink) as gateway:
        dead = [f"dead{n}@rcpt.test" for n in range(200)]
        await send(gateway, *dead, "ann@rcpt.test")
        [notice] = await told(sink)
        parsed = parser.parse(notice)
        assert sorted(one.address for one in parsed.recipients) == sorted(dead)
        await gateway.wait_open()
        assert len(await told(sink)) == 1


async def test_who_fails_first_is_told_before_the_last_one_has_its_end(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, telling(tmp_path, sink) as gateway:
        sink.says["slow@rcpt.test"] = b"451 4.3.0 not now"
        short = b"X-Gatepost-Expires-In: 4s\r\n" + MESSAGE
        await gateways.submit(gateway.open, short, ["dead@rcpt.test", "slow@rcpt.test"])
        first, second = await told(sink, 2)
        assert [one.address for one in parser.parse(first).recipients] == ["dead@rcpt.test"]
        [late] = parser.parse(second).recipients
        assert (late.address, late.reply) == ("slow@rcpt.test", "451 4.3.0 not now")
        assert b"\r\nStatus: 4.4.7\r\n" in second


async def test_never_means_never_and_success_and_delay_are_told_where_asked(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, telling(tmp_path, sink, scale=0.0001) as gateway:
        await send(gateway, "dead1@rcpt.test", rcpt=("NOTIFY=NEVER",))
        await send(gateway, "dead2@rcpt.test", "ann@rcpt.test", rcpt=("NOTIFY=SUCCESS",))
        [relayed] = await told(sink)
        [one] = parser.parse(relayed).recipients
        assert (one.address, one.action, one.status) == ("ann@rcpt.test", reports.Action.RELAYED, "2.1.9")
        sink.says["slow@rcpt.test"] = b"451 4.3.0 not now"
        await send(gateway, "slow@rcpt.test", rcpt=("NOTIFY=DELAY",))
        _, delayed = await told(sink, 2)
        [one] = parser.parse(delayed).recipients
        assert (one.address, one.action) == ("slow@rcpt.test", reports.Action.DELAYED)
        assert b"\r\nWill-Retry-Until: " in delayed
        del sink.says["slow@rcpt.test"]
        await gateway.wait_open()
        await asyncio.sleep(1.5)  # a look of the notifier
        assert len(await told(sink)) == 2


async def test_a_host_that_reports_itself_is_asked_in_turn(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, telling(tmp_path, sink) as gateway:
        sink.dsn = True
        asked = ("NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;ann@rcpt.test")
        await send(gateway, "ann@rcpt.test", mail=("RET=FULL", "ENVID=a+2Bb"), rcpt=asked)
        await gateway.wait_open()
        mail, rcpt = sink.asked_with
        assert mail == b"<news@shop.test> RET=FULL ENVID=a+2Bb"
        assert rcpt == b"<ann@rcpt.test> NOTIFY=FAILURE,SUCCESS ORCPT=rfc822;ann@rcpt.test"
        await send(gateway, "bob@rcpt.test")
        await gateway.wait_open()
        assert sink.asked_with[2:] == [b"<news@shop.test>", b"<bob@rcpt.test>"]
        async with gateway.store() as store:
            assert await store.notices(1 << 60, 9, 9) == []


async def test_the_whole_message_comes_back_where_that_was_asked_for(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, telling(tmp_path, sink) as gateway:
        await send(gateway, "dead@rcpt.test", mail=("RET=FULL",))
        [notice] = await told(sink)
        _, _, returned = read(notice).iter_parts()
        assert returned.get_content_type() == "message/rfc822"
        assert b"\r\n\r\nbody text\r\n" in notice


async def test_a_suppressed_recipient_is_told_over_smtp_and_in_the_answer_over_http(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, telling(tmp_path, sink) as gateway:
        await send(gateway, "dead@rcpt.test")
        assert len(await told(sink)) == 1
        await send(gateway, "dead@rcpt.test", "ann@rcpt.test")
        _, second = await told(sink, 2)
        [one] = parser.parse(second).recipients
        assert (one.address, one.status) == ("dead@rcpt.test", "5.7.1")
        assert one.reply.startswith("not sent: the address is suppressed")


async def test_nobody_is_told_who_is_suppressed_or_has_no_address(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, telling(tmp_path, sink) as gateway:
        await gateways.submit(gateway.open, MESSAGE, ["dead1@rcpt.test"], sender="")
        async with gateway.store() as store:
            [bridge] = (await store.directory()).bridges
            entry = suppressions.Suppression(
                kind=suppressions.Kind.ADDRESS,
                target=SENDER,
                scope=suppressions.Scope.BRIDGE,
                standing=suppressions.Standing.CONFIRMED,
                reason="manual",
                owner=bridge.id,
            )
            await store.suppress([entry], "test")
        await send(gateway, "dead2@rcpt.test")
        for _ in range(200):
            found = [e for e in await gateway.events() if e.state is State.NOTIFIED]
            if found:
                break
            await asyncio.sleep(0.05)
        [noted] = found
        assert noted.detail == "not told: the sender's own address is suppressed"
        assert sink.taken == []
        assert sink.asked[SENDER] == 0


async def test_a_notice_that_bounces_is_told_to_nobody(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, telling(tmp_path, sink) as gateway:
        sink.says[SENDER] = b"550 5.7.1 no reports please"
        await send(gateway, "dead@rcpt.test")
        for _ in range(200):
            bounced = [e.recipient for e in await gateway.events() if e.state is State.BOUNCED]
            if SENDER in bounced:
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)  # the notifier looks once more
        assert [e.state for e in await gateway.events() if e.campaign == "notices"] == [
            State.RECEIVED,
            State.QUEUED,
            State.BOUNCED,
        ]
        assert sink.taken == []


async def test_off_is_off_also_for_what_waits(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, telling(tmp_path, sink) as gateway:
        async with gateway.store() as store:
            [bridge] = (await store.directory()).bridges
            off = msgspec.structs.replace(bridge, notify_sender=directories.NotifySender.OFF)
            await store.change_directory([off], "test")
        await asyncio.sleep(0.7)
        await send(gateway, "dead@rcpt.test")
        await gateway.wait_open()
        await asyncio.sleep(1.5)  # a look of the notifier
        assert sink.taken == []


@pytest.mark.slow
async def test_kills_lose_and_double_no_notice(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, telling(tmp_path, sink, workers=2) as gateway:
        sent: list[str] = []
        for turn in range(6):
            for n in range(10):
                to = f"dead{turn}x{n}@rcpt.test"
                said = await gateways.submit(gateway.open, MESSAGE, [to], sender=SENDER)
                if said[-1].startswith(b"250"):
                    sent.append(to)
            await asyncio.sleep(0.2 * turn)
            parent, *children = gateway.pids()
            for pid in (parent,) if turn % 3 == 2 else children:
                os.kill(pid, signal.SIGKILL)
            if turn % 3 == 2:
                assert gateway.process is not None
                await asyncio.to_thread(gateway.process.wait)
                await gateway.start()
            else:
                await gateway.wait_ready()
        await told(sink, len(sent))
        await gateway.wait_open()
        found = await gateway.events()
        noted = [e.message for e in found if e.state is State.NOTIFIED]
        assert len(noted) == len(set(noted)) == len(sent)
        taken = [e for e in found if e.campaign == "notices" and e.state is State.QUEUED]
        assert len(taken) == len(sent)
        named = {one.address for body in await told(sink) for one in parser.parse(body).recipients}
        assert named == set(sent)  # a kill may repeat a delivery, as of every mail; it makes no second notice
