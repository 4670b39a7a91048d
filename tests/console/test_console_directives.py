"""``/v1/directives`` and ``/v1/queues``: a hand on the queue over HTTP."""

from typing import Any

import pytest
from tests.console import house as houses

from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import ids

PAUSE = {"kind": "pause", "where": {"domain": "rcpt.test"}, "reason": "blocklisted"}


async def give(house: houses.House, **changes: Any) -> dict[str, Any]:
    said = await house.ask("POST", "/v1/directives", {**PAUSE, **changes}, key=houses.OPERATOR)
    assert said.status == 201, said.text
    found: dict[str, Any] = said.json
    return found


async def test_a_pause_is_given_listed_and_taken_back(house: houses.House) -> None:
    made = await give(house, expires_in=3600)
    assert (made["kind"], made["state"], made["where"]) == ("pause", "stands", {"domain": "rcpt.test"})
    assert (made["actor"], made["reason"], made["held"]) == ("key:operator", "blocklisted", 0)
    [listed] = (await house.get("/v1/directives", key=houses.READ)).json["items"]
    assert listed == made == (await house.get(f"/v1/directives/{made['id']}")).json
    said = await house.ask("DELETE", f"/v1/directives/{made['id']}", key=houses.OPERATOR)
    assert (said.json["state"], said.json["outcome"]) == ("over", "revoked by key:operator")
    again = await house.ask("DELETE", f"/v1/directives/{made['id']}")
    assert again.json == said.json
    assert (await house.get("/v1/directives?standing=true")).json["items"] == []


async def test_what_is_repeated_under_its_key_is_done_once(house: houses.House) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await house.ask("POST", "/v1/directives", PAUSE, headers=headers)
    second = await house.ask("POST", "/v1/directives", PAUSE, headers=headers)
    assert (first.status, second.status, first.json) == (201, 201, second.json)
    assert first.headers["location"] == f"/v1/directives/{first.json['id']}"
    assert len((await house.get("/v1/directives")).json["items"]) == 1


async def test_they_are_listed_in_pages_the_newest_first(house: houses.House) -> None:
    made = [(await give(house))["id"] for _ in range(3)]
    page = (await house.get("/v1/directives?limit=2")).json
    assert [one["id"] for one in page["items"]] == made[:0:-1]
    rest = (await house.get(f"/v1/directives?limit=2&after={page['next']}")).json
    assert ([one["id"] for one in rest["items"]], rest["next"]) == (made[:1], None)


async def test_a_preview_says_how_much_is_meant_and_does_nothing(house: houses.House) -> None:
    for where, count in (({"domain": "rcpt.test"}, 2), ({"bridge": "default/mine"}, 1), ({"list": "x"}, 0)):
        said = await house.ask("POST", "/v1/directives/preview", {"kind": "cancel", "where": where})
        assert (said.status, said.json) == (200, {"matching": count})
    assert (await house.get("/v1/directives")).json["items"] == []


async def test_a_cancel_has_ten_minutes_and_a_flush_no_end(house: houses.House) -> None:
    cancel = await give(house, kind="cancel")
    assert cancel["due_at"] is not None
    assert cancel["expires_at"] is None
    [one] = (await house.store.directory()).directives
    assert one.due_at - one.created_at == directives.UNDO_MS
    assert (await give(house, kind="flush"))["due_at"] is None


async def test_a_reroute_names_one_target_that_takes_mail(house: houses.House) -> None:
    await house.change(directories.Source(0, 1, "s2"), directories.Source(0, 1, "off", disabled=True))
    made = await give(house, kind="reroute", where={"source": "s1"}, to_source="s2")
    assert (made["to_source"], made["to_pool"]) == ("s2", None)
    circle = {"kind": "reroute", "where": {"source": "s2"}, "to_source": "s1"}
    said = await house.ask("POST", "/v1/directives", circle)
    assert (said.status, "directive 1 leads away from" in said.text) == (422, True)
    assert (await house.ask("DELETE", "/v1/directives/1")).status == 200
    assert (await give(house, kind="reroute", where={"list": "x"}, to_pool="main"))["to_pool"] == "main"
    for wrong in (
        {},
        {"to_source": "s2", "to_pool": "main"},
        {"to_source": "off"},
        {"to_source": "nobody"},
        {"to_pool": "theirs-pool"},
    ):
        body = {"kind": "reroute", "where": {"list": "x"}, **wrong}
        assert (await house.ask("POST", "/v1/directives", body)).status == 422, wrong


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"where": {}}, "where"),
        ({"where": {"domain": ""}}, "where"),
        ({"where": {"bridge": "nobody"}}, "bridge"),
        ({"where": {"pool": "nobody"}}, "pool"),
        ({"where": {"source": "nobody"}}, "source"),
        ({"where": {"account": "nobody"}}, "account"),
        ({"where": {"domain": "no domain"}}, "domain"),
        ({"where": {"message": "1"}}, "id"),
        ({"where": {"deliveries": ["1"]}}, "id"),
        ({"where": {"tag": "a,b"}}, "tag"),
        ({"where": {"nothing": "x"}}, "where"),
        ({"kind": "stop"}, "kind"),
        ({"expires_in": 0}, "expires_in"),
        ({"to_source": "s1"}, "to_source"),
    ],
)
async def test_what_is_wrong_is_named(house: houses.House, changes: dict[str, Any], place: str) -> None:
    said = await house.ask("POST", "/v1/directives", {**PAUSE, **changes})
    assert said.status == 422
    assert place in said.text


async def test_there_are_not_more_than_a_hundred_at_once(house: houses.House) -> None:
    one = directives.Directive(0, directives.DirectiveKind.PAUSE, directives.Filter(list="x"), "test", 1)
    await house.change(*[one] * 100)
    said = await house.ask("POST", "/v1/directives", PAUSE)
    assert (said.status, "100 stand already" in said.text) == (422, True)


async def test_deliveries_are_named_by_their_ids(house: houses.House) -> None:
    mine = ids.to_text(house.messages["mine"] + 1)
    made = await give(house, where={"deliveries": [mine]})
    assert made["where"] == {"deliveries": [mine]}


async def test_queues_are_listed_with_what_is_open(house: houses.House) -> None:
    page = (await house.get("/v1/queues", key=houses.READ)).json
    assert [(one["domain"], one["queued"], one["held"]) for one in page["items"]] == [("rcpt.test", 2, 0)]
    assert (await house.get("/v1/queues?bridge=mine")).json["items"][0]["queued"] == 1
    assert (await house.get("/v1/queues?domain=none.test")).json["items"] == []


async def test_nobody_that_does_not_exist_is_shown(house: houses.House) -> None:
    assert (await house.get("/v1/directives/77")).status == 404
    assert (await house.ask("DELETE", "/v1/directives/x")).status == 404
