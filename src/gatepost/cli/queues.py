"""``gatepost queue …``: what is open, and ending it at once."""

from typing import TYPE_CHECKING, Annotated

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import context, directing, show
from gatepost.store import shapes

if TYPE_CHECKING:
    from gatepost.app import operate
    from gatepost.store import filters, port

_PAGE = 500


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
    """List the queues with open deliveries, the fullest first, and the directives that stand.

    Parameters
    ----------
    limit
        How many queues.
    """
    from gatepost.store import filters

    conditions = filters.parse(where, filters.OPEN)
    settings = context.load(config)

    async def work() -> tuple[list[shapes.QueueShape], list[directing.Shape]]:
        async with context.opened(settings) as store:
            known = await store.directory()
            names = shapes.Names(known)
            found = [shapes.queue(one, names) for one in await store.queues(conditions, limit)]
            return found, await directing.shapes_of(store, known, standing=True)

    found, standing = context.run(work())
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
    for each in standing:
        show.line(directing.sentence(each))
    return 0


def cancel_(
    *deliveries: str,
    where: context.Wheres = (),
    reason: str = "",
    now: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    dry_run: directing.DryRun = False,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """End open deliveries: those named, or all that match. For ten minutes they are only held, and queue revoke undoes it.

    Parameters
    ----------
    deliveries
        Their ids.
    reason
        For the events that tell of it.
    now
        End them at once, without a way back.
    """
    if not now:
        return directing.direct(
            directing.Given("cancel", deliveries, where, reason), config, json=json, dry_run=dry_run
        )
    if dry_run:
        raise errors.BadInput("--dry-run", "goes without --now")
    return _cancel_now(deliveries, where, reason, config, json=json)


def _cancel_now(
    deliveries: tuple[str, ...], where: tuple[str, ...], reason: str, config: context.Config, *, json: bool
) -> int:
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
