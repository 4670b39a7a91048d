"""What senders are to be told, as any store keeps it: with what it follows from, until one mail has told it."""

import msgspec
from tests.store import store_values as values

from gatepost import clock as clocks
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import notify
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.store import port

EVER = 1 << 60
CLOCK = clocks.SystemClock()  # the stores' own
WITHIN = (60_000, 3_600_000)
State = events.State


def wanting(
    submission: messages.Submission,
    wish: notify.Wish | None = None,
    ret: notify.Return = notify.Return.NOTHING,
    *,
    answered: bool = False,
) -> messages.Submission:
    return msgspec.structs.replace(
        submission,
        message=msgspec.structs.replace(submission.message, tell=True, ret=ret, envid="QQ+2B1"),
        deliveries=tuple(msgspec.structs.replace(one, wish=wish) for one in submission.deliveries),
        answered=answered,
    )


def telling(action: notify.Action) -> port.Decide:
    """As the values' decision, and the sender is told."""

    def decide(result: results.Result, facts: fact_values.Facts, now_ms: int) -> settlements.Settlement:
        assert facts.delivery.tell
        settled = values.decide(result, facts, now_ms)
        return msgspec.structs.replace(settled, notice=notify.Notice(action, WITHIN))

    return decide


FAILED, DELAYED = telling(notify.Action.FAILED), telling(notify.Action.DELAYED)


def about(pending: port.Pending, make: values.Maker) -> messages.Submission:
    """The notice that tells all of it."""
    message = pending.message
    seqs = tuple(one.event.seq for one in pending.told)
    noted = events.Event(at=values.NOW, state=State.NOTIFIED, message=message.id, bridge=message.bridge)
    notice = make.submission(message.sender.decode(), bridge=0)
    return msgspec.structs.replace(notice, telling=messages.Telling(message.id, message.bridge, seqs, noted))


async def test_it_is_due_at_once_with_the_last_recipient_and_told_once(
    pair: tuple[port.Store, port.Store],
) -> None:
    store, other = pair
    claim, make = await values.claim_of(store), values.Maker()
    wish = notify.Wish(notify.Notify.FAILURE, "rfc822;Ann@rcpt.test")
    accepted = await values.accept(store, wanting(make.submission("ann@rcpt.test"), wish))
    await store.settle([values.attempted(accepted.message + 1, claim, values.HARD)], FAILED)
    [pending] = await store.notices(CLOCK.now_ms() + 1000, 9, 9)
    assert (pending.message.id, pending.message.envid, pending.made) == (accepted.message, "QQ+2B1", 0)
    assert pending.original == b"Subject: x\r\n"
    [told] = pending.told
    assert (told.action, told.orcpt) == (notify.Action.FAILED, "rfc822;Ann@rcpt.test")
    assert told.event.reply == b"550 5.1.1 no such user"
    first, second = about(pending, make), about(pending, make)
    assert not (await values.accept(store, first)).duplicate
    assert (await values.accept(other, second)).duplicate
    assert await store.notices(EVER, 9, 9) == []
    states = [one.state for one in await store.feed(0, 99)]
    assert states.count(State.NOTIFIED) == 1
    assert all(kept == again and kept.holds for kept, again in await store.ledger())


async def test_while_others_wait_it_waits_a_while_and_no_longer_than_they(store: port.Store) -> None:
    claim, make = await values.claim_of(store), values.Maker()
    accepted = await values.accept(
        store, wanting(make.submission("ann@rcpt.test", "bob@rcpt.test", "cy@rcpt.test"))
    )
    first = accepted.message + 1
    await store.settle([values.attempted(first, claim, values.HARD)], FAILED)
    assert await store.notices(CLOCK.now_ms() + 50_000, 9, 9) == []
    [pending] = await store.notices(CLOCK.now_ms() + 61_000, 9, 9)
    await values.accept(store, about(pending, make))
    await store.settle([values.attempted(first + 1, claim, values.HARD)], FAILED)
    assert await store.notices(CLOCK.now_ms() + 61_000, 9, 9) == []  # the second waits longer
    await store.settle([values.attempted(first + 2, claim)], values.decide)
    [pending] = await store.notices(CLOCK.now_ms() + 1000, 9, 9)
    assert (pending.made, pending.original) == (1, b"Subject: x\r\n")
    assert [one.event.delivery for one in pending.told] == [first + 1]
    await values.accept(store, about(pending, make))
    await store.sweep(0)
    assert await store.notices(EVER, 9, 9) == []


