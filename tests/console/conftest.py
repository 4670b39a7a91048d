from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.console import house as houses


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[houses.House]:
    async with houses.opened(tmp_path) as made:
        yield made
