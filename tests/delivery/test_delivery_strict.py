"""MTA-STS policies: found, kept, kept fresh, and never lost to whoever hides them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.net import dns_server

from gatepost import clock as clocks
from gatepost.delivery import strict
from gatepost.net import https, resolver

RECORD = ("_mta-sts.d.test", "TXT")
WEEK_S = 604_800.0


class Web:
    """What the policy host says: a document, or why there is none."""

    def __init__(self) -> None:
        self.says: bytes | str = policy("enforce")
        self.asked: list[tuple[str, str]] = []

    async def fetch(self, host: str, path: str, *, most: int, within_s: float) -> https.Document:
        assert (most, within_s) == (64 * 1024, 60)
        self.asked.append((host, path))
        await asyncio.sleep(0)
        if isinstance(self.says, str):
            raise https.FetchFailed(self.says)
        return https.Document("text/plain", self.says)


def policy(mode: str, max_age: int = 604_800) -> bytes:
    return f"version: STSv1\nmode: {mode}\nmx: mx.test\nmax_age: {max_age}\n".encode()


class World:
    """Everything around the policies."""

    def __init__(self, server: dns_server.Server) -> None:
        self.clock = clocks.FakeClock()
        self.web = Web()
        self.dns = server
        finds = resolver.Resolver((f"127.0.0.1:{server.port}",), clock=self.clock, shuffle=lambda _: None)
        self.policies = strict.Policies(finds, self.web, self.clock)

    async def mode(self) -> str | None:
        found = await self.policies.find("d.test")
        return found.policy.mode.value if found.policy is not None else None

    def publishes(self, number: str) -> None:
        self.dns.zone[RECORD] = [f'"v=STSv1; id={number};"']


@asynccontextmanager
async def world(said: list[str] | str | None = None) -> AsyncIterator[World]:
    zone: dns_server.Zone = {RECORD: said if said is not None else ['"v=STSv1; id=a1;"']}
    async with dns_server.serving(zone, ttl=60) as server:
        yield World(server)


async def test_a_policy_is_found_where_the_domain_publishes_one() -> None:
    async with world() as at:
        assert await at.mode() == "enforce"
        assert at.web.asked == [("mta-sts.d.test", "/.well-known/mta-sts.txt")]


@pytest.mark.parametrize("said", ["NODATA", "NXDOMAIN", "SERVFAIL", ['"v=spf1 -all"']], ids=str)
async def test_without_a_record_nothing_is_fetched(said: list[str] | str) -> None:
    async with world(said) as at:
        assert (await at.policies.find("d.test"), at.web.asked) == (strict.Found(), [])


async def test_equal_questions_at_once_fetch_once() -> None:
    async with world() as at:
        found = await asyncio.gather(*(at.mode() for _ in range(20)))
        assert (set(found), len(at.web.asked)) == ({"enforce"}, 1)


async def test_a_known_policy_is_not_fetched_again_while_its_id_is_the_same() -> None:
    async with world() as at:
        await at.mode()
        at.clock.advance(3600)
        assert (await at.mode(), len(at.web.asked)) == ("enforce", 1)


async def test_another_id_brings_another_policy() -> None:
    async with world() as at:
        await at.mode()
        at.publishes("a2")
        at.web.says = policy("none")
        at.clock.advance(61)
        assert (await at.mode(), len(at.web.asked)) == ("none", 2)


async def test_a_policy_is_fetched_anew_after_a_day_and_lives_on() -> None:
    async with world() as at:
        for _ in range(20):
            assert await at.mode() == "enforce"
            at.clock.advance(strict.MOST_FRESH_S + 1)
        assert len(at.web.asked) == 20


HIDDEN: dict[str, tuple[list[str] | str, bytes | str]] = {
    "its record is gone": ("NXDOMAIN", policy("none")),
    "DNS is broken": ("SERVFAIL", policy("none")),
    "another id, and the host is down": (['"v=STSv1; id=a2"'], "connection refused"),
    "another id, and a broken document": (['"v=STSv1; id=a2"'], b"<html>"),
}


@pytest.mark.parametrize(("record", "says"), HIDDEN.values(), ids=HIDDEN)
async def test_whoever_hides_a_policy_does_not_get_rid_of_it_before_it_is_over(
    record: list[str] | str, says: bytes | str
) -> None:
    async with world() as at:
        await at.mode()
        at.dns.zone[RECORD], at.web.says = record, says
        for _ in range(6):
            at.clock.advance(86_000)
            assert await at.mode() == "enforce"
        at.clock.advance(WEEK_S)
        assert await at.mode() is None


@pytest.mark.parametrize("says", ["connection refused", b"<html>", b"version: STSv1\n"], ids=str)
async def test_a_policy_that_cannot_be_fetched_is_none_says_why_and_waits_five_minutes(
    says: bytes | str,
) -> None:
    async with world() as at:
        at.web.says = says
        found = await at.policies.find("d.test")
        assert (found.policy, found.problem.startswith("https://mta-sts.d.test/")) == (None, True)
        at.web.says = policy("enforce")
        at.clock.advance(strict.AGAIN_S - 1)
        assert (await at.mode(), len(at.web.asked)) == (None, 1)
        at.clock.advance(2)
        assert (await at.mode(), len(at.web.asked)) == ("enforce", 2)


async def test_new_settings_keep_what_is_known() -> None:
    async with world() as at:
        await at.mode()
        other = Web()
        at.policies.take(other)
        assert (await at.mode(), other.asked) == ("enforce", [])
