"""Many suppressions at once over HTTP: each line has its result, and what goes out can come in."""

import json

from tests.console import house as houses

PLAIN, CSV, NDJSON = "text/plain", "text/csv", "application/x-ndjson"


async def brought(house: houses.House, body: str, media: str, query: str = "") -> houses.Said:
    path = f"/v1/suppressions/import{query}"
    return await house.ask("POST", path, body.encode(), key=houses.OPERATOR, headers={"Content-Type": media})


async def test_every_line_has_its_result_and_a_bad_one_hinders_no_other(house: houses.House) -> None:
    said = await brought(house, "ann@x.test\n\nno address\nbob@x.test\nann@x.test\n", PLAIN, "?note=list-7")
    assert (said.json["added"], said.json["there"], said.json["unreadable"]) == (2, 1, 1)
    assert [(one["row"], one["result"]) for one in said.json["rows"]] == [
        (1, "added"),
        (3, "unreadable"),
        (4, "added"),
        (5, "there"),
    ]
    assert said.json["rows"][1]["problem"]
    [first, _] = (await house.get("/v1/suppressions?reason=import")).json["items"]
    assert (first["scope"], first["note"]) == ("account:default", "list-7")


async def test_a_csv_file_of_another_system_is_read(house: houses.House) -> None:
    text = 'Email,Reason\nann@x.test,"Hard Bounce"\n"unclosed\n'
    said = await brought(house, text, CSV, "?scope=instance")
    assert (said.json["added"], said.json["unreadable"]) == (1, 1)
    [entry] = (await house.get("/v1/suppressions?scope=instance")).json["items"]
    assert entry["reason"] == "hard-bounce"


async def test_what_is_exported_can_be_imported(house: houses.House) -> None:
    targets = [f"p{n}@x.test" for n in range(700)]
    for at in (0, 350):
        await house.ask(
            "POST", "/v1/suppressions", {"targets": targets[at : at + 350], "scope": "bridge:mine"}
        )
    out = await house.get("/v1/suppressions/export?bridge=mine")
    assert [json.loads(line)["target"] for line in out.text.splitlines()] == targets
    assert (await house.get("/v1/suppressions/export", key=houses.THEIRS)).text == ""
    again = await brought(house, out.text, NDJSON)
    assert (again.json["added"], again.json["there"]) == (0, 700)
    await house.ask("POST", "/v1/suppressions/remove", {"targets": targets[:350], "scope": "bridge:mine"})
    assert (await brought(house, out.text, NDJSON)).json["added"] == 350


async def test_a_scope_or_media_that_is_none_is_refused_before_any_line(house: houses.House) -> None:
    assert (await brought(house, "ann@x.test", PLAIN, "?scope=bridge:nobody")).status == 422
    assert (await brought(house, "ann@x.test", "application/xml")).status == 415
    assert (await house.get("/v1/suppressions")).json["items"] == []
