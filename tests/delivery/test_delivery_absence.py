"""A domain that DNS does not know, from the question to the suppression: a real resolver, store and worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.delivery import working as works
from tests.net import dns_server

from gatepost.model import event as events
from gatepost.model import suppression as suppressions

THERE: dns_server.Zone = {("known.test", "SOA"): ["ns.test. host.test. 1 2 3 4 5"]}
GONE: dns_server.Zone = {("gone.test", "MX"): "NXDOMAIN", **THERE}
H_S = 3600.0


@asynccontextmanager
async def by(tmp_path: Path, *zones: dns_server.Zone) -> AsyncIterator[works.Works]:
    """A Deliverer whose DNS servers say these."""
    async with dns_server.serving(zones[0]) as one, dns_server.serving(zones[-1]) as two:
        servers = tuple(f"127.0.0.1:{server.port}" for server in (one, two)[: len(zones)])
        async with works.working(tmp_path, works.Given(dns=servers)) as at:
            yield at


async def sent_at(at: works.Works, *hours: float) -> list[suppressions.Suppression]:
    """A message to one more address of the domain at each of these hours; what is suppressed in the end."""
    passed = 0.0
    for number, hour in enumerate(hours, 1):
        at.clock.advance((hour - passed) * H_S)
        passed = hour
        at.offer(await at.accept(f"a{number}@gone.test", provider="gone.test"))
        await at.store.wait_settled(number)
    return [entry for _, entry in await at.store.suppressions((), 0, 9)]


async def test_a_domain_that_stays_missing_costs_its_addresses_then_itself(tmp_path: Path) -> None:
    async with by(tmp_path, GONE, GONE) as at:
        found = await sent_at(at, 0, 0.5, 1.2, 26)
        assert [(entry.kind, entry.target) for entry in found] == [
            (suppressions.Kind.ADDRESS, "a3@gone.test"),
            (suppressions.Kind.DOMAIN, "gone.test"),
        ]
        deferred = await at.events(events.State.DEFERRED)
        bounced = await at.events(events.State.BOUNCED)
        assert [e.category for e in (*deferred, *bounced)] == ["domain.not_found"] * 4
        assert [e.recipient for e in bounced] == ["a3@gone.test", "a4@gone.test"]


DOUBTS: dict[str, tuple[dns_server.Zone, ...]] = {
    "one server alone": (GONE,),
    "the other one knows it": (GONE, {("gone.test", "MX"): "NODATA", **THERE}),
    "the other one fails": (GONE, {("gone.test", "MX"): "SERVFAIL", **THERE}),
    "the other one knows nothing at all": (
        GONE,
        {("gone.test", "MX"): "NXDOMAIN", ("known.test", "SOA"): "NXDOMAIN"},
    ),
    "it has neither MX nor address": ({**THERE}, {**THERE}),
    "DNS is down": ({("gone.test", "MX"): "SERVFAIL"}, {("gone.test", "MX"): "REFUSED"}),
}


@pytest.mark.parametrize("zones", DOUBTS.values(), ids=DOUBTS)
async def test_whatever_is_less_than_that_suppresses_nobody(
    tmp_path: Path, zones: tuple[dns_server.Zone, ...]
) -> None:
    async with by(tmp_path, *zones) as at:
        assert await sent_at(at, 0, 0.5, 1.2, 26, 50) == []
        assert await at.events(events.State.BOUNCED) == []
