"""``gatepost events``: the feed, from any point on, and what happens now.

Guarantees: in order of ``seq``, none missed, none twice; after a stop, ``--after`` the last seq that was read goes on.
Whole batches are flushed. SIGTERM, Ctrl-C and a reader that goes away end ``--follow`` with status 0, also while the
reader does not read.
"""

import asyncio
import os
import select
import signal
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import cyclopts
import msgspec

from gatepost.cli import context, show
from gatepost.store import shapes

if TYPE_CHECKING:
    from gatepost.model import event as events_
    from gatepost.store import filters, port

POLL_S = 0.1
PAGE = 1000
_CHUNK = 4096  # a pipe that is ready takes as much without waiting (POSIX: PIPE_BUF)
_PATIENCE_MS = 20  # how long a reader that is busy may keep a signal waiting
SLACK_MS = 600_000  # events are written after what they tell; an attempt may last as long


class Wanted(msgspec.Struct, frozen=True):
    """What is shown: events behind ``after``, told between ``since`` and ``until`` (ms; 0: no limit)."""

    after: int
    since: int
    until: int
    follow: bool


def events(  # noqa: PLR0913 - one parameter per option of the command
    *,
    follow: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    after: int = 0,
    since: str = "",
    until: str = "",
    where: context.Wheres = (),
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Show what happened, in order; with --follow also what happens from now on.

    Parameters
    ----------
    follow
        Go on until stopped.
    after
        Only events behind this seq: the last one that was read.
    since
        A time like 2026-05-04T12:00:00Z, or how long ago, like 2h.
    until
        The same.
    """
    from gatepost.store import filters

    conditions = filters.parse(where, filters.EVENTS)
    now = context.now_ms()
    wanted = Wanted(
        after=after,
        since=show.moment_of(since, "--since", now) if since else 0,
        until=show.moment_of(until, "--until", now) if until else 0,
        follow=follow,
    )
    settings = context.load(config)

    async def work() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        sys.stdout.flush()
        out = Out(sys.stdout.fileno(), stop)
        async with context.opened(settings) as store:
            pages = follow_feed(store, conditions, wanted, out)
            await _print(pages, store, out, json=json)
        return 0

    return context.run(work())


class Out:
    """Standard output, never waited for so long that a signal could not end it."""

    def __init__(self, fd: int, stop: asyncio.Event) -> None:
        self._fd = fd
        self._stop = stop
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    @property
    def ended(self) -> bool:
        """Whether a signal said stop or the reader went away."""
        return self._stop.is_set() or any(
            mask & (select.POLLERR | select.POLLHUP) for _, mask in self._poll.poll(0)
        )

    async def wait(self, seconds: float) -> None:
        """Until then, or until the stop."""
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return

    async def write(self, data: bytes) -> None:
        """All of it, unless it ends."""
        view = memoryview(data)
        while view and not self.ended:
            if any(mask & select.POLLOUT for _, mask in self._poll.poll(_PATIENCE_MS)):
                view = view[os.write(self._fd, view[:_CHUNK]) :]
            else:
                await asyncio.sleep(0)  # the signal's turn


async def follow_feed(
    store: "port.Store", where: "filters.Where", wanted: Wanted, out: Out
) -> "AsyncIterator[list[events_.Event]]":
    """Pages of events, until the end of the feed or, with follow, until the stop."""
    after = wanted.after
    if wanted.since:
        from gatepost.store import windows

        after = max(after, await windows.seek(store, wanted.since - SLACK_MS))
    while not out.ended:
        # Read before the page: what is committed up to here, the page has seen, even if nothing of it matched.
        known = await store.last_seq()
        page = await store.feed(after, PAGE, where)
        fitting = [one for one in page if _fits(one, wanted)]
        if fitting:
            yield fitting
        if wanted.until and page and page[-1].at > wanted.until + SLACK_MS:
            return
        if len(page) == PAGE:
            after = page[-1].seq
            continue
        after = max(after, known, page[-1].seq if page else 0)
        if not wanted.follow or (wanted.until and context.now_ms() > wanted.until + SLACK_MS):
            return
        await out.wait(POLL_S)


def _fits(one: "events_.Event", wanted: Wanted) -> bool:
    return one.at >= wanted.since and (not wanted.until or one.at < wanted.until)


async def _print(
    pages: "AsyncIterator[list[events_.Event]]", store: "port.Store", out: Out, *, json: bool
) -> None:
    directory = await store.directory()
    names = shapes.Names(directory)
    encode = msgspec.json.Encoder().encode
    async for page in pages:
        if await store.directory_version() != directory.version:
            directory = await store.directory()
            names = shapes.Names(directory)
        found = [shapes.event(one, names) for one in page]
        if json:
            await out.write(b"".join([encode(one) + b"\n" for one in found]))
        else:
            await out.write("".join([f"{text(one)}\n" for one in found]).encode())


def text(one: shapes.EventShape) -> str:
    """One line for people."""
    words = [one.at, f"{one.seq:>7}", f"{one.state:<11}", one.delivery or one.message or "-" * 13]
    words.append(one.recipient or one.domain or "")
    if one.category:
        words.append(one.category)
    if one.next_at and one.state == "deferred":
        words.append(f"again {one.next_at[11:19]}")
    if one.reply:
        words.append(one.reply.replace("\n", " / "))
    elif one.detail:
        words.append(f"({one.detail})")
    return show.plain(" ".join(word for word in words if word))
