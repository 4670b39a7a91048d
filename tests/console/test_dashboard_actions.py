"""What people do on the dashboard, over real sockets: the same as the API does for a key of their role."""

import json
from collections.abc import AsyncIterator

import pytest
from tests.console import house as houses
from tests.console.test_dashboard_door import Person

from gatepost.model import event as events
from gatepost.model import verdict as verdicts

FLOOR = "/dashboard/suppressions"
QUEUES = "/dashboard/queues"


@pytest.fixture
async def operator(house: houses.House) -> AsyncIterator[Person]:
    person = Person(house)
    await person.enter("operator")
    await person.get(FLOOR)
    yield person
    await person.session.close()


@pytest.fixture
async def reader(house: houses.House) -> AsyncIterator[Person]:
    person = Person(house)
    await person.enter("read")
    await person.get("/dashboard")
    yield person
    await person.session.close()


async def listed(house: houses.House) -> list[str]:
    return [one["target"] for one in (await house.get("/v1/suppressions")).json["items"]]


async def test_addresses_are_suppressed_and_released_as_by_the_api(
    house: houses.House, operator: Person
) -> None:
    said = await operator.post(FLOOR, {"targets": "ann@x.test\n@y.test", "scope": "instance", "note": "<b>"})
    assert said.headers["location"] == f"{FLOOR}?done=suppressed&n=2"
    assert "2 added" in (await operator.get(said.headers["location"])).text
    assert await listed(house) == ["ann@x.test", "@y.test"]
    assert "is blocked" in (await operator.get(f"{FLOOR}?check=ann@x.test")).text
    said = await operator.post(FLOOR, {"remove": "ann@x.test", "scope": "instance"})
    assert said.headers["location"] == f"{FLOOR}?done=released&n=1"
    assert await listed(house) == ["@y.test"]
    [entry, *_] = await house.store.audit((), 0, 1)
    assert entry.actor == "user:operator from 127.0.0.1"


async def test_what_cannot_be_suppressed_is_said_and_what_was_typed_is_kept(operator: Person) -> None:
    said = await operator.post(FLOOR, {"targets": "ann@x.test nonsense", "scope": "instance"})
    assert said.status == 422
    assert "is no address" in said.text
    assert "ann@x.test nonsense</textarea>" in said.text
    assert await listed(operator.house) == []


async def test_entries_of_one_cause_are_released_after_a_look(house: houses.House, operator: Person) -> None:
    await operator.post(FLOOR, {"targets": "a@x.test b@x.test", "reason": "bad-import"})
    await operator.post(FLOOR, {"targets": "c@x.test", "reason": "other"})
    place = f"{FLOOR}/undo?reason=bad-import"
    assert "2 would be released" in (await operator.get(place)).text
    assert await listed(house) == ["a@x.test", "b@x.test", "c@x.test"]
    said = await operator.post(place, {})
    assert said.headers["location"] == f"{FLOOR}?done=released&n=2"
    assert await listed(house) == ["c@x.test"]


@pytest.mark.parametrize("query", ["", "?reason=other&kind=nonsense", "?reason=other&since=yesterday"])
async def test_a_release_that_names_nothing_or_something_wrong_does_nothing(
    house: houses.House, operator: Person, query: str
) -> None:
    await operator.post(FLOOR, {"targets": "c@x.test", "reason": "other"})
    assert "would be released" not in (await operator.get(f"{FLOOR}/undo{query}")).text
    assert (await operator.post(f"{FLOOR}/undo{query}", {})).status == 422
    assert await listed(house) == ["c@x.test"]


async def test_the_file_to_keep_is_what_import_reads(operator: Person) -> None:
    await operator.post(FLOOR, {"targets": "a@x.test", "reason": "one"})
    await operator.post(FLOOR, {"targets": "b@x.test", "reason": "two"})
    said = await operator.get(f"{FLOOR}/export?reason=two")
    assert [json.loads(line)["target"] for line in said.text.splitlines()] == ["b@x.test"]
    assert "attachment" in said.headers["content-disposition"]
    assert said.headers["x-content-type-options"] == "nosniff"


