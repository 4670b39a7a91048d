"""The Deliverer with a real store and real sockets: what it hands out, settles, puts back, and leaves alone."""

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest
from tests.delivery import scripted
from tests.delivery import working as works

from gatepost.delivery import clearance
from gatepost.delivery import settings as delivery_settings
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.model import suppression as suppressions
from gatepost.store.sqlite import store as sqlite_stores

State = events.State
Given, working = works.Given, works.working
ONE = delivery_settings.LaneOverride(connections=1)


async def row_of(at: works.Works, delivery: int) -> tuple[fact_values.OpenDelivery, str]:
    found = await at.store.open_delivery(delivery)
    assert found is not None
    return found


async def test_a_message_is_delivered_and_its_connection_kept_for_the_next(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        for number in (1, 2):
            at.offer(await at.accept(f"a{number}@shop.test", provider=given.provider))
            await at.store.wait_settled(number)
        assert [e.recipient for e in await at.events(State.DELIVERED)] == ["a1@shop.test", "a2@shop.test"]
        assert (server.connections, at.deliverer.depth()["body_bytes"]) == (1, 0)


async def test_what_was_only_committed_is_found_when_somebody_tells(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        [due] = await at.accept("a@shop.test", provider=given.provider)
        at.deliverer.look_at(due.lane)
        await at.store.wait_settled(1)
        assert server.transactions == [[b"a@shop.test"]]


# --- read again when a connection is ready


async def test_a_suppression_after_queueing_is_settled_without_an_attempt(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        jobs = await at.accept("a@shop.test", "b@shop.test", provider=given.provider)
        entry = suppressions.Suppression(suppressions.Kind.ADDRESS, "a@shop.test", reason="manual")
        await at.store.suppress([entry], "me")
        at.offer(jobs)
        await at.store.wait_settled(2)
        assert server.transactions == [[b"b@shop.test"]]
        [rejected] = await at.events(State.REJECTED)
        assert (rejected.recipient, rejected.category, rejected.attempt) == (
            "a@shop.test",
            "local.suppressed",
            0,
        )


async def test_where_all_recipients_are_suppressed_nothing_is_sent_and_the_connection_stays_free(
    tmp_path: Path,
) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port, limits=ONE)) as at:
        jobs = await at.accept("a@shop.test", provider=given.provider)
        await at.store.suppress([suppressions.Suppression(suppressions.Kind.DOMAIN, "shop.test")], "me")
        at.offer(jobs)
        [(result, _)] = await at.store.wait_settled(1)
        assert isinstance(result, results.Blocked)
        assert server.transactions == []
        at.offer(await at.accept("a@other.test", provider=given.provider))
        await at.store.wait_settled(2)
        assert (server.transactions, server.connections) == ([[b"a@other.test"]], 1)


async def test_an_expired_delivery_that_was_attempted_ends_without_another_try(tmp_path: Path) -> None:
    script = {"MAIL": b"451 4.3.0 later\r\n"}
    async with scripted.serving(script) as server, working(tmp_path, given := Given(server.port)) as at:
        expires = at.clock.now_ms() + 3_600_000
        jobs = await at.accept("a@shop.test", provider=given.provider, expires_at=expires)
        at.offer(jobs)
        await at.store.wait_settled(1)
        at.clock.advance(3_700)
        at.deliverer.look_at(jobs[0].lane)
        _, (result, _) = await at.store.wait_settled(2)
        assert isinstance(result, results.Expired)
        assert (len(server.transactions), await at.store.open_delivery(jobs[0].id)) == (1, None)
        [bounced] = await at.events(State.BOUNCED)
        assert (bounced.category, bounced.flags, bounced.attempt) == ("local.expired", events.Flag.EXPIRED, 1)


async def test_one_never_attempted_gets_its_try_though_its_lifetime_is_over(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        expires = at.clock.now_ms() - 1
        at.offer(await at.accept("a@shop.test", provider=given.provider, expires_at=expires))
        await at.store.wait_settled(1)
        assert len(await at.events(State.DELIVERED)) == 1


async def test_a_held_address_waits_without_an_attempt_and_is_not_asked(tmp_path: Path) -> None:
    script = {"RCPT": b"452 4.2.2 mailbox full\r\n"}
    async with scripted.serving(script) as server, working(tmp_path, given := Given(server.port)) as at:
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at.store.wait_settled(1)
        [second] = await at.accept("a@shop.test", provider=given.provider)
        at.offer([second])
        _, (result, _) = await at.store.wait_settled(2)
        assert isinstance(result, results.Postponed)
        row, reason = await row_of(at, second.id)
        assert (row.attempts, reason, len(server.transactions)) == (0, "address held", 1)
        assert row.next_at > at.clock.now_ms()


async def test_a_lost_body_is_postponed_and_never_bounced(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        [due] = await at.accept("a@shop.test", provider=given.provider)
        lose_bodies(tmp_path)
        at.deliverer.offer([due], None)
        [(result, _)] = await at.store.wait_settled(1)
        assert isinstance(result, results.Postponed)
        row, reason = await row_of(at, due.id)
        assert (row.attempts, reason) == (0, "body cannot be read")
        assert row.next_at >= at.clock.now_ms() + clearance.LOST_MS
        assert (server.transactions, await at.events(State.BOUNCED, State.DEFERRED)) == ([], [])


def lose_bodies(path: Path) -> None:
    db = sqlite3.connect(path / sqlite_stores.FILE)
    db.execute("DELETE FROM body")
    db.commit()
    db.close()


# --- lanes of others


async def test_the_owner_of_another_workers_lane_is_told_and_nothing_is_sent(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port, slots=())) as at:
        jobs = await at.accept("a@shop.test", provider=given.provider)
        at.offer(jobs)
        at.deliverer.look_at(jobs[0].lane)
        assert (at.told, at.deliverer.depth()["in_memory"]) == ([jobs[0].lane], 0)
        assert server.connections == 0


# --- connections that end


@pytest.mark.parametrize("said", [scripted.CLOSE, b"421 4.3.2 closing\r\n"], ids=["closed", "421"])
async def test_a_reused_connection_that_the_host_ended_is_retried_untouched_and_does_not_count(
    tmp_path: Path, said: bytes
) -> None:
    # On each connection the first transaction is served, the second one's MAIL is not.
    async with (
        scripted.serving({"MAIL": said}, after=3) as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        for number in (1, 2):
            at.offer(await at.accept(f"a{number}@shop.test", provider=given.provider))
            await at.store.wait_settled(number)
        found = await at.events(State.DELIVERED, State.DEFERRED)
        assert [(e.state, e.attempt) for e in found] == [(State.DELIVERED, 1)] * 2
        assert (server.connections, len(server.transactions)) == (2, 3)


async def test_a_fresh_connection_that_the_host_ends_counts_as_an_attempt(tmp_path: Path) -> None:
    async with (
        scripted.serving({"MAIL": scripted.CLOSE}) as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        [due] = await at.accept("a@shop.test", provider=given.provider)
        at.offer([due])
        await at.store.wait_settled(1)
        row, reason = await row_of(at, due.id)
        assert (row.attempts, reason) == (1, "session.network")


# --- the lane's timer


async def test_a_settlement_that_reschedules_arms_the_lanes_timer(tmp_path: Path) -> None:
    once = iter([b"450 4.7.1 greylisted\r\n"])

    async def rcpt(_: bytes) -> bytes:
        return next(once, scripted.USUAL["RCPT"])

    given = Given(scale=0.0001)  # five minutes are 30 ms
    async with scripted.serving({"RCPT": rcpt}) as server:
        given = msgspec.structs.replace(given, fixed=server.port)
        async with working(tmp_path, given) as at:
            at.offer(await at.accept("a@shop.test", provider=given.provider))
            [(_, settlement)] = await at.store.wait_settled(1)
            assert settlement is not None
            assert settlement.reschedule is not None
            at.clock.advance((settlement.reschedule.next_at - at.clock.now_ms()) / 1000 + 0.001)
            await at.store.wait_settled(2)
            found = await at.events(State.DEFERRED, State.DELIVERED)
            assert [(e.state, e.attempt) for e in found] == [(State.DEFERRED, 1), (State.DELIVERED, 2)]


# --- the end


async def test_a_drain_leaves_what_was_not_sent_as_it_is(tmp_path: Path) -> None:
    async with (
        scripted.serving({"MAIL": scripted.SILENCE}) as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        jobs = [due for n in (1, 2, 3) for due in await at.accept(f"a{n}@shop.test", provider=given.provider)]
        for due in jobs:
            at.offer([due])
        await server.wait_heard(b"MAIL")
        await at.deliverer.drain(0)
        assert (at.store.settled, at.deliverer.depth()["connections"]) == ([], 0)
        for due in jobs:
            row, _ = await row_of(at, due.id)
            assert (row.attempts, row.next_at, row.last_category) == (0, due.next_at, "")


async def test_a_drain_settles_what_is_in_doubt_and_marks_it(tmp_path: Path) -> None:
    at_dot = asyncio.Event()

    async def silent(_: bytes) -> bytes:
        at_dot.set()
        return scripted.SILENCE

    async with (
        scripted.serving({"DOT": silent}) as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at_dot.wait()
        await at.deliverer.drain(0)
        [deferred] = await at.events(State.DEFERRED)
        assert deferred.flags & events.Flag.POSSIBLE_DUPLICATE


async def test_a_drain_waits_for_what_is_under_way_and_takes_nothing_new(tmp_path: Path) -> None:
    gate, at_dot = asyncio.Event(), asyncio.Event()

    async def slow(_: bytes) -> bytes:
        at_dot.set()
        await gate.wait()
        return scripted.USUAL["DOT"]

    async with (
        scripted.serving({"DOT": slow}) as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at_dot.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(at.deliverer.drain(30))
            await asyncio.sleep(0)
            at.offer(await at.accept("late@shop.test", provider=given.provider))
            gate.set()
        assert [e.recipient for e in await at.events(State.DELIVERED)] == ["a@shop.test"]
        assert (server.transactions, at.deliverer.depth()["in_memory"]) == ([[b"a@shop.test"]], 0)


# --- new settings


async def test_new_limits_hold_for_the_lanes_that_are_at_work(tmp_path: Path) -> None:
    async with (
        scripted.serving({"MAIL": scripted.SILENCE}) as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        at.offer(await at.accept("a1@shop.test", provider=given.provider))
        await server.wait_heard(b"MAIL")
        two = delivery_settings.LaneOverride(connections=2)
        at.deliverer.take(at.parts(Given(server.port, limits=two)))
        for number in (2, 3):
            at.offer(await at.accept(f"a{number}@shop.test", provider=given.provider))
        await server.wait_heard(b"MAIL", 2)
        assert (server.connections, at.deliverer.depth()["connections"]) == (2, 2)


async def test_a_source_that_is_disabled_hands_out_nothing_until_it_is_enabled_again(tmp_path: Path) -> None:
    off = msgspec.structs.replace(works.SOURCE, disabled=True)
    async with (
        scripted.serving() as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        at.offer(await at.accept("a1@shop.test", provider=given.provider))
        await at.store.wait_settled(1)
        at.deliverer.take(at.parts(Given(server.port, source=off)))
        at.offer(await at.accept("a2@shop.test", provider=given.provider))
        await asyncio.sleep(0)
        assert at.deliverer.depth()["in_memory"] == 1
        assert at.deliverer.depth()["connections"] == 0
        at.deliverer.take(at.parts(given))
        await at.store.wait_settled(2)
        assert len(await at.events(events.State.DELIVERED)) == 2


async def test_a_source_whose_ehlo_name_was_changed_says_the_new_one(tmp_path: Path) -> None:
    other = msgspec.structs.replace(works.SOURCE, ehlo="other.test")
    async with (
        scripted.serving() as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        at.offer(await at.accept("a1@shop.test", provider=given.provider))
        await at.store.wait_settled(1)
        at.deliverer.take(at.parts(Given(server.port, source=other)))
        at.offer(await at.accept("a2@shop.test", provider=given.provider))
        await at.store.wait_settled(2)
        assert [line for line in server.heard if line.startswith(b"EHLO")] == [
            b"EHLO gate.test\r\n",
            b"EHLO other.test\r\n",
        ]
