"""What waits, where and why, and the hand on it."""

from collections.abc import Mapping

from gatepost.console import operation
from gatepost.console.dashboard import desk, frame, narrowing, site
from gatepost.store import directive_shapes, filters, shapes

_PLACE = f"{frame.ROOT}/queues"
_PAGE = 200
_FRESH_S = 5
_DAY_S = 24 * 3600


async def show(visit: site.Visit) -> site.Shown:
    """The queues, the fullest first, and the directives that stand."""
    return narrowing.added(visit, filters.OPEN) or await _page(visit, [])


async def _page(visit: site.Visit, problems: list[str]) -> frame.Page:
    bar = narrowing.read(visit, filters.OPEN)
    problems += [text for text in (bar.problem, narrowing.untaken(visit, filters.OPEN)) if text]
    page = operation.Page[shapes.QueueShape]([], None)
    with desk.Gathered(problems):
        page = await visit.desk.ask(
            "listQueues", operation.Page[shapes.QueueShape], given={"limit": str(_PAGE)}, where=bar.words
        )
    standing = await visit.desk.ask(
        "listDirectives", operation.Page[directive_shapes.DirectiveShape], given={"standing": "true"}
    )
    values = {
        "bar": bar,
        "queues": page.items,
        "standing": standing.items,
        "problems": problems,
        "may": visit.desk.may("direct"),
        "cut": len(page.items) == _PAGE,
    }
    status = 422 if problems and visit.fields else 200
    return frame.Page("queues.html", "Queues", values, status, _FRESH_S)


async def change(visit: site.Visit) -> site.Shown:
    """Pause or flush one queue for a day, or take a directive back."""
    given = visit.fields
    problems: list[str] = []
    with desk.Gathered(problems):
        if "revoke" in given:
            path = {"directive": given["revoke"]}
            await visit.desk.ask("revokeDirective", directive_shapes.DirectiveShape, path)
            return site.done(_PLACE, "revoked")
        body = _plan(given.get("kind", ""), given)
        await visit.desk.tell("direct", directive_shapes.DirectiveShape, body, given.get("once", ""))
        return site.done(_PLACE, "directed")
    return await _page(visit, problems)


def _plan(kind: str, given: Mapping[str, str]) -> dict[str, object]:
    where = {name: given[name] for name in ("domain", "source", "provider") if given.get(name)}
    reason = given.get("reason", "").strip() or "from the dashboard"
    return {"kind": kind, "where": where, "reason": reason, "expires_in": _DAY_S}
