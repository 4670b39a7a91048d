"""What goes by age, and what stays whole when it does: over the port."""

import msgspec
import pytest
from tests.store import store_values as values

from gatepost import clock as clocks
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import webhook as webhook_values
from gatepost.store import port, retention, webhooks

OLD = 60_000 * 60 * 24 * 100  # ms: a whole number of days
HOUR = 3600 * 1000
DAY = 24 * HOUR
YOUNG = values.NOW + 1


async def holds(store: port.Store) -> bool:
    return all(kept == again and kept.holds for kept, again in await store.ledger())


def seen(at: int, **changes: object) -> events.Event:
    found = events.Event(at=at, state=events.State.REPORTED, recipient="a@rcpt.test")
    return msgspec.structs.replace(found, **changes)


async def test_the_oldest_events_go_and_the_feed_says_where_it_begins_now(store: port.Store) -> None:
    await store.note([seen(OLD), seen(OLD + 1), seen(OLD + 9), seen(OLD + 2)])
    assert await store.prune(retention.Kind.EVENTS, OLD + 5, 100) == 2
    assert (await store.first_seq(), await store.last_seq()) == (3, 4)
    assert [event.at for event in await store.feed(0, 10)] == [OLD + 9, OLD + 2]


async def test_no_more_go_in_one_transaction_than_was_said(store: port.Store) -> None:
    await store.note([seen(OLD)] * 25)
    assert [await store.prune(retention.Kind.EVENTS, OLD + 1, 10) for _ in range(4)] == [10, 10, 5, 0]
    assert await store.first_seq() == 26


async def test_a_number_of_the_feed_is_never_given_again(store: port.Store) -> None:
    await store.note([seen(OLD)] * 3)
    await store.prune(retention.Kind.EVENTS, OLD + 1, 10)
    await store.note([seen(OLD)])
    assert [event.seq for event in await store.feed(0, 10)] == [4]


async def test_the_ledger_is_proved_without_the_events_that_are_gone(store: port.Store) -> None:
    maker = values.Maker()
    first = maker.submission("a@rcpt.test", "b@rcpt.test", "c@rcpt.test", "d@rcpt.test")
    await values.accept(store, first)
    claim = await values.claim_of(store)
    a, b, c, _ = (one.id for one in first.deliveries)
    done = [
        values.attempted(a, claim),
        values.attempted(b, claim, values.HARD),
        values.attempted(c, claim, values.LATER),
    ]
    await store.settle(done, values.decide)
    await values.accept(store, maker.submission("b@rcpt.test"))  # refused: suppressed now
    while await store.prune(retention.Kind.EVENTS, YOUNG + DAY, 2):
        assert await holds(store)
    [(kept, again)] = await store.ledger()
    assert kept == again
    assert (kept.accepted, kept.delivered, kept.bounced, kept.rejected, kept.open) == (5, 1, 1, 1, 2)


async def test_a_message_stays_while_a_delivery_of_it_is_open(store: port.Store) -> None:
    submission = values.Maker().submission("a@rcpt.test", "b@rcpt.test")
    await values.accept(store, submission)
    claim = await values.claim_of(store)
    first, second = (one.id for one in submission.deliveries)
    await store.settle([values.attempted(first, claim)], values.decide)
    assert await store.prune(retention.Kind.MESSAGES, YOUNG, 10) == 0
    await store.settle([values.attempted(second, claim)], values.decide)
    assert await store.prune(retention.Kind.MESSAGES, values.NOW, 10) == 0
    assert await store.prune(retention.Kind.MESSAGES, YOUNG, 10) == 1
    assert await store.message(submission.message.id) is None


async def test_counters_become_coarser_and_their_sums_stay(pair: tuple[port.Store, port.Store]) -> None:
    one, two = pair
    times = [OLD, OLD + 60_000, OLD + 2 * HOUR - 1, OLD + 2 * HOUR, OLD + DAY, OLD + DAY + 5 * HOUR]
    for store in pair:
        await store.note([seen(at) for at in times])
    await one.prune(retention.Kind.HOURS, OLD + DAY + 2 * HOUR, 100)
    hours = {(c.minute * 60_000 - OLD) / HOUR: c.count for c in await two.counted(0)}
    assert hours == {0: 4, 1: 2, 2: 2, 24: 2, 29: 2}
    await one.prune(retention.Kind.DAYS, OLD + DAY + 2 * HOUR, 100)
    days = {(c.minute * 60_000 - OLD) / HOUR: c.count for c in await two.counted(0)}
    assert days == {0: 8, 24: 2, 29: 2}


async def test_adding_up_again_changes_nothing_and_goes_on_where_it_stood(store: port.Store) -> None:
    await store.note([seen(OLD), seen(OLD + 60_000), seen(OLD + HOUR), seen(OLD + HOUR + 60_000)])
    assert [await store.prune(retention.Kind.HOURS, OLD + DAY, 1) for _ in range(5)] == [1, 1, 1, 1, 0]
    assert [(c.minute * 60_000 - OLD, c.count) for c in await store.counted(0)] == [(0, 2), (HOUR, 2)]
    assert await store.prune(retention.Kind.HOURS, OLD + DAY, 100) == 0


async def test_old_counters_go(store: port.Store) -> None:
    await store.note([seen(OLD), seen(OLD + HOUR)])
    assert await store.prune(retention.Kind.COUNTERS, OLD + HOUR, 10) == 1
    assert [c.minute * 60_000 for c in await store.counted(0)] == [OLD + HOUR]


async def test_what_receivers_said_goes_and_what_still_waits_stays(store: port.Store) -> None:
    await store.change_directory(
        [webhook_values.Webhook(0, 0, 0, "crm", "https://crm.example/", "whsec_AAAA")], "test"
    )
    waits = webhooks.Request(0, 1, (1,), OLD, 1, OLD + 1, "500")
    given_up = msgspec.structs.replace(waits, next_at=0)
    tried = webhooks.Try(1, OLD, "evt_1", 1, 1, 1, 500, 3, "500", b"no")
    done = webhooks.Round(webhooks.Progress(1, 1), [waits, given_up], tries=[tried])
    await store.webhooks.keep(done)
    assert await store.prune(retention.Kind.WEBHOOKS, OLD, 10) == 0
    assert await store.prune(retention.Kind.WEBHOOKS, OLD + 1, 10) == 2
    assert await store.webhooks.counts() == {1: webhooks.Counts(1, 0)}
    assert await store.webhooks.tries(1, 0, 10, failed=True) == []


async def test_the_audit_log_is_kept_but_for_what_is_older(store: port.Store) -> None:
    before = clocks.SystemClock().now_ms()
    await store.change_directory([directories.Account(0, "one")], "test")
    assert await store.prune(retention.Kind.AUDIT, before, 10) == 0
    assert await store.prune(retention.Kind.AUDIT, before + DAY, 10) == 1
    assert await store.audit((), 0, 10) == []


@pytest.mark.parametrize("kind", retention.Kind)
async def test_where_nothing_is_kept_nothing_goes(store: port.Store, kind: retention.Kind) -> None:
    assert await store.prune(kind, YOUNG, 10) == 0
