"""Reading the feed where little matches: in windows, so that no read takes long and no snapshot is held for it.

Guarantees: nothing is missed and nothing comes twice; a cursor moves on even where nothing matched.
"""

import msgspec

from gatepost.model import event as events
from gatepost.store import filters, port

SPAN = 20_000  # events that are looked at in one read: some ten milliseconds


class Window(msgspec.Struct, frozen=True):
    """What matched, and the seq up to which everything was looked at."""

    found: list[events.Event]
    until: int


async def read(store: port.Store, after: int, limit: int, where: filters.Where, span: int = SPAN) -> Window:
    """One window behind ``after``; its ``until`` is ``after`` at the end of the feed."""
    # Asked before the read: what is committed up to here, the read has seen, even if nothing of it matched.
    until = min(await store.last_seq(), after + (span if where else limit))
    if until <= after:
        return Window([], after)
    found = await store.feed(after, limit, where, until)
    return Window(found, found[-1].seq if len(found) == limit else until)


async def seek(store: port.Store, at: int) -> int:
    """A seq behind which everything told at that time (ms) or later is, found by halves."""
    low, high = await store.first_seq() - 1, await store.last_seq()
    while low < high:
        middle = (low + high) // 2
        page = await store.feed(middle, 1)
        if page and page[0].at < at:
            low = page[0].seq
        else:
            high = middle
    return low
