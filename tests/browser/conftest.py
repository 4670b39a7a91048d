"""Debian's Chromium, one for each worker; a console with a furnished store, one for each module. Without Chromium the tests skip."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright import async_api
from tests.browser import visiting
from tests.console import house as houses

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[async_api.Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium (Debian's package chromium; .ci/peers installs it)")
    async with async_api.async_playwright() as playwright:
        # Inside a container there is no user namespace to make Chromium's own sandbox of.
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        await found.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[houses.House]:
    path: Path = tmp_path_factory.mktemp("place")
    async with houses.opened(path, per_min=100_000) as house:
        await visiting.furnish(house)
        yield house


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: async_api.Browser, place: houses.House) -> AsyncIterator[visiting.Visitor]:
    one = await visiting.Visitor.come(browser, place)
    yield one
    await one.leave()
