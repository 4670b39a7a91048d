"""The replies in the store: what servers said to attempts, in order.

Guarantees: each reply once, page by page, with no snapshot held; what was written while reading may or may not be seen.
"""

from collections.abc import AsyncIterator

from gatepost.cli import feed
from gatepost.model import event as events
from gatepost.store import filters, port, windows

_STATES = frozenset({events.State.DEFERRED, events.State.BOUNCED, events.State.REJECTED})


async def replies(store: port.Store, since: int, category: str = "") -> AsyncIterator[events.Event]:
    """The events of attempts that a server refused since then (ms; 0: ever), of one category or of all."""
    where = (filters.Condition("category", category),) if category else ()
    after = await windows.seek(store, since - feed.SLACK_MS) if since else 0
    while page := await store.feed(after, feed.PAGE, where):
        after = page[-1].seq
        for event in page:
            # A code and a reply: somebody answered; an expiry repeats the last reply without its code.
            if event.at >= since and event.attempt and event.code and event.reply and event.state in _STATES:
                yield event
