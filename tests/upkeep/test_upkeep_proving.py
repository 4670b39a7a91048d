"""When bounce domains are looked at, and what a look changes."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from gatepost import clock as clocks
from gatepost import log as logs
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.net import bounce_domain
from gatepost.store import port
from gatepost.store.sqlite import open_store
from gatepost.upkeep import proving

VERP = directories.ReturnPath.VERP
LOG = logs.get("test")


class Checker:
    """Says what the test wants, and counts."""

    def __init__(self) -> None:
        self.says = bounce_domain.GOOD
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.store: port.Store | None = None
        self.meanwhile: directories.SenderDomain | None = None

    async def __call__(self, domain: str, exits: Sequence[bounce_domain.Exit]) -> bounce_domain.Checked:
        self.asked.append((domain, tuple(one.source for one in exits)))
        if self.meanwhile is not None and self.store is not None:
            await self.store.change_directory([self.meanwhile], "test")
        return self.says


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[port.Store]:
    found = await open_store(tmp_path, 1)
    await found.change_directory([directories.Account(0, "default")], "test")
    await found.change_directory([directories.Pool(0, 1, "main")], "test")
    await found.change_directory(
        [
            directories.Source(0, 1, "out", ip="9.9.9.9"),
            directories.Source(0, 1, "relay", host="relay.test", port=25),
            directories.SenderDomain(0, 1, "kept.test"),
            directories.SenderDomain(0, 1, "shop.test", VERP, "bounce.shop.test"),
        ],
        "test",
    )
    yield found
    await found.close()


def prover(store: port.Store, check: Checker, clock: clocks.FakeClock) -> proving.Prover:
    check.store = store
    return proving.Prover(store, check, "gw.test", clock, lambda: 0.5)


async def shop(store: port.Store) -> directories.SenderDomain:
    return next(one for one in (await store.directory()).sender_domains if one.domain == "shop.test")


async def test_a_domain_is_proved_at_the_first_look_and_looked_at_again_a_day_later(
    store: port.Store,
) -> None:
    check, clock = Checker(), clocks.FakeClock(1_800_000_000_000)
    mine = prover(store, check, clock)
    await mine.look(LOG)
    assert check.asked == [("bounce.shop.test", ("out",))]
    assert (await shop(store)).verp
    assert (await shop(store)).proved_since == clock.now_ms()
    clock.advance(proving.DAY_S - 60)
    await mine.look(LOG)
    assert len(check.asked) == 1
    clock.advance(120)
    await mine.look(LOG)
    assert len(check.asked) == 2


async def test_a_no_takes_effect_at_once_is_an_event_and_is_looked_at_again_soon(store: port.Store) -> None:
    check, clock = Checker(), clocks.FakeClock(1_800_000_000_000)
    mine = prover(store, check, clock)
    await mine.look(LOG)
    check.says = bounce_domain.Checked(bounce_domain.Kind.BAD, "MX is other.test")
    clock.advance(2 * proving.DAY_S)
    await mine.look(LOG)
    found = await shop(store)
    assert (found.verp, found.problem) == (False, "MX is other.test")
    assert (await store.feed(0, 100))[-1].state is events.State.CHANGED
    check.says = bounce_domain.GOOD
    clock.advance(2 * proving.SOON_S)
    await mine.look(LOG)
    found = await shop(store)
    assert (found.verp, found.problem) == (True, "")


async def test_trouble_with_dns_changes_nothing(store: port.Store) -> None:
    check, clock = Checker(), clocks.FakeClock(1_800_000_000_000)
    mine = prover(store, check, clock)
    await mine.look(LOG)
    version = await store.directory_version()
    check.says = bounce_domain.Checked(bounce_domain.Kind.UNKNOWN, "SERVFAIL")
    clock.advance(2 * proving.DAY_S)
    await mine.look(LOG)
    assert (await shop(store)).verp
    assert await store.directory_version() == version


async def test_the_same_answer_writes_nothing(store: port.Store) -> None:
    check, clock = Checker(), clocks.FakeClock(1_800_000_000_000)
    mine = prover(store, check, clock)
    await mine.look(LOG)
    version = await store.directory_version()
    clock.advance(2 * proving.DAY_S)
    await mine.look(LOG)
    assert await store.directory_version() == version


async def test_another_way_out_or_another_bounce_domain_is_looked_at_at_once(store: port.Store) -> None:
    check, clock = Checker(), clocks.FakeClock(1_800_000_000_000)
    mine = prover(store, check, clock)
    await mine.look(LOG)
    await store.change_directory([directories.Source(0, 1, "second", ip="9.9.9.10")], "test")
    await mine.look(LOG)
    assert check.asked[-1] == ("bounce.shop.test", ("out", "second"))
    await store.change_directory(
        [msgspec.structs.replace(await shop(store), bounce_domain="b.shop.test", proved_since=0)], "test"
    )
    await mine.look(LOG)
    assert [domain for domain, _ in check.asked] == ["bounce.shop.test"] * 2 + ["b.shop.test"]
    assert (await shop(store)).verp


async def test_what_an_operator_changes_during_a_look_stays(store: port.Store) -> None:
    check, clock = Checker(), clocks.FakeClock(1_800_000_000_000)
    mine = prover(store, check, clock)
    check.meanwhile = directories.SenderDomain((await shop(store)).id, 1, "shop.test")
    await mine.look(LOG)
    assert (await shop(store)).return_path is directories.ReturnPath.KEEP
    assert not (await shop(store)).verp
