"""How far webhooks have been told: what every adapter keeps of it, and that it is bounded."""

import msgspec
import pytest

from gatepost import errors
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import webhook as webhook_values
from gatepost.store import port, webhooks

HOOK = webhook_values.Webhook(0, 0, 0, "hook", "https://hooks.test/", "whsec_secret")


async def add(store: port.Store, entry: webhook_values.Webhook = HOOK) -> int:
    await store.change_directory([entry], "test")
    return max(await store.webhooks.progress())


def refused(ident: int = 0, *, next_at: int = 5, seq: int = 1) -> webhooks.Request:
    return webhooks.Request(ident, 1, (seq,), 1, 1, next_at, "the receiver said 500")


async def test_a_new_webhook_begins_at_the_end_of_the_feed(store: port.Store) -> None:
    await store.note([events.Event(at=1, state=events.State.CHANGED)] * 5)
    number = await add(store)
    assert (await store.webhooks.progress())[number] == webhooks.Progress(number, 5)


async def test_what_a_round_did_is_kept_at_once(store: port.Store) -> None:
    await add(store)
    done = webhooks.Round(
        webhooks.Progress(1, 9, 2, 3, 4, 5),
        [refused(seq=7), refused(seq=8, next_at=6), refused(seq=9, next_at=0)],
        tries=[webhooks.Try(1, 2, "evt_1", 7, 1, 1, 500, 12, "the receiver said 500", b"\xff no")],
    )
    await store.webhooks.keep(done)
    assert (await store.webhooks.progress())[1] == done.progress
    assert [one.seqs for one in await store.webhooks.due(1, 5, 10)] == [(7,)]
    assert [one.seqs for one in await store.webhooks.due(1, 6, 10)] == [(7,), (8,)]
    assert [one.seqs for one in await store.webhooks.dead(1, 0, 10)] == [(9,)]
    assert await store.webhooks.counts() == {1: webhooks.Counts(2, 1)}
    assert await store.webhooks.waiting(1) == 2
    assert await store.webhooks.tries(1, 0, 10, failed=True) == [msgspec.structs.replace(done.tries[0], id=1)]


async def test_a_request_that_is_tried_again_changes_and_one_that_was_taken_ends(store: port.Store) -> None:
    await add(store)
    at = webhooks.Progress(1, 9)
    await store.webhooks.keep(webhooks.Round(at, [refused(seq=7), refused(seq=8)]))
    one, two = await store.webhooks.due(1, 5, 10)
    again = msgspec.structs.replace(one, tries=2, next_at=50)
    await store.webhooks.keep(webhooks.Round(at, [again], ended=[two.id]))
    assert await store.webhooks.due(1, 100, 10) == [again]
    await store.webhooks.keep(webhooks.Round(at, hasten=10))
    assert await store.webhooks.due(1, 10, 10) == [msgspec.structs.replace(again, next_at=10)]


async def test_what_was_given_up_can_be_revived(store: port.Store) -> None:
    await add(store)
    await store.webhooks.keep(webhooks.Round(webhooks.Progress(1, 9), [refused(next_at=0)]))
    await store.webhooks.revive(1)
    assert await store.webhooks.counts() == {1: webhooks.Counts(1, 0)}
    [one] = await store.webhooks.due(1, 1 << 62, 10)
    assert one.tries == 0


async def test_of_each_webhook_only_so_much_is_kept(
    store: port.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TRIES", 5)
    monkeypatch.setattr(webhooks, "DEAD", 5)
    await add(store)
    for number in range(8):
        tries = [
            webhooks.Try(1, number, f"evt_{n}", n, 1, 1, 200 if good else 500, 1, "" if good else "no")
            for n, good in enumerate((True, False))
        ]
        await store.webhooks.keep(
            webhooks.Round(webhooks.Progress(1, 9), [refused(next_at=0, seq=number)], tries=tries)
        )
    assert len(await store.webhooks.tries(1, 0, 100, failed=False)) == 10
    assert [one.at for one in await store.webhooks.tries(1, 0, 100, failed=True)] == [7, 6, 5, 4, 3]
    assert [one.seqs for one in await store.webhooks.dead(1, 0, 100)] == [(7,), (6,), (5,), (4,), (3,)]


async def test_ranges_are_bounded_and_end(store: port.Store) -> None:
    await add(store)
    for _ in range(webhooks.REPLAYS):
        assert await store.webhooks.replay(1, 2, 9)
    assert not await store.webhooks.replay(1, 2, 9)
    first, *_ = await store.webhooks.replays(1)
    half = msgspec.structs.replace(first, cursor=5)
    await store.webhooks.keep(webhooks.Round(webhooks.Progress(1, 9), replay=half))
    assert (await store.webhooks.replays(1))[0] == half
    over = msgspec.structs.replace(first, cursor=9)
    await store.webhooks.keep(webhooks.Round(webhooks.Progress(1, 9), replay=over))
    assert len(await store.webhooks.replays(1)) == webhooks.REPLAYS - 1


async def test_a_removed_webhook_leaves_nothing_and_its_round_is_written_no_more(store: port.Store) -> None:
    number = await add(store)
    done = webhooks.Round(
        webhooks.Progress(number, 9), [refused()], tries=[webhooks.Try(number, 2, "evt_1", 7, 1, 1, 200, 12)]
    )
    await store.webhooks.keep(done)
    await store.webhooks.replay(number, 1, 2)
    [entry] = (await store.directory()).webhooks
    after = await store.change_directory([msgspec.structs.replace(entry, removed=True)], "test")
    assert after.webhooks == ()
    await store.webhooks.keep(done)
    assert await store.webhooks.progress() == {}
    assert await store.webhooks.counts() == {}
    assert await store.webhooks.replays(number) == []
    await store.change_directory([HOOK], "test")


async def test_a_change_wakes_it(store: port.Store) -> None:
    await add(store)
    await store.webhooks.keep(webhooks.Round(webhooks.Progress(1, 9, 3, 4, 5, 6)))
    [entry] = (await store.directory()).webhooks
    await store.change_directory([entry], "test")
    assert (await store.webhooks.progress())[1] == webhooks.Progress(1, 9, last_ok_at=6)


async def test_names_are_unique_for_each_owner_and_owners_exist(store: port.Store) -> None:
    await add(store)
    with pytest.raises(errors.BadInput, match="taken"):
        await store.change_directory([HOOK], "test")
    await store.change_directory([directories.Account(0, "one")], "test")
    await store.change_directory([msgspec.structs.replace(HOOK, account=1)], "test")
    with pytest.raises(errors.BadInput, match="no bridge 4"):
        await store.change_directory([msgspec.structs.replace(HOOK, bridge=4)], "test")


async def test_its_secrets_are_told_nobody(store: port.Store) -> None:
    entry = msgspec.structs.replace(HOOK, old_secret="whsec_older", old_until=1)
    await store.change_directory([entry], "test")
    [audited] = await store.audit((), 0, 10)
    assert "whsec" not in audited.after
    assert audited.what == "webhook"
    assert "whsec" not in str(await store.feed(0, 10))


async def test_events_are_read_by_seq(store: port.Store) -> None:
    await store.note([events.Event(at=n, state=events.State.CHANGED) for n in range(9)])
    assert [one.seq for one in await store.webhooks.events_at([7, 2, 99])] == [2, 7]
    assert await store.webhooks.events_at([]) == []
