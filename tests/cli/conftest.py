from pathlib import Path

import pytest
from tests.cli import cli_values as values


@pytest.fixture
def place(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> values.Gateway:
    """An empty directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("GATEPOST_CONFIG", "GATEPOST_KEY"):
        monkeypatch.delenv(name, raising=False)
    return values.Gateway(tmp_path, capfd)


@pytest.fixture
def gateway(place: values.Gateway) -> values.Gateway:
    """A directory in which ``init`` ran."""
    place.init("--domain", "shop.test", "--bridge", "app")
    return place
