"""What is happening now: ``/v1/overview``.

Guarantees: made of counters, of the lanes' paces and of a few newest entries, so that a look costs the same however much mail there is;
looks within a second share one. What was before the last hour is counted once a minute.
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
from gatepost.store import figures, port, shapes

MINUTES = 60  # that are shown
_DAY = 1440
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
        self._before: tuple[int, summing.Counts] | None = None

    async def told(self, call: operation.Call, _: operation.Nothing) -> operation.Answer[Overview]:
        async with self._looking:
            now, version = self._clock.monotonic(), call.known.version
            if self._kept is None or now - self._kept[0] >= _KEEP_S or self._kept[1] != version:
                self._kept = (now, version, await self._look(shapes.Names(call.known)))
            return operation.Answer(self._kept[2])

    async def _look(self, names: shapes.Names) -> Overview:
        now_ms = self._clock.now_ms()
        minute = now_ms // _MINUTE_MS + 1
        by = (
            figures.Dimension.BRIDGE,
            figures.Dimension.SOURCE,
            figures.Dimension.PROVIDER,
            figures.Dimension.CATEGORY,
        )
        hour = await self._store.figures.breakdown(figures.Asked(minute - MINUTES, minute, 1, by))
        counts, before = summing.counts(hour), await self._before_that(minute - MINUTES)
        rates = summing.rates(counts, before)
        causes = summing.causes(hour, names)
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

    async def _before_that(self, minute: int) -> summing.Counts:
        """What the day before the shown hour had."""
        if self._before is None or self._before[0] != minute:
            found = await self._store.figures.breakdown(figures.Asked(minute - _DAY, minute, _DAY))
            self._before = (minute, summing.counts(found))
        return self._before[1]

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
        paces = await self._store.paces()
        if not paces:
            return []
        heads = {one.lane: one for one in await self._store.heads(range(port.SLOTS))}
        found = []
        for lane, pace in list(paces.items())[:_LISTED]:
            head = heads.get(lane)
            found.append(
                LaneFigure(
                    provider=head.provider if head else f"lane {lane}",
                    source=names.source.get(head.source) if head else None,
                    mode=pace.mode.word,
                    category=pace.category,
                    words=pace.words,
                    since=moments.text(pace.since),
                    until=moments.text_or_none(pace.until),
                    reply=replies.escaped(pace.reply) if pace.reply else None,
                )
            )
        return found

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
