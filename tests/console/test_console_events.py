"""The feed over HTTP: pages, long poll, lines and the stream."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import apsw
import pytest
from tests.console import house as houses

from gatepost.model import event as events


async def tell(house: houses.House, count: int = 1, state: events.State = events.State.REPORTED) -> None:
    await house.store.note(
        [events.Event(at=house.clock.now_ms(), state=state, bridge=1) for _ in range(count)]
    )


@contextlib.asynccontextmanager
async def streamed(
    house: houses.House, path: str = "/v1/events/stream", *, key: str = houses.ADMIN, **headers: str
) -> AsyncIterator[aiohttp.ClientResponse]:
    given = {"Authorization": f"Bearer {key}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    async with house.session.get(house.base + path, headers=given) as answer:
        assert answer.status == 200, await answer.text()
        yield answer


async def heard(answer: aiohttp.ClientResponse, count: int) -> list[Any]:
    """So many events of a stream, each with its id as the client has it."""
    found: list[Any] = []
    seq = 0
    async with asyncio.timeout(10):
        while len(found) < count:
            line = (await answer.content.readline()).decode().rstrip("\n")
            if line.startswith("id: "):
                seq = int(line[4:])
            elif line.startswith("data: "):
                found.append(json.loads(line[6:]))
                assert found[-1]["seq"] == seq
    return found


async def test_the_feed_is_read_page_by_page_without_a_gap(house: houses.House) -> None:
    await tell(house, 25)
    found: list[int] = []
    after = 0
    while True:
        page = (await house.get(f"/v1/events?after={after}&limit=7")).json
        found += [one["seq"] for one in page["items"]]
        after = page["next"]
        if page["end"]:
            break
    assert found == list(range(1, await house.store.last_seq() + 1))


async def test_the_feed_is_filtered_by_the_words_of_where(house: houses.House) -> None:
    await tell(house, 3)
    page = (await house.get("/v1/events?state=reported&bridge=mine")).json
    assert [one["state"] for one in page["items"]] == ["reported"] * 3
    assert page["end"]
    assert (await house.get("/v1/events?state=reported&bridge=theirs-bridge")).json["items"] == []
    wrong = await house.get("/v1/events?state=happy")
    assert (wrong.status, "bounced" in wrong.text) == (422, True)
    assert (await house.get("/v1/events?since=1h")).json["items"]
    assert (await house.get("/v1/events?since=2100-01-01")).json["items"] == []


async def test_a_long_poll_gets_what_comes(house: houses.House) -> None:
    after = await house.store.last_seq()
    waiting = asyncio.ensure_future(house.get(f"/v1/events?after={after}&wait=20&state=reported"))
    await house.wait_listeners(1)
    await tell(house, 2, events.State.CHANGED)
    await tell(house, 2)
    page = (await waiting).json
    assert {one["state"] for one in page["items"]} == {"reported"}
    assert (await house.get(f"/v1/events?after={page['next']}&wait=0")).json["end"]


async def test_lines_come_until_the_end_or_follow(house: houses.House) -> None:
    await tell(house, 3)
    last = await house.store.last_seq()
    said = await house.ask("GET", "/v1/events", headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line)["seq"] for line in said.text.splitlines()] == list(range(1, last + 1))
    path = f"/v1/events?after={last}&follow=true"
    async with streamed(house, path, Accept="application/x-ndjson") as answer:
        await tell(house, 2)
        lines = [json.loads(await answer.content.readline()) for _ in range(2)]
        assert [one["seq"] for one in lines] == [last + 1, last + 2]


async def test_a_stream_goes_on_behind_the_last_id(house: houses.House) -> None:
    last = await house.store.last_seq()
    async with streamed(house) as answer:
        await tell(house, 3)
        assert [one["seq"] for one in await heard(answer, 3)] == [last + 1, last + 2, last + 3]
    await tell(house, 2)
    async with streamed(house, Last_Event_ID=str(last + 2)) as answer:
        assert [one["seq"] for one in await heard(answer, 3)] == [last + 3, last + 4, last + 5]
    async with streamed(house, "/v1/events/stream?after=0&state=reported") as answer:
        assert [one["seq"] for one in await heard(answer, 5)] == list(range(last + 1, last + 6))


async def test_a_cursor_that_is_not_kept_or_not_there_is_told(house: houses.House, tmp_path: Path) -> None:
    await tell(house, 20)
    db = apsw.Connection(str(tmp_path / "gatepost.db"))
    db.execute("DELETE FROM event WHERE seq <= 10")
    db.close()
    gone = await house.get("/v1/events?after=5")
    assert (gone.status, gone.json["errors"][0]) == (
        410,
        {"place": "after", "problem": "the first seq that is kept is 11"},
    )
    assert (await house.get("/v1/events/stream?after=5")).status == 410
    assert (await house.get("/v1/events?after=10")).json["items"][0]["seq"] == 11
    assert (await house.get("/v1/events?after=0&limit=1")).json["items"][0]["seq"] == 11
    assert (await house.get("/v1/events?after=99999")).status == 422
    assert (await house.ask("GET", "/v1/events/stream", headers={"Last-Event-ID": "x"})).status == 422


async def test_a_bridge_hears_of_its_own_mail_alone(house: houses.House) -> None:
    async with streamed(house, "/v1/events/stream?after=0", key=houses.THEIRS) as answer:
        found = await heard(answer, 2)
        assert {one["bridge"] for one in found} == {"theirs-bridge"}
    assert {one["bridge"] for one in (await house.get("/v1/events", key=houses.MINE)).json["items"]} == {
        "mine"
    }


async def test_a_stream_ends_when_its_key_does(house: houses.House) -> None:
    async with streamed(house, key=houses.READ) as answer:
        await house.ask("DELETE", "/v1/keys/read")
        await tell(house)
        async with asyncio.timeout(10):
            assert b"reported" not in await answer.content.read()


async def test_streams_beyond_the_bound_are_put_off_and_a_closed_one_makes_room(tmp_path: Path) -> None:
    async with houses.opened(tmp_path, max_streams=1) as house:
        async with streamed(house):
            full = await house.get("/v1/events/stream")
            assert (full.status, "retry-after" in full.headers) == (503, True)
        await house.wait_listeners(0)
        async with streamed(house):
            pass


@pytest.mark.slow
async def test_three_hundred_who_never_read_harm_nobody(tmp_path: Path) -> None:
    async with houses.opened(tmp_path) as house:
        host, _, number = house.base.removeprefix("http://").partition(":")
        head = f"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {houses.ADMIN}\r\n\r\n"
        idle = [await asyncio.open_connection(host, int(number)) for _ in range(300)]
        for _, writer in idle:
            writer.write(head.encode())
        async with streamed(house) as answer:
            for _ in range(50):
                await tell(house, 100)
                await heard(answer, 100)
        for _, writer in idle:
            writer.transport.abort()
