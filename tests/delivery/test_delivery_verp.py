"""The Deliverer under return paths of ours: one transaction for each delivery, over the same connections as ever."""

import itertools
from pathlib import Path

import msgspec
import pytest
from tests.delivery import scripted
from tests.delivery import working as works
from tests.store import store_values

from gatepost.delivery import returning
from gatepost.delivery import settings as delivery_settings
from gatepost.model import directory as directories
from gatepost.reports import token as tokens

ONE = delivery_settings.LaneOverride(connections=1)
KEYS = tokens.keys([(1, b"k" * 32, 0)])
DOMAIN = directories.SenderDomain(
    1, 1, "shop.test", directories.ReturnPath.VERP, "bounce.shop.test", proved_since=1
)
VERP = returning.Paths([DOMAIN], KEYS, marked=True)
KEPT = returning.Paths([], KEYS, marked=True)
ADDRESSES = ("a@rcpt.test", "b@rcpt.test", "c@rcpt.test")
PIPELINING = {"EHLO": b"250-mx.test\r\n250-PIPELINING\r\n250 SIZE 0\r\n"}


def senders(server: scripted.Server) -> list[str]:
    lines = [line for line in server.heard if line.startswith(b"MAIL")]
    return [line[line.index(b"<") + 1 : line.index(b">")].decode() for line in lines]


def about(sender: str) -> int:
    local, _, domain = sender.partition("@")
    assert domain == "bounce.shop.test"
    read = tokens.read(local, KEYS, store_values.NOW)
    assert read.standing is tokens.Standing.VALID
    return read.about


@pytest.mark.parametrize("script", [{}, PIPELINING], ids=["plain", "pipelining"])
async def test_every_delivery_has_its_own_transaction_on_a_connection_that_is_kept(
    tmp_path: Path, script: dict[str, scripted.Answer]
) -> None:
    given = works.Given
    async with (
        scripted.serving(script) as server,
        works.working(tmp_path, given(server.port, limits=ONE)) as at,
    ):
        set_paths(at, given(server.port, limits=ONE), VERP)
        jobs = await at.accept(*ADDRESSES, provider=given(server.port).provider)
        at.offer(jobs)
        await at.store.wait_settled(3)
        assert server.transactions == [[one.encode()] for one in ADDRESSES]
        assert [about(sender) for sender in senders(server)] == [job.id for job in jobs]
        assert server.connections == 1
        left = await at.store.sent([job.id for job in jobs])
        assert [left[job.id].recipients for job in jobs] == [3, 3, 3]


async def test_where_the_path_is_kept_recipients_share_a_transaction_and_leave_a_row_each(
    tmp_path: Path,
) -> None:
    async with scripted.serving() as server, works.working(tmp_path, given := works.Given(server.port)) as at:
        set_paths(at, given, KEPT)
        jobs = await at.accept(*ADDRESSES, provider=given.provider)
        at.offer(jobs)
        await at.store.wait_settled(3)
        assert server.transactions == [[one.encode() for one in ADDRESSES]]
        assert senders(server) == ["news@shop.test"]
        assert len(await at.store.sent([job.id for job in jobs])) == 3


async def test_without_tokens_nothing_is_left_behind(tmp_path: Path) -> None:
    async with scripted.serving() as server, works.working(tmp_path, given := works.Given(server.port)) as at:
        jobs = await at.accept(*ADDRESSES, provider=given.provider)
        at.offer(jobs)
        await at.store.wait_settled(3)
        assert await at.store.sent([job.id for job in jobs]) == {}


async def test_a_group_that_waited_while_its_domain_was_proved_goes_one_by_one(tmp_path: Path) -> None:
    async with (
        scripted.serving() as server,
        works.working(tmp_path, given := works.Given(server.port, limits=ONE)) as at,
    ):
        told = itertools.chain([KEPT], itertools.repeat(VERP))
        parts = msgspec.structs.replace(at.parts(given), paths=lambda: next(told))
        at.deliverer.take(parts)
        jobs = await at.accept(*ADDRESSES, provider=given.provider)
        at.offer(jobs)
        await at.store.wait_settled(3)
        assert server.transactions == [[one.encode()] for one in ADDRESSES]
        assert [about(sender) for sender in senders(server)] == [job.id for job in jobs]


async def test_a_retry_has_the_same_return_path(tmp_path: Path) -> None:
    script = {"RCPT": b"451 4.7.1 later\r\n"}
    async with (
        scripted.serving(script) as server,
        works.working(tmp_path, given := works.Given(server.port)) as at,
    ):
        set_paths(at, given, VERP)
        [job] = await at.accept("a@rcpt.test", provider=given.provider)
        at.offer([job])
        await at.store.wait_settled(1)
        at.clock.advance(24 * 3600)
        at.deliverer.look_at(job.lane)
        await at.store.wait_settled(2)
        first, second = senders(server)
        assert first == second
        assert await at.store.sent([job.id]) == {}


def set_paths(at: works.Works, given: works.Given, paths: returning.Paths) -> None:
    at.deliverer.take(msgspec.structs.replace(at.parts(given), paths=lambda: paths))
