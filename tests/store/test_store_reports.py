"""What a delivery leaves behind for reports, and what a report changes: over the port, with the real policy."""

import hashlib
from pathlib import Path
from typing import Any

import apsw
import msgspec
from tests.store import store_values as values

from gatepost import clock as clocks
from gatepost.app import compose
from gatepost.model import event as events
from gatepost.model import late
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import settings as policy_settings
from gatepost.store import port, retention
from gatepost.store.sqlite import open_store
from gatepost.store.sqlite.store import FILE

State = events.State
DECIDE = compose.build_decide(policy_settings.PolicySettings(), lambda: 0.5)
UNTIL = values.NOW + 200 * 24 * 3600 * 1000
MINUTE = 60_000


async def delivered(store: port.Store, *recipients: str, until: int = UNTIL, maker: int = 1) -> list[int]:
    """A message that was taken with a token for each; its deliveries."""
    submission = values.Maker(maker).submission(*recipients)
    await store.accept([submission], values.refuse)
    assignment = await store.assign(await store.lease_worker(), range(port.SLOTS))
    claim = results.Claim(1, dict(assignment.slots)[1])
    attempt = msgspec.structs.replace(values.ATTEMPT, reports_until=until)
    taken = [
        msgspec.structs.replace(values.attempted(one.id, claim), attempt=attempt)
        for one in submission.deliveries
    ]
    await store.settle(taken, DECIDE)
    return [one.id for one in submission.deliveries]


def report(
    delivery: int, kind: late.Kind = late.Kind.BOUNCE, raw: bytes = b"raw", **changes: Any
) -> results.Reported:
    standing = late.Standing.VERIFIED if delivery else late.Standing.UNVERIFIED
    filed = late.Filed(
        hashlib.sha256(raw).digest(),
        values.NOW,
        kind,
        standing,
        "",
        "b.x@bounce.shop.test",
        "::1",
        len(raw),
        raw,
        delivery,
    )
    told = late.Told(("x@y.test",), True, values.ANSWERS[values.HARD.category], values.HARD)
    return msgspec.structs.replace(results.Reported(delivery, filed, (told,)), **changes)


async def targets(store: port.Store) -> list[tuple[str, suppressions.Scope]]:
    return [(entry.target, entry.scope) for _, entry in await store.suppressions((), 0, 100)]


async def test_a_late_bounce_changes_the_recorded_recipient_and_the_ledger_stays(
    pair: tuple[port.Store, port.Store],
) -> None:
    one, two = pair
    [delivery] = await delivered(one, "Ann@rcpt.test")
    [done] = await two.settle([report(delivery)], DECIDE)
    assert done is not None
    assert await targets(one) == [("ann@rcpt.test", suppressions.Scope.INSTANCE)]
    told = await one.trace(delivery)
    assert [e.state for e in told][-2:] == [State.BOUNCED, State.SUPPRESSED]
    assert (told[-2].flags, told[-2].source, told[-2].list) == (events.Flag.LATE, 3, "news")
    assert all(kept == again and kept.holds for kept, again in await one.ledger())
    [accepted] = await one.accept([values.Maker(3).submission("ann@rcpt.test")], values.refuse)
    assert accepted.states == (State.REJECTED,)


async def test_it_revokes_what_the_delivery_had_reset(store: port.Store) -> None:
    await delivered(store, "ann@rcpt.test")
    [second] = await delivered(store, "ann@rcpt.test", maker=2)
    [before] = await store.standing([port.Lookup("ann@rcpt.test", "rcpt.test", suppressions.Sender(1, 7))])
    assert before.record is not None
    await store.settle([report(second)], DECIDE)
    [after] = await store.standing([port.Lookup("ann@rcpt.test", "rcpt.test", suppressions.Sender(1, 7))])
    assert after.record is not None
    assert 0 < after.record.delivered_at <= before.record.delivered_at
    assert after.record.hard_at


async def test_the_same_report_twice_has_one_effect_in_one_batch_and_in_two(
    pair: tuple[port.Store, port.Store],
) -> None:
    one, two = pair
    [delivery] = await delivered(one, "ann@rcpt.test")
    first, second = await one.settle([report(delivery), report(delivery)], DECIDE)
    assert first is not None
    assert second is None
    last = await one.last_seq()
    assert await two.settle([report(delivery)], DECIDE) == [None]
    [other] = await two.settle([report(delivery, raw=b"another one")], DECIDE)
    assert other is not None
    assert await one.last_seq() == last
    assert len(await targets(one)) == 1
    assert [filed.event for filed in await one.reports(0, 10)] == [0, last - 1]


async def test_reports_of_one_batch_see_each_other(store: port.Store) -> None:
    [delivery] = await delivered(store, "ann@rcpt.test")
    batch = [report(delivery, late.Kind.COMPLAINT, b"%d" % n) for n in range(3)]
    await store.settle(batch, DECIDE)
    states = [e.state for e in await store.trace(delivery)]
    assert states.count(State.COMPLAINT) == states.count(State.SUPPRESSED) == 1


async def test_late_bounces_of_most_of_what_a_provider_took_are_provisional_over_workers(
    pair: tuple[port.Store, port.Store],
) -> None:
    people = [f"u{n}@rcpt.test" for n in range(6)]
    await delivered(pair[0], *people)
    deliveries = await delivered(pair[0], *people, maker=2)
    others = await delivered(pair[0], *(f"other{n}@rcpt.test" for n in range(20)), maker=3)
    for n, one in enumerate(others):
        await pair[n % 2].settle([report(one, raw=b"other%d" % n)], DECIDE)
    for n, one in enumerate(deliveries):
        await pair[n % 2].settle([report(one, raw=b"%d" % n)], DECIDE)
    [incident] = [e for e in await pair[0].feed(0, 1000) if e.state is State.INCIDENT]
    assert incident.flags is events.Flag.NONE
    assert {
        entry.standing for _, entry in await pair[0].suppressions((), 0, 100) if entry.target in people
    } == {suppressions.Standing.PROVISIONAL}


