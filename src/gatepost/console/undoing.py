"""Ending many suppressions at once, by their cause: counted first, then deleted.

Guarantees: only entries that are still what they were when they were read are deleted, so that nobody is written to again who complained
meanwhile; every entry ends with its event and its line in the audit log.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from gatepost import errors
from gatepost.console import wishes
from gatepost.model import suppression as suppressions
from gatepost.store import filters, port, shapes

_BATCH = 500

Kind = tuple[str, str, str]  # reason, rule, scope
Release = Callable[[Sequence[suppressions.Suppression]], Awaitable[Sequence[bool]]]


def checked(where: filters.Where) -> filters.Where:
    """Conditions that name a cause. Raises BadInput where nothing would mean everything."""
    if not where:
        raise errors.BadInput("undo", "name what to undo: rule=… or incident=… or reason=…")
    return where


async def count(store: port.Store, where: filters.Where, start: int, names: shapes.Names) -> Counter[Kind]:
    """How many there are of each kind. start: only those made since then (ms)."""
    return Counter(
        [_kind(one, names) async for _, one in wishes.pages(store, where) if one.created_at >= start]
    )


async def undo(
    store: port.Store, where: filters.Where, start: int, names: shapes.Names, release: Release
) -> Counter[Kind]:
    """Delete them. How many of each kind are gone."""
    gone: Counter[Kind] = Counter()
    batch: list[suppressions.Suppression] = []

    async def flush() -> None:
        done = await release(batch) if batch else ()
        gone.update(_kind(one, names) for one, was in zip(batch, done, strict=True) if was)
        batch.clear()

    async for _, one in wishes.pages(store, where):
        if one.created_at >= start:
            batch.append(one)
        if len(batch) >= _BATCH:
            await flush()
    await flush()
    return gone


def _kind(one: suppressions.Suppression, names: shapes.Names) -> Kind:
    return one.reason, one.rule, shapes.scope(one, names)
