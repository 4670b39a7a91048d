"""Runs a test's coroutine on each event loop that we support."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
import uvloop

T = TypeVar("T")
BOTH = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


def run(loop: str, main: Coroutine[Any, Any, T]) -> T:
    factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
