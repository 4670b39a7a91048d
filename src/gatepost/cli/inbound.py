"""``gatepost inbound …``: what came to the inbound listener: reports, and mail to postmaster@ and abuse@.

Guarantees: what a mail says is written escaped; ``--raw`` gives its own bytes.
"""

import sys
from pathlib import Path

import msgspec

from gatepost import errors
from gatepost.cli import context, show
from gatepost.model import ids, late

_PAGE = 50


class FiledShape(msgspec.Struct, frozen=True):
    """A mail as scripts see it. delivery: what it was about, whether or not that was changed. event: the first one that followed."""

    id: int
    at: str
    kind: str
    standing: str
    sender: str
    recipient: str
    peer_ip: str
    size: int
    delivery: str | None
    event: int | None


def list_(
    *,
    before: int = 0,
    limit: int = _PAGE,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """List what came in, the newest first.

    Parameters
    ----------
    before
        Only what came before the one with this number.
    limit
        How many.
    """
    found = [_shape(one) for one in context.run(_list(before, limit, config))]
    if json:
        for one in found:
            show.json_line(one)
        return 0
    rows = [
        (one.id, one.at, one.kind, one.standing, one.recipient, one.peer_ip, one.delivery or "")
        for one in found
    ]
    show.table(("id", "at", "kind", "standing", "to", "from", "delivery"), rows)
    return 0


def show_(
    number: int,
    /,
    *,
    raw: bool = False,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Show one mail, as far as it was kept.

    Parameters
    ----------
    number
        Its number in the list.
    raw
        Its own bytes and nothing else.
    """
    found = context.run(_one(number, config))
    if found is None:
        raise errors.BadInput("inbound", f"there is no mail {number}")
    if raw:
        sys.stdout.buffer.write(found.raw)
        return 0
    show.record(_shape(found), json=json)
    if not json:
        show.line("")
        for line in show.escaped(found.raw).split("\n"):
            show.line(line)
    return 0


async def _list(before: int, limit: int, config: Path) -> list[late.Filed]:
    async with context.opened(context.load(config)) as store:
        return await store.reports(before, limit)


async def _one(number: int, config: Path) -> late.Filed | None:
    async with context.opened(context.load(config)) as store:
        return await store.report(number)


def _shape(one: late.Filed) -> FiledShape:
    return FiledShape(
        id=one.id,
        at=show.time(one.at),
        kind=one.kind.word,
        standing=one.standing.word,
        sender=one.sender,
        recipient=one.recipient,
        peer_ip=one.peer_ip,
        size=one.size,
        delivery=ids.to_text(one.delivery) if one.delivery else None,
        event=one.event or None,
    )
