"""The dashboard's door over real sockets: log-in, forms, cookies, roles, and what nobody sees who is not logged in."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from tests.console import house as houses
from yarl import URL

from gatepost.console import entrance
from gatepost.model import directory as directories
from gatepost.net import problem

LOGIN = "/dashboard/login"
SAME = {"Sec-Fetch-Site": "same-origin"}
PAGES = ("/dashboard", "/dashboard/live", "/dashboard/messages", "/dashboard/search?q=x")


class Person:
    """A browser's part in it: cookies, and the token of the last page."""

    def __init__(self, house: houses.House) -> None:
        self.house = house
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.token = ""

    async def get(self, path: str, **headers: str) -> houses.Said:
        async with self.session.get(self.house.base + path, headers=headers, allow_redirects=False) as answer:
            said = houses.Said(answer.status, answer.headers, await answer.text())
        found = re.search(r'name="token" value="([0-9a-f]{64})"', said.text)
        self.token = found[1] if found else self.token
        return said

    async def post(
        self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None
    ) -> houses.Said:
        async with self.session.post(
            self.house.base + path,
            data={"token": self.token, **fields},
            headers=SAME if headers is None else headers,
            allow_redirects=False,
        ) as answer:
            return houses.Said(answer.status, answer.headers, await answer.text())

    async def enter(self, name: str, password: str = houses.PASSWORD, **more: str) -> houses.Said:
        await self.get(LOGIN)
        return await self.post(LOGIN, {"name": name, "password": password, **more})

    @property
    def cookie(self) -> str:
        return self.session.cookie_jar.filter_cookies(URL(self.house.base))["gatepost"].value


def kept(folder: Path) -> bytes:
    """All that the store wrote."""
    return b"".join(one.read_bytes() for one in folder.glob("gatepost.db*"))


@pytest.fixture
async def person(house: houses.House) -> AsyncIterator[Person]:
    one = Person(house)
    yield one
    await one.session.close()


async def test_nothing_is_shown_to_who_is_not_logged_in(person: Person) -> None:
    for path in PAGES:
        said = await person.get(path)
        assert said.status == 303
        assert said.headers["location"].startswith("/dashboard/login?next=%2Fdashboard")
        assert houses.MARK not in said.text
    stream = await person.get("/dashboard/live/stream", **{"Sec-Fetch-Mode": "cors"})
    assert stream.status == 401
    assert (await person.post("/dashboard/logout", {})).status == 403


async def test_a_log_in_opens_the_page_that_was_wanted_and_a_log_out_ends_it(person: Person) -> None:
    said = await person.enter("read", next="/dashboard/messages?bridge=mine")
    assert (said.status, said.headers["location"]) == (303, "/dashboard/messages?bridge=mine")
    assert (await person.get("/dashboard")).status == 200
    secret = person.cookie
    assert (await person.post("/dashboard/logout", {})).status == 303
    person.session.cookie_jar.update_cookies({"gatepost": secret}, URL(person.house.base))
    assert (await person.get("/dashboard")).status == 303
    actors = [(one.what, one.actor) for one in await person.house.store.audit((), 0, 2)]
    assert actors == [("logout", "user:read from 127.0.0.1"), ("login", "user:read from 127.0.0.1")]


@pytest.mark.parametrize(
    "place",
    ["https://evil.test", "//evil.test", "/dashboard//evil.test", "/dashboard\\evil", "/v1/keys", "/\t/e"],
)
async def test_after_a_log_in_one_is_sent_to_a_page_of_the_dashboard_alone(
    person: Person, place: str
) -> None:
    assert (await person.enter("read", next=place)).headers["location"] == "/dashboard"


