"""Where bounces come from and why, by any two dimensions; and how each Source does at each Provider."""

import msgspec

from gatepost.console import audits, breakdown, operation, overview
from gatepost.console import events as console_events
from gatepost.console.dashboard import desk, frame, narrowing, site
from gatepost.store import directory_shapes, figures, filters, shapes

DIMENSIONS = [one.word for one in figures.Dimension]
MEASURES = ("bounced", "deferred", "hard", "soft", "rejection", "rejected", "complaints", "delivered")
SPANS = ("1h", "24h", "7d", "30d")
_WIDTH, _HEIGHT = 12, 15  # columns and rows of the heat map
_SHADES = 9
_CHANGES = 50
_EVENTS = ("bounced", "deferred", "rejected", "delivered")


class Heat(msgspec.Struct, frozen=True):
    """The heat map: columns, and rows with their cells: a count and a shade from 0 to 9."""

    columns: list[str | None]
    rows: list[tuple[str | None, list[tuple[int, int]]]]
    cut: bool


async def show(visit: site.Visit) -> site.Shown:
    """The page."""
    moved = narrowing.added(visit, filters.COUNTERS)
    if moved is not None:
        return moved
    bar = narrowing.read(visit, filters.COUNTERS)
    problems = [text for text in (bar.problem, narrowing.untaken(visit, filters.COUNTERS)) if text]
    chosen = {
        "since": visit.asked("since") or "24h",
        "by": _one_of(visit.asked("by"), DIMENSIONS, "category"),
        "against": _one_of(visit.asked("against"), DIMENSIONS, "provider"),
        "measure": _one_of(visit.asked("measure"), MEASURES, "bounced"),
    }
    single, double, example = None, None, None
    with desk.Gathered(problems):
        given = {"since": chosen["since"], "limit": "50"}
        single = await _counted(visit, bar, {**given, "by": chosen["by"]})
        if chosen["against"] != chosen["by"]:
            both = {**given, "by": f"{chosen['by']},{chosen['against']}", "limit": "1000"}
            double = await _counted(visit, bar, both)
        example = await _example(visit, bar, chosen)
    audit = await visit.desk.ask(
        "listAudit", operation.Page[audits.AuditShape], given={"limit": str(_CHANGES)}
    )
    values = {
        "bar": bar,
        "chosen": chosen,
        "dimensions": DIMENSIONS,
        "measures": MEASURES,
        "spans": SPANS,
        "counted": single,
        "heat": _heat(double, chosen["measure"]) if double else None,
        "example": example,
        "change": next((one for one in audit.items if one.what not in overview.NO_CHANGES), None),
        "problems": problems,
    }
    return frame.Page("bounces.html", "Bounces", values)


async def sources(visit: site.Visit) -> site.Shown:
    """Every Source with what its replies said, by Provider."""
    since = _one_of(visit.asked("since"), SPANS, "24h")
    listed = await visit.desk.ask("listSources", operation.Page[directory_shapes.SourceShape])
    counted = await visit.desk.ask(
        "getBreakdown", breakdown.Breakdown, given={"by": "source,provider", "since": since, "limit": "1000"}
    )
    now = await visit.desk.ask("getOverview", overview.Overview)
    found = {one.name: [row for row in counted.rows if row.of[0] == one.name] for one in listed.items}
    lanes = {(one.source, one.provider): one for one in now.lanes}
    values = {
        "sources": listed.items,
        "rows": found,
        "lanes": lanes,
        "since": since,
        "spans": SPANS,
        "cut": counted.left_off,
    }
    return frame.Page("sources.html", "Sources", values)


async def _counted(visit: site.Visit, bar: narrowing.Bar, given: dict[str, str]) -> breakdown.Breakdown:
    return await visit.desk.ask("getBreakdown", breakdown.Breakdown, given=given, where=bar.words)


async def _example(visit: site.Visit, bar: narrowing.Bar, chosen: dict[str, str]) -> shapes.EventShape | None:
    """The first event of the span that is meant, as far as a bounded look finds one."""
    state = chosen["measure"] if chosen["measure"] in _EVENTS else "bounced"
    where = [*[word for word in bar.words if not word.startswith("state=")], f"state={state}"]
    feed = await visit.desk.ask(
        "listEvents", console_events.Feed, given={"since": chosen["since"], "limit": "1"}, where=where
    )
    return feed.items[0] if feed.items else None


def _heat(found: breakdown.Breakdown, measure: str) -> Heat:
    """The largest rows and columns, by their sums."""
    cells: dict[tuple[str | None, str | None], int] = {}
    across: dict[str | None, int] = {}
    down: dict[str | None, int] = {}
    for row in found.rows:
        count: int = getattr(row.sums, measure)
        one, other = row.of
        if count:
            cells[one, other] = count
            down[one] = down.get(one, 0) + count
            across[other] = across.get(other, 0) + count
    columns = sorted(across, key=lambda key: -across[key])[:_WIDTH]
    rows = sorted(down, key=lambda key: -down[key])[:_HEIGHT]
    most = max(cells.values(), default=1)
    return Heat(
        columns,
        [
            (row, [(n := cells.get((row, column), 0), -(-_SHADES * n // most)) for column in columns])
            for row in rows
        ],
        cut=len(across) > _WIDTH or len(down) > _HEIGHT or found.left_off > 0,
    )


def _one_of(given: str, known: list[str] | tuple[str, ...], usual: str) -> str:
    return given if given in known else usual
