"""Directives in a worker: mail that is held, and mail that goes by another Source."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from tests.delivery import scripted
from tests.delivery import working as works
from tests.store import store_values

from gatepost.model import directive as directives
from gatepost.model import event as events
from gatepost.model import message as messages
from gatepost.model import result as results

Given, working = works.Given, works.working
Kind = directives.DirectiveKind
Filter = directives.Filter
State = events.State
OTHER = msgspec.structs.replace(works.SOURCE, id=4, name="other")
POOLS = {3: 2, 4: 2}


def standing(kind: Kind, which: Filter, **changes: Any) -> directives.Standing:
    one = directives.Directive(1, kind, which, "cli:ann", store_values.NOW, **changes)
    return directives.Standing([one], POOLS, {2: (3, 4)})


async def test_what_a_pause_means_is_held_and_the_rest_goes(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.standing = standing(Kind.PAUSE, Filter(domain="shop.test"))
        at.offer(await at.accept("a@shop.test", "b@mart.test", provider=given.provider))
        await at.store.wait_settled(2)
        assert server.transactions == [[b"b@mart.test"]]
        [held] = await at.store.held_by(1, 10)
        row, reason = await at.store.open_delivery(held) or (None, "")
        assert row is not None
        assert (row.status, row.attempts) == (messages.Status.HELD, 0)
        assert reason == "paused by directive 1 of cli:ann"
        assert at.deliverer.depth() == {"lanes": 1, "in_memory": 0, "connections": 1, "body_bytes": 0}


async def test_one_recipient_of_a_transaction_may_be_held(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.standing = standing(Kind.PAUSE, Filter(recipient="b@shop.test"))
        at.offer(await at.accept("a@shop.test", "b@shop.test", "c@shop.test", provider=given.provider))
        await at.store.wait_settled(3)
        assert server.transactions == [[b"a@shop.test", b"c@shop.test"]]


async def test_a_cancel_holds_what_it_will_end(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.standing = standing(Kind.CANCEL, Filter(domain="shop.test"))
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at.store.wait_settled(1)
        assert (await at.store.holds(), server.connections) == ([1], 0)


async def test_what_waits_for_a_connection_when_the_word_comes_is_held(tmp_path: Path) -> None:
    gate, greeted = asyncio.Event(), asyncio.Event()

    async def slow(_: bytes) -> bytes:
        greeted.set()
        await gate.wait()
        return scripted.USUAL["GREETING"]

    async with (
        scripted.serving({"GREETING": slow}) as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        jobs = await at.accept("a@shop.test", provider=given.provider)
        at.offer(jobs)
        await greeted.wait()
        at.standing = standing(Kind.PAUSE, Filter(domain="shop.test"))
        at.deliverer.look_at(jobs[0].lane)
        await at.store.wait_settled(1)
        gate.set()
        assert await at.store.holds() == [1]
        assert server.transactions == []


async def test_what_is_held_and_at_its_end_ends_without_an_attempt(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.standing = standing(Kind.PAUSE, Filter(domain="shop.test"))
        at.offer(await at.accept("a@shop.test", provider=given.provider, expires_at=store_values.NOW - 1))
        [(result, _)] = await at.store.wait_settled(1)
        assert isinstance(result, results.Expired)
        assert (server.connections, len(await at.events(State.BOUNCED))) == (0, 1)


async def test_a_reroute_gives_mail_to_the_other_source(tmp_path: Path) -> None:
    async with (
        scripted.serving() as server,
        working(tmp_path, given := Given(server.port, others=(OTHER,))) as at,
    ):
        at.standing = standing(Kind.REROUTE, Filter(source=3), to_source=4)
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at.store.wait_settled(2)
        [told] = await at.events(State.DELIVERED)
        assert (told.source, server.transactions) == (4, [[b"a@shop.test"]])


async def test_a_reroute_to_a_lane_of_another_worker_tells_it(tmp_path: Path) -> None:
    async with scripted.serving() as server:
        given = Given(server.port, others=(OTHER,), slots=(0, 1))
        async with working(tmp_path, given) as at:
            at.standing = standing(Kind.REROUTE, Filter(source=3), to_source=4)
            at.offer(await at.accept("a@shop.test", provider=given.provider))
            await at.wait_told(1)
            assert (at.told, server.connections) == ([2], 0)
            [due] = await at.store.due(2, at.clock.now_ms(), 10)
            assert due.source == 4


async def test_mail_leaves_a_source_that_is_disabled(tmp_path: Path) -> None:
    off = msgspec.structs.replace(works.SOURCE, disabled=True)
    async with scripted.serving() as server:
        given = Given(server.port, source=off, others=(OTHER,))
        async with working(tmp_path, given) as at:
            jobs = await at.accept("a@shop.test", provider=given.provider)
            at.offer(jobs)
            at.standing = standing(Kind.REROUTE, Filter(source=3), to_pool=2)
            at.standing = directives.Standing(
                [
                    directives.Directive(
                        1, Kind.REROUTE, Filter(source=3), "cli:ann", store_values.NOW, to_source=4
                    )
                ],
                POOLS,
                {2: (4,)},
            )
            at.deliverer.look_at(jobs[0].lane)
            await at.store.wait_settled(2)
            [told] = await at.events(State.DELIVERED)
            assert told.source == 4


async def test_mail_stays_where_the_target_is_gone(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.standing = standing(Kind.REROUTE, Filter(source=3), to_source=9)
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at.store.wait_settled(1)
        [told] = await at.events(State.DELIVERED)
        assert told.source == 3
