"""The adapters that the contract is held against, with two workers' handles each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gatepost.store import port
from gatepost.store.sqlite import open_store


@pytest.fixture(params=["sqlite"])
async def pair(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[port.Store, port.Store]]:
    """Two workers' handles on one store."""
    del request
    one, two = await open_store(tmp_path, 1), await open_store(tmp_path, 2)
    yield one, two
    await one.close()
    await two.close()


@pytest.fixture
def store(pair: tuple[port.Store, port.Store]) -> port.Store:
    return pair[0]
