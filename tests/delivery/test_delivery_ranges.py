"""Suppressed networks: a host in one is passed over, mail is rejected where no other is left, and a connection is used no more."""

from pathlib import Path

import pytest
from tests.delivery import scripted
from tests.delivery import working as works

from gatepost.delivery import ranges
from gatepost.delivery import settings as delivery_settings
from gatepost.model import event as events
from gatepost.model import suppression as suppressions
from gatepost.sandbox import dns

State = events.State
Given, working = works.Given, works.working
ONE = delivery_settings.LaneOverride(connections=1)


def entry(target: str, expires_at: int = 0) -> suppressions.Suppression:
    return suppressions.Suppression(
        suppressions.Kind.NETWORK, suppressions.network(target), reason="manual", expires_at=expires_at
    )


async def test_where_every_host_is_suppressed_the_mail_is_rejected_without_an_attempt(tmp_path: Path) -> None:
    async with (
        scripted.serving() as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        await at.store.suppress([entry("127.0.0.0/30")], "me")
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at.store.wait_settled(1)
        [rejected] = await at.events(State.REJECTED)
        assert (rejected.category, rejected.detail) == (
            "local.suppressed",
            "suppressed (manual): hosts in 127.0.0.0/30",
        )
        assert server.connections == 0


@pytest.mark.parametrize(
    ("target", "hosts"), [("127.0.0.1", (0, 1)), ("127.0.0.0/29", (0, 0)), ("127.0.0.9", (1, 0))]
)
async def test_a_suppressed_host_is_passed_over(tmp_path: Path, target: str, hosts: tuple[int, int]) -> None:
    names = dns.DnsServer(
        dns.Zone(
            mx={"shop.test": ((10, "mx1.big.test"), (20, "mx2.big.test"))},
            addresses={"mx1.big.test": "127.0.0.1", "mx2.big.test": "127.0.0.2"},
        )
    )
    await names.start()
    try:
        async with (
            scripted.serving() as first,
            scripted.serving(ip="127.0.0.2", port=first.port) as second,
            working(tmp_path, Given(dns=(names.address,), mx_port=first.port)) as at,
        ):
            await at.store.suppress([entry(target)], "me")
            at.offer(await at.accept("a@shop.test", provider="big.test"))
            await at.store.wait_settled(1)
            assert (first.connections, second.connections) == hosts
            assert len(await at.events(State.DELIVERED)) == sum(hosts)
            assert len(await at.events(State.REJECTED)) == (not any(hosts))
    finally:
        names.stop()


async def test_an_open_connection_is_used_no_more_once_its_host_is_suppressed(tmp_path: Path) -> None:
    async with (
        scripted.serving() as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at.store.wait_settled(1)
        await at.store.suppress([entry("127.0.0.1")], "me")
        at.clock.advance(ranges.FRESH_S)
        at.offer(await at.accept("b@shop.test", provider=given.provider))
        await at.store.wait_settled(2)
        assert len(server.transactions) == 1
        assert [one.recipient for one in await at.events(State.REJECTED)] == ["b@shop.test"]


async def test_an_entry_that_is_released_or_over_holds_nothing_up(tmp_path: Path) -> None:
    async with (
        scripted.serving() as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        await at.store.suppress([entry("127.0.0.1"), entry("127.0.0.0/8", expires_at=1)], "me")
        assert [one.target for one in await at.store.networks()] == ["127.0.0.1/32"]
        await at.store.release([entry("127.0.0.1")], "me")
        assert await at.store.networks() == []
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at.store.wait_settled(1)
        assert len(await at.events(State.DELIVERED)) == 1
