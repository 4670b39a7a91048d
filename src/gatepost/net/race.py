"""Several ways to one end, begun one after the other; the first that gets there is taken (RFC 8305 §5).

Guarantees: a way begins when the one before it has failed or has had its time; those that are not taken are broken off,
and what they had brought by then is discarded. Every task is over when ``first`` returns, however it does.
Not here: what the ways are, and in which order they are begun.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


async def first(
    ways: Sequence[Callable[[], Awaitable[T]]],
    *,
    gap_s: float,
    lost: type[Exception],
    discard: Callable[[T], None],
) -> T:
    """The first way's result. Raises the last ``lost`` where none gets there; another error ends the race.

    gap_s: how long one way is waited for before the next begins beside it. ways: at least one.
    """
    race: _Race[T] = _Race(lost)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = []
            for way in ways:
                running.append(tasks.create_task(race.run(way)))
                await race.wait_change(gap_s)
                if race.won:
                    break
            while not race.won and len(race.failed) < len(running):
                await race.wait_change(None)
            for task in running:
                task.cancel()
    except BaseException:
        for found in race.won:
            discard(found)
        raise
    for found in race.won[1:]:
        discard(found)
    if race.won:
        return race.won[0]
    raise race.failed[-1]


class _Race(Generic[T]):
    """What the ways have brought so far."""

    def __init__(self, lost: type[Exception]) -> None:
        self.won: list[T] = []
        self.failed: list[Exception] = []
        self._lost = lost
        self._changed = asyncio.Event()

    async def run(self, way: Callable[[], Awaitable[T]]) -> None:
        """One way to its end."""
        try:
            self.won.append(await way())
        except self._lost as error:
            self.failed.append(error)
        self._changed.set()

    async def wait_change(self, within_s: float | None) -> None:
        """Until a way has come to an end, or the time is over."""
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()
