"""Webhooks over the API: made, shown, changed and ended, by operators and by a Bridge's own key."""

import asyncio
from typing import Any

import pytest
from tests.console import house as houses

from gatepost.store import webhooks

NEW: dict[str, Any] = {"name": "crm", "url": "https://crm.test/hook", "kinds": ["bounced"], "batch": 10}


async def made(house: houses.House, body: dict[str, Any] = NEW, *, key: str = houses.ADMIN) -> Any:
    said = await house.ask("POST", "/v1/webhooks", body, key=key)
    assert said.status == 201, said.text
    return said.json


async def test_a_webhook_is_made_and_its_secret_shown_once(house: houses.House) -> None:
    new = await made(house)
    assert new["secret"].startswith("whsec_")
    said = await house.get(f"/v1/webhooks/{new['webhook']['id']}")
    assert said.json == new["webhook"]
    assert said.json["progress"]["behind"] >= 0
    assert "secret" not in said.text.replace("old_secret_until", "")
    assert new["webhook"] in (await house.get("/v1/webhooks")).json["items"]


async def test_a_repeated_request_makes_it_once_with_the_same_secret(house: houses.House) -> None:
    headers = {"Idempotency-Key": "k1"}
    both = await asyncio.gather(*[house.ask("POST", "/v1/webhooks", NEW, headers=headers) for _ in range(2)])
    assert [one.status for one in both] == [201, 201]
    assert both[0].json["secret"] == both[1].json["secret"]
    assert len((await house.get("/v1/webhooks")).json["items"]) == 3


async def test_a_bridge_makes_and_ends_its_own(house: houses.House) -> None:
    new = await made(house, key=houses.MINE)
    path = f"/v1/webhooks/{new['webhook']['id']}"
    assert new["webhook"]["bridge"] == "mine"
    assert (await house.get(path, key=houses.THEIRS)).status == 404
    assert (await house.ask("DELETE", path, key=houses.MINE)).status == 200
    assert (await house.get(path, key=houses.MINE)).status == 404
    await made(house, key=houses.MINE)


async def test_a_bridge_has_so_many_at_most(house: houses.House) -> None:
    for number in range(9):
        await made(house, {**NEW, "name": f"w{number}"}, key=houses.MINE)
    said = await house.ask("POST", "/v1/webhooks", NEW, key=houses.MINE)
    assert (said.status, "10 already" in said.text) == (422, True)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("url", "https://private.test/", "url: "),
        ("kinds", ["exploded"], "kinds: "),
        ("categories", ["x.y"], "categories: "),
        ("account", "nobody", "account: "),
        ("bridge", "nobody", "bridge: "),
        ("batch", 101, "batch: "),
        ("lists", ["x"] * 101, "lists: "),
        ("name", "a/b", "name: "),
        ("dialect", "klingon", "dialect: "),
        ("dialect", "ses", "batch: the dialect ses tells one event"),
        ("basic_auth", "nobody", "basic_auth: "),
        ("more", 1, "unknown field"),
    ],
)
async def test_what_cannot_be_is_named(house: houses.House, field: str, value: object, told: str) -> None:
    said = await house.ask("POST", "/v1/webhooks", {**NEW, field: value})
    assert said.status == 422
    assert told in said.text


async def test_a_name_is_taken_once_for_each_owner(house: houses.House) -> None:
    await made(house)
    assert (await house.ask("POST", "/v1/webhooks", NEW)).status == 409
    await made(house, {**NEW, "account": "default"})
    await made(house, NEW, key=houses.MINE)


async def test_a_change_is_held_against_what_was_read(house: houses.House) -> None:
    path = f"/v1/webhooks/{(await made(house))['webhook']['id']}"
    etag = (await house.get(path)).headers["etag"]
    off = {**NEW, "off": True}
    said = await house.ask("PUT", path, off, headers={"If-Match": etag})
    assert (said.status, said.json["off_reason"]) == (200, "by hand")
    assert (await house.ask("PUT", path, NEW, headers={"If-Match": etag})).status == 412
    said = await house.ask("PUT", path, NEW)
    assert (said.json["off_since"], said.headers["etag"]) == (None, etag)
    said = await house.ask("PUT", path, {**NEW, "account": "default"})
    assert (said.status, "never changed" in said.text) == (422, True)


