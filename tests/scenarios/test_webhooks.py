"""Webhooks of a running gateway whose processes are killed: nothing is lost (faults.md G04)."""

import asyncio
import collections
import os
import random
import signal
from pathlib import Path

import pytest
from aiohttp import web
from tests.feed import hooked
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

from gatepost.model import event as events
from gatepost.store import port

MESSAGE = b"From: News <news@shop.test>\r\nSubject: hello\r\n\r\nbye\r\n"
ALLOWED = '[webhooks]\nallow_http = true\nallow_networks = ["127.0.0.0/8"]\n'


@pytest.mark.slow
async def test_what_becomes_of_mail_is_told_within_seconds(tmp_path: Path) -> None:
    async with (
        receivers.Receiver() as sink,
        hooked.receiving() as receiver,
        gateways.running(tmp_path, sink.port, policy=ALLOWED) as gateway,
    ):
        async with gateway.store() as store:
            await hooked.add(store, receiver.url, kinds=("bounced", "delivered"))
        await gateways.submit(gateway.open, MESSAGE, ["ok@rcpt.test", "dead@rcpt.test"])
        await hooked.until(lambda: len(receiver.taken) == 2)
        told = {event.seq: event.state.word for event in await gateway.events()}
    assert {told[seq] for seq in receiver.taken} == {"bounced", "delivered"}


async def _killed(gateway: gateways.Gateway, every_s: float, times: int) -> None:
    """The console and the workers, again and again."""
    for _ in range(times):
        await asyncio.sleep(every_s)
        for pid in gateway.pids()[1:]:
            os.kill(pid, signal.SIGKILL)


async def _told(store: port.Store, count: int) -> list[int]:
    """Events, some at a time, as mail makes them."""
    seqs: list[int] = []
    while len(seqs) < count:
        some = min(100, count - len(seqs))
        await store.note([events.Event(at=1_800_000_000_000, state=events.State.BOUNCED)] * some)
        newest = await store.last_seq()
        seqs += range(newest - some + 1, newest + 1)
        await asyncio.sleep(0.01)
    return seqs


async def _storm(path: Path, count: int, every_s: float, kills: int, within_s: float) -> None:
    chance = random.Random(5)
    says = lambda *_: web.Response(status=503 if chance.random() < 0.3 else 204)  # noqa: E731
    async with (
        receivers.Receiver() as sink,
        hooked.receiving(says) as receiver,
        gateways.running(path, sink.port, policy=ALLOWED) as gateway,
        gateway.store() as store,
    ):
        await hooked.add(store, receiver.url, kinds=("bounced",))
        killing = asyncio.ensure_future(_killed(gateway, every_s, kills))
        try:
            wanted = await _told(store, count)
            await receiver.wait_taken(wanted, within_s)
        finally:
            killing.cancel()
        keys = collections.Counter(receiver.ids)
        assert len(keys) == count  # one id for each event, however often it was told
        assert set(receiver.taken) == set(wanted)


@pytest.mark.slow
async def test_a_sender_that_is_killed_loses_nothing_to_a_receiver_that_fails(tmp_path: Path) -> None:
    await _storm(tmp_path, 1_000, 2.5, 3, 90)


@pytest.mark.long
async def test_a_sender_that_is_killed_every_five_seconds_loses_none_of_20_000_events(tmp_path: Path) -> None:
    await _storm(tmp_path, 20_000, 5.0, 1_000, 900)
