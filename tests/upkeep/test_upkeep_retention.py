"""Retention as it runs: it ends, and mail is accepted meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store import store_values as values

from gatepost import clock as clocks
from gatepost import log as logs
from gatepost.model import event as events
from gatepost.store import port
from gatepost.store.sqlite import open_store
from gatepost.upkeep import retention, settings

DAY = 24 * 3600 * 1000
LOG = logs.get("test")
EVENTS = 10_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[port.Store]:
    found = await open_store(tmp_path, 1)
    yield found
    await found.close()


def kept(store: port.Store, **days: int) -> retention.Retention:
    clock = clocks.FakeClock(values.NOW + 90 * DAY - 1)  # what is accepted now is a millisecond too young
    return retention.Retention(store, settings.RetentionSettings(**days), clock, LOG)


async def fill(store: port.Store) -> None:
    old = [events.Event(at=values.NOW - DAY, state=events.State.REPORTED)] * 500
    for _ in range(EVENTS // 500):
        await store.note(old)


async def test_every_kind_is_gone_through_until_nothing_old_is_left(store: port.Store) -> None:
    await fill(store)
    await kept(store, counters_days=89).once()
    assert await store.first_seq() == EVENTS + 1
    assert await store.counted(0) == []


async def test_what_is_kept_for_ever_stays(store: port.Store) -> None:
    await fill(store)
    await kept(store, events_days=0, counters_days=0).once()
    assert await store.first_seq() == 1
    assert len(await store.counted(0)) == 1


@pytest.mark.slow
async def test_mail_is_accepted_between_the_batches(tmp_path: Path, store: port.Store) -> None:
    await fill(store)
    accepting = await open_store(tmp_path, 2)
    make = values.Maker(2)
    async with asyncio.TaskGroup() as tasks:
        deleting = tasks.create_task(kept(store).once())
        longest, accepted = 0.0, 0
        while not deleting.done():
            began = asyncio.get_running_loop().time()
            await values.accept(accepting, make.submission(f"u{accepted}@rcpt.test"))
            longest = max(longest, asyncio.get_running_loop().time() - began)
            accepted += 1
    await accepting.close()
    assert await store.first_seq() == EVENTS + 1
    assert accepted >= EVENTS // retention.BATCH
    assert longest < 2
