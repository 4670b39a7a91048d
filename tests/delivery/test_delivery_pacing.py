"""A lane is slowed and paused by what it is answered, tells so, keeps it over a restart, and comes back by itself."""

import asyncio
from pathlib import Path

import msgspec
from tests.delivery import scripted
from tests.delivery import working as works

from gatepost.model import event as events
from gatepost.model import pace as paces
from gatepost.model import result as results

State, Mode = events.State, paces.Mode
Given, working = works.Given, works.working
LISTED = b"554 5.7.1 Service unavailable; client host [203.0.113.9] blocked using zen.example.net\r\n"
SLOW = b"421 4.7.0 Too many connections from your IP\r\n"
SCALE = 1e-6  # two hours last 7 ms: what is tested is moved by the test's clock


async def pace_of(at: works.Works) -> paces.Pace | None:
    return next(iter((await at.store.paces()).values()), None)


async def until_told(at: works.Works, count: int) -> list[events.Event]:
    """So many steps of pacing are in the feed."""
    async with asyncio.timeout(10):
        while len(found := await at.events(State.PACED)) < count:  # noqa: ASYNC110 - the feed has no callback
            await asyncio.sleep(0.01)
    return found


async def test_one_reply_slows_the_lane_and_is_told_with_its_words(tmp_path: Path) -> None:
    async with (
        scripted.serving({"MAIL": SLOW}) as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        [told] = await until_told(at, 1)
        assert (told.category, told.reply, told.source, told.provider) == (
            "rate.limited",
            SLOW.rstrip(),
            works.SOURCE.id,
            given.provider,
        )
        assert "slowed to 1 connection" in told.detail
        pace = await pace_of(at)
        assert pace is not None
        assert pace.mode is Mode.SLOWED
        assert told.next_at == pace.until


async def blocked(at: works.Works, given: works.Given, count: int) -> None:
    """So many mails, one after the other, are refused because of our address."""
    for number in range(count):
        at.offer(await at.accept(f"a{number}@shop.test", provider=given.provider))
        await at.store.wait_settled(number + 1)


async def test_a_third_of_such_replies_pauses_it_and_what_waits_is_neither_tried_nor_lost(
    tmp_path: Path,
) -> None:
    async with (
        scripted.serving({"RCPT": LISTED}) as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        await blocked(at, given, 3)
        slowed, paused = await until_told(at, 2)
        assert (slowed.category, paused.detail) == ("sender.ip_blocklisted", "paused: sender.ip_blocklisted")
        [waiting] = await at.accept("b@shop.test", provider=given.provider)
        at.offer([waiting])
        at.deliverer.look_at(waiting.lane)
        await at.store.wait_settled(3)
        assert await at.store.open_delivery(waiting.id) is not None
        assert [b"b@shop.test"] not in server.transactions


async def test_a_restart_finds_the_lane_as_it_was(tmp_path: Path) -> None:
    async with scripted.serving({"RCPT": LISTED}) as server:
        given = Given(server.port)
        async with working(tmp_path, given) as at:
            await blocked(at, given, 3)
            await until_told(at, 2)
            [job] = await at.accept("late@shop.test", provider=given.provider)
        async with working(tmp_path, given) as at:
            at.offer([job])
            pace = await pace_of(at)
            assert pace is not None
            assert pace.mode is Mode.PAUSED
            assert at.deliverer.depth()["connections"] == 0
        assert [b"late@shop.test"] not in server.transactions


async def test_when_its_time_has_come_one_message_probes_and_a_good_answer_lets_the_rest_go(
    tmp_path: Path,
) -> None:
    refused = [b"a0@shop.test", b"a1@shop.test", b"a2@shop.test"]

    async def answer(line: bytes) -> bytes:
        return LISTED if any(one in line for one in refused) else b"250 ok\r\n"

    given = Given(0)
    async with scripted.serving({"RCPT": answer}) as server:
        given = msgspec.structs.replace(given, fixed=server.port, scale=SCALE)
        async with working(tmp_path, given) as at:
            await blocked(at, given, 3)
            await until_told(at, 2)
            for number in range(5):
                at.offer(await at.accept(f"b{number}@shop.test", provider=given.provider))
            at.clock.advance(1)
            await at.store.wait_settled(8)
            steps = [one.detail.partition(":")[0] for one in (await until_told(at, 4))[:4]]
            assert steps == [
                "slowed to 1 connection",
                "paused",
                "trying one message",
                "slowed to 1 connection",
            ]
            assert len(await at.events(State.DELIVERED)) == 5


async def test_a_smarthost_whose_password_is_wrong_is_paused_and_its_queue_is_not_bounced(
    tmp_path: Path,
) -> None:
    script = {"MAIL": b"530 5.7.0 Authentication required\r\n"}
    async with scripted.serving(script) as server:
        source = msgspec.structs.replace(works.SOURCE, host="127.0.0.1", port=server.port)
        given = Given(server.port, source=source)
        async with working(tmp_path, given) as at:
            jobs = [(await at.accept(f"a{n}@shop.test", provider=given.provider))[0] for n in range(4)]
            for job in jobs:
                at.offer([job])
            [told] = await until_told(at, 1)
            assert told.detail == "paused: source.refused"
            assert await at.events(State.BOUNCED) == []
            for job in jobs:
                assert await at.store.open_delivery(job.id) is not None


async def test_what_comes_to_its_end_while_the_lane_is_paused_ends(tmp_path: Path) -> None:
    async with (
        scripted.serving({"RCPT": LISTED}) as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        expires = at.clock.now_ms() + 3_600_000
        for number in range(3):
            at.offer(await at.accept(f"a{number}@shop.test", provider=given.provider, expires_at=expires))
            await at.store.wait_settled(number + 1)
        await until_told(at, 2)
        at.clock.advance(3_700)
        number = next(iter(await at.store.paces()))
        at.deliverer.look_at(number)
        settled = await at.store.wait_settled(6)
        assert all(isinstance(result, results.Expired) for result, _ in settled[3:])
        assert len(server.transactions) == 3


async def test_an_operator_may_switch_it_off(tmp_path: Path) -> None:
    async with scripted.serving({"MAIL": SLOW}) as server:
        given = Given(server.port, pacing=False)
        async with working(tmp_path, given) as at:
            at.offer(await at.accept("a@shop.test", provider=given.provider))
            await at.store.wait_settled(1)
            assert (await at.events(State.PACED), await at.store.paces()) == ([], {})
