"""Many small wishes, one call: what one turn of the event loop brings is asked for together.

Guarantees: no timer, and no waiting but for the end of the loop's turn, so whatever limits the call limits the wish
(faults.md P4); every wish is answered exactly once, by its callback, with an answer or with the
exception that the call ended in. Several calls may be under way at once. One task per call, none per wish.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from gatepost import errors
from gatepost import log as logs

_Wish = TypeVar("_Wish")
_Answer = TypeVar("_Answer")

MAX_BATCH = 100  # design.md §4: rows of at most a hundred messages in one transaction


class Gather(Generic[_Wish, _Answer]):
    """Collects wishes for ``call``, which answers a batch in order."""

    def __init__(
        self, call: Callable[[Sequence[_Wish]], Awaitable[Sequence[_Answer]]], tasks: asyncio.TaskGroup
    ) -> None:
        self._call = call
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[_Wish, Callable[[_Answer | Exception], None]]] = []

    def ask(self, wish: _Wish, done: Callable[[_Answer | Exception], None]) -> None:
        """Ask with the next call; ``done`` is called later, never from here."""
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append((wish, done))

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), MAX_BATCH):
            self._tasks.create_task(self._run(waiting[start : start + MAX_BATCH]))

    async def _run(self, batch: list[tuple[_Wish, Callable[[_Answer | Exception], None]]]) -> None:
        try:
            answers = await self._call([wish for wish, _ in batch])
        except errors.GatepostError as error:
            for _, done in batch:
                done(error)
        except Exception as error:  # noqa: BLE001 - the top of a task: told to whoever asked, and to the log
            logs.get("ingest").error("a call to the store failed", problem=repr(error))
            for _, done in batch:
                done(error)
        else:
            for (_, done), answer in zip(batch, answers, strict=True):
                done(answer)
