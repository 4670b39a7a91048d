"""``/v1/reports``: what came in, and reports that came in elsewhere."""

import base64

from tests.console import house as houses

from gatepost.app import compose
from gatepost.model import late
from gatepost.model import result as results
from gatepost.policy import settings as policy_settings

RAW = b"Subject: \x1b[31mhi \xe9\r\n\r\nsorry\r\n"
MAIL = {"Content-Type": "message/rfc822"}


async def filed(house: houses.House, count: int) -> None:
    decide = compose.build_decide(policy_settings.PolicySettings())
    for number in range(count):
        one = late.Filed(
            digest=b"%d" % number,
            at=1_800_000_000_000 + number,
            kind=late.Kind.BOUNCE,
            standing=late.Standing.UNVERIFIED,
            sender="",
            recipient="feedback@bounce.shop.test",
            peer_ip="192.0.2.9",
            size=len(RAW),
            raw=RAW,
        )
        await house.store.settle([results.Reported(0, one, detail="bounce mail")], decide)


async def test_what_came_in_is_listed_in_pages_and_shown(house: houses.House) -> None:
    await filed(house, 3)
    page = (await house.get("/v1/reports?limit=2", key=houses.READ)).json
    assert [one["id"] for one in page["items"]] == [3, 2]
    assert page["items"][0]["standing"] == "unverified"
    rest = (await house.get(f"/v1/reports?limit=2&after={page['next']}")).json
    assert ([one["id"] for one in rest["items"]], rest["next"]) == ([1], None)
    whole = (await house.get("/v1/reports/1")).json
    assert (whole["kind"], whole["delivery"]) == ("bounce", None)
    assert "\\x1b[31mhi" in whole["text"]
    assert base64.b64decode(whole["raw_base64"]) == RAW


async def test_a_report_that_is_not_there_is_404(house: houses.House) -> None:
    for number in ("7", "0", "x", "9" * 30, "-1"):
        assert (await house.get(f"/v1/reports/{number}")).status == 404


async def test_a_report_is_taken_with_its_recipient_and_who_brought_it(house: houses.House) -> None:
    path = "/v1/reports?recipient=b.1@bounce.shop.test"
    said = await house.ask("POST", path, RAW, key=houses.OPERATOR, headers=MAIL)
    assert said.status == 200, said.text
    assert said.json["events"] == ["bounced", "suppressed"]
    assert house.taken == [(RAW, "b.1@bounce.shop.test", "127.0.0.1")]


async def test_what_cannot_be_taken_now_may_be_brought_again(house: houses.House) -> None:
    house.unready = True
    said = await house.ask("POST", "/v1/reports", RAW, headers=MAIL)
    assert (said.status, said.headers["retry-after"]) == (503, "5")


async def test_nothing_and_other_things_are_refused(house: houses.House) -> None:
    assert (await house.ask("POST", "/v1/reports", b" \r\n", headers=MAIL)).status == 422
    assert (await house.ask("POST", "/v1/reports", {"x": 1})).status == 415
    assert (await house.ask("POST", "/v1/reports", RAW, headers=MAIL, key=houses.READ)).status == 403
    assert house.taken == []
