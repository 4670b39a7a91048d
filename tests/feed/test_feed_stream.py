"""The live stream: everything, in order, once, for each listener, however slow."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from gatepost.feed import stream
from gatepost.model import event as events
from gatepost.store import filters, port
from gatepost.store.sqlite import open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[port.Store]:
    made = await open_store(tmp_path, 1)
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def running(store: port.Store, buffer: int = 100) -> AsyncIterator[stream.Hub]:
    hub = stream.Hub(store, buffer=buffer)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hub.run())
        try:
            yield hub
        finally:
            hub.stop()


async def tell(store: port.Store, count: int, state: events.State = events.State.CHANGED) -> None:
    await store.note([events.Event(at=1, state=state) for _ in range(count)])


async def first(batches: AsyncGenerator[stream.Batch, None], count: int) -> list[int]:
    """The seqs of the first events that come."""
    found: list[int] = []
    async with asyncio.timeout(10):
        async for batch in batches:
            found += [line.seq for line in batch.lines]
            if len(found) >= count:
                return found
    raise AssertionError(found)


async def test_what_was_there_and_what_comes_is_told_in_order_once(store: port.Store) -> None:
    await tell(store, 30)
    async with running(store) as hub, contextlib.aclosing(hub.follow(10, ())) as batches:
        assert await first(batches, 20) == list(range(11, 31))
        for _ in range(5):
            await tell(store, 3)
        assert await first(batches, 15) == list(range(31, 46))


async def test_listeners_that_come_while_others_write_miss_and_double_nothing(
    tmp_path: Path, store: port.Store
) -> None:
    other = await open_store(tmp_path, 2)
    total = 600

    async def write(one: port.Store) -> None:
        for _ in range(total // 2 // 10):
            await tell(one, 10)

    async def listen(hub: stream.Hub, delay: int) -> list[int]:
        for _ in range(delay):
            await asyncio.sleep(0)
        async with contextlib.aclosing(hub.follow(0, ())) as batches:
            return await first(batches, total)

    async with running(store) as hub:
        *heard, _, _ = await asyncio.gather(
            *(listen(hub, n * 20) for n in range(20)), write(store), write(other)
        )
    assert heard == [list(range(1, total + 1))] * 20
    await other.close()


async def test_a_listener_that_is_too_slow_reads_from_the_store_and_misses_nothing(store: port.Store) -> None:
    async with running(store, buffer=5) as hub, contextlib.aclosing(hub.follow(0, ())) as batches:
        await tell(store, 1)
        assert await first(batches, 1) == [1]
        quick = hub.follow(1, ())
        for _ in range(20):
            await tell(store, 4)
            assert len(await first(quick, 4)) == 4
        assert await first(batches, 80) == list(range(2, 82))
        await quick.aclose()


async def test_only_what_matches_is_told_and_the_cursor_moves_on_all_the_same(store: port.Store) -> None:
    where = (filters.Condition("state", "reported"),)
    async with running(store) as hub, contextlib.aclosing(hub.follow(0, where)) as batches:
        await tell(store, 50)
        await tell(store, 1, events.State.REPORTED)
        assert await first(batches, 1) == [51]
        await tell(store, 50)
        await tell(store, 1, events.State.REPORTED)
        assert await first(batches, 1) == [102]


async def test_nobody_listens_afterwards_and_a_stop_ends_those_who_do(store: port.Store) -> None:
    async with running(store) as hub:
        async with contextlib.aclosing(hub.follow(0, ())) as batches:
            await tell(store, 1)
            await first(batches, 1)
            assert hub.listeners == 1
        assert hub.listeners == 0
        waiting = asyncio.ensure_future(_all(hub.follow(0, ())))
        for _ in range(10):
            await asyncio.sleep(0)
        hub.stop()
        assert await asyncio.wait_for(waiting, 5) in ([], [1])


async def _all(batches: AsyncGenerator[stream.Batch, None]) -> list[int]:
    return [line.seq async for batch in batches for line in batch.lines]
