"""What was counted, by one or two dimensions: ``/v1/breakdown``. Figures come from the counters, a row a minute."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec

from gatepost import clock as clocks
from gatepost.console import operation
from gatepost.model import event as events
from gatepost.model import moment as moments
from gatepost.model import verdict as verdicts
from gatepost.net import problem
from gatepost.store import figures, filters, port, shapes

_MINUTE_MS = 60_000
_STEPS = 60  # of a series, at most
_MOST_BY = 2
_DIMENSIONS = {one.word: one for one in figures.Dimension}


class BreakdownQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of what. by: one or two of ``account``, ``bridge``, ``source``, ``provider``, ``sender_domain``, ``list``, ``category``, with a comma.

    since, until: times, or how long ago, like ``2h``. limit: of the rows, those with the most failures first.
    """

    by: Annotated[str, msgspec.Meta(max_length=40)] = "provider"
    since: str = "24h"
    until: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class Sums(msgspec.Struct, frozen=True):
    """Events by state; hard, soft, rejection: of the bounced."""

    queued: int
    delivered: int
    deferred: int
    bounced: int
    rejected: int
    complaints: int
    hard: int
    soft: int
    rejection: int


class Row(msgspec.Struct, frozen=True):
    """What was counted of one value of each dimension. of: null where nothing is known."""

    of: list[str | None]
    sums: Sums


class Step(msgspec.Struct, frozen=True):
    """What was counted from ``at`` on, up to the next step."""

    at: str
    sums: Sums


class Breakdown(msgspec.Struct, frozen=True):
    """All of it. left_off: rows that the limit cut; total has them, too."""

    by: list[str]
    since: str
    until: str
    total: Sums
    rows: list[Row]
    left_off: int
    series: list[Step]


_Counts = Counter[tuple[int, int]]


def operations(store: port.Store, clock: clocks.Clock) -> tuple[operation.Operation, ...]:
    """This one."""

    async def told(call: operation.Call, query: BreakdownQuery) -> operation.Answer[Breakdown]:
        now = clock.now_ms()
        by = _dimensions(query.by)
        since = moments.moment_of(query.since, "since", now) // _MINUTE_MS
        until = (
            moments.moment_of(query.until, "until", now) // _MINUTE_MS
            if query.until
            else now // _MINUTE_MS + 1
        )
        if until <= since:
            raise problem.bad_input([problem.Place("until", "is not after since")])
        step = -(-(until - since) // _STEPS)
        found = await store.figures.breakdown(figures.Asked(since, until, step, by, call.where))
        return operation.Answer(
            _summed(found, by, (since, until, step), query.limit, shapes.Names(call.known))
        )

    place = operation.Place(
        "GET",
        "/v1/breakdown",
        "getBreakdown",
        "Say where what happened comes from, by one or two dimensions.",
    )
    return (operation.asking(place, operation.READ, BreakdownQuery, Breakdown, told, filters.COUNTERS),)


def _dimensions(text: str) -> tuple[figures.Dimension, ...]:
    words = [one.strip() for one in text.split(",")]
    unknown = next((one for one in words if one not in _DIMENSIONS), None)
    if unknown is not None:
        known = ", ".join(sorted(_DIMENSIONS))
        raise problem.bad_input([problem.Place("by", f"{unknown!r} is not one of {known}")])
    if len(words) > _MOST_BY or len(set(words)) < len(words):
        raise problem.bad_input([problem.Place("by", "names one dimension, or two that differ")])
    return tuple(_DIMENSIONS[one] for one in words)


def _summed(
    found: Sequence[figures.Share],
    by: tuple[figures.Dimension, ...],
    span: tuple[int, int, int],
    limit: int,
    names: shapes.Names,
) -> Breakdown:
    since, until, step = span
    total: _Counts = Counter()
    rows: dict[tuple[int | str, ...], _Counts] = {}
    steps: list[_Counts] = [Counter() for _ in range(-(-(until - since) // step))]
    for one in found:
        for counted in (total, rows.setdefault(one.of, Counter()), steps[one.step]):
            counted[one.state, one.outcome] += one.count
    listed = [Row(_named(of, by, names), _sums(counted)) for of, counted in rows.items()]
    listed.sort(key=lambda row: (-row.sums.bounced - row.sums.deferred, -row.sums.delivered, str(row.of)))
    return Breakdown(
        by=[one.word for one in by],
        since=moments.text(since * _MINUTE_MS),
        until=moments.text(until * _MINUTE_MS),
        total=_sums(total),
        rows=listed[:limit],
        left_off=max(0, len(listed) - limit),
        series=[
            Step(moments.text((since + place * step) * _MINUTE_MS), _sums(counted))
            for place, counted in enumerate(steps)
        ],
    )


def _named(
    of: tuple[int | str, ...], by: tuple[figures.Dimension, ...], names: shapes.Names
) -> list[str | None]:
    known = {
        figures.Dimension.ACCOUNT: names.account,
        figures.Dimension.BRIDGE: names.bridge,
        figures.Dimension.SOURCE: names.source,
    }
    return [
        (known[one].get(int(value), f"#{value}") if one in figures.ENTRIES else str(value)) if value else None
        for value, one in zip(of, by, strict=True)
    ]


def _sums(counted: _Counts) -> Sums:
    def state(wanted: events.State) -> int:
        return sum(n for (one, _), n in counted.items() if one == wanted)

    bounced = events.State.BOUNCED
    return Sums(
        queued=state(events.State.QUEUED),
        delivered=state(events.State.DELIVERED),
        deferred=state(events.State.DEFERRED),
        bounced=state(bounced),
        rejected=state(events.State.REJECTED),
        complaints=state(events.State.COMPLAINT),
        hard=counted[bounced, verdicts.Outcome.HARD],
        soft=counted[bounced, verdicts.Outcome.SOFT],
        rejection=counted[bounced, verdicts.Outcome.REJECTION],
    )
