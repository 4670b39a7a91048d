"""Pools, Sources and sender domains over HTTP."""

from tests.console import house as houses


async def test_a_way_out_is_made_changed_and_disabled(house: houses.House) -> None:
    assert (await house.ask("PUT", "/v1/pools/default/relay", {"name": "relay"})).json["sources"] == []
    source = {"name": "relay-1", "pool": "relay", "host": "mail.test", "port": 587, "username": "u"}
    made = await house.ask("PUT", "/v1/sources/relay-1", {**source, "password": "secret-of-ours"})
    assert (made.status, made.json["host"], made.json["disabled"]) == (200, "mail.test", False)
    off = await house.ask("PUT", "/v1/sources/relay-1", {**source, "disabled": True})
    assert off.json["disabled"]
    [kept] = [one for one in (await house.store.directory()).sources if one.name == "relay-1"]
    assert kept.password == "secret-of-ours"
    assert (await house.get("/v1/pools/default/relay")).json["sources"] == ["relay-1"]
    for path in ("/v1/sources", "/v1/sources/relay-1", "/v1/audit", "/v1/events?limit=1000"):
        assert "secret-of-ours" not in (await house.get(path)).text


async def test_a_smarthost_at_another_place_does_not_get_the_old_password(house: houses.House) -> None:
    source = {"name": "s2", "pool": "main", "host": "mail.test", "port": 587, "password": "secret"}
    await house.ask("PUT", "/v1/sources/s2", source)
    await house.ask("PUT", "/v1/sources/s2", {**source, "host": "evil.test", "password": ""})
    [kept] = [one for one in (await house.store.directory()).sources if one.name == "s2"]
    assert (kept.host, kept.password) == ("evil.test", "")


async def test_what_is_put_twice_changes_nothing_the_second_time(house: houses.House) -> None:
    for path, body in (
        ("/v1/domains/default/new.test", {"name": "new.test"}),
        ("/v1/pools/default/more", {"name": "more"}),
        ("/v1/sources/s1", {"name": "s1", "pool": "main", "ehlo": "gw.test"}),
    ):
        first = await house.ask("PUT", path, body)
        version = await house.store.directory_version()
        assert (await house.ask("PUT", path, body)).text == first.text
        assert await house.store.directory_version() == version
        assert (await house.get(path)).headers["etag"] == first.headers["etag"]


async def test_a_change_that_no_longer_fits_or_means_another_is_refused(house: houses.House) -> None:
    body = {"name": "s1", "pool": "main", "weight": 5}
    stale = await house.ask("PUT", "/v1/sources/s1", body, headers={"If-Match": '"old"'})
    other = await house.ask("PUT", "/v1/sources/s2", body)
    nowhere = await house.ask("PUT", "/v1/sources/s1", {**body, "pool": "nowhere"})
    assert [stale.status, other.status, nowhere.status] == [412, 422, 422]
    assert (await house.get("/v1/domains/default/nowhere.test")).status == 404
