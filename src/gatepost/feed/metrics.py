"""Figures for Prometheus: what happened, what waits, and who follows the feed.

Guarantees: labels are bounded: states, outcomes and categories are closed sets, webhooks are few, and Providers beyond the first ``PROVIDERS``
count as ``other``. Figures come from the store's counters, never from its rows, so that a look costs the same however
much mail there is. Counters begin at 0 with the process, as Prometheus expects of a restart.
Not here: who may look (``gatepost.console``).
"""

import asyncio
import collections
from collections.abc import Callable, Iterable

import msgspec
import prometheus_client
from prometheus_client import core, registry

from gatepost import clock as clocks
from gatepost.model import event as events
from gatepost.model import verdict as verdicts
from gatepost.store import port, webhooks

PROVIDERS = 50
MEDIA = prometheus_client.CONTENT_TYPE_LATEST
_MINUTE_MS = 60_000
_OPEN = 10  # minutes that are read anew at each look: an event counts in the minute in which it happened
_FOLD_S = 60.0
_OUTCOMES = {outcome.value: outcome.word for outcome in verdicts.Outcome}

_Key = tuple[str, str, str, str]  # state, outcome, category, Provider


class _Figures(msgspec.Struct, frozen=True):
    """What a look found."""

    counted: dict[_Key, int]
    open: int
    seq: int
    overdue_s: float
    lanes: int
    listeners: int
    webhooks: dict[int, tuple[webhooks.Progress, webhooks.Counts]]


class Metrics:
    """Looks when asked; ``run`` keeps what is counted from growing old. listeners: how many follow the live stream."""

    def __init__(self, store: port.Store, clock: clocks.Clock, listeners: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._listeners = listeners
        self._since = clock.now_ms() // _MINUTE_MS  # the first minute that is read anew
        self._before: dict[_Key, int] | None = None  # what that minute had when the process began
        self._kept: collections.Counter[_Key] = collections.Counter()  # of minutes that are over
        self._providers: set[str] = set()
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Keep the minutes that are over."""
        while True:
            await self._counted()
            await asyncio.sleep(_FOLD_S)

    async def text(self) -> bytes:
        """All figures, as Prometheus reads them."""
        now = self._clock.now_ms()
        heads = await self._store.heads(range(port.SLOTS))
        figures = _Figures(
            counted=await self._counted(),
            open=await self._store.open_count(),
            seq=await self._store.last_seq(),
            overdue_s=max([0.0, *((now - head.next_at) / 1000 for head in heads)]),
            lanes=len(heads),
            listeners=self._listeners(),
            webhooks=await self._webhooks(),
        )
        found = registry.CollectorRegistry()
        found.register(_Collector(figures))
        return prometheus_client.generate_latest(found)

    async def totals(self) -> dict[str, int]:
        """Events since the process began, by state."""
        found: collections.Counter[str] = collections.Counter()
        for (state, *_), count in (await self._counted()).items():
            found[state] += count
        return dict(found)

    async def _webhooks(self) -> dict[int, tuple[webhooks.Progress, webhooks.Counts]]:
        progress, counts = await self._store.webhooks.progress(), await self._store.webhooks.counts()
        return {number: (one, counts.get(number, webhooks.Counts())) for number, one in progress.items()}

    async def _counted(self) -> dict[_Key, int]:
        """Events since the process began, by what they are."""
        async with self._looking:
            rows = await self._store.counted(self._since)
            closed = self._clock.now_ms() // _MINUTE_MS - _OPEN
            if self._before is None:
                self._before = dict(self._summed(rows))
            fresh = self._summed(row for row in rows if row.minute >= closed)
            if closed > self._since:
                self._kept.update(self._summed(row for row in rows if row.minute < closed))
                self._since = closed
            total = self._kept + fresh
            return {key: count - self._before.get(key, 0) for key, count in total.items()}

    def _summed(self, rows: Iterable[port.Counted]) -> collections.Counter[_Key]:
        found: collections.Counter[_Key] = collections.Counter()
        for row in rows:
            key = (
                events.State(row.state).word,
                _OUTCOMES.get(row.outcome, ""),
                row.category,
                self._provider(row.provider),
            )
            found[key] += row.count
        return found

    def _provider(self, name: str) -> str:
        if name not in self._providers:
            if len(self._providers) >= PROVIDERS:
                return "other"
            self._providers.add(name)
        return name


class _Collector(registry.Collector):
    """One look, as Prometheus's own library wants it."""

    def __init__(self, figures: _Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[core.Metric]:
        found = self._figures
        told = core.CounterMetricFamily(
            "gatepost_events",
            "Events since the process began.",
            labels=("state", "outcome", "category", "provider"),
        )
        for key, count in sorted(found.counted.items()):
            told.add_metric(key, count)
        yield told
        for name, text, value in (
            ("gatepost_open_deliveries", "Deliveries that are not final.", found.open),
            ("gatepost_lanes_waiting", "Lanes with deliveries that wait.", found.lanes),
            ("gatepost_overdue_seconds", "How long the first due delivery has been due.", found.overdue_s),
            ("gatepost_feed_seq", "The newest event.", found.seq),
            ("gatepost_stream_listeners", "Open event streams and long polls.", found.listeners),
        ):
            yield core.GaugeMetricFamily(name, text, value)
        yield from self._webhooks()

    def _webhooks(self) -> Iterable[core.Metric]:
        """Of each: their number is bounded."""
        families = [
            core.GaugeMetricFamily(f"gatepost_webhook_{name}", text, labels=("webhook",))
            for name, text in (
                ("behind_events", "Events that a webhook may still have to be told of."),
                ("waiting_requests", "Requests that a webhook refused and that are tried again."),
                ("dead_requests", "Requests to a webhook that were given up."),
                ("failing", "Rounds in a row in which a webhook took nothing."),
            )
        ]
        for number, (one, counts) in self._figures.webhooks.items():
            behind = max(0, self._figures.seq - one.cursor)
            for family, value in zip(
                families, (behind, counts.waiting, counts.dead, one.failures), strict=True
            ):
                family.add_metric([str(number)], value)
        return families