async def test_a_few_late_bounces_among_mail_that_stands_are_no_streak(store: port.Store) -> None:
    people = [f"u{n}@rcpt.test" for n in range(6)]
    await delivered(store, *people)
    deliveries = await delivered(store, *people, maker=2)
    await delivered(store, *(f"other{n}@rcpt.test" for n in range(20)), maker=3)
    settled = await store.settle([report(one, raw=b"%d" % one) for one in deliveries], DECIDE)
    assert all(one is not None and one.suppress and not one.streaks for one in settled)


async def test_a_report_about_nothing_is_kept_and_changes_nothing(store: port.Store) -> None:
    await delivered(store, "ann@rcpt.test")
    await store.settle([report(0), report(12345, raw=b"other")], DECIDE)
    assert await targets(store) == []
    newest, oldest = await store.reports(0, 10)
    assert (oldest.standing, oldest.raw, oldest.size) == (late.Standing.UNVERIFIED, b"", 3)
    whole = await store.report(oldest.id)
    assert whole is not None
    assert whole.raw == b"raw"
    assert await store.reports(newest.id, 10) == [oldest]
    assert await store.report(99) is None
    told = [e for e in await store.feed(0, 100) if e.state is State.REPORTED]
    assert [e.recipient for e in told] == ["b.x@bounce.shop.test"] * 2


async def test_a_delivery_that_is_still_open_stays_as_it_is(store: port.Store) -> None:
    submission = values.Maker(1).submission("ann@rcpt.test")
    await store.accept([submission], values.refuse)
    delivery = submission.deliveries[0].id
    last = await store.last_seq()
    [done] = await store.settle([report(delivery)], DECIDE)
    assert done is not None
    assert done.early
    assert await store.open_delivery(delivery) is not None
    assert await targets(store) == []
    assert await store.reports(0, 10) == []  # so that it acts when it is brought again
    assert await store.last_seq() == last


async def test_a_mail_that_may_have_arrived_can_be_reported_about_and_again_when_it_has(
    store: port.Store,
) -> None:
    submission = values.Maker(1).submission("ann@rcpt.test")
    await store.accept([submission], values.refuse)
    delivery = submission.deliveries[0].id
    claim = await values.claim_of(store)
    attempt = msgspec.structs.replace(values.ATTEMPT, reports_until=UNTIL)
    silence = verdicts.Verdict(
        verdicts.Category.SESSION_NETWORK, verdicts.Outcome.SOFT, verdicts.Fault.NETWORK, "silence"
    )
    lost = replies.Reply(0, b"closed", replies.Stage.DOT)
    await store.settle([results.Attempted(delivery, claim, attempt, lost, silence, in_doubt=True)], DECIDE)
    await store.settle([report(delivery, late.Kind.COMPLAINT)], DECIDE)
    taken = msgspec.structs.replace(values.attempted(delivery, claim), attempt=attempt)
    await store.settle([taken], DECIDE)
    [again] = await store.settle([report(delivery, late.Kind.COMPLAINT, b"another one")], DECIDE)
    assert again is not None
    assert again.events == ()  # what was known of the first try is not forgotten
    states = [e.state for e in await store.trace(delivery)]
    assert states.count(State.COMPLAINT) == states.count(State.SUPPRESSED) == 1
    assert State.DELIVERED in states


async def test_a_delivery_without_a_token_leaves_nothing(store: port.Store) -> None:
    [delivery] = await delivered(store, "ann@rcpt.test", until=0)
    await store.settle([report(delivery)], DECIDE)
    assert await targets(store) == []


async def test_a_messages_token_counts_only_for_a_single_recipient(store: port.Store) -> None:
    deliveries = await delivered(store, "ann@rcpt.test", "bob@rcpt.test")
    await store.settle([report(deliveries[0], of_message=True)], DECIDE)
    assert await targets(store) == []


async def test_a_late_bounce_is_counted_in_the_minute_of_its_delivery(tmp_path: Path) -> None:
    clock = clocks.FakeClock(values.NOW)
    store = await open_store(tmp_path, 1, clock)
    [delivery] = await delivered(store, "ann@rcpt.test")
    clock.advance(3600)
    await store.settle([report(delivery), report(0, raw=b"x")], DECIDE)
    await store.close()
    found = list(apsw.Connection(str(tmp_path / FILE)).execute("SELECT minute, state, source FROM counter"))
    assert (values.NOW // MINUTE, State.BOUNCED, 3) in found
    assert (values.NOW // MINUTE + 60, State.REPORTED, 0) in found


async def test_what_is_over_is_swept(tmp_path: Path) -> None:
    clock = clocks.FakeClock(values.NOW)
    store = await open_store(tmp_path, 1, clock)
    [delivery] = await delivered(store, "ann@rcpt.test")
    await store.settle([report(0)], DECIDE)
    await store.sweep(values.NOW)
    assert len(await store.reports(0, 10)) == 1
    clock.advance(199 * 24 * 3600)
    assert await store.prune(retention.Kind.REPORTS, values.NOW + 1, 10) == 1
    assert await store.reports(0, 10) == []
    await store.settle([report(delivery)], DECIDE)
    assert len(await targets(store)) == 1
    clock.advance(2 * 24 * 3600)
    assert await store.sweep(values.NOW) >= 1
    await store.settle([report(delivery, raw=b"later")], DECIDE)
    assert (await store.feed(0, 1000))[-1].state is State.REPORTED
    await store.close()
