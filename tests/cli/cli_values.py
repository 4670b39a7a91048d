"""What the command line's tests share: a gateway's directory, commands run in this process, a store with mail in it."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.store import store_values

from gatepost import config
from gatepost.app import compose
from gatepost.cli import main
from gatepost.model import result as results
from gatepost.model import verdict as verdicts
from gatepost.store import port

DECODE: Callable[[str | bytes], dict[str, Any]] = json.loads


class Said(msgspec.Struct, frozen=True):
    """What a command said."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [DECODE(line) for line in self.out.splitlines()]


class Gateway:
    """One gateway's directory, and commands run on it."""

    def __init__(self, path: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self.config = path / "gatepost.toml"
        self._capture = capture

    def bare(self, *arguments: str) -> Said:
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.main(arguments)
        said = self._capture.readouterr()
        status = ended.value.code
        assert isinstance(status, int)
        return Said(status, said.out, said.err)

    def run(self, *arguments: str) -> Said:
        return self.bare("-c", str(self.config), *arguments)

    def made(self, *arguments: str) -> list[dict[str, Any]]:
        """The JSON lines of a command that has to succeed."""
        said = self.run(*arguments, "--json")
        assert (said.status, said.err) == (0, "")
        return said.lines

    def init(self, *arguments: str) -> dict[str, Any]:
        said = self.bare("init", "--dir", str(self.path), "--hostname", "mx.shop.test", "--json", *arguments)
        assert (said.status, said.err) == (0, "")
        return said.lines[0]

    def with_store(self, work: Callable[[port.Store], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            store = await compose.open_store(config.load(self.config, {}), 1)
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(whole())

    def command(self, *arguments: str) -> list[str]:
        """For a process of its own."""
        code = "import sys; from gatepost.cli.main import main; main(sys.argv[1:])"
        return [sys.executable, "-c", code, "-c", str(self.config), *arguments]


async def fill(store: port.Store, *recipients: str, maker: store_values.Maker | None = None) -> int:
    """Accept one message of Bridge 1. Its id."""
    lane = await store.lane("mx.test", 3)
    submission = (maker or store_values.Maker(1)).submission(*recipients, bridge=1, lane=lane)
    [accepted] = await store.accept([submission], store_values.refuse)
    return accepted.message


async def answer(store: port.Store, told: Sequence[tuple[int, verdicts.Verdict]]) -> None:
    """One attempt for each of these deliveries."""
    assignment = await store.assign(await store.lease_worker(), range(port.SLOTS))
    slot = await store.lane("mx.test", 3) % port.SLOTS
    claim = results.Claim(slot, dict(assignment.slots)[slot])
    batch = [store_values.attempted(delivery, claim, verdict) for delivery, verdict in told]
    await store.settle(batch, store_values.decide)


def without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
