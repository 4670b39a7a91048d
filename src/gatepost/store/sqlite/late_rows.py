"""Between rows and values: what deliveries leave behind, and reports. As ``rows``; positions follow ``store/sql``."""

from collections.abc import Callable

import msgspec

from gatepost.model import facts as fact_values
from gatepost.model import late
from gatepost.model import message as messages
from gatepost.store.sqlite import rows

_BEFORE = msgspec.json.Decoder(list[object])


class SentRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One row of ``sent_of`` as SQLite wrote it into its JSON text; names as numbers."""

    delivery: int
    message: int
    account: int
    bridge: int
    pool: int
    source: int
    priority: messages.Priority
    provider: int
    recipient: str
    key: str | None
    domain: int
    sender_domain: int
    list: int
    campaign: int
    tags: int
    at: int
    until: int
    recipients: int
    before: str | None
    bounced_at: int
    complained_at: int
    unsubscribed_at: int
    tell: int


SENT_ROWS = msgspec.json.Decoder(list[SentRow])


def sent_row(sent: fact_values.Sent, number: rows.Number) -> rows.Row:
    """The values of ``put_sent``."""
    delivery = sent.delivery
    return (
        delivery.id,
        delivery.message,
        delivery.account,
        delivery.bridge,
        delivery.pool,
        delivery.source,
        delivery.priority,
        number(delivery.provider),
        delivery.recipient,
        delivery.key if delivery.key != delivery.recipient else None,
        number(delivery.domain),
        number(delivery.sender_domain),
        number(delivery.list),
        number(delivery.campaign),
        number(delivery.tags),
        sent.at,
        sent.until,
        sent.recipients,
        _before_text(sent.before),
        sent.bounced_at,
        sent.complained_at,
        sent.unsubscribed_at,
        int(delivery.tell and delivery.notify.of_failure),
    )


def sent_of(row: SentRow, text: Callable[[int | None], str]) -> fact_values.Sent:
    """What a delivery left behind, from one row of ``sent_of``."""
    key = row.recipient if row.key is None else row.key
    delivery = fact_values.OpenDelivery(
        id=row.delivery,
        message=row.message,
        account=row.account,
        bridge=row.bridge,
        pool=row.pool,
        source=row.source,
        lane=0,
        provider=text(row.provider),
        priority=row.priority,
        status=messages.Status.QUEUED,
        recipient=row.recipient,
        key=key,
        domain=text(row.domain),
        sender_domain=text(row.sender_domain),
        list=text(row.list),
        campaign=text(row.campaign),
        tags=text(row.tags),
        received_at=0,
        expires_at=0,
        next_at=0,
        tell=bool(row.tell),
    )
    return fact_values.Sent(
        delivery,
        row.at,
        row.until,
        row.recipients,
        rows.address_of([key, *_BEFORE.decode(row.before)]) if row.before else None,
        row.bounced_at,
        row.complained_at,
        row.unsubscribed_at,
    )


def _before_text(before: fact_values.AddressRecord | None) -> str | None:
    """A record without its key and its holds, which are nobody's business any more."""
    if before is None:
        return None
    _, _, *values = rows.address_row(msgspec.structs.replace(before, holds=()))
    return msgspec.json.encode(values).decode()


def report_row(filed: late.Filed) -> rows.Row:
    """The values of ``insert_report``."""
    return (
        filed.digest,
        filed.at,
        filed.kind,
        filed.standing,
        filed.sender,
        filed.recipient,
        filed.peer_ip,
        filed.size,
        filed.delivery,
        filed.event,
        filed.raw,
    )


def report_of(row: tuple[object, ...]) -> late.Filed:
    """A report from ``SELECT * FROM report``."""
    return late.Filed(
        id=rows.integer(row[0]),
        digest=rows.octets(row[1]),
        at=rows.integer(row[2]),
        kind=late.Kind(rows.integer(row[3])),
        standing=late.Standing(rows.integer(row[4])),
        sender=str(row[5]),
        recipient=str(row[6]),
        peer_ip=str(row[7]),
        size=rows.integer(row[8]),
        delivery=rows.integer(row[9]),
        event=rows.integer(row[10]),
        raw=rows.octets(row[11]),
    )