async def test_a_session_is_new_at_each_log_in_and_its_cookie_is_for_us_alone(person: Person) -> None:
    await person.get(LOGIN)
    before = person.cookie
    said = await person.enter("read")
    assert person.cookie != before
    flags = {part.strip().lower() for part in said.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= flags
    assert person.cookie.encode() not in kept(person.house.path)


@pytest.mark.parametrize(
    ("name", "password"),
    [("read", "wrong"), ("nobody", houses.PASSWORD), ("", ""), ("read", ""), ("READ", houses.PASSWORD)],
)
async def test_a_wrong_name_or_password_is_refused_in_the_same_words(
    person: Person, name: str, password: str
) -> None:
    said = await person.enter(name, password)
    assert said.status == 401
    assert "That is not the name and password of a user." in said.text
    assert person.house.wrong == ["127.0.0.1"]
    assert (await person.get("/dashboard")).status == 303


async def test_guesses_are_bounded_and_then_even_the_right_password_waits(person: Person) -> None:
    for _ in range(entrance.PER_MIN):
        assert (await person.enter("read", "wrong")).status == 401
    said = await person.enter("read")
    assert (said.status, said.headers["retry-after"]) == (429, "60")


async def test_guesses_at_the_same_time_are_counted_too(house: houses.House) -> None:
    async def guess() -> str:
        try:
            return await house.door.enter("read", "wrong", "192.0.2.1")
        except problem.Problem as ended:
            return str(ended.response.status)

    said = await asyncio.gather(*(guess() for _ in range(40)))
    assert (said.count("401"), said.count("429")) == (entrance.PER_MIN, 30)


async def test_a_user_without_a_password_comes_in_by_a_link_alone_and_once(
    house: houses.House, person: Person
) -> None:
    found = await house.change(directories.User(0, "guest", directories.Role.READ, ""))
    assert (await person.enter("guest", "")).status == 401
    secret, link = entrance.new_link(houses.PEPPER, found.users[-1], house.clock.now_ms())
    await house.store.sessions.offer(link)
    assert "logs you in once" in (await person.get(f"{LOGIN}?link={secret}")).text
    assert (await person.post(LOGIN, {"link": secret})).status == 303
    assert ">guest<" in (await person.get("/dashboard")).text
    again = Person(house)
    await again.get(LOGIN)
    said = await again.post(LOGIN, {"link": secret})
    await again.session.close()
    assert (said.status, "used before" in said.text) == (401, True)


async def test_an_expired_link_opens_nothing(house: houses.House, person: Person) -> None:
    past = house.clock.now_ms() - entrance.LINK_S * 1000
    secret, link = entrance.new_link(houses.PEPPER, house.keyring.directory.users[0], past)
    await house.store.sessions.offer(link)
    await person.get(LOGIN)
    assert (await person.post(LOGIN, {"link": secret})).status == 401


async def test_another_password_and_removal_end_the_sessions_of_a_user(
    house: houses.House, person: Person
) -> None:
    await person.enter("read")
    user = next(one for one in house.keyring.directory.users if one.name == "read")
    changed = directories.User(user.id, "read", user.role, user.password_hash, house.clock.now_ms() + 1)
    await house.change(changed)
    assert (await person.get("/dashboard")).status == 303
    await house.change(
        directories.User(user.id, "read", user.role, user.password_hash, 0), house.keyring.directory.pools[0]
    )
    await person.enter("read")
    assert (await person.get("/dashboard")).status == 200
    await house.change(directories.User(user.id, "read", user.role, "", 0, removed=True))
    assert (await person.get("/dashboard")).status == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {},
    ],
)
async def test_a_form_from_elsewhere_does_nothing(person: Person, headers: dict[str, str]) -> None:
    await person.enter("read")
    await person.get("/dashboard")
    assert (await person.post("/dashboard/logout", {}, headers)).status == 403
    assert (await person.get("/dashboard")).status == 200


async def test_a_form_needs_the_token_of_its_own_session(house: houses.House, person: Person) -> None:
    other = Person(house)
    await other.enter("admin")
    await other.get("/dashboard")
    await person.enter("read")
    await person.get("/dashboard")
    for token in (other.token, "", "x" * 64, "ü"):
        assert (await person.post("/dashboard/logout", {"token": token})).status == 403
    await other.session.close()
    assert (await person.post("/dashboard/logout", {}, {"Origin": house.base})).status == 303


async def test_every_page_is_under_a_strict_policy(person: Person) -> None:
    for path in (LOGIN, "/dashboard/static/x/y.js", "/"):
        _check_policy((await person.get(path)).headers["content-security-policy"])
    await person.enter("read")
    for path in (*PAGES, "/dashboard/messages/3333333333333", "/dashboard/messages/none"):
        said = await person.get(path)
        _check_policy(said.headers["content-security-policy"])
        assert said.headers["x-content-type-options"] == "nosniff"
        assert said.headers["cache-control"] == "no-store"
        assert not re.search(r"<[^>]*\s(on[a-z]+|style)=|<script(?![^>]*src=)|<style|javascript:", said.text)


def _check_policy(policy: str) -> None:
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_static_files_are_kept_by_browsers_and_there_is_nothing_beside_them(person: Person) -> None:
    page = await person.get(LOGIN)
    [style] = re.findall(r'href="([^"]+dashboard\.css)"', page.text)
    assert "immutable" in (await person.get(style)).headers["cache-control"]
    folder = style.rpartition("/")[0]
    for name in ("..%2fframe.py", "%2e%2e/templates/frame.html", "frame.html", ""):
        assert (await person.get(f"{folder}/{name}")).status == 404


async def test_a_body_that_is_no_form_or_too_large_is_refused(person: Person) -> None:
    await person.get(LOGIN)
    base = person.house.base
    async with person.session.post(base + LOGIN, json={"name": "read"}, headers=SAME) as answer:
        assert answer.status == 415
    kind = {"Content-Type": "application/x-www-form-urlencoded", **SAME}
    large = io.BytesIO(b"x=" + b"y" * 2_000_000)
    async with person.session.post(base + LOGIN, data=large, headers=kind) as answer:
        assert answer.status == 413
    for raw in (b"a=%ff", b"=&=&&&;", b"name"):
        async with person.session.post(base + LOGIN, data=raw, headers=kind) as answer:
            assert answer.status in {400, 403}


async def test_a_user_may_ask_only_so_often(tmp_path: Path) -> None:
    async with houses.opened(tmp_path, per_min=20) as house:
        person = Person(house)
        await person.enter("read")
        said = [(await person.get("/dashboard/messages")).status for _ in range(25)]
        await person.session.close()
    assert said.count(429) >= 4


async def test_the_method_is_checked(person: Person) -> None:
    await person.enter("read")
    for path in PAGES:
        said = await person.post(path, {})
        assert (said.status, said.headers["allow"]) == (405, "GET, HEAD")
