"""The live stream: one reader of the feed's end in a process, and everybody who listens.

Guarantees: each listener gets every event that matches, in order, none twice, from the seq it asked for on. A listener's
buffer is bounded: one that reads too slowly loses it and reads from the store by its cursor until it has caught up, so
that no listener costs the others, or delivery, anything. Nothing is read while nobody listens.
Not here: what goes over the wire (``gatepost.console.events``).
"""

import asyncio
import collections
import contextlib
from collections.abc import AsyncGenerator

import msgspec

from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.store import filters, matching, port, shapes, windows

POLL_S = 0.01  # a read of one number costs some ten microseconds
BEAT_S = 15.0  # how long a listener may hear nothing
BUFFER = 2_000  # events of one listener; they are shared, so each costs a pointer
PAGE = 500
READERS = 4  # listeners that read from the store at the same time


class Line(msgspec.Struct, frozen=True):
    """One event, ready to be sent. text: its shape as JSON."""

    seq: int
    text: bytes


class Batch(msgspec.Struct, frozen=True):
    """Some events, perhaps none, and the seq up to which everything was looked at for this listener."""

    lines: list[Line]
    until: int


class Listener:
    """One who listens: its conditions, and what it has not fetched yet."""

    def __init__(self, check: matching.Check, buffer: int) -> None:
        self.check = check
        self._buffer = buffer
        self.waiting: collections.deque[Line] = collections.deque()
        self.until = 0  # up to which the hub has looked at events for it
        self.lost = False
        self.wake = asyncio.Event()

    def take(self, found: list[Line], until: int) -> None:
        """What the hub has read; past the bound it is let go."""
        if self.lost:
            return
        if len(self.waiting) + len(found) > self._buffer:
            self.waiting.clear()
            self.lost = True
        else:
            self.waiting.extend(found)
            self.until = max(self.until, until)
        if found or self.lost:
            self.wake.set()


class Hub:
    """Reads the end of the feed for all listeners. ``run`` until ``stop``."""

    def __init__(self, store: port.Store, buffer: int = BUFFER) -> None:
        self._store = store
        self._buffer = buffer
        self._listeners: set[Listener] = set()
        self._wanted = asyncio.Event()
        self._stopped = asyncio.Event()
        self._cursor = 0
        self._version = -1
        self._names = shapes.Names(directories.Directory())
        self._reading = asyncio.Semaphore(READERS)
        self._encode = msgspec.json.Encoder().encode

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def stop(self) -> None:
        """End: every listener's events end, too."""
        self._stopped.set()
        self._wanted.set()
        for one in self._listeners:
            one.wake.set()

    async def run(self) -> None:
        """Read and hand out."""
        while not self._stopped.is_set():
            if not self._listeners:
                self._wanted.clear()
                await self._wanted.wait()
                continue
            if not await self._read():
                await asyncio.sleep(POLL_S)

    async def follow(self, after: int, where: filters.Where) -> AsyncGenerator[Batch, None]:
        """Every event behind ``after`` for which the conditions hold, for ever: one batch after the other, an empty one when
        there was nothing for a while. It ends when the hub stops.
        """
        await self._refresh()
        check = matching.matcher(where, lambda: self._names)
        while not self._stopped.is_set():
            listener = Listener(check, self._buffer)
            newest = await self._store.last_seq()
            if not self._listeners:
                self._cursor = newest
            listener.until = joined = self._cursor
            self._listeners.add(listener)
            self._wanted.set()
            try:
                async with contextlib.aclosing(self._caught_up(after, joined, where)) as batches:
                    async for batch in batches:
                        after = batch.until
                        yield batch
                async with contextlib.aclosing(self._live(listener)) as batches:
                    async for batch in batches:
                        after = max(after, batch.until)
                        yield batch
            finally:
                self._listeners.discard(listener)

    async def _read(self) -> bool:
        """One page for all. Whether there was one."""
        if await self._store.last_seq() <= self._cursor:
            return False
        found = await self._store.tail(self._cursor, PAGE)
        if not found:
            return False
        await self._refresh()
        self._cursor = found[-1].seq
        lines: dict[int, Line] = {}
        for listener in list(self._listeners):
            wanted = [
                self._line(event, lines)
                for event in found
                if event.seq > listener.until and listener.check(event)
            ]
            listener.take(wanted, self._cursor)
        await asyncio.sleep(0)
        return True

    def _line(self, event: events.Event, lines: dict[int, Line]) -> Line:
        """An event's line, made once for all listeners, and only if one of them wants it."""
        found = lines.get(event.seq)
        if found is None:
            found = lines[event.seq] = Line(event.seq, self._encode(shapes.event(event, self._names)))
        return found

    async def _caught_up(self, after: int, joined: int, where: filters.Where) -> AsyncGenerator[Batch, None]:
        """From the store, up to where the hub was when this listener joined."""
        while after < joined and not self._stopped.is_set():
            async with self._reading:
                window = await windows.read(self._store, after, PAGE, where)
                await self._refresh()
            found = [one for one in window.found if one.seq <= joined]
            lines = [Line(one.seq, self._encode(shapes.event(one, self._names))) for one in found]
            after = min(window.until, joined)
            yield Batch(lines, after)

    async def _live(self, listener: Listener) -> AsyncGenerator[Batch, None]:
        """What the hub hands out, until the listener has lost some of it."""
        while not (listener.lost or self._stopped.is_set()):
            listener.wake.clear()
            if listener.waiting:
                lines = [listener.waiting.popleft() for _ in range(min(PAGE, len(listener.waiting)))]
                yield Batch(lines, lines[-1].seq if listener.waiting else listener.until)
                continue
            try:
                await asyncio.wait_for(listener.wake.wait(), BEAT_S)
            except TimeoutError:
                yield Batch([], listener.until)

    async def _refresh(self) -> None:
        version = await self._store.directory_version()
        if version != self._version:
            known = await self._store.directory()
            self._names, self._version = shapes.Names(known), known.version
