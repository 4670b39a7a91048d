"""The hand on the queue: ``/v1/directives`` and ``/v1/queues``. For operators; a Bridge's own key has no part in it."""

import msgspec

from gatepost.console import changing, directing, operation
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.net import problem
from gatepost.store import directive_shapes, filters, port, shapes

Shape = directive_shapes.DirectiveShape
_ONE = "/v1/directives/{directive}"


class ListQuery(operation.Paging, frozen=True, forbid_unknown_fields=True):
    """Which directives, the newest first. standing: only those that are not over."""

    standing: bool = False


class Preview(msgspec.Struct, frozen=True):
    """How many open deliveries a directive would mean now."""

    matching: int


class QueueQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many queues, the fullest first."""

    limit: operation.Limit = 100


def operations(parts: changing.Parts) -> tuple[operation.Operation, ...]:
    """All of these."""
    made = _Directives(parts)
    place, nothing = operation.Place, operation.Nothing
    return (
        operation.asking(
            place(
                "GET",
                "/v1/directives",
                "listDirectives",
                "List what was said about the queue, the newest first.",
            ),
            operation.READ,
            ListQuery,
            operation.Page[Shape],
            made.listed,
        ),
        operation.telling(
            place("POST", "/v1/directives", "direct", "Pause, flush, reroute or cancel what waits."),
            operation.OPERATE,
            directing.DirectivePlan,
            Shape,
            made.create,
            201,
        ),
        operation.telling(
            place(
                "POST", "/v1/directives/preview", "previewDirective", "Say how much a directive would mean."
            ),
            operation.OPERATE,
            directing.DirectivePlan,
            Preview,
            made.preview,
        ),
        operation.asking(
            place("GET", _ONE, "getDirective", "Show one directive and what it holds."),
            operation.READ,
            nothing,
            Shape,
            made.get,
        ),
        operation.asking(
            place(
                "DELETE",
                _ONE,
                "revokeDirective",
                "Take a directive back: resume what is paused, undo a cancel.",
            ),
            operation.OPERATE,
            nothing,
            Shape,
            made.revoke,
        ),
        operation.asking(
            place(
                "GET", "/v1/queues", "listQueues", "List the queues with open deliveries, the fullest first."
            ),
            operation.READ,
            QueueQuery,
            operation.Page[shapes.QueueShape],
            made.queues,
            filters.OPEN,
        ),
    )


class _Directives:
    def __init__(self, parts: changing.Parts) -> None:
        self._p = parts
        self._store = parts.store

    async def listed(self, call: operation.Call, query: ListQuery) -> operation.Answer[operation.Page[Shape]]:
        before, now = query.cursor or (1 << 62), self._p.clock.now_ms()
        found = [
            one
            for one in sorted(call.known.directives, key=lambda one: -one.id)
            if one.id < before and (one.stands(now) or not query.standing)
        ]
        items = await self._shapes(found[: query.limit], call.known)
        following = str(items[-1].id) if len(found) > query.limit else None
        return operation.Answer(operation.Page(items, following))

    async def create(self, call: operation.Call, wanted: directing.DirectivePlan) -> operation.Answer[Shape]:
        now, actor = self._p.clock.now_ms(), port.actor_name(call.actor)

        def decide(known: directories.Directory) -> list[directories.Change]:
            return [directing.entry(wanted, known, actor, now)]

        changed = await changing.change(self._p, call, decide)
        which = directing.filter_of(wanted.where, changed.known)
        mine = [one for one in changed.known.directives if (one.actor, one.which) == (actor, which)]
        [shape] = await self._shapes(mine[-1:], changed.known)
        return operation.Answer(shape, 201, location=f"/v1/directives/{shape.id}")

    async def preview(
        self, call: operation.Call, wanted: directing.DirectivePlan
    ) -> operation.Answer[Preview]:
        found = directing.entry(wanted, call.known, "", self._p.clock.now_ms())
        return operation.Answer(Preview(await self._store.open_matching(filters.of_directive(found.which))))

    async def get(self, call: operation.Call, _: operation.Nothing) -> operation.Answer[Shape]:
        return await self._answer(call, call.known)

    async def revoke(self, call: operation.Call, _: operation.Nothing) -> operation.Answer[Shape]:
        def decide(known: directories.Directory) -> list[directories.Change]:
            old = _named(call, known)
            new = directing.revoked(old, port.actor_name(call.actor), self._p.clock.now_ms())
            return [] if new == old else [new]

        changed = await changing.change(self._p, call, decide)
        return await self._answer(call, changed.known)

    async def queues(
        self, call: operation.Call, query: QueueQuery
    ) -> operation.Answer[operation.Page[shapes.QueueShape]]:
        found = await self._store.queues(call.where, query.limit)
        names = shapes.Names(call.known)
        return operation.Answer(operation.Page([shapes.queue(one, names) for one in found], None))

    async def _answer(self, call: operation.Call, known: directories.Directory) -> operation.Answer[Shape]:
        [shape] = await self._shapes([_named(call, known)], known)
        return operation.Answer(shape)

    async def _shapes(self, found: list[directives.Directive], known: directories.Directory) -> list[Shape]:
        names, now = shapes.Names(known), self._p.clock.now_ms()
        held = await self._store.held() if found else {}
        return [directive_shapes.directive(one, names, held.get(one.id, 0), now) for one in found]


def _named(call: operation.Call, known: directories.Directory) -> directives.Directive:
    """The one of the path. Raises Problem."""
    for one in known.directives:
        if str(one.id) == call.path["directive"]:
            return one
    raise problem.problem(404, "there is no such directive")
