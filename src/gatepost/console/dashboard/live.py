"""Events as they happen: the page, and the stream behind it, of which a person can follow a part.

Guarantees: a browser gets at most ``MOST`` events a second, evenly taken from those that match, and how many were left out, so that
it never falls behind; whoever comes again goes on behind the last one. A stream ends with its session.
"""

import contextlib
from collections.abc import AsyncGenerator, Sequence

from gatepost import clock as clocks
from gatepost.console import events as console_events
from gatepost.console import pieces
from gatepost.console.dashboard import frame, narrowing, site
from gatepost.store import filters, port

MOST = 300  # events a second that are shown: more than anybody reads
_WINDOW_S = 0.1
_BEFORE = 500  # events that the page begins with are looked for among so many, and all of those are shown
_LOOK_S = 5.0  # how often a stream looks whether its session still is
_DIGITS = 18


class Live:
    """follow: the live stream behind a seq. places: for those who wait."""

    def __init__(
        self, store: port.Store, clock: clocks.Clock, follow: console_events.Follow, places: pieces.Places
    ) -> None:
        self._store = store
        self._clock = clock
        self._follow = follow
        self._places = places

    async def show(self, visit: site.Visit) -> site.Shown:
        """The page."""
        moved = narrowing.added(visit, filters.EVENTS)
        if moved is not None:
            return moved
        bar = narrowing.read(visit, filters.EVENTS)
        first, last = await self._store.first_seq(), await self._store.last_seq()
        after = max(first - 1, last - _BEFORE, 0)
        stream = narrowing.Bar(f"{frame.ROOT}/live/stream", bar.words).address(after=str(after))
        values = {"bar": bar, "wrong": narrowing.untaken(visit, filters.EVENTS), "stream": stream}
        return frame.Page("live.html", "Live", values)

    async def stream(self, visit: site.Visit) -> site.Shown:
        """The events."""
        words = [word for word in visit.where if word.partition("=")[0] in filters.EVENTS]
        where = filters.parse(words, filters.EVENTS)
        given = visit.request.headers.get("last-event-id") or visit.asked("after")
        last = await self._store.last_seq()
        after = int(given) if given.isascii() and given.isdigit() and len(given) <= _DIGITS else last
        after = min(max(after, await self._store.first_seq() - 1), last)
        return pieces.Stream(self._told(visit, after, where), self._places, "text/event-stream")

    async def _told(self, visit: site.Visit, after: int, where: filters.Where) -> AsyncGenerator[bytes, None]:
        yield b"retry: 1000\nid: %d\n\n" % after
        began = looked = self._clock.monotonic()
        left = _BEFORE
        async with contextlib.aclosing(self._follow(after, where)) as batches:
            async for batch in batches:
                now = self._clock.monotonic()
                if now - looked >= _LOOK_S:
                    looked = now
                    if not await visit.alive():
                        return
                if now - began >= _WINDOW_S:
                    began, left = now, round(MOST * _WINDOW_S)
                shown = _some(batch.lines, left)
                left -= len(shown)
                told = [b"data: %b\n\n" % line.text for line in shown]
                if len(shown) < len(batch.lines):
                    told.append(b"event: skipped\ndata: %d\n\n" % (len(batch.lines) - len(shown)))
                yield b"".join(told) + b"id: %d\n: up to here\n\n" % batch.until


def _some(lines: Sequence[console_events.Line], most: int) -> Sequence[console_events.Line]:
    """At most so many of them, evenly taken."""
    if len(lines) <= most:
        return lines
    return [lines[place * len(lines) // most] for place in range(most)]
