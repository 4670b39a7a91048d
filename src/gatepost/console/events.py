"""The feed: ``/v1/events``, page by page or line by line, and ``/v1/events/stream``, as it happens.

Guarantees: in order of ``seq``, nothing missed, nothing twice; whoever comes again with the last seq it has goes on there;
below what is kept, and beyond what there is, is an error that says so. A stream ends when its key does. How many are
open at once is bounded.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Annotated, Protocol

import msgspec
from starlette import responses

from gatepost.console import changing, operation, pieces
from gatepost.model import event as events
from gatepost.model import moment as moments
from gatepost.net import problem
from gatepost.store import filters, port, shapes, windows

SLACK_MS = 600_000  # events are written after what they tell; an attempt may last as long
_WINDOWS = 10  # read for one page before it is given empty
_LINES = 1000  # read at once
_NDJSON = "application/x-ndjson"
_SSE = "text/event-stream"


class Line(Protocol):
    """One event, ready to be sent."""

    @property
    def seq(self) -> int:
        """Its place in the feed."""
        ...

    @property
    def text(self) -> bytes:
        """Its shape as JSON."""
        ...


class Batch(Protocol):
    """Some events, perhaps none, and the seq up to which everything was looked at."""

    @property
    def lines(self) -> Sequence[Line]:
        """The events."""
        ...

    @property
    def until(self) -> int:
        """The seq."""
        ...


Follow = Callable[[int, filters.Where], AsyncGenerator[Batch, None]]


class EventQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which events. after: only those behind this seq; 0: from the first that is kept.

    since: only those told since then: a time, or how long ago, like ``2h``. wait: seconds to wait for one where there is none
    (long poll). With ``Accept: application/x-ndjson`` all of them come, one a line; follow: and those to come.
    """

    after: Annotated[int, msgspec.Meta(ge=0, le=(1 << 62))] = 0
    limit: operation.Limit = 100
    since: str = ""
    wait: Annotated[int, msgspec.Meta(ge=0, le=50)] = 0
    follow: bool = False


class StreamQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From where on. after: behind this seq; null: from now on. ``Last-Event-ID`` stands above it."""

    after: Annotated[int, msgspec.Meta(ge=0, le=(1 << 62))] | None = None


class Feed(msgspec.Struct, frozen=True):
    """Some of the feed. next: the seq to go on behind. end: whether this was all there is now."""

    items: list[shapes.EventShape]
    next: int
    end: bool


class Parts(msgspec.Struct, frozen=True):
    """follow: the live stream behind a seq. places: for those who wait."""

    common: changing.Parts
    follow: Follow
    places: pieces.Places


def operations(parts: Parts) -> tuple[operation.Operation, ...]:
    """Both."""
    made = _Events(parts)
    place = operation.Place
    listed = operation.streaming(
        place("GET", "/v1/events", "listEvents", "Read the feed: what happened, in order."),
        operation.OWN,
        EventQuery,
        made.page,
        ("application/json", _NDJSON),
        filters.EVENTS,
        Feed,
    )
    stream = operation.streaming(
        place(
            "GET",
            "/v1/events/stream",
            "streamEvents",
            "Follow the feed, as server-sent events with the seq as id.",
        ),
        operation.OWN,
        StreamQuery,
        made.stream,
        (_SSE,),
        filters.EVENTS,
    )
    return listed, stream


class _Events:
    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._store: port.Store = parts.common.store

    async def page(self, call: operation.Call, asked: EventQuery) -> responses.Response:
        where = operation.where_of(call)
        after = await self._start(asked.after)
        start = 0
        if asked.since:
            start = moments.moment_of(asked.since, "since", self._p.common.clock.now_ms())
            after = max(after, await windows.seek(self._store, start - SLACK_MS))
        if _NDJSON in call.headers.get("accept", ""):
            return await self._lines(call, asked, after, start)
        found, after, end = await self._page(after, asked.limit, where, start)
        if asked.wait and end and not found:
            self._p.places.take()
            try:
                after = await self._wait(after, where, asked.wait)
            finally:
                self._p.places.give_back()
            found, after, end = await self._page(after, asked.limit, where, start)
        names = shapes.Names(call.known)
        return operation.as_response(
            operation.Answer(Feed([shapes.event(one, names) for one in found], after, end))
        )

    async def _start(self, after: int) -> int:
        """Where to begin. Raises Problem for what is not kept any more, or is not there yet."""
        first, last = await self._store.first_seq(), await self._store.last_seq()
        if after > last:
            raise problem.bad_input([problem.Place("after", f"the newest seq is {last}")])
        if 0 < after < first - 1:
            raise problem.problem(
                410,
                f"events behind {after} are not kept any more: the first seq is {first}",
                [problem.Place("after", f"the first seq that is kept is {first}")],
            )
        return max(after, first - 1)

    async def _page(
        self, after: int, limit: int, where: filters.Where, start: int
    ) -> tuple[list[events.Event], int, bool]:
        """Events, the seq up to which was looked, and whether that was the end."""
        found: list[events.Event] = []
        for _ in range(_WINDOWS):
            window = await windows.read(self._store, after, limit - len(found), where)
            found += [one for one in window.found if one.at >= start]
            if window.until == after:
                return found, after, True
            after = window.until
            if len(found) >= limit:
                break
        return found, after, after >= await self._store.last_seq()

    async def _wait(self, after: int, where: filters.Where, seconds: int) -> int:
        """Until there is something, or that time is over. Behind what to read then."""
        with contextlib.suppress(TimeoutError):
            async with (
                asyncio.timeout(seconds),
                contextlib.aclosing(self._p.follow(after, where)) as batches,
            ):
                async for batch in batches:
                    if batch.lines:
                        return batch.lines[0].seq - 1
                    after = batch.until
        return after

    async def _lines(
        self, call: operation.Call, asked: EventQuery, after: int, start: int
    ) -> responses.Response:
        """One event a line: all there are, and with ``follow`` those to come."""
        where = operation.where_of(call)
        newest = await self._store.last_seq()
        names = shapes.Names(call.known)
        encode = msgspec.json.Encoder().encode

        async def told() -> AsyncGenerator[bytes, None]:
            at = after
            while at < newest and call.valid():
                window = await windows.read(self._store, at, _LINES, where)
                at = window.until
                lines = [encode(shapes.event(one, names)) + b"\n" for one in window.found if one.at >= start]
                yield b"".join(lines)
            if not asked.follow:
                return
            async with contextlib.aclosing(self._p.follow(at, where)) as batches:
                async for batch in batches:
                    if not call.valid():
                        return
                    yield b"".join([line.text + b"\n" for line in batch.lines])

        return pieces.Stream(told(), self._p.places, _NDJSON)

    async def stream(self, call: operation.Call, asked: StreamQuery) -> responses.Response:
        where = operation.where_of(call)
        after = asked.after
        if (given := call.headers.get("last-event-id", "").strip()) != "":
            if not (given.isascii() and given.isdigit() and len(given) <= 18):
                raise problem.bad_input([problem.Place("Last-Event-ID", "is no seq")])
            after = int(given)
        after = await self._store.last_seq() if after is None else await self._start(after)

        async def told() -> AsyncGenerator[bytes, None]:
            yield b"retry: 1000\nid: %d\n\n" % after
            async with contextlib.aclosing(self._p.follow(after, where)) as batches:
                async for batch in batches:
                    if not call.valid():
                        return
                    lines = [b"id: %d\ndata: %b\n\n" % (line.seq, line.text) for line in batch.lines]
                    yield b"".join(lines) or b": nothing new\nid: %d\n\n" % batch.until

        return pieces.Stream(told(), self._p.places, _SSE)
