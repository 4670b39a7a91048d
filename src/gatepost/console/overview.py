"""What is happening now: ``/v1/overview``.

Guarantees: made of counters, of the lanes' paces and of a few newest entries, so that a look costs the same however much mail there is;
looks within a second share one. The hours of the day before are counted once each.
"""

import asyncio
import collections
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from gatepost import clock as clocks
from gatepost.console import audits, operation, summing
from gatepost.model import event as events
from gatepost.model import ids, late
from gatepost.model import moment as moments
from gatepost.model import reply as replies
from gatepost.store import figures, filters, port, shapes

MINUTES = 60  # that are shown
_HOURS = 24
_PATIENCE_S = 0.2  # for hours that were not counted yet, in one look
_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_LISTED = 50  # lanes and incidents that are named
_REPORTS = 500  # of the newest that are looked at
_SPREAD_S = 10.0  # over which rates are taken
_KEEP_S = 1.0
STATES = (
    events.State.RECEIVED,
    events.State.QUEUED,
    events.State.DELIVERED,
    events.State.DEFERRED,
    events.State.BOUNCED,
    events.State.REJECTED,
)


class StateFigure(msgspec.Struct, frozen=True):
    """A message state. per_second: now. hour: in the last 60 minutes; minutes: in each of them, the newest last."""

    state: str
    per_second: float
    hour: int
    minutes: list[int]


class LaneFigure(msgspec.Struct, frozen=True):
    """A lane that goes slower than its limits. words: what it does. until: when its next step is due."""

    provider: str
    source: str | None
    mode: str
    category: str
    words: str
    since: str
    until: str | None
    reply: str | None


class IncidentFigure(msgspec.Struct, frozen=True):
    """Many addresses whose failure has one cause that is probably not theirs."""

    seq: int
    at: str
    provider: str | None
    bridge: str | None
    category: str | None
    detail: str | None


class Overview(msgspec.Struct, frozen=True):
    """All of it. said: a sentence that sums it up. unusual: whether something wants attention. open: deliveries that are not final.

    oldest_at: when the oldest of them was accepted. unverified_reports: of the last day, among the newest 500.
    """

    at: str
    said: str
    unusual: bool
    states: list[StateFigure]
    rates: list[summing.Rate]
    open: int
    oldest_at: str | None
    lanes: list[LaneFigure]
    incidents: list[IncidentFigure]
    causes: list[summing.Cause]
    unverified_reports: int
    last_change: audits.AuditShape | None


_BY = (
    figures.Dimension.BRIDGE,
    figures.Dimension.SOURCE,
    figures.Dimension.PROVIDER,
    figures.Dimension.CATEGORY,
)
_FAILURES = filters.any_of("state", [events.State.BOUNCED.word, events.State.DEFERRED.word])
Totals = Callable[[], Awaitable[Mapping[str, int]]]


def operations(store: port.Store, clock: clocks.Clock, totals: Totals) -> tuple[operation.Operation, ...]:
    """This one. totals: events by state since this process began."""
    made = _Looks(store, clock, totals)
    place = operation.Place("GET", "/v1/overview", "getOverview", "Say what is happening now.")
    return (operation.asking(place, operation.READ, operation.Nothing, Overview, made.told),)


