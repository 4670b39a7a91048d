"""Results on their way into the store: what one turn of the event loop brings is settled in one call.

Guarantees: a delivery is told as settled, and its connection given back, only after the commit; no timer, one task a call.
Fails as the store does: a write that cannot be confirmed ends the worker (faults.md P2).
Not here: what a result means, and what follows from it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence

from gatepost.delivery import desk, session
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.model import settlement as settlements

_Settlement = settlements.Settlement | None
Spawn = Callable[[Coroutine[None, None, None]], None]
Write = Callable[[Sequence[results.Result]], Awaitable[Sequence[_Settlement]]]


class Settling:
    """``add`` results; ``settled`` is told of each, then ``free`` of each connection that waited for its own."""

    def __init__(
        self,
        write: Write,
        spawn: Spawn,
        settled: Callable[[messages.Due, desk.Desk, _Settlement], None],
        free: Callable[[session.Connection, desk.Desk], None],
    ) -> None:
        self._write = write
        self._spawn = spawn
        self._settled = settled
        self._free = free
        self._done: list[tuple[results.Result, messages.Due, desk.Desk]] = []
        self._freed: list[tuple[session.Connection, desk.Desk]] = []
        self._under_way = 0

    @property
    def busy(self) -> bool:
        """Whether something is not yet committed."""
        return bool(self._under_way or self._done)

    def waiting(self, at: desk.Desk) -> Iterator[messages.Due]:
        """A lane's deliveries whose results were added and not yet handed to the store."""
        return (due for _, due, one in self._done if one is at)

    def add(self, result: results.Result, due: messages.Due, at: desk.Desk) -> None:
        """Settle it with the next call."""
        if not self._done:
            asyncio.get_running_loop().call_soon(self._flush)
        self._done.append((result, due, at))

    def then_free(self, connection: session.Connection, at: desk.Desk) -> None:
        """Give the connection back once what was added is committed."""
        self._freed.append((connection, at))

    def _flush(self) -> None:
        done, self._done = self._done, []
        freed, self._freed = self._freed, []
        self._under_way += 1
        self._spawn(self._run(done, freed))

    async def _run(
        self,
        done: list[tuple[results.Result, messages.Due, desk.Desk]],
        freed: list[tuple[session.Connection, desk.Desk]],
    ) -> None:
        try:
            written = await self._write([result for result, _, _ in done])
        finally:
            self._under_way -= 1
        for (_, due, at), settlement in zip(done, written, strict=True):
            self._settled(due, at, settlement)
        for connection, at in freed:
            self._free(connection, at)