async def test_more_than_one_notice_holds_is_due_at_once_again(store: port.Store) -> None:
    claim, make = await values.claim_of(store), values.Maker()
    accepted = await values.accept(store, wanting(make.submission("ann@rcpt.test", "bob@rcpt.test")))
    both = [values.attempted(accepted.message + n, claim, values.HARD) for n in (1, 2)]
    await store.settle(both, FAILED)
    [pending] = await store.notices(CLOCK.now_ms() + 1000, 9, 1)
    await values.accept(store, about(pending, make))
    [rest] = await store.notices(CLOCK.now_ms() + 1000, 9, 9)
    assert [one.event.delivery for one in (*pending.told, *rest.told)] == [
        accepted.message + 1,
        accepted.message + 2,
    ]


async def test_a_delay_that_was_told_is_remembered_with_its_row(store: port.Store) -> None:
    claim, make = await values.claim_of(store), values.Maker()
    wish = notify.Wish(notify.Notify.DELAY)
    accepted = await values.accept(store, wanting(make.submission("ann@rcpt.test"), wish))
    await store.settle([values.attempted(accepted.message + 1, claim, values.LATER)], DELAYED)
    found = await store.open_delivery(accepted.message + 1)
    assert found is not None
    assert found[0].notify == notify.Notify.DELAY | notify.Notify.DELAY_TOLD


async def test_who_was_refused_under_a_250_is_told_of_unless_the_answer_says_so(store: port.Store) -> None:
    make = values.Maker()
    entry = suppressions.Suppression(
        suppressions.Kind.ADDRESS, "gone@rcpt.test", reason="manual", account=1, created_at=values.NOW
    )
    await store.suppress([entry], "test")
    await values.accept(store, wanting(make.submission("gone@rcpt.test"), answered=True))
    assert await store.notices(EVER, 9, 9) == []
    await values.accept(store, wanting(make.submission("gone@rcpt.test")))
    [pending] = await store.notices(CLOCK.now_ms() + 1000, 9, 9)
    assert pending.told[0].detail == "not sent: the address is suppressed (manual)"
    await store.put_off_notices([pending.message.id], CLOCK.now_ms() + 90_000)
    assert await store.notices(CLOCK.now_ms() + 80_000, 9, 9) == []
    await store.drop_notices([pending.message.id])
    assert await store.notices(EVER, 9, 9) == []


async def test_the_whole_message_is_kept_where_it_was_asked_for_and_is_short(store: port.Store) -> None:
    claim, make = await values.claim_of(store), values.Maker()
    for body in (b"Subject: x\r\n\r\nhi\r\n", b"Subject: x\r\n\r\n" + b"y" * 50_000 + b"\r\n"):
        given = wanting(make.submission("ann@rcpt.test", body=body), ret=notify.Return.FULL)
        accepted = await values.accept(store, given)
        await store.settle([values.attempted(accepted.message + 1, claim, values.HARD)], FAILED)
        await store.release([e for _, e in await store.suppressions((), 0, 9)], "test")
    assert [one.original for one in await store.notices(EVER, 9, 9)] == [
        b"Subject: x\r\n\r\nhi\r\n",
        b"Subject: x\r\n",
    ]


async def test_what_was_asked_comes_out_with_the_delivery(store: port.Store) -> None:
    make, wish = values.Maker(), notify.Wish(notify.Notify.NEVER, "rfc822;a@b.test")
    await values.accept(store, wanting(make.submission("ann@rcpt.test"), wish, notify.Return.HDRS))
    await values.accept(store, make.submission("bob@rcpt.test"))
    asked = [one.asked for one in await store.due(1, values.NOW, 9)]
    assert asked == [
        notify.Asked(notify.Return.HDRS, "QQ+2B1", notify.Notify.NEVER, "rfc822;a@b.test"),
        None,
    ]
