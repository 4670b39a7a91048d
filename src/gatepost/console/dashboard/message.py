"""Messages: searching them, and the whole life of one."""

import msgspec
from starlette import responses

from gatepost import errors
from gatepost.console import explaining, floor, messages, operation
from gatepost.console.dashboard import desk, frame, narrowing, others, site
from gatepost.model import ids
from gatepost.net import problem
from gatepost.store import filters, shapes

_EVENTS = 1000  # of a message that are shown
_EXPLAINED = 20  # replies that are explained anew
_OPEN = 20  # deliveries of which it is asked what they wait for, and what stands against their recipients
_PAGE = 100
_FOUND = 404


class Step(msgspec.Struct, frozen=True):
    """One event of a life. parts: its reply, before, within and behind what the rule found. why: null where nothing is explained."""

    event: messages.Traced
    parts: tuple[str, str, str]
    why: explaining.Explained | None


async def listed(visit: site.Visit) -> site.Shown:
    """The search."""
    moved = narrowing.added(visit, filters.MESSAGES)
    if moved is not None:
        return moved
    bar = narrowing.read(visit, filters.MESSAGES)
    recipient = visit.asked("recipient").strip()
    given = {"after": visit.asked("after"), "limit": str(_PAGE), "since": visit.asked("since").strip()}
    if recipient:
        given = {"recipient": recipient, "limit": str(_PAGE), "since": given["since"]}
    page = operation.Page[shapes.MessageShape]([], None)
    problems = [text for text in (bar.problem, narrowing.untaken(visit, filters.MESSAGES)) if text]
    with desk.Gathered(problems):
        page = await visit.desk.ask(
            "listMessages", operation.Page[shapes.MessageShape], given=given, where=bar.words
        )
    more = bar.address(**{**given, "after": page.next}) if page.next else ""
    values = {
        "bar": bar,
        "page": page,
        "more": more,
        "recipient": recipient,
        "since": given["since"],
        "problems": problems,
    }
    return frame.Page("messages.html", "Messages", values)


async def show(visit: site.Visit) -> frame.Page:
    """One message."""
    path = {"message": visit.path["message"]}
    whole = await visit.desk.ask("getMessage", messages.Whole, path)
    path = {"message": visit.asked("delivery") or whole.message.message}
    told = await visit.desk.ask(
        "traceMessage", operation.Page[messages.Traced], path, {"limit": str(_EVENTS)}
    )
    open_ones = [one for one in whole.deliveries if one.state in {"queued", "deferred"}][:_OPEN]
    waits = [found for one in open_ones if (found := await _waits(visit, one.delivery)) is not None]
    ended = {one.recipient for one in whole.deliveries if one.state in {"bounced", "rejected"}}
    against = [
        await visit.desk.ask("checkSuppression", floor.Against, given={"target": target})
        for target in sorted(one for one in ended if one)[:_OPEN]
    ]
    values = {
        "whole": whole,
        "steps": await _steps(visit, told.items, whole.message),
        "cut": told.next is not None,
        "delivery": visit.asked("delivery"),
        "waits": waits,
        "against": [entry for one in against for entry in one.entries],
    }
    title = whole.message.subject or f"Message {whole.message.message}"
    return frame.Page("message.html", title, values, fresh=5 if waits else 0)


async def found(visit: site.Visit) -> site.Shown:
    """What was typed into the search at the top: an id, an address, or a part of the feed."""
    text = visit.asked("q").strip()
    place = f"{frame.ROOT}/messages"
    try:
        ids.from_text(text)
    except errors.BadInput:
        return _to(narrowing.Bar(place, []).address(recipient=text) if text else place)
    return _to(f"{place}/{text}")


async def _waits(visit: site.Visit, delivery: str) -> shapes.WaitingShape | None:
    """What an open delivery waits for; nothing where it has ended meanwhile."""
    try:
        return await visit.desk.ask("getDelivery", shapes.WaitingShape, {"delivery": delivery})
    except problem.Problem as ended:
        if ended.response.status == _FOUND:
            return None
        raise


async def _steps(visit: site.Visit, told: list[messages.Traced], message: shapes.MessageShape) -> list[Step]:
    """The events with what the rules in force say about each reply; the same reply is explained once."""
    known: dict[tuple[str | None, ...], explaining.Explained | None] = {}
    steps = []
    for one in told:
        why = None
        if one.reply and one.code:
            key = (one.reply, one.stage, one.provider, one.recipient)
            if key not in known and len(known) < _EXPLAINED:
                known[key] = await _explained(visit, one, message)
            why = known.get(key)
        steps.append(Step(one, others.parts(one.reply or "", why.matched if why else ""), why))
    return steps


async def _explained(
    visit: site.Visit, one: messages.Traced, message: shapes.MessageShape
) -> explaining.Explained | None:
    asked = {
        "reply": (one.reply or "")[: explaining.MOST_REPLY],
        "stage": one.stage or "unknown",
        "provider": one.provider or "",
        "peer": one.peer_host or one.peer_ip or "",
        "our_ip": one.local_ip or "",
        "our_host": one.ehlo or "",
        "mail_from": message.sender,
        "recipient": one.recipient or "",
    }
    try:
        return await visit.desk.tell("explainReply", explaining.Explained, asked)
    except (errors.BadInput, problem.Problem):
        return None  # the page shows the event all the same


def _to(place: str) -> responses.Response:
    return responses.RedirectResponse(place, 303, headers=frame.HEADERS)