async def test_a_queue_is_paused_once_however_often_the_form_is_sent_and_goes_on(
    house: houses.House, operator: Person
) -> None:
    assert "rcpt.test" in (await operator.get(QUEUES)).text
    form = {"domain": "rcpt.test", "kind": "pause", "once": "x" * 32}
    for _ in range(2):
        assert (await operator.post(QUEUES, form)).headers["location"] == f"{QUEUES}?done=directed"
    [one] = (await house.get("/v1/directives?standing=true")).json["items"]
    assert (one["kind"], one["where"], one["actor"]) == ("pause", {"domain": "rcpt.test"}, "user:operator")
    assert (await operator.post(QUEUES, {"revoke": str(one["id"])})).status == 303
    assert (await house.get("/v1/directives?standing=true")).json["items"] == []


async def test_a_directive_that_means_everything_is_refused(house: houses.House, operator: Person) -> None:
    assert (await operator.post(QUEUES, {"kind": "cancel"})).status == 422
    assert (await operator.post(QUEUES, {"kind": "nonsense", "domain": "x.test"})).status == 422
    assert (await house.get("/v1/directives")).json["items"] == []


async def test_a_reader_sees_everything_and_changes_nothing(house: houses.House, reader: Person) -> None:
    for path, fields in (
        (FLOOR, {"targets": "ann@x.test"}),
        (FLOOR, {"remove": "ann@x.test"}),
        (f"{FLOOR}/undo?reason=manual", {}),
        (QUEUES, {"domain": "rcpt.test", "kind": "pause"}),
        (QUEUES, {"revoke": "1"}),
    ):
        assert (await reader.post(path, fields)).status == 403
        if "undo" not in path:
            assert '<form class="fields"' not in (await reader.get(path)).text
    assert await listed(house) == []


@pytest.mark.parametrize("path", [FLOOR, f"{FLOOR}/undo?reason=manual", QUEUES])
async def test_a_form_from_elsewhere_changes_nothing(operator: Person, path: str) -> None:
    fields = {"targets": "ann@x.test", "kind": "pause", "domain": "rcpt.test"}
    assert (await operator.post(path, fields, {"Sec-Fetch-Site": "cross-site"})).status == 403
    assert (await operator.post(path, {**fields, "token": "0" * 64})).status == 403
    assert await listed(operator.house) == []


async def test_bounces_are_broken_down_and_link_to_what_is_meant(house: houses.House, reader: Person) -> None:
    bounced = events.Event(
        at=house.clock.now_ms(),
        state=events.State.BOUNCED,
        bridge=1,
        source=1,
        provider="google",
        category="recipient.unknown",
        outcome=verdicts.Outcome.HARD,
        recipient="dead@rcpt.test",
        flags=events.Flag.OUTSIDE,
        reply=b"550 5.1.1 no such user",
    )
    await house.store.note([bounced] * 3)
    counted = (await house.get("/v1/breakdown?by=provider,category&state=bounced")).json
    assert counted["rows"][0]["of"] == ["google", "recipient.unknown"]
    assert (counted["total"]["bounced"], counted["total"]["hard"]) == (3, 3)
    assert sum(step["sums"]["bounced"] for step in counted["series"]) == 3
    page = (await reader.get("/dashboard/bounces?by=bridge&against=provider&since=1h")).text
    assert "add=bridge%3Dmine" in page
    assert "550 5.1.1 no such user" in page
    moved = await reader.get("/dashboard/bounces?by=bridge&add=bridge%3Dmine")
    assert moved.headers["location"] == "/dashboard/bounces?by=bridge&bridge=mine"
    assert "google" in (await reader.get("/dashboard/sources")).text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("by=nonsense", "is not one of"),
        ("by=provider,provider", "one dimension, or two"),
        ("by=provider,bridge,list", "one dimension, or two"),
        ("since=1h&until=2h", "is not after since"),
        ("since=soon", "is neither a time"),
        ("limit=0", ">= 1"),
    ],
)
async def test_a_breakdown_of_nothing_that_is_counted_is_refused(
    house: houses.House, query: str, told: str
) -> None:
    said = await house.get(f"/v1/breakdown?{query}")
    assert said.status == 422
    assert told in said.text
