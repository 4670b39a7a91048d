"""Moves the store's log into the database at a steady pace. One process does this; the others never do.

Guarantees: the log stays near its limit under load, and a slow checkpoint never overlaps another.
"""

import asyncio

from gatepost import log as logs
from gatepost.store import port

EVERY_S = 1.0
LOG_LIMIT = 256 * 1024 * 1024


async def run(store: port.Store, log: logs.Logger) -> None:
    """Checkpoint until cancelled."""
    while True:
        size = await store.checkpoint()
        if size > LOG_LIMIT:
            log.warning("the store's log is over its limit", bytes=size, limit=LOG_LIMIT)
        await asyncio.sleep(EVERY_S)
