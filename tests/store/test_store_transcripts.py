"""What was said in failed attempts: shared by the recipients of a transaction, and gone after a month."""

from pathlib import Path

import msgspec
from tests.store import store_values as values

from gatepost import clock as clocks
from gatepost.model import event as events
from gatepost.store import port
from gatepost.store.sqlite import open_store

MONTH_S = 30 * 24 * 3600


async def failed(store: port.Store, text: bytes, *recipients: str) -> None:
    message = (await values.accept(store, values.Maker(1).submission(*recipients))).message
    claim = await values.claim_of(store)
    attempt = msgspec.structs.replace(values.ATTEMPT, transcript=text)
    batch = [values.attempted(message + 1 + n, claim, values.LATER) for n in range(len(recipients))]
    await store.settle([msgspec.structs.replace(one, attempt=attempt) for one in batch], values.decide)


async def seqs(store: port.Store) -> list[int]:
    return [one.seq for one in await values.every_event(store) if one.state is events.State.DEFERRED]


async def test_every_recipients_event_has_what_was_said(store: port.Store) -> None:
    await failed(store, b"   0.000 < 451 \xff later\n", "ann@rcpt.test", "bob@rcpt.test")
    wanted = await seqs(store)
    assert await store.transcripts(wanted) == dict.fromkeys(wanted, b"   0.000 < 451 \xff later\n")
    assert await store.transcripts([]) == {}


async def test_where_nothing_was_said_nothing_is_kept(store: port.Store) -> None:
    await failed(store, b"", "ann@rcpt.test")
    assert await store.transcripts(await seqs(store)) == {}


async def test_after_a_month_it_is_gone(tmp_path: Path) -> None:
    clock = clocks.FakeClock(values.NOW)
    store = await open_store(tmp_path, 1, clock)
    try:
        await failed(store, b"old", "ann@rcpt.test")
        clock.advance(MONTH_S - 1)
        await failed(store, b"new", "bob@rcpt.test")
        await store.sweep(values.NOW)
        old, new = await seqs(store)
        assert await store.transcripts([old, new]) == {old: b"old", new: b"new"}
        clock.advance(2)
        await store.sweep(values.NOW)
        assert await store.transcripts([old, new]) == {new: b"new"}
    finally:
        await store.close()
