"""Many suppressions at once: ``/v1/suppressions/import``, ``/v1/suppressions/undo`` and ``/v1/suppressions/export``."""

import io
from collections.abc import AsyncGenerator

import msgspec
from starlette import responses

from gatepost.console import changing, lines, operation, pieces, undoing, wishes
from gatepost.model import moment as moments
from gatepost.model import suppression as suppressions
from gatepost.store import filters, shapes

_LINES = ("application/x-ndjson", "text/csv", "text/plain")


class ImportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for lines that do not say. scope: ``instance``, ``account:NAME``, ``bridge:NAME`` or ``list:NAME``."""

    scope: str = "account"
    reason: str = "import"
    note: str = ""


class Undoing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which entries shall end: words ``field=value``, all of which must hold, at least one; since: made since then. do: false only counts."""

    where: list[str]
    since: str = ""
    do: bool = False


class Undone(msgspec.Struct, frozen=True):
    """How many entries of one kind were meant, or have ended."""

    reason: str
    rule: str | None
    scope: str
    count: int


class Imported(msgspec.Struct, frozen=True):
    """What became of a file, and of each of its lines."""

    added: int
    there: int
    unreadable: int
    rows: list[lines.Done]


def operations(parts: changing.Parts, places: pieces.Places) -> tuple[operation.Operation, ...]:
    """All of these."""
    made = _Bulk(parts, places)
    place = operation.Place
    return (
        operation.sending(
            place(
                "POST",
                "/v1/suppressions/import",
                "importSuppressions",
                "Add the entries of a file, a line each.",
            ),
            operation.OPERATE,
            ImportQuery,
            _LINES,
            Imported,
            made.take,
        ),
        operation.telling(
            place(
                "POST",
                "/v1/suppressions/undo",
                "undoSuppressions",
                "End all entries of one cause, or say how many it would be.",
            ),
            operation.OPERATE,
            Undoing,
            list[Undone],
            made.undo,
        ),
        operation.streaming(
            place(
                "GET",
                "/v1/suppressions/export",
                "exportSuppressions",
                "Tell all entries, one a line, as import reads them.",
            ),
            operation.OWN,
            operation.Nothing,
            made.give,
            _LINES[:1],
            filters.SUPPRESSIONS,
        ),
    )


class _Bulk:
    def __init__(self, parts: changing.Parts, places: pieces.Places) -> None:
        self._p = parts
        self._places = places

    async def take(self, call: operation.Call, query: ImportQuery, raw: bytes) -> operation.Answer[Imported]:
        now = self._p.clock.now_ms()
        wish = wishes.Wish((), query.scope, query.reason, query.note)
        wishes.scope_of(query.scope, call.known)
        found = lines.rows(io.BytesIO(raw), "the file", wish, call.known, now)

        async def write(entries: lines.Entries) -> list[bool]:
            return await self._p.store.suppress(entries, call.actor, keep=True)

        done = [one async for one in lines.take(found, self._p.store, write, now)]
        counts = {word: sum(one.result == word for one in done) for word in ("added", "there", "unreadable")}
        return operation.Answer(Imported(**counts, rows=done))

    async def undo(self, call: operation.Call, wanted: Undoing) -> operation.Answer[list[Undone]]:
        where = undoing.checked(filters.parse(wanted.where, filters.SUPPRESSIONS))
        now, store = self._p.clock.now_ms(), self._p.store
        start = moments.moment_of(wanted.since, "since", now) if wanted.since else 0
        names = shapes.Names(call.known)
        if wanted.do:
            found = await undoing.undo(
                store, where, start, names, lambda batch: store.release(batch, call.actor, exact=True)
            )
        else:
            found = await undoing.count(store, where, start, names)
        return operation.Answer(
            [Undone(reason, rule or None, scope, n) for (reason, rule, scope), n in found.most_common()]
        )

    async def give(self, call: operation.Call, _: operation.Nothing) -> responses.Response:
        where = operation.where_of(call)
        names = shapes.Names(call.known)
        encode = msgspec.json.Encoder().encode

        async def told() -> AsyncGenerator[bytes, None]:
            group: list[suppressions.Suppression] = []
            async for _, one in wishes.pages(self._p.store, where):
                group.append(one)
                if len(group) == 500:
                    yield b"".join([encode(shapes.suppression(one, names)) + b"\n" for one in group])
                    group = []
            yield b"".join([encode(shapes.suppression(one, names)) + b"\n" for one in group])

        return pieces.Stream(told(), self._places, _LINES[0])
