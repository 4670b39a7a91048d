"""Messages and deliveries over HTTP: found, and their whole life told."""

import base64
from typing import Any

import pytest
from tests.console import house as houses
from tests.store import store_values

from gatepost.model import ids
from gatepost.model import result as results
from gatepost.store import port


async def fill(house: houses.House, count: int) -> list[str]:
    """So many messages of the Bridge ``mine``; their ids, the oldest first."""
    maker = store_values.Maker(3)
    found = []
    for n in range(count):
        made = maker.submission(f"p{n}@many.test", bridge=1)
        found.append(ids.to_text((await house.store.accept([made], store_values.refuse))[0].message))
    return found


async def all_of(house: houses.House, path: str) -> list[Any]:
    found: list[Any] = []
    after = ""
    while True:
        page = (await house.get(f"{path}&after={after}")).json
        found += page["items"]
        if page["next"] is None:
            return found
        after = page["next"]


async def test_messages_are_listed_from_the_newest_on(house: houses.House) -> None:
    made = await fill(house, 5)
    found = await all_of(house, "/v1/messages?limit=2")
    assert [one["message"] for one in found][:5] == made[::-1]
    assert len(found) == 7
    assert found[0]["bridge"] == "mine"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("bridge=theirs-bridge", 1),
        ("list=theirs-list", 1),
        ("sender=news@shop.test", 2),
        ("message_id=%3C1@shop.test%3E", 2),
        ("message_id=%3C2@shop.test%3E", 0),
        ("recipient=ANN@RCPT.test", 1),
        ("recipient=bob@rcpt.test", 0),
        ("since=2026-01-01", 2),
        ("since=2100-01-01", 0),
        ("until=2026-01-01", 0),
    ],
)
async def test_messages_are_found_by_what_is_known_of_them(
    house: houses.House, query: str, count: int
) -> None:
    assert len(await all_of(house, f"/v1/messages?{query}")) == count


async def test_a_message_is_shown_with_what_became_of_it_and_every_reply_verbatim(
    house: houses.House,
) -> None:
    message = house.messages["mine"]
    assignment = await house.store.assign(await house.store.lease_worker(), range(port.SLOTS))
    claim = results.Claim(1, dict(assignment.slots)[1])
    await house.store.settle(
        [store_values.attempted(message + 1, claim, store_values.HARD)], store_values.decide
    )
    whole = (await house.get(f"/v1/messages/{ids.to_text(message)}")).json
    [delivery] = whole["deliveries"]
    assert (delivery["state"], delivery["code"], delivery["attempts"]) == ("bounced", 550, 1)
    told = (await house.get(f"/v1/messages/{ids.to_text(message + 1)}/events")).json["items"]
    assert [one["state"] for one in told] == ["received", "queued", "bounced", "suppressed"]
    assert base64.b64decode(told[2]["reply_base64"]) == b"550 5.1.1 no such user"
    paged = await all_of(house, f"/v1/messages/{ids.to_text(message)}/events?limit=1")
    assert paged == told
    gone = await house.get(f"/v1/deliveries/{ids.to_text(message + 1)}")
    assert gone.status == 404


async def test_what_waits_is_listed_and_says_for_what(house: houses.House) -> None:
    found = await all_of(house, "/v1/deliveries?limit=1")
    assert [one["recipient"] for one in found] == ["ann@rcpt.test", "theirs-ann@rcpt.test"]
    assert (await house.get("/v1/deliveries?status=held")).json["items"] == []
    one = (await house.get(f"/v1/deliveries/{found[0]['delivery']}")).json
    assert (one["status"], one["provider"]) == ("queued", found[0]["provider"])


async def test_what_is_no_id_or_not_there_is_a_404_and_a_wrong_cursor_a_422(house: houses.House) -> None:
    for path in ("messages/nothing", "messages/0000000000001", "deliveries/nothing", "messages/x/events"):
        assert (await house.get(f"/v1/{path}")).status == 404
    assert (await house.get("/v1/messages?after=x")).status == 422
    assert (await house.get("/v1/messages?recipient=x")).status == 422
    assert (await house.get("/v1/messages?recipient=a@b.test&list=x")).status == 422
