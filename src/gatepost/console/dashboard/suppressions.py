"""Who is not written to: searching, adding, ending one or all of one cause, and the file to keep."""

from starlette import responses

from gatepost.console import bulk, floor, operation
from gatepost.console.dashboard import desk, frame, narrowing, site
from gatepost.store import filters, shapes

_PLACE = f"{frame.ROOT}/suppressions"
_PAGE = 100
_TARGETS = 1000


async def show(visit: site.Visit) -> site.Shown:
    """The list, or what stands against one address or domain."""
    return narrowing.added(visit, filters.SUPPRESSIONS) or await _page(visit, [])


async def _page(visit: site.Visit, problems: list[str]) -> frame.Page:
    bar = narrowing.read(visit, filters.SUPPRESSIONS)
    problems += [text for text in (bar.problem, narrowing.untaken(visit, filters.SUPPRESSIONS)) if text]
    target, against = visit.asked("check").strip(), None
    page = operation.Page[shapes.SuppressionShape]([], None)
    with desk.Gathered(problems):
        if target:
            against = await visit.desk.ask("checkSuppression", floor.Against, given={"target": target})
        else:
            given = {"after": visit.asked("after"), "limit": str(_PAGE)}
            page = await visit.desk.ask(
                "listSuppressions", operation.Page[shapes.SuppressionShape], given=given, where=bar.words
            )
    values = {
        "bar": bar,
        "page": page,
        "more": bar.address(after=page.next) if page.next else "",
        "target": target,
        "against": against,
        "problems": problems,
        "may": visit.desk.may("suppress"),
        "fields": visit.fields,
        "undo": narrowing.Bar(f"{_PLACE}/undo", bar.words).address() if bar.words else "",
        "file": narrowing.Bar(f"{_PLACE}/export", bar.words).address(),
    }
    return frame.Page("suppressions.html", "Suppressions", values, 422 if problems and visit.fields else 200)


async def change(visit: site.Visit) -> site.Shown:
    """Add those that were typed, or end the one whose button was pressed."""
    given = visit.fields
    problems: list[str] = []
    scope = given.get("scope", "").strip()
    with desk.Gathered(problems):
        if "remove" in given:
            body: dict[str, object] = {"targets": [given["remove"]], "scope": scope}
            done = await visit.desk.tell("unsuppress", list[floor.Changed], body)
            return site.done(_PLACE, "released", sum(one.changed for one in done))
        body = {
            "targets": given.get("targets", "").split()[: _TARGETS + 1],
            "scope": scope,
            "reason": given.get("reason", "").strip() or "manual",
            "note": given.get("note", "").strip(),
            "expires": given.get("expires", "").strip(),
        }
        done = await visit.desk.tell("suppress", list[floor.Changed], body)
        return site.done(_PLACE, "suppressed", sum(one.changed for one in done))
    return await _page(visit, problems)


async def look(visit: site.Visit) -> site.Shown:
    """What an end of all entries of one cause would mean."""
    problems: list[str] = []
    kinds: list[bulk.Undone] = []
    with desk.Gathered(problems):
        kinds = await visit.desk.tell("undoSuppressions", list[bulk.Undone], _meant(visit))
    values = {
        "bar": narrowing.read(visit, filters.SUPPRESSIONS),
        "since": visit.asked("since"),
        "kinds": kinds,
        "problems": problems,
    }
    return frame.Page("undo.html", "Release by cause", values)


async def undo(visit: site.Visit) -> site.Shown:
    """End them."""
    gone = await visit.desk.tell("undoSuppressions", list[bulk.Undone], {**_meant(visit), "do": True})
    return site.done(_PLACE, "released", sum(one.count for one in gone))


def _meant(visit: site.Visit) -> dict[str, object]:
    """The conditions as they stand in the address: one that is wrong is refused and never left out, which would mean more."""
    words = [word for word in visit.where if word.partition("=")[0] in filters.SUPPRESSIONS]
    return {"where": words, "since": visit.asked("since")}


async def export(visit: site.Visit) -> responses.Response:
    """All that fit, as import reads them."""
    bar = narrowing.read(visit, filters.SUPPRESSIONS)
    found = await visit.desk.stream("exportSuppressions", bar.words)
    found.headers["content-disposition"] = 'attachment; filename="suppressions.ndjson"'
    return found
