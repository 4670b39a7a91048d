"""Messages and their deliveries: ``/v1/messages``, ``/v1/deliveries``. A Bridge's own key sees what it handed in.

Guarantees: lists are read in bounded steps, so a page may be empty before the end; the whole life of a message is told with
every reply verbatim.
"""

import base64

import msgspec

from gatepost.console import changing, operation
from gatepost.model import address as addresses
from gatepost.model import event as events
from gatepost.model import ids
from gatepost.model import message as message_values
from gatepost.model import moment as moments
from gatepost.model import reply as replies
from gatepost.net import problem
from gatepost.store import filters, port, shapes

_OF_ADDRESS = 1000  # messages to one address that are looked at
_STATES = (
    events.State.QUEUED,
    events.State.DEFERRED,
    events.State.DELIVERED,
    events.State.BOUNCED,
    events.State.REJECTED,
)


class MessageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which messages, the newest first. after: the ``next`` of the page before.

    recipient: those to this address alone, at most 1,000 of the newest, on one page. since, until: when they were accepted: a time, or
    how long ago, like ``2h``.
    """

    after: str = ""
    limit: operation.Limit = 100
    recipient: str = ""
    since: str = ""
    until: str = ""


class DeliveryShape(msgspec.Struct, frozen=True):
    """One recipient of a message as its events tell of it. at: of the last of them; next_at: of the next try."""

    delivery: str
    recipient: str | None
    state: str
    at: str
    attempts: int
    outcome: str | None
    category: str | None
    code: int | None
    reply: str | None
    next_at: str | None


class Whole(msgspec.Struct, frozen=True):
    """A message and what became of it for each recipient."""

    message: shapes.MessageShape
    deliveries: list[DeliveryShape]


class Traced(shapes.EventShape, frozen=True, kw_only=True):
    """An event with the reply's own bytes. transcript: what was said in an attempt that failed, escaped; each line begins with seconds,
    ``<`` for the server, ``>`` for us or ``#`` for what else happened.
    """

    reply_base64: str | None
    transcript: str | None


def operations(parts: changing.Parts) -> tuple[operation.Operation, ...]:
    """All of these."""
    made = _Messages(parts)
    place = operation.Place
    return (
        operation.asking(
            place("GET", "/v1/messages", "listMessages", "Search the messages, the newest first."),
            operation.OWN,
            MessageQuery,
            operation.Page[shapes.MessageShape],
            made.listed,
            filters.MESSAGES,
        ),
        operation.asking(
            place("GET", "/v1/messages/{message}", "getMessage", "Show a message and what became of it."),
            operation.OWN,
            operation.Nothing,
            Whole,
            made.one,
        ),
        operation.asking(
            place("GET", "/v1/messages/{message}/events", "traceMessage", "Tell a message's whole life."),
            operation.OWN,
            operation.Paging,
            operation.Page[Traced],
            made.trace,
        ),
        operation.asking(
            place(
                "GET",
                "/v1/deliveries",
                "listDeliveries",
                "List the open deliveries: what waits, and for what.",
            ),
            operation.OWN,
            operation.Paging,
            operation.Page[shapes.WaitingShape],
            made.waiting,
            filters.OPEN,
        ),
        operation.asking(
            place("GET", "/v1/deliveries/{delivery}", "getDelivery", "Show what an open delivery waits for."),
            operation.OWN,
            operation.Nothing,
            shapes.WaitingShape,
            made.why,
        ),
    )


class _Messages:
    def __init__(self, parts: changing.Parts) -> None:
        self._p = parts
        self._store: port.Store = parts.store

    async def listed(
        self, call: operation.Call, query: MessageQuery
    ) -> operation.Answer[operation.Page[shapes.MessageShape]]:
        names = shapes.Names(call.known)
        now = self._p.clock.now_ms()
        since = ids.first_at(moments.moment_of(query.since, "since", now)) if query.since else 0
        until = ids.first_at(moments.moment_of(query.until, "until", now)) if query.until else 0
        if query.recipient:
            if call.where:
                text = "cannot be combined with conditions"
                raise problem.bad_input([problem.Place("recipient", text)])
            found = await self._to(call, query.recipient)
            fitting = [one for one in found if one.id >= since and (not until or one.id < until)]
            items = [shapes.message(one, names) for one in fitting[: query.limit]]
            return operation.Answer(operation.Page(items, None))
        before = operation.id_of(query.after, "after") if query.after else until
        where = operation.where_of(call)
        page = await self._store.find_messages(where, before, query.limit)
        items = [shapes.message(one, names) for one in page.found if one.id >= since]
        following = ids.to_text(page.before) if page.before > max(since, 1) else None
        return operation.Answer(operation.Page(items, following))

    async def _to(self, call: operation.Call, text: str) -> list[message_values.Message]:
        """The newest messages to an address."""
        found: list[message_values.Message] = []
        for identity in await self._store.messages_to(addresses.parse(text, utf8=True).key, _OF_ADDRESS):
            message = await self._store.message(identity)
            if message is not None and _may_see(call, message):
                found.append(message)
        return found

    async def _found(self, call: operation.Call, place: str) -> message_values.Message:
        """The message of an id in the path, also of one of its deliveries. Raises Problem (404)."""
        message = await self._store.message(operation.id_of(call.path[place], place))
        if message is None or not _may_see(call, message):
            raise problem.problem(404, "there is no such message")
        return message

    async def one(self, call: operation.Call, _: operation.Nothing) -> operation.Answer[Whole]:
        message = await self._found(call, "message")
        told = await self._store.trace(message.id)
        shape = shapes.message(message, shapes.Names(call.known))
        return operation.Answer(Whole(shape, _deliveries(told, shapes.Names(call.known))))

    async def trace(
        self, call: operation.Call, query: operation.Paging
    ) -> operation.Answer[operation.Page[Traced]]:
        message = await self._found(call, "message")
        identity = operation.id_of(call.path["message"], "message")
        names = shapes.Names(call.known)
        told = [
            one
            for one in await self._store.trace(message.id)
            if one.seq > query.cursor and (identity == message.id or one.delivery in {0, identity})
        ]
        page = told[: query.limit]
        said = await self._store.transcripts([one.seq for one in page if one.attempt])
        items = [traced(one, names, said.get(one.seq, b"")) for one in page]
        following = str(items[-1].seq) if len(told) > query.limit else None
        return operation.Answer(operation.Page(items, following))

    async def waiting(
        self, call: operation.Call, query: operation.Paging
    ) -> operation.Answer[operation.Page[shapes.WaitingShape]]:
        where = operation.where_of(call)
        names = shapes.Names(call.known)
        page = await self._store.open_ids(where, operation.cursor_of(query.after), query.limit)
        items = [shape for one in page if (shape := await self._waits(one, names)) is not None]
        following = str(page[-1]) if len(page) == query.limit else None
        return operation.Answer(operation.Page(items, following))

    async def why(self, call: operation.Call, _: operation.Nothing) -> operation.Answer[shapes.WaitingShape]:
        await self._found(call, "delivery")
        identity = operation.id_of(call.path["delivery"], "delivery")
        shape = await self._waits(identity, shapes.Names(call.known))
        if shape is None:
            raise problem.problem(404, "there is no such open delivery; its message tells what became of it")
        return operation.Answer(shape)

    async def _waits(self, identity: int, names: shapes.Names) -> shapes.WaitingShape | None:
        found = await self._store.open_delivery(identity)
        return None if found is None else shapes.waiting(*found, names, await self._store.paces())


def _may_see(call: operation.Call, message: message_values.Message) -> bool:
    own = call.caller.bridge
    return own is None or message.bridge == own.id


def traced(one: events.Event, names: shapes.Names, transcript: bytes) -> Traced:
    """The shape of one event of a message's life."""
    return Traced(
        **msgspec.structs.asdict(shapes.event(one, names)),
        reply_base64=base64.b64encode(one.reply).decode() if one.reply else None,
        transcript=replies.escaped(transcript) if transcript else None,
    )


def _deliveries(told: list[events.Event], names: shapes.Names) -> list[DeliveryShape]:
    """The last state of each, and its last reply."""
    last: dict[int, events.Event] = {}
    tries: dict[int, int] = {}
    for one in told:
        if one.delivery and one.state in _STATES:
            last[one.delivery] = one
            tries[one.delivery] = max(tries.get(one.delivery, 0), one.attempt)
    found = []
    for delivery, one in sorted(last.items()):
        shape = shapes.event(one, names)
        found.append(
            DeliveryShape(
                delivery=ids.to_text(delivery),
                recipient=shape.recipient,
                state=shape.state,
                at=shape.at,
                attempts=tries[delivery],
                outcome=shape.outcome,
                category=shape.category,
                code=shape.code,
                reply=shape.reply,
                next_at=shape.next_at,
            )
        )
    return found