async def test_a_new_secret_comes_beside_the_old_one_for_a_day(house: houses.House) -> None:
    new = await made(house)
    said = await house.ask("POST", f"/v1/webhooks/{new['webhook']['id']}/rotate", {})
    assert said.status == 201
    assert said.json["secret"] != new["secret"]
    entry = next(one for one in (await house.store.directory()).webhooks if one.name == "crm")
    assert (entry.secret, entry.old_secret) == (said.json["secret"], new["secret"])
    assert said.json["old_secret_until"] is not None


async def test_a_test_shows_what_was_said(house: houses.House) -> None:
    said = await house.ask("POST", "/v1/webhooks/1/test", {}, key=houses.OPERATOR)
    assert (said.json["status"], said.json["answer"], said.json["problem"]) == (200, "thanks", None)
    assert [one.name for one in house.tested] == ["mine"]


async def test_tries_and_what_was_given_up_are_listed_page_by_page(house: houses.House) -> None:
    tries = [webhooks.Try(1, n, f"evt_{n}", n, 1, 1, 500, 1, "no", b"\x1b[2J") for n in range(1, 4)]
    refused = [webhooks.Request(0, 1, (n,), 1, 12, 0, "no") for n in range(1, 4)]
    await house.store.webhooks.keep(webhooks.Round(webhooks.Progress(1, 5), refused, tries=tries))
    first = (await house.get("/v1/webhooks/1/tries?limit=2&failed=true")).json
    assert [one["seq"] for one in first["items"]] == [3, 2]
    assert "\x1b" not in first["items"][0]["answer"]
    second = (await house.get(f"/v1/webhooks/1/tries?limit=2&after={first['next']}")).json
    assert ([one["seq"] for one in second["items"]], second["next"]) == ([1], None)
    dead = (await house.get("/v1/webhooks/1/dead?limit=3")).json
    assert [one["seqs"] for one in dead["items"]] == [[3], [2], [1]]
    said = await house.ask("POST", "/v1/webhooks/1/replay", {"dead": True}, key=houses.OPERATOR)
    assert (said.json["progress"]["waiting"], said.json["progress"]["dead"]) == (3, 0)


async def test_a_range_is_told_once_more(house: houses.House) -> None:
    newest = await house.store.last_seq()
    assert (await house.ask("POST", "/v1/webhooks/1/replay", {"after": 1})).status == 200
    [replay] = await house.store.webhooks.replays(1)
    assert (replay.cursor, replay.until) == (1, newest)
    for wrong in ({}, {"after": 1, "dead": True}, {"after": newest}, {"after": 5, "until": 4}, {"after": -1}):
        assert (await house.ask("POST", "/v1/webhooks/1/replay", wrong)).status == 422, wrong


async def test_a_dialect_with_a_password_and_a_key_to_verify_with(house: houses.House) -> None:
    body = {**NEW, "dialect": "sendgrid", "basic_auth": "hook:secret-word"}
    new = await made(house, body)
    assert new["webhook"]["basic_auth"] is True
    assert new["webhook"]["verification_key"].startswith("MFkw")
    path = f"/v1/webhooks/{new['webhook']['id']}"
    for given, kept in ((None, "hook:secret-word"), ("", "")):
        said = await house.ask("PUT", path, {**body, "basic_auth": given})
        assert said.json["basic_auth"] is bool(kept)
        entry = next(one for one in (await house.store.directory()).webhooks if one.name == "crm")
        assert entry.basic_auth == kept
    assert "secret-word" not in (await house.get("/v1/audit")).text
