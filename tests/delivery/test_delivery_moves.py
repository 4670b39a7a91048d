"""A domain whose Provider is another than its lane's: its deliveries move to the right lane, and are sent once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.delivery import scripted
from tests.delivery import working as works

from gatepost.model import event as events
from gatepost.sandbox import dns

Given, working = works.Given, works.working
State = events.State
BIG, SMALL = ((10, "mx.big.test"),), ((10, "mx.small.test"),)


@asynccontextmanager
async def naming(mx: Mapping[str, tuple[tuple[int, str], ...]]) -> AsyncIterator[dns.DnsServer]:
    """A DNS server that follows what the test writes into ``mx``."""
    hosts = {"mx.big.test": "127.0.0.1", "mx.small.test": "127.0.0.2"}
    server = dns.DnsServer(dns.Zone(mx=mx, addresses=hosts))
    await server.start()
    try:
        yield server
    finally:
        server.stop()


async def waits(at: works.Works, provider: str) -> int:
    """How many rows wait in a Provider's lane."""
    return len(await at.store.due(await at.store.lane(provider, works.SOURCE.id), at.clock.now_ms(), 99))


async def test_a_domain_seen_for_the_first_time_moves_to_its_providers_lane(tmp_path: Path) -> None:
    async with naming({"shop.test": BIG}) as names, scripted.serving() as server:
        given = Given(dns=(names.address,), mx_port=server.port)
        async with working(tmp_path, given) as at:
            at.offer(await at.accept("a@shop.test", "b@shop.test", provider="shop.test"))
            await at.store.wait_settled(2)
            found = await at.events(State.DELIVERED)
            assert [(e.provider, e.attempt) for e in found] == [("big.test", 1)] * 2
            assert await at.store.provider_of("shop.test") == "big.test"
            assert server.transactions == [[b"a@shop.test", b"b@shop.test"]]


async def test_a_lane_of_another_worker_is_told_of_what_moved_there(tmp_path: Path) -> None:
    async with naming({"shop.test": BIG}) as names, scripted.serving() as server:
        given = Given(dns=(names.address,), mx_port=server.port, slots=(1,))
        async with working(tmp_path, given) as at:
            [due] = await at.accept("a@shop.test", provider="shop.test")
            other = await at.store.lane("big.test", works.SOURCE.id)
            assert (due.lane, other) == (1, 2)
            at.offer([due])
            await at.wait_told(1)
            assert (at.told, await waits(at, "shop.test"), await waits(at, "big.test")) == ([2], 0, 1)
            assert (server.connections, at.deliverer.depth()["in_memory"]) == (0, 0)


async def test_mail_that_waits_follows_a_new_route(tmp_path: Path) -> None:
    async with (
        scripted.serving() as old,
        scripted.serving() as new,
        working(tmp_path, given := Given(old.port)) as at,
    ):
        [due] = await at.accept("a@shop.test", provider=given.provider)
        at.deliverer.take(at.parts(changed := Given(new.port)))
        at.deliverer.look_at(due.lane)
        await at.store.wait_settled(1)
        [delivered] = await at.events(State.DELIVERED)
        assert (delivered.provider, old.connections, new.connections) == (changed.provider, 0, 1)


async def test_a_route_teaches_nothing_about_the_domain(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, Given(server.port)) as at:
        at.offer(await at.accept("a@shop.test", provider="big.test"))
        await at.store.wait_settled(1)
        assert await at.store.provider_of("shop.test") == "shop.test"


async def test_what_is_under_way_in_the_old_lane_is_not_sent_from_the_new_one(tmp_path: Path) -> None:
    gate, at_dot = asyncio.Event(), asyncio.Event()

    async def slow(_: bytes) -> bytes:
        at_dot.set()
        await gate.wait()
        return scripted.USUAL["DOT"]

    mx = {"shop.test": BIG, "calm.test": SMALL}
    async with naming(mx) as names, scripted.serving({"DOT": slow}) as old:
        given = Given(dns=(names.address,), mx_port=old.port)
        async with (
            scripted.serving(ip="127.0.0.2", port=old.port) as new,
            working(tmp_path, given) as at,
        ):
            at.offer(await at.accept("a@shop.test", provider="big.test"))
            await at_dot.wait()
            mx["shop.test"] = SMALL
            at.clock.advance(61)
            at.offer(await at.accept("b@shop.test", provider="big.test"))
            at.offer(await at.accept("c@calm.test", provider="small.test"))
            await at.store.wait_settled(1)
            assert [one for [one] in new.transactions] == [b"c@calm.test"]
            gate.set()
            await at.store.wait_settled(3)
            assert old.transactions == [[b"a@shop.test"]]
            assert new.transactions == [[b"c@calm.test"], [b"b@shop.test"]]


async def test_a_lane_gets_its_connection_from_another_that_has_one_free_where_no_more_may_be_open(
    tmp_path: Path,
) -> None:
    async with (
        naming({"shop.test": BIG, "mart.test": SMALL}) as names,
        scripted.serving(ip="127.0.0.1") as big,
        scripted.serving(ip="127.0.0.2", port=big.port) as small,
    ):
        given = Given(dns=(names.address,), mx_port=big.port, max_connections=1)
        async with working(tmp_path, given) as at:
            at.offer(await at.accept("a@shop.test", provider="big.test"))
            await at.store.wait_settled(1)
            at.offer(await at.accept("b@mart.test", provider="small.test"))
            await at.store.wait_settled(2)
            assert (big.transactions, small.transactions) == ([[b"a@shop.test"]], [[b"b@mart.test"]])
            assert at.deliverer.depth()["connections"] == 1


async def test_domains_of_one_mx_share_a_connection_message_after_message(tmp_path: Path) -> None:
    async with naming({"shop.test": BIG, "other.test": BIG}) as names, scripted.serving() as server:
        given = Given(dns=(names.address,), mx_port=server.port)
        async with working(tmp_path, given) as at:
            for settled, domain in enumerate(("shop.test", "other.test", "shop.test"), 1):
                at.offer(await at.accept(f"a@{domain}", provider="big.test"))
                await at.store.wait_settled(settled)
            assert (server.connections, len(server.transactions)) == (1, 3)
            assert not any(line.startswith(b"RSET") for line in server.heard)
