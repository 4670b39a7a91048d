"""Who may ask, how often, and what is said to those who ask wrongly."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from tests.console import house as houses

from gatepost import clock as clocks
from gatepost.console import rates
from gatepost.store import credentials


async def test_without_a_good_key_nothing_is_told(house: houses.House) -> None:
    for key in (None, "gp_wrong", houses.REVOKED):
        said = await house.get("/v1/me", key=key)
        assert (said.status, said.headers["www-authenticate"]) == (401, "Bearer")
        assert said.json["title"] == "Unauthorized"
    assert house.wrong == ["127.0.0.1", "127.0.0.1"]


async def test_a_key_says_whose_it_is(house: houses.House) -> None:
    assert (await house.get("/v1/me", key=houses.READ)).json == {
        "name": "key:read",
        "role": "read",
        "account": None,
        "bridge": None,
    }
    assert (await house.get("/v1/me", key=houses.MINE)).json["bridge"] == "mine"


async def test_a_role_may_what_the_lesser_ones_may_and_no_more(house: houses.House) -> None:
    body = {"targets": ["ann@x.test"]}
    assert (await house.ask("POST", "/v1/suppressions", body, key=houses.READ)).status == 403
    assert (await house.ask("POST", "/v1/suppressions", body, key=houses.OPERATOR)).status == 200
    assert (await house.get("/v1/keys", key=houses.OPERATOR)).status == 403
    assert (await house.get("/v1/keys")).status == 200


async def test_a_key_with_networks_opens_nothing_from_elsewhere(house: houses.House) -> None:
    mac = credentials.mac(houses.PEPPER, "gp_far")
    await house.change(houses.Key(0, "far", houses.Role.ADMIN, mac, networks=("192.0.2.0/24",)))
    assert (await house.get("/v1/me", key="gp_far")).status == 403


async def test_a_new_key_is_shown_once_and_works_until_it_is_revoked(house: houses.House) -> None:
    made = await house.ask("POST", "/v1/keys", {"name": "ci", "role": "operator"})
    assert (made.status, made.headers["location"]) == (201, "/v1/keys/ci")
    key = made.json["api_key"]
    assert (await house.get("/v1/me", key=key)).json["role"] == "operator"
    assert key not in (await house.get("/v1/keys")).text
    assert (await house.ask("DELETE", "/v1/keys/ci")).json["revoked_at"]
    assert (await house.get("/v1/me", key=key)).status == 401
    assert (await house.ask("DELETE", "/v1/keys/nobody")).status == 404


async def test_who_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    async with houses.opened(tmp_path, per_min=2) as house:
        first, second, third = [await house.get("/v1/me") for _ in range(3)]
        assert (first.status, second.status, third.status) == (200, 200, 429)
        assert first.headers["ratelimit-policy"] == '"default";q=2;w=60'
        assert second.headers["ratelimit"] == '"default";r=0;t=30'
        assert third.headers["retry-after"] == "30"
        assert (await house.get("/v1/me", key=houses.READ)).status == 200


def test_a_bucket_fills_again_and_the_memory_is_bounded() -> None:
    clock = clocks.FakeClock()
    found = rates.Rates(60, clock)
    assert [found.take("a").allowed for _ in range(61)] == [True] * 60 + [False]
    clock.advance(2)
    assert [found.take("a").allowed for _ in range(3)] == [True, True, False]
    assert found.empty("a")
    for number in range(rates.MAX_KEPT):
        found.take(str(number))
    assert not found.empty("a")


async def test_wrong_keys_from_one_address_end_in_429_but_not_for_others(house: houses.House) -> None:
    said = [await house.get("/v1/me", key=f"gp_{n}") for n in range(61)]
    assert [one.status for one in said] == [401] * 60 + [429]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"{", 400, id="half"),
        pytest.param(b'{"targets": ["a@b.test"], "targets": 1}', 422, id="twice"),
        pytest.param(b'{"targets": NaN}', 400, id="nan"),
        pytest.param(b'{"targets": 1' + b"0" * 5000 + b"}", 422, id="huge"),
        pytest.param(b'{"targets": ["\\ud800@x.test"]}', 400, id="surrogate"),
        pytest.param(b'{"targets": ["\xff@x.test"]}', 400, id="no-utf8"),
        pytest.param(b'{"targets":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 422, id="deep"),
        pytest.param(b'{"targets": [], "more": 1}', 422, id="unknown"),
        pytest.param(b'{"targets": ["no address"]}', 422, id="no-address"),
        pytest.param(b'{"targets": ["a@b.test"], "scope": "bridge:nobody"}', 422, id="no-bridge"),
        pytest.param(b'{"targets": ["a@b.test"], "expires": "' + b"9" * 30 + b'd"}', 422, id="far"),
    ],
)
async def test_a_body_that_is_wrong_is_named(house: houses.House, body: bytes, status: int) -> None:
    said = await house.ask("POST", "/v1/suppressions", body)
    assert said.status == status
    assert said.headers["content-type"] == "application/problem+json"
    assert said.json["errors"][0]["place"]


async def test_types_sizes_paths_and_methods_are_checked(tmp_path: Path) -> None:
    async with houses.opened(tmp_path, max_body=2000) as house:
        text = await house.ask("POST", "/v1/suppressions", b"{}", headers={"Content-Type": "text/plain"})
        large = await house.ask("POST", "/v1/suppressions", b" " * 3000)
        method = await house.ask("PATCH", "/v1/suppressions", {})
        assert [text.status, large.status, method.status] == [415, 413, 405]
        assert method.headers["allow"] == "GET, HEAD, POST"
        assert (await house.get("/v1/nothing")).status == 404
        assert (await house.ask("HEAD", "/v1/me")).text == ""
        unknown = await house.get("/v1/suppressions?colour=red")
        assert (unknown.status, "colour" in unknown.text) == (422, True)


async def test_a_body_that_does_not_come_is_a_408(tmp_path: Path) -> None:
    async with houses.opened(tmp_path, body_timeout_s=0.1) as house:
        host, _, number = house.base.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(number))
        head = f"POST /v1/suppressions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {houses.ADMIN}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n".encode())
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 408 ")
        await _close(writer)


async def test_a_header_that_does_not_end_is_cut_off(tmp_path: Path) -> None:
    async with houses.opened(tmp_path, header_s=0.1) as house:
        host, _, number = house.base.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(number))
        writer.write(b"GET /v1/me HTT")
        with contextlib.suppress(ConnectionResetError):
            assert not await asyncio.wait_for(reader.read(), 5)
        await _close(writer)


async def test_a_bridge_is_made_once_under_its_key_however_often_it_is_asked(house: houses.House) -> None:
    body = {"name": "new", "pool": "main"}
    headers = {"Idempotency-Key": "once"}
    said = await asyncio.gather(*(house.ask("POST", "/v1/bridges", body, headers=headers) for _ in range(8)))
    assert {one.status for one in said} == {201}
    assert len({one.text for one in said}) == 1
    known = await house.store.directory()
    [made] = [one for one in known.bridges if one.name == "new"]
    assert credentials.matches(made.key_mac, houses.PEPPER, said[0].json["api_key"])
    other = await house.ask("POST", "/v1/bridges", {**body, "kind": "transactional"}, headers=headers)
    assert (other.status, other.json["errors"][0]["place"]) == (422, "Idempotency-Key")
    assert (await house.ask("POST", "/v1/bridges", body)).status == 409


async def test_two_who_edit_the_same_do_not_overwrite_each_other_unseen(house: houses.House) -> None:
    path = "/v1/bridges/default/mine"
    etag = (await house.get(path)).headers["etag"]
    body = {"name": "mine", "pool": "main", "kind": "transactional"}
    first = await house.ask("PUT", path, body, headers={"If-Match": etag})
    second = await house.ask("PUT", path, {**body, "lifetime_s": 60}, headers={"If-Match": etag})
    assert (first.status, second.status) == (200, 412)
    assert first.headers["etag"] != etag
    assert (await house.get(path)).json["lifetime_s"] == 0


async def test_a_bridge_gets_new_secrets_and_ends(house: houses.House) -> None:
    path = "/v1/bridges/default/mine"
    rotated = await house.ask("POST", f"{path}/rotate", {"what": "key"})
    assert (rotated.status, rotated.json["password"]) == (201, None)
    assert (await house.get("/v1/me", key=houses.MINE)).status == 401
    assert (await house.get("/v1/me", key=rotated.json["api_key"])).status == 200
    assert (await house.ask("DELETE", path)).json["revoked_at"]
    assert (await house.get("/v1/me", key=rotated.json["api_key"])).status == 401


async def test_every_change_is_in_the_audit_log_with_who_where_before_and_after(house: houses.House) -> None:
    await house.ask("DELETE", "/v1/keys/read")
    await house.ask("POST", "/v1/suppressions", {"targets": ["ann@x.test"]}, key=houses.OPERATOR)
    told, ended = (await house.get("/v1/audit?limit=2")).json["items"]
    assert (told["actor"], told["address"], told["what"]) == ("key:operator", "127.0.0.1", "suppress")
    assert (ended["actor"], ended["what"]) == ("key:admin", "api_key")
    assert '"revoked_at":0' in ended["before"]
    assert '"revoked_at":0' not in ended["after"]
    assert "mac" not in ended["after"]
    mine = (await house.get("/v1/audit?actor=key:operator")).json["items"]
    assert [one["id"] for one in mine] == [told["id"]]
    page = (await house.get("/v1/audit?limit=1")).json
    assert (await house.get(f"/v1/audit?limit=1&after={page['next']}")).json["items"][0] == ended


async def test_an_event_names_who_changed_something_and_not_from_where(house: houses.House) -> None:
    await house.ask("DELETE", "/v1/bridges/default/mine")
    [*_, told] = (await house.get("/v1/events?state=changed&bridge=mine")).json["items"]
    assert told["detail"] == "key:admin: bridge mine changed"


async def test_a_bridges_key_changes_entries_of_its_own_scope_alone(house: houses.House) -> None:
    body = {"targets": ["ann@x.test"]}
    assert (await house.ask("POST", "/v1/suppressions", body, key=houses.MINE)).json == [
        {"target": "ann@x.test", "scope": "bridge:mine", "changed": True}
    ]
    wide = {**body, "scope": "instance"}
    assert (await house.ask("POST", "/v1/suppressions", wide, key=houses.MINE)).status == 403
    assert (await house.ask("POST", "/v1/suppressions/remove", wide, key=houses.MINE)).status == 403
    [entry] = (await house.get("/v1/suppressions", key=houses.MINE)).json["items"]
    assert (entry["target"], entry["scope"]) == ("ann@x.test", "bridge:mine")
    assert (await house.get("/v1/suppressions", key=houses.THEIRS)).json["items"] == []
    assert (await house.ask("POST", "/v1/suppressions/remove", body, key=houses.MINE)).json[0]["changed"]


async def test_a_bridge_learns_that_somebody_is_suppressed_but_why_only_where_it_is_its_own(
    house: houses.House,
) -> None:
    await house.ask("POST", "/v1/suppressions", {"targets": ["ann@x.test"], "note": "secret"})
    said = (await house.get("/v1/suppressions/check?target=ann@x.test", key=houses.MINE)).json
    assert said == {"target": "ann@x.test", "suppressed": True, "entries": []}
    [entry] = (await house.get("/v1/suppressions/check?target=ann@x.test")).json["entries"]
    assert entry["note"] == "secret"
    assert not (await house.get("/v1/suppressions/check?target=bob@x.test")).json["suppressed"]


async def test_entries_are_paged_and_filtered(house: houses.House) -> None:
    targets = [f"p{n}@x.test" for n in range(5)]
    await house.ask("POST", "/v1/suppressions", {"targets": targets, "reason": "test"})
    found: list[str] = []
    after = ""
    while True:
        page = (await house.get(f"/v1/suppressions?reason=test&limit=2&after={after}")).json
        found += [one["target"] for one in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert found == targets
    assert (await house.get("/v1/suppressions?scope=nowhere")).status == 422
    assert (await house.get("/v1/suppressions?after=x")).status == 422


async def test_what_fails_inside_is_a_500_that_says_nothing(house: houses.House) -> None:
    await house.store.close()
    said = await house.get("/v1/suppressions")
    assert (said.status, said.json["detail"]) == (500, "the request could not be handled")


async def test_the_page_of_the_api_loads_nothing_from_elsewhere(house: houses.House) -> None:
    wrong = await house.ask("POST", "/docs", {}, key=None)
    assert (wrong.status, wrong.headers["content-type"]) == (405, "application/problem+json")
    for path in ("/docs", "/docs.js", "/docs.css", "/v1/openapi.json", "/live", "/ready"):
        said = await house.get(path, key=None)
        assert said.status == 200
        assert "default-src 'none'" in said.headers["content-security-policy"]
        assert "https://" not in said.text


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
