"""Every page in Chromium: hostile texts stay text, axe finds nothing, and the keys work."""

import importlib.resources
import re

import pytest
from playwright import async_api
from tests.browser import payloads, visiting
from tests.console import house as houses

from gatepost.console.dashboard import frame
from gatepost.model import event as events
from gatepost.model import ids

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
PAGES = [item.path for item in frame.ITEMS]


@pytest.fixture(scope="session")
def axe() -> str:
    return (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


async def message_paths(house: houses.House) -> list[str]:
    found = await house.store.find_messages((), 0, 1000)
    return [
        f"/dashboard/messages/{ids.to_text(one.id)}" for one in found.found if one.subject in payloads.HOSTILE
    ]


@pytest.mark.parametrize("path", PAGES)
async def test_hostile_texts_stay_text_on_every_page(visitor: visiting.Visitor, path: str) -> None:
    page = await visitor.go(path)
    if path == "/dashboard/live":
        await page.wait_for_selector("#events tr")
    await visitor.settled()


async def test_hostile_texts_stay_text_in_the_life_of_a_message(visitor: visiting.Visitor) -> None:
    paths = await message_paths(visitor.house)
    assert len(paths) == len(payloads.HOSTILE)
    for path in paths:
        page = await visitor.go(path)
        assert await page.locator(".life li").count() >= 4
        await visitor.settled()


async def test_hostile_texts_stay_text_on_the_page_of_a_webhook(visitor: visiting.Visitor) -> None:
    hooks = [one for one in visitor.house.keyring.directory.webhooks if one.name in payloads.HOSTILE]
    assert len(hooks) == len(payloads.HOSTILE)
    for one in hooks:
        page = await visitor.go(f"/dashboard/webhooks/{one.id}")
        assert await page.locator("tr[data-row]").count() == 1
        await visitor.settled()


async def test_a_hostile_reply_stays_text_in_the_classifier(visitor: visiting.Visitor) -> None:
    page = await visitor.go("/dashboard/classifier")
    for text in payloads.HOSTILE[:5]:
        await page.fill("textarea[name=reply]", f"550 5.1.1 {text} user unknown")
        await page.click("button.main")
        await page.locator("pre.reply").wait_for()
        assert text in await page.locator("pre.reply").inner_text()
        await visitor.settled()


async def test_what_cannot_be_undone_is_asked_for_twice(visitor: visiting.Visitor) -> None:
    page = await visitor.go("/dashboard/bridges")
    asked: list[str] = []

    async def refuse(dialog: async_api.Dialog) -> None:
        asked.append(dialog.message)
        await dialog.dismiss()

    page.on("dialog", refuse)
    await page.get_by_role("button", name="End mine").click()
    assert asked == ["End this Bridge for good?"]
    assert not next(one for one in visitor.house.keyring.directory.bridges if one.name == "mine").revoked_at


async def test_a_hostile_reply_is_shown_as_it_was_said(visitor: visiting.Visitor) -> None:
    paths = await message_paths(visitor.house)
    page = await visitor.go(paths[-1])  # the oldest: the first payload
    assert await page.locator("pre.reply").first.inner_text() == f"550 5.1.1 {payloads.HOSTILE[0]}"


@pytest.mark.parametrize(
    "path",
    ["/dashboard/live?state=bounced", "/dashboard/messages?list=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"],
)
async def test_hostile_filters_stay_text(visitor: visiting.Visitor, path: str) -> None:
    for more in (
        "&recipient=%3Cimg%20src=x%20onerror=alert(1)%3E",
        "&add=%3Cscript%3Ealert(1)%3C/script%3E",
        "&x=%22%3E%3Csvg%20onload=alert(1)%3E",
    ):
        await visitor.go(path + more)
        await visitor.settled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [*PAGES, "message"])
async def test_axe_finds_nothing(visitor: visiting.Visitor, axe: str, path: str, scheme: str) -> None:
    await visitor.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page = await visitor.go((await message_paths(visitor.house))[0] if path == "message" else path)
    if path == "/dashboard/live":
        await page.wait_for_selector("#events tr")
    await visitor.accessible(axe)


async def test_axe_finds_nothing_at_the_door(
    browser: async_api.Browser, place: houses.House, axe: str
) -> None:
    page = await browser.new_page()
    await page.goto(f"{place.base}/dashboard/login")
    await page.evaluate(axe)
    assert await page.evaluate("async () => (await axe.run()).violations.map((one) => one.id)") == []
    await page.fill("input[name=name]", "admin")
    await page.fill("input[name=password]", houses.PASSWORD)
    await page.click("button.main")
    await page.wait_for_url("**/dashboard")
    await page.click("text=Log out")
    await page.wait_for_url("**/dashboard/login")
    await page.context.close()


async def test_the_keys_search_choose_rows_and_open_pages(visitor: visiting.Visitor) -> None:
    page = await visitor.go("/dashboard")
    await page.keyboard.press("g")
    await page.keyboard.press("m")
    await page.wait_for_url("**/dashboard/messages")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    assert await page.locator("tr.at").count() == 1
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"/dashboard/messages/[0-9a-z]{13}$"))
    await page.keyboard.press("/")
    await page.keyboard.type("bad3@rcpt.test")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/dashboard/messages?recipient=bad3%40rcpt.test")
    assert await page.locator("tr[data-row]").count() == 1


async def test_an_event_is_on_the_live_page_as_it_happens_and_a_pause_holds_it_back(
    visitor: visiting.Visitor,
) -> None:
    page = await visitor.go("/dashboard/live?state=delivered")
    assert await page.locator("#nothing").is_visible()
    await visitor.house.wait_listeners(1)
    await tell(visitor.house, "one@rcpt.test")
    await page.locator("#events").get_by_text("one@rcpt.test").wait_for()
    await page.keyboard.press("p")
    await tell(visitor.house, "two@rcpt.test")
    await page.get_by_role("button", name="Go on (1 new)").wait_for()
    assert await page.locator("#events").get_by_text("two@rcpt.test").count() == 0
    await page.keyboard.press("p")
    await page.locator("#events").get_by_text("two@rcpt.test").wait_for()
    await visitor.settled()


async def test_the_live_page_shows_some_of_many_and_says_so(visitor: visiting.Visitor) -> None:
    page = await visitor.go("/dashboard/live?state=queued")
    await page.wait_for_selector("#events tr")
    await visitor.house.wait_listeners(1)
    for _ in range(4):
        await tell(
            visitor.house, *[f"many{number}@rcpt.test" for number in range(1000)], state=events.State.QUEUED
        )
    await page.get_by_text("events a second are shown").wait_for()
    assert await page.locator("#events tr").count() < 100
    await visitor.settled()


async def test_the_overview_renews_itself(visitor: visiting.Visitor) -> None:
    page = await visitor.go("/dashboard")
    before = await page.locator("#states .s-rejected .foot").inner_text()
    await tell(visitor.house, *["x@rcpt.test"] * 7, state=events.State.REJECTED)
    await page.wait_for_function(
        "(before) => document.querySelector('#states .s-rejected .foot').innerText !== before", arg=before
    )
    await visitor.settled()


async def tell(house: houses.House, *recipients: str, state: events.State = events.State.DELIVERED) -> None:
    now = house.clock.now_ms()
    await house.store.note(
        [events.Event(at=now, state=state, recipient=one, flags=events.Flag.OUTSIDE) for one in recipients]
    )
