"""``gatepost queue …``: what is open, and ending it."""

from typing import TYPE_CHECKING

import msgspec

from gatepost import errors
from gatepost.cli import context, show
from gatepost.store import shapes

if TYPE_CHECKING:
    from gatepost.app import operate
    from gatepost.store import filters, port

_PAGE = 500


class QueueShape(msgspec.Struct, frozen=True):
    """One queue: a destination domain through a Source. pace: what its lane does, where that is less than its limits allow."""

    domain: str
    source: str | None
    provider: str
    queued: int
    held: int
    oldest_at: str
    next_at: str
    pace: str | None
    pace_until: str | None


class Cancelled(msgspec.Struct, frozen=True):
    """How many deliveries were ended."""

    cancelled: int


def list_(
    *,
    where: context.Wheres = (),
    limit: int = 100,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """List the queues with open deliveries, the fullest first.

    Parameters
    ----------
    limit
        How many.
    """
    from gatepost.store import filters

    conditions = filters.parse(where, filters.OPEN)
    settings = context.load(config)

    async def work() -> list[QueueShape]:
        async with context.opened(settings) as store:
            names = shapes.Names(await store.directory())
            return [_shape(one, names) for one in await store.queues(conditions, limit)]

    found = context.run(work())
    if json:
        for one in found:
            show.json_line(one)
        return 0
    rows = [
        (
            one.domain,
            one.source or "",
            one.provider,
            one.queued,
            one.held,
            one.oldest_at,
            one.next_at,
            f"{one.pace}, until {one.pace_until}" if one.pace_until else one.pace or "",
        )
        for one in found
    ]
    show.table(("domain", "source", "provider", "queued", "held", "oldest", "next", "lane"), rows)
    return 0


def cancel_(
    *deliveries: str,
    where: context.Wheres = (),
    reason: str = "",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """End open deliveries: those named, or all that match.

    Parameters
    ----------
    deliveries
        Their ids.
    reason
        For the event that tells of it.
    """
    from gatepost.model import ids
    from gatepost.store import filters

    conditions = filters.parse(where, filters.OPEN)
    named = [ids.from_text(text) for text in deliveries]
    if bool(named) == bool(conditions):
        raise errors.BadInput("queue cancel", "name deliveries, or say which with --where")
    settings = context.load(config)

    async def work() -> int:
        async with context.operated(settings) as (store, operator):
            if named:
                return sum(await operator.cancel(named, context.actor(), reason))
            return await _cancel_all(store, operator, conditions, reason)

    count = context.run(work())
    if json:
        show.json_line(Cancelled(count))
    else:
        show.line(f"{count} cancelled")
    if named and count < len(named):
        raise errors.GatepostError(f"{len(named) - count} of {len(named)} were not open")
    return 0


async def _cancel_all(
    store: "port.Store", operator: "operate.Operator", where: "filters.Where", reason: str
) -> int:
    """By pages, from the oldest on."""
    after, count = 0, 0
    while page := await store.open_ids(where, after, _PAGE):
        count += sum(await operator.cancel(page, context.actor(), reason))
        after = page[-1]
    return count


def _shape(one: "port.QueueLine", names: shapes.Names) -> QueueShape:
    return QueueShape(
        domain=one.domain,
        source=names.source.get(one.source),
        provider=one.provider,
        queued=one.queued,
        held=one.held,
        oldest_at=show.time(one.oldest_at),
        next_at=show.time(one.next_at),
        pace=one.pace.words if one.pace is not None else None,
        pace_until=show.time(one.pace.until) if one.pace is not None and one.pace.until else None,
    )
