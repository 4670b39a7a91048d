"""Deletes what has been kept for its time, in small transactions with pauses, so that no delivery waits for it.

Guarantees: between two batches there is a pause as long as the batch took, so that other writers have at least half of the time; what a
batch deletes is bounded, and a stop between two of them leaves nothing half done. Not here: what a kind is
(``gatepost.store.retention``), what has an end of its own (``watchdog``).
"""

import asyncio
from collections.abc import Sequence

from gatepost import clock as clocks
from gatepost import log as logs
from gatepost.store import port, retention
from gatepost.upkeep import settings

EVERY_S = 60.0
BATCH = 500  # rows in a transaction: about ten milliseconds
_PAUSE_S = 0.01  # at least
_DAY_MS = 24 * 3600 * 1000


class Retention:
    """``run`` it; ``take`` gives it other settings at any time."""

    def __init__(
        self, store: port.Store, found: settings.RetentionSettings, clock: clocks.Clock, log: logs.Logger
    ) -> None:
        self._store = store
        self._settings = found
        self._clock = clock
        self._log = log

    def take(self, found: settings.RetentionSettings) -> None:
        """Keep things so long from now on."""
        self._settings = found

    async def run(self) -> None:
        """Delete until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Everything that is due now."""
        for kind, days in kept_days(self._settings):
            if days:
                await self._prune(kind, self._clock.now_ms() - days * _DAY_MS)

    async def _prune(self, kind: retention.Kind, before_ms: int) -> None:
        deleted = 0
        while True:
            began = self._clock.monotonic()
            found = await self._store.prune(kind, before_ms, BATCH)
            deleted += found
            if found < BATCH:
                break
            await asyncio.sleep(max(_PAUSE_S, self._clock.monotonic() - began))
        if deleted:
            self._log.info("retention", kind=kind.value, rows=deleted)


def kept_days(found: settings.RetentionSettings) -> Sequence[tuple[retention.Kind, int]]:
    """How long each kind is kept; 0: for ever. Events go before the messages that they are about."""
    return (
        (retention.Kind.EVENTS, found.events_days),
        (retention.Kind.MESSAGES, found.events_days),
        (retention.Kind.HOURS, found.minutes_days),
        (retention.Kind.DAYS, found.hours_days),
        (retention.Kind.COUNTERS, found.counters_days),
        (retention.Kind.WEBHOOKS, found.webhooks_days),
        (retention.Kind.REPORTS, found.reports_days),
        (retention.Kind.AUDIT, found.audit_days),
    )
