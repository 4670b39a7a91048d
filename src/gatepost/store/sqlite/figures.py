"""Counters by their dimensions. Guarantees: see ``gatepost.store.figures``."""

from gatepost.model import event as events
from gatepost.store import figures, filters
from gatepost.store.sqlite import reading, rows, webhooks


class Figures:
    """See ``gatepost.store.figures.Figures``."""

    def __init__(self, scan: webhooks.Scan) -> None:
        self._scan = scan

    async def breakdown(self, asked: figures.Asked) -> list[figures.Share]:
        """See the port."""
        by = [*asked.by, *([0] * (figures.MOST - len(asked.by)))]
        bound = (asked.since, asked.until, asked.step, *by)

        def read(reader: reading.Reader) -> list[figures.Share]:
            found = reader.filtered("breakdown", asked.where, filters.COUNTERS, bound)
            return [_share(row, asked.by, reader) for row in found]

        return await self._scan(read)

    async def slow_lanes(self, limit: int) -> list[figures.Slow]:
        """See the port."""

        def read(reader: reading.Reader) -> list[figures.Slow]:
            return [
                figures.Slow(str(provider), rows.integer(source), reading.PACE.decode(str(pace)))
                for provider, source, pace in reader.rows("slow_lanes", limit)
            ]

        return await self._scan(read)

    async def incidents(self, since_ms: int, limit: int) -> list[events.Event]:
        """See the port."""

        def read(reader: reading.Reader) -> list[events.Event]:
            return [rows.event_of(row, reader.text) for row in reader.rows("incidents", since_ms, limit)]

        return await self._scan(read)


def _share(
    row: tuple[object, ...], by: tuple[figures.Dimension, ...], reader: reading.Reader
) -> figures.Share:
    step, *values, state, outcome, count = map(rows.integer, row)
    named = tuple(
        value if dimension in figures.ENTRIES else reader.text(value)
        for dimension, value in zip(by, values, strict=False)
    )
    return figures.Share(step, named, state, outcome, count)
