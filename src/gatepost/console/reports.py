"""Reports: ``/v1/reports``: what came in, and those that came in elsewhere."""

import base64
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec

from gatepost import errors
from gatepost.console import changing, operation
from gatepost.model import ids, late
from gatepost.model import moment as moments
from gatepost.model import reply as replies
from gatepost.net import problem

MEDIA = "message/rfc822"


class Unready(errors.GatepostError):
    """It cannot be taken now. seconds: when to bring it again."""

    def __init__(self, problem: str, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(problem)


class ReportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """recipient: the return path, unsubscribe or feedback address of ours that it came to; without it, it is looked for in the header
    (Delivered-To, X-Original-To, Envelope-To, To, Cc), and else the token of the message inside counts.
    """

    recipient: Annotated[str, msgspec.Meta(max_length=320)] = ""


class Taken(msgspec.Struct, frozen=True):
    """What became of a report. standing: verified: a valid token ties it to the delivery; expired or unverified: it changed nothing.

    events: what followed, by state. repeated: it was filed before, and nothing followed.
    """

    kind: str
    standing: str
    delivery: str | None
    detail: str | None
    events: list[str]
    repeated: bool


Take = Callable[
    [bytes, str, str], Awaitable[Taken]
]  # a mail, its recipient, who brought it; raises BadInput, Unready


class ReportShape(msgspec.Struct, frozen=True):
    """A mail that came in. sender, recipient: of its envelope. delivery: what it is about, whether or not that was changed; event: the
    first one that followed, as seq.
    """

    id: int
    at: str
    kind: str
    standing: str
    sender: str | None
    recipient: str
    peer_ip: str | None
    size: int
    delivery: str | None
    event: int | None


class WholeReport(ReportShape, frozen=True, kw_only=True):
    """With the mail, as far as it was kept: escaped, and byte for byte in base64."""

    text: str
    raw_base64: str


def operations(parts: changing.Parts, take: Take) -> tuple[operation.Operation, ...]:
    """All of these."""
    made = _Reports(parts, take)
    place = operation.Place
    return (
        operation.asking(
            place("GET", "/v1/reports", "listReports", "List what came in, the newest first."),
            operation.READ,
            operation.Paging,
            operation.Page[ReportShape],
            made.listed,
        ),
        operation.asking(
            place("GET", "/v1/reports/{report}", "getReport", "Show one mail that came in."),
            operation.READ,
            operation.Nothing,
            WholeReport,
            made.one,
        ),
        operation.sending(
            place(
                "POST", "/v1/reports", "importReport", "Take a bounce or complaint that came in elsewhere."
            ),
            operation.OPERATE,
            ReportQuery,
            (MEDIA,),
            Taken,
            made.take,
        ),
    )


class _Reports:
    def __init__(self, parts: changing.Parts, take: Take) -> None:
        self._store = parts.store
        self._take = take

    async def listed(
        self, call: operation.Call, query: operation.Paging
    ) -> operation.Answer[operation.Page[ReportShape]]:
        del call
        found = await self._store.reports(query.cursor, query.limit)
        following = str(found[-1].id) if len(found) == query.limit else None
        items = [_shape(one) for one in found]
        return operation.Answer(operation.Page(items, following))

    async def one(self, call: operation.Call, _: operation.Nothing) -> operation.Answer[WholeReport]:
        text = call.path["report"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
        found = await self._store.report(number) if number else None
        if found is None:
            raise problem.problem(404, "there is no such report")
        whole = WholeReport(
            **msgspec.structs.asdict(_shape(found)),
            text=replies.escaped(found.raw),
            raw_base64=base64.b64encode(found.raw).decode(),
        )
        return operation.Answer(whole)

    async def take(self, call: operation.Call, query: ReportQuery, raw: bytes) -> operation.Answer[Taken]:
        if not raw.strip():
            raise problem.bad_input([problem.Place("body", "is empty")])
        try:
            found = await self._take(raw, query.recipient, call.actor.partition(" from ")[2])
        except Unready as error:
            raise problem.later(503, str(error), error.seconds) from None
        return operation.Answer(found)


def _shape(one: late.Filed) -> ReportShape:
    return ReportShape(
        id=one.id,
        at=moments.text(one.at),
        kind=one.kind.word,
        standing=one.standing.word,
        sender=one.sender or None,
        recipient=one.recipient,
        peer_ip=one.peer_ip or None,
        size=one.size,
        delivery=ids.to_text(one.delivery) if one.delivery else None,
        event=one.event or None,
    )
