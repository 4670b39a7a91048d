"""Who changed what: ``/v1/audit``."""

import msgspec

from gatepost.console import changing, operation
from gatepost.model import moment as moments
from gatepost.store import filters, port


class AuditShape(msgspec.Struct, frozen=True):
    """One change. actor: ``key:NAME``, ``bridge:ACCOUNT/NAME``, ``cli:USER``. address: where it came from.

    what: the kind of what was changed. before, after: JSON or a line, without secrets; null: there was nothing.
    """

    id: int
    at: str
    actor: str
    address: str | None
    what: str
    before: str | None
    after: str | None


def shape(one: port.Audited) -> AuditShape:
    """The shape of one change."""
    actor, _, address = one.actor.partition(" from ")
    return AuditShape(
        one.id,
        moments.text(one.at),
        actor,
        address or None,
        one.what,
        one.before or None,
        one.after or None,
    )


def operations(parts: changing.Parts) -> tuple[operation.Operation, ...]:
    """This one."""

    async def listed(
        call: operation.Call, query: operation.Paging
    ) -> operation.Answer[operation.Page[AuditShape]]:
        found = await parts.store.audit(call.where, query.cursor, query.limit)
        following = str(found[-1].id) if len(found) == query.limit else None
        return operation.Answer(operation.Page([shape(one) for one in found], following))

    place = operation.Place("GET", "/v1/audit", "listAudit", "List the changes, the newest first.")
    kind = operation.Page[AuditShape]
    return (operation.asking(place, operation.READ, operation.Paging, kind, listed, filters.AUDIT),)
