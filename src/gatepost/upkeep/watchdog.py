"""Looks for what must not be: open rows that nobody will ever look at, and what has outlived its use.

Guarantees: reports, and deletes only orphans and expired entries; never touches a delivery.
"""

import asyncio

from gatepost import clock as clocks
from gatepost import log as logs
from gatepost.model import ids
from gatepost.store import port

EVERY_S = 30.0
OVERDUE_MS = 10 * 60 * 1000
ORPHAN_MS = 60 * 60 * 1000


async def run(store: port.Store, clock: clocks.Clock, log: logs.Logger) -> None:
    """Watch until cancelled."""
    while True:
        await asyncio.sleep(EVERY_S)
        now = clock.now_ms()
        stuck = await store.stuck(now - OVERDUE_MS, 20)
        if stuck:
            log.error("open deliveries that nothing will move", deliveries=[ids.to_text(i) for i in stuck])
        swept = await store.sweep(now - ORPHAN_MS)
        if swept:
            log.info("swept", rows=swept)