class _Looks:
    def __init__(self, store: port.Store, clock: clocks.Clock, totals: Totals) -> None:
        self._store = store
        self._clock = clock
        self._totals = totals
        self._samples: collections.deque[tuple[float, Mapping[str, int]]] = collections.deque()
        self._looking = asyncio.Lock()
        self._kept: tuple[float, int, Overview] | None = None
        self._before: dict[int, summing.Counts] = {}

    async def told(self, call: operation.Call, _: operation.Nothing) -> operation.Answer[Overview]:
        async with self._looking:
            now, version = self._clock.monotonic(), call.known.version
            if self._kept is None or now - self._kept[0] >= _KEEP_S or self._kept[1] != version:
                self._kept = (now, version, await self._look(shapes.Names(call.known)))
            return operation.Answer(self._kept[2])

    async def _look(self, names: shapes.Names) -> Overview:
        now_ms = self._clock.now_ms()
        minute = now_ms // _MINUTE_MS + 1
        breakdown = self._store.figures.breakdown
        hour = await breakdown(figures.Asked(minute - MINUTES, minute, 1))
        failures = await breakdown(figures.Asked(minute - MINUTES, minute, MINUTES, _BY, _FAILURES))
        counts, before = summing.counts(hour), await self._before_that(minute // MINUTES - 1)
        rates = summing.rates(counts, before)
        causes = summing.causes(failures, names)
        lanes = await self._lanes(names)
        incidents = await self._incidents(now_ms, names)
        said = summing.sentence(counts, rates, causes, len(lanes), len(incidents))
        oldest = await self._store.open_ids((), 0, 1)
        newest = await self._store.audit((), 0, _LISTED)
        return Overview(
            at=moments.text(now_ms),
            said=said,
            unusual=bool(lanes or incidents or any(one.over for one in rates)),
            states=await self._states(hour),
            rates=rates,
            open=await self._store.open_count(),
            oldest_at=moments.text(ids.time_ms(oldest[0])) if oldest else None,
            lanes=lanes,
            incidents=incidents,
            causes=causes,
            unverified_reports=await self._unverified(now_ms),
            last_change=next((audits.shape(one) for one in newest if one.what not in NO_CHANGES), None),
        )

    async def _before_that(self, until: int) -> summing.Counts:
        """What the day before the hour ``until`` (since 1970) had: hours that are over are counted once each, the newest first, and of
        a busy day no more at one look than there is time for.
        """
        began, total = self._clock.monotonic(), summing.Counts()
        wanted = range(until - 1, until - 1 - _HOURS, -1)
        for hour in wanted:
            if hour not in self._before and self._clock.monotonic() - began < _PATIENCE_S:
                asked = figures.Asked(hour * MINUTES, (hour + 1) * MINUTES, MINUTES)
                self._before[hour] = summing.counts(await self._store.figures.breakdown(asked))
            total += self._before.get(hour, summing.Counts())
        self._before = {hour: counts for hour, counts in self._before.items() if hour in wanted}
        return total

    async def _states(self, hour: Sequence[figures.Share]) -> list[StateFigure]:
        per_second = await self._per_second(hour)
        minutes: dict[int, list[int]] = {state: [0] * MINUTES for state in STATES}
        for one in hour:
            if one.state in minutes and 0 <= one.step < MINUTES:
                minutes[one.state][one.step] += one.count
        return [
            StateFigure(state.word, per_second.get(state.word, 0.0), sum(minutes[state]), minutes[state])
            for state in STATES
        ]

    async def _per_second(self, hour: Sequence[figures.Share]) -> dict[str, float]:
        """From the totals of some seconds ago; at the first look from the last whole minute."""
        now, totals = self._clock.monotonic(), await self._totals()
        while self._samples and now - self._samples[0][0] > 2 * _SPREAD_S:
            self._samples.popleft()
        base = next((one for one in self._samples if now - one[0] <= _SPREAD_S), None)
        self._samples.append((now, totals))
        if base is not None and now > base[0]:
            return {state: (n - base[1].get(state, 0)) / (now - base[0]) for state, n in totals.items()}
        last = [one for one in hour if one.step == MINUTES - 2]
        return {state.word: sum(one.count for one in last if one.state == state) / 60 for state in STATES}

    async def _lanes(self, names: shapes.Names) -> list[LaneFigure]:
        return [
            LaneFigure(
                provider=one.provider,
                source=names.source.get(one.source),
                mode=one.pace.mode.word,
                category=one.pace.category,
                words=one.pace.words,
                since=moments.text(one.pace.since),
                until=moments.text_or_none(one.pace.until),
                reply=replies.escaped(one.pace.reply) if one.pace.reply else None,
            )
            for one in await self._store.figures.slow_lanes(_LISTED)
        ]

    async def _incidents(self, now_ms: int, names: shapes.Names) -> list[IncidentFigure]:
        found = await self._store.figures.incidents(now_ms - _DAY_MS, _LISTED)
        told = [shapes.event(one, names) for one in found]
        return [
            IncidentFigure(one.seq, one.at, one.provider, one.bridge, one.category, one.detail)
            for one in told
        ]

    async def _unverified(self, now_ms: int) -> int:
        found = await self._store.reports(0, _REPORTS)
        return sum(one.standing is late.Standing.UNVERIFIED and one.at >= now_ms - _DAY_MS for one in found)


NO_CHANGES = frozenset({"login", "logout", "suppress", "release"})
