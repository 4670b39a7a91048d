"""Flushes, cancels and releases, as the console carries them out."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.store import store_values as values

from gatepost import clock as clocks
from gatepost import log as logs
from gatepost.app import compose
from gatepost.model import directive as directives
from gatepost.model import event as events
from gatepost.model import result as results
from gatepost.policy import settings as policy_settings
from gatepost.store import port
from gatepost.store.sqlite import open_store
from gatepost.upkeep import directing

Kind = directives.DirectiveKind
Filter = directives.Filter
NEWS = Filter(list="news")
HOUR = 3_600_000


class Office:
    """A store with mail, a clock that is moved, and the Director."""

    def __init__(self, store: port.Store, clock: clocks.FakeClock) -> None:
        self.store = store
        self.clock = clock
        self.decide = compose.build_decide(policy_settings.PolicySettings(), lambda: 0.5)
        self.director = self.another()
        self._maker = values.Maker(1)

    def another(self) -> directing.Director:
        return directing.Director(self.store, lambda: self.decide, self.clock, logs.get("test"))

    async def mail(self, *recipients: str, lasts_ms: int = 100 * HOUR, **changes: Any) -> list[int]:
        """Deliveries of one message."""
        made = self._maker.submission(*recipients)
        message = msgspec.structs.replace(made.message, expires_at=values.NOW + lasts_ms, **changes)
        first = (await values.accept(self.store, msgspec.structs.replace(made, message=message))).message
        return [first + 1 + n for n in range(len(recipients))]

    async def put_off(self, *deliveries: int) -> None:
        """They wait for another try in an hour."""
        claim = await values.claim_of(self.store)
        later = self.clock.now_ms() + HOUR
        await self.store.settle(
            [results.Postponed(one, claim, later, "later") for one in deliveries], self.decide
        )

    async def hold(self, directive: int, *deliveries: int) -> None:
        claim = await values.claim_of(self.store)
        await self.store.settle(
            [results.Held(one, claim, directive, "paused") for one in deliveries], self.decide
        )

    async def direct(self, kind: Kind, which: Filter = NEWS, **changes: Any) -> directives.Directive:
        one = directives.Directive(0, kind, which, "cli:ann", self.clock.now_ms(), "why", **changes)
        return (await self.store.change_directory([one], "cli:ann")).directives[-1]

    async def done(self) -> None:
        """Until there is nothing more to do."""
        while await self.director.step():
            pass

    async def now(self, directive: int) -> directives.Directive:
        return next(one for one in (await self.store.directory()).directives if one.id == directive)

    async def due(self) -> list[int]:
        return sorted(one.id for one in await self.store.due(1, self.clock.now_ms(), 1000))

    async def states(self) -> list[events.State]:
        return [one.state for one in await values.every_event(self.store)]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    clock = clocks.FakeClock(values.NOW)
    store = await open_store(tmp_path, 1, clock)
    yield Office(store, clock)
    await store.close()


async def test_a_flush_makes_what_waits_due_and_is_over(office: Office) -> None:
    deliveries = await office.mail("a@rcpt.test", "b@rcpt.test", "c@rcpt.test")
    other = await office.mail("d@rcpt.test", list="other")
    await office.put_off(*deliveries[:2], *other)
    one = await office.direct(Kind.FLUSH)
    await office.done()
    assert await office.due() == deliveries
    ended = await office.now(one.id)
    assert (ended.outcome, ended.count, ended.ended_at) == ("done", 2, office.clock.now_ms())


async def test_a_flush_leaves_later_mail_alone(office: Office) -> None:
    one = await office.direct(Kind.FLUSH)
    earlier = msgspec.structs.replace(one, created_at=values.NOW - 1)
    await office.store.change_directory([earlier], "test")
    deliveries = await office.mail("a@rcpt.test")
    await office.put_off(*deliveries)
    await office.done()
    assert (await office.due(), (await office.now(one.id)).count) == ([], 0)


async def test_a_cancel_ends_mail_when_the_time_to_undo_it_is_over(office: Office) -> None:
    deliveries = await office.mail("a@rcpt.test", "b@rcpt.test")
    one = await office.direct(Kind.CANCEL, due_at=values.NOW + directives.UNDO_MS)
    await office.hold(one.id, deliveries[0])
    await office.done()
    assert events.State.REJECTED not in await office.states()
    office.clock.advance(directives.UNDO_MS / 1000)
    await office.done()
    assert (await office.states()).count(events.State.REJECTED) == 2
    told = [one for one in await values.every_event(office.store) if one.state is events.State.REJECTED]
    assert {(one.detail, one.flags) for one in told} == {("cancelled by cli:ann: why", events.Flag.CANCELLED)}
    assert (await office.now(one.id)).count == 2
    assert all(kept.holds for kept, _ in await office.store.ledger())


async def test_a_cancel_that_is_taken_back_in_time_ends_nothing(office: Office) -> None:
    deliveries = await office.mail("a@rcpt.test")
    one = await office.direct(Kind.CANCEL, due_at=values.NOW + directives.UNDO_MS)
    await office.hold(one.id, *deliveries)
    undone = msgspec.structs.replace(one, ended_at=office.clock.now_ms(), outcome="revoked by cli:ann")
    await office.store.change_directory([undone], "cli:ann")
    office.clock.advance(directives.UNDO_MS / 1000 + 1)
    await office.done()
    assert (await office.due(), (await office.now(one.id)).outcome) == (deliveries, "revoked by cli:ann")


async def test_a_pause_ends_by_itself_and_what_it_held_is_due(office: Office) -> None:
    deliveries = await office.mail("a@rcpt.test", "b@rcpt.test")
    one = await office.direct(Kind.PAUSE, expires_at=values.NOW + HOUR)
    await office.hold(one.id, *deliveries)
    await office.done()
    assert (await office.due(), await office.store.holds()) == ([], [one.id])
    office.clock.advance(3600)
    await office.done()
    assert (await office.due(), await office.store.holds()) == (deliveries, [])
    assert (await office.now(one.id)).outcome == "its time was over"


async def test_what_nobody_holds_any_more_is_released(office: Office) -> None:
    deliveries = await office.mail("a@rcpt.test")
    await office.hold(77, *deliveries)
    await office.done()
    assert await office.due() == deliveries


async def test_what_is_held_ends_with_its_lifetime(office: Office) -> None:
    deliveries = await office.mail("a@rcpt.test", lasts_ms=HOUR)
    one = await office.direct(Kind.PAUSE)
    await office.hold(one.id, *deliveries)
    office.clock.advance(3600)
    await office.done()
    assert (await office.states())[-1] is events.State.BOUNCED
    assert await office.store.open_count() == 0


async def test_more_than_a_batch_is_carried_out_and_goes_on_after_a_kill(office: Office) -> None:
    wanted = directing.BATCH + 50
    deliveries = [
        one
        for n in range(5)
        for one in await office.mail(*[f"a{n}-{i}@rcpt.test" for i in range(wanted // 5)])
    ]
    await office.direct(Kind.CANCEL, due_at=values.NOW)
    assert await office.director.step()
    assert (await office.states()).count(events.State.REJECTED) == directing.BATCH
    office.director = office.another()
    await office.done()
    assert (await office.states()).count(events.State.REJECTED) == len(deliveries) == wanted
    assert await office.store.open_count() == 0


async def test_directives_that_are_long_over_are_forgotten_but_for_the_newest(office: Office) -> None:
    for _ in range(3):
        await office.direct(Kind.FLUSH)
    await office.done()
    office.clock.advance(directing.KEEP_MS / 1000)
    await office.done()
    assert [one.id for one in (await office.store.directory()).directives] == [3]
    assert (await office.direct(Kind.FLUSH)).id == 4
