"""Bridges, webhooks, the classifier, reports, the audit log and settings, as people use them over real sockets."""

import re
from collections.abc import AsyncIterator

import pytest
from tests.console import house as houses
from tests.console.test_dashboard_door import Person

from gatepost.model import directory as directories
from gatepost.store import credentials

BRIDGES, HOOKS = "/dashboard/bridges", "/dashboard/webhooks"


@pytest.fixture
async def admin(house: houses.House) -> AsyncIterator[Person]:
    person = Person(house)
    await person.enter("admin")
    await person.get(BRIDGES)
    yield person
    await person.session.close()


@pytest.fixture
async def reader(house: houses.House) -> AsyncIterator[Person]:
    person = Person(house)
    await person.enter("read")
    await person.get("/dashboard")
    yield person
    await person.session.close()


def bridge(house: houses.House, name: str) -> directories.Bridge:
    return next(one for one in house.keyring.directory.bridges if one.name == name)


def shown(page: str) -> list[str]:
    return re.findall(r'<dd class="code">([^<]+)</dd>', page)


async def test_a_bridge_is_made_and_its_secrets_are_shown_once(house: houses.House, admin: Person) -> None:
    form = {
        "do": "add",
        "name": "shop",
        "account": "default",
        "pool": "main",
        "kind": "bulk",
        "once": "o" * 32,
    }
    said = await admin.post(BRIDGES, form)
    user, password, key = shown(said.text)
    assert user == "shop"
    made = bridge(house, "shop")
    assert credentials.matches(made.password_mac, houses.PEPPER, password)
    assert credentials.matches(made.key_mac, houses.PEPPER, key)
    assert shown((await admin.post(BRIDGES, form)).text) == [user, password, key]  # the form was sent twice
    assert password not in (await admin.get(BRIDGES)).text
    assert password not in "".join(one.after for one in await house.store.audit((), 0, 10))


async def test_a_bridge_gets_new_secrets_and_ends(house: houses.House, admin: Person) -> None:
    before = bridge(house, "mine").key_mac
    form = {"account": "default", "name": "mine", "once": "p" * 32}
    said = await admin.post(BRIDGES, {**form, "do": "rotate"})
    assert len(shown(said.text)) == 3
    assert bridge(house, "mine").key_mac != before
    said = await admin.post(BRIDGES, {**form, "do": "revoke"})
    assert said.headers["location"] == f"{BRIDGES}?done=ended"
    assert bridge(house, "mine").revoked_at


async def test_a_bridge_that_cannot_be_is_said(admin: Person) -> None:
    for form, told in (
        ({"name": "mine", "account": "default", "pool": "main", "kind": "bulk"}, "there already"),
        ({"name": "a/b", "account": "default", "pool": "main", "kind": "bulk"}, "is not a name"),
        ({"name": "x", "account": "default", "pool": "nowhere", "kind": "bulk"}, "nowhere"),
        ({"name": "x", "account": "default", "pool": "main", "kind": "odd"}, "kind"),
    ):
        said = await admin.post(BRIDGES, {"do": "add", **form})
        assert (said.status, told in said.text) == (422, True)


async def test_a_webhook_is_made_tested_and_told_once_more(house: houses.House, admin: Person) -> None:
    form = {
        "name": "crm",
        "url": "https://crm.test/",
        "bridge": "mine",
        "dialect": "events",
        "once": "w" * 32,
    }
    said = await admin.post(HOOKS, form)
    assert re.search(r'class="code">whsec_[^<]{20,}<', said.text)
    number = next(one.id for one in house.keyring.directory.webhooks if one.name == "crm")
    page = f"{HOOKS}/{number}"
    assert "https://crm.test/" in (await admin.get(page)).text
    assert "The test was taken" in (await admin.post(page, {"do": "test"})).text
    assert [one.name for one in house.tested] == ["crm"]
    assert (await admin.post(page, {"do": "range", "after": "0"})).headers[
        "location"
    ] == f"{page}?done=replayed"
    assert (await admin.post(page, {"do": "range", "after": "soon"})).status == 422
    assert (await admin.post(page, {"do": "dead"})).status == 303
    assert (await admin.get(f"{HOOKS}/none")).status == 404


async def test_a_webhook_to_a_private_address_is_refused(admin: Person) -> None:
    form = {"name": "crm", "url": "https://private.test/", "dialect": "events"}
    said = await admin.post(HOOKS, form)
    assert (said.status, "may not reach" in said.text) == (422, True)


async def test_a_reader_explains_a_reply_and_may_change_nothing(house: houses.House, reader: Person) -> None:
    asked = {"reply": "550 5.1.1 user unknown", "stage": "rcpt"}
    said = await reader.post("/dashboard/classifier", asked)
    assert "recipient.unknown" in said.text
    assert "<mark>" in said.text
    assert (await reader.post("/dashboard/classifier", {"reply": "550 x", "stage": "nonsense"})).status == 422
    for path, form in (
        (BRIDGES, {"do": "revoke", "account": "default", "name": "mine"}),
        (BRIDGES, {"do": "add", "name": "x", "account": "default", "pool": "main", "kind": "bulk"}),
        (HOOKS, {"name": "crm", "url": "https://crm.test/"}),
        (f"{HOOKS}/1", {"do": "test"}),
        (f"{HOOKS}/1", {"do": "dead"}),
    ):
        assert (await reader.post(path, form)).status == 403
    assert not bridge(house, "mine").revoked_at
    assert "Keys to the API" not in (await reader.get("/dashboard/settings")).text


async def test_the_audit_log_is_narrowed_by_who_and_what(admin: Person) -> None:
    page = (await admin.get("/dashboard/audit?actor=user:admin")).text
    assert "login" in page
    assert "api_key" not in page
    assert "api_key" in (await admin.get("/dashboard/audit?what=api_key")).text


async def test_users_and_keys_are_listed_without_their_secrets(admin: Person) -> None:
    page = (await admin.get("/dashboard/settings")).text
    assert "operator" in page
    assert "revoked" in page
    assert "argon2" not in page
    assert (await admin.get("/dashboard/reports")).status == 200
    assert (await admin.get("/dashboard/reports/1")).status == 404
