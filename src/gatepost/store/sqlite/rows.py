"""Between rows and values: events, suppressions, address records, open deliveries.

Guarantees: what is written comes back equal. Positions follow ``store/sql``; the contract suite's round trips hold them
together.
"""

from collections.abc import Callable

import msgspec

from gatepost.model import address as addresses
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import notify
from gatepost.model import reply as replies
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts

Row = tuple[object, ...]
Number = Callable[[str], int]
Text = Callable[[int], str]

_UNASKED = notify.Notify.NOTHING
_QUEUED = events.State.QUEUED
_REJECTED = events.State.REJECTED
_STATES = {s.value: s for s in events.State}
_OUTCOMES = {o.value: o for o in verdicts.Outcome}
_FAULTS = {f.value: f for f in verdicts.Fault}
_CONFIDENCES = {c.value: c for c in verdicts.Confidence}
_ACTIONS = {a.value: a for a in events.Action}
_STAGES = {s.value: s for s in replies.Stage}

_encode = msgspec.json.Encoder().encode
_HOLDS = msgspec.json.Decoder(tuple[tuple[int, int, str, int], ...])
_REFUSALS = msgspec.json.Decoder(tuple[tuple[int, tuple[str, ...], int, int], ...])
_SEEN = msgspec.json.Decoder(tuple[tuple[str, int, int], ...])


def event_texts(event: events.Event) -> tuple[str, ...]:
    """Every text of an event that is kept as a number."""
    return (
        event.local_ip,
        event.ehlo,
        event.provider,
        event.domain,
        event.peer_host,
        event.peer_ip,
        event.sender_domain,
        event.list,
        event.campaign,
        event.tags,
        event.category,
        event.enhanced,
        event.rule,
        event.tls,
        event.scope,
    )


def event_row(event: events.Event, known: dict[str, int]) -> Row:
    """The values of ``insert_events``; ``known`` has the number of every text of ``event_texts``."""
    state = event.state
    entering = state is _QUEUED or (state is _REJECTED and events.Flag.AT_ACCEPT in event.flags)
    recipient = event.recipient
    return (
        event.at,
        state,
        event.delivery or event.message or None,
        event.message or None,
        event.attempt or None,
        event.account or None,
        event.bridge or None,
        event.pool or None,
        event.source or None,
        event.node or None,
        known[event.local_ip] or None,
        known[event.ehlo] or None,
        known[event.provider] or None,
        known[event.domain] or None,
        known[event.peer_host] or None,
        known[event.peer_ip] or None,
        known[event.sender_domain] or None,
        known[event.list] or None,
        known[event.campaign] or None,
        known[event.tags] or None,
        event.outcome,
        known[event.category] or None,
        event.fault or None,
        event.action or None,
        event.stage or None,
        event.code or None,
        known[event.enhanced] or None,
        known[event.rule] or None,
        event.rule_version or None,
        event.confidence,
        known[event.tls] or None,
        event.duration_ms or None,
        event.next_at or None,
        event.flags,
        known[event.scope] or None,
        recipient or None,
        addresses.hash64(key_of(recipient)) if entering and recipient else None,
        event.detail or None,
        event.reply or None,
    )


def key_of(recipient: str) -> str:
    """The normal form of a recipient as an event names it."""
    if recipient.islower() and '"' not in recipient and recipient.isascii():
        return recipient
    try:
        return addresses.parse(recipient, utf8=True).key
    except addresses.AddressError:
        return recipient


def event_of(row: tuple[int | str | bytes | None, ...], text: Callable[[object], str]) -> events.Event:
    """An event from ``SELECT * FROM event``."""
    number = [value if isinstance(value, int) else 0 for value in row]
    about, message = number[3], number[4]
    return events.Event(
        seq=number[0],
        at=number[1],
        state=_STATES[number[2]],
        delivery=about if about != message else 0,
        message=message,
        attempt=number[5],
        account=number[6],
        bridge=number[7],
        pool=number[8],
        source=number[9],
        node=number[10],
        local_ip=text(row[11]),
        ehlo=text(row[12]),
        provider=text(row[13]),
        domain=text(row[14]),
        peer_host=text(row[15]),
        peer_ip=text(row[16]),
        sender_domain=text(row[17]),
        list=text(row[18]),
        campaign=text(row[19]),
        tags=text(row[20]),
        outcome=_OUTCOMES.get(number[21]),
        category=text(row[22]),
        fault=_FAULTS[number[23]],
        action=_ACTIONS[number[24]],
        stage=_STAGES[number[25]],
        code=number[26],
        enhanced=text(row[27]),
        rule=text(row[28]),
        rule_version=number[29],
        confidence=_CONFIDENCES.get(number[30]),
        tls=text(row[31]),
        duration_ms=number[32],
        next_at=number[33],
        flags=events.Flag(number[34]),
        scope=text(row[35]),
        recipient=str(row[36] or ""),
        detail=str(row[38] or ""),
        reply=octets(row[39]),
    )


def address_row(record: fact_values.AddressRecord) -> Row:
    """The values of ``put_addresses``."""
    return (
        addresses.hash64(record.key),
        record.key,
        record.delivered_at,
        record.soft_count,
        record.unknown_count,
        record.soft_first_at,
        record.soft_last_at,
        record.hard_at,
        record.presumed_at,
        _encode([(h.account, h.until, h.category, h.probe_at) for h in record.holds]).decode()
        if record.holds
        else None,
        _encode([(r.bridge, r.campaigns, r.first_at, r.last_at) for r in record.refusals]).decode()
        if record.refusals
        else None,
    )


def address_of(row: list[object]) -> fact_values.AddressRecord:
    """A record from one row of ``addresses``."""
    key, delivered_at, soft, unknown, first, last, hard_at, presumed_at, holds, refusals = row
    return fact_values.AddressRecord(
        key=str(key),
        delivered_at=integer(delivered_at),
        soft_count=integer(soft),
        unknown_count=integer(unknown),
        soft_first_at=integer(first),
        soft_last_at=integer(last),
        hard_at=integer(hard_at),
        presumed_at=integer(presumed_at),
        holds=tuple(fact_values.Hold(*h) for h in _HOLDS.decode(holds)) if isinstance(holds, str) else (),
        refusals=tuple(fact_values.Refusals(*r) for r in _REFUSALS.decode(refusals))
        if isinstance(refusals, str)
        else (),
    )


_HASHES = msgspec.json.Decoder(tuple[int, ...])


def streak_row(streak: fact_values.Streak) -> Row:
    """The values of ``put_streaks``."""
    counted = _encode(streak.counted).decode()
    return (streak.place, streak.about, streak.incident, counted, streak.first_at, streak.last_at)


def streak_of(row: tuple[object, ...]) -> fact_values.Streak:
    """A streak from one row of ``streaks``."""
    place, about, incident, counted, first, last = row
    hashes = _HASHES.decode(str(counted))
    return fact_values.Streak(
        str(place), str(about), integer(incident), hashes, integer(first), integer(last)
    )


class OpenRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One row of ``facts`` as SQLite wrote it into its JSON text; names as numbers. recipients, parts: the message's."""

    id: int
    message: int
    account: int
    bridge: int
    pool: int
    source: int
    lane: int
    provider: int | None
    priority: messages.Priority
    status: messages.Status
    recipient: str
    key: str | None
    domain: int
    sender_domain: int
    list: int
    campaign: int
    tags: int
    received_at: int
    expires_at: int
    next_at: int
    attempts: int
    seen: str | None
    last_category: str | None
    last_reply: str | None
    recipients: int
    parts: int
    tell: int
    notify: int | None


OPEN_ROWS = msgspec.json.Decoder(list[OpenRow])


def open_of(row: OpenRow, text: Callable[[int | None], str]) -> fact_values.OpenDelivery:
    """An open delivery from one row of ``facts``."""
    seen = row.seen
    return fact_values.OpenDelivery(
        id=row.id,
        message=row.message,
        account=row.account,
        bridge=row.bridge,
        pool=row.pool,
        source=row.source,
        lane=row.lane,
        provider=text(row.provider),
        priority=row.priority,
        status=row.status,
        recipient=row.recipient,
        key=row.recipient if row.key is None else row.key,
        domain=text(row.domain),
        sender_domain=text(row.sender_domain),
        list=text(row.list) if row.list else "",
        campaign=text(row.campaign),
        tags=text(row.tags) if row.tags else "",
        received_at=row.received_at,
        expires_at=row.expires_at,
        next_at=row.next_at,
        attempts=row.attempts,
        seen=tuple(fact_values.Seen(*s) for s in _SEEN.decode(seen)) if seen else (),
        last_category=row.last_category or "",
        last_reply=bytes.fromhex(row.last_reply) if row.last_reply else b"",
        tell=bool(row.tell),
        notify=notify.Notify(row.notify) if row.notify else _UNASKED,
    )


def seen_text(seen: tuple[fact_values.Seen, ...]) -> str | None:
    """What ``Seen`` is kept as."""
    return _encode([(s.category, s.first_at, s.count) for s in seen]).decode() if seen else None


def suppression_row(entry: suppressions.Suppression, event: int) -> Row:
    """The values of ``insert_suppression``; ``event``: the seq of its cause."""
    return (
        suppressions.hash_of(entry.kind, entry.target),
        entry.kind,
        entry.target,
        entry.scope,
        entry.owner,
        entry.list,
        entry.standing,
        entry.reason,
        entry.category,
        entry.rule,
        entry.rule_version,
        entry.reply,
        entry.created_at,
        entry.last_at,
        entry.expires_at,
        entry.delivery,
        entry.event or event,
        entry.account,
        entry.bridge,
        entry.incident,
        entry.note,
    )


_KINDS = {k.value: k for k in suppressions.Kind}
_SCOPES = {s.value: s for s in suppressions.Scope}
_STANDINGS = {s.value: s for s in suppressions.Standing}


def suppression_of(row: tuple[int | str | bytes, ...]) -> suppressions.Suppression:
    """An entry from a row that begins with its id."""
    return suppressions.Suppression(
        kind=_KINDS[integer(row[1])],
        target=str(row[2]),
        scope=_SCOPES[integer(row[3])],
        owner=integer(row[4]),
        list=str(row[5]),
        standing=_STANDINGS[integer(row[6])],
        reason=str(row[7]),
        category=str(row[8]),
        rule=str(row[9]),
        rule_version=integer(row[10]),
        reply=octets(row[11]),
        created_at=integer(row[12]),
        last_at=integer(row[13]),
        expires_at=integer(row[14]),
        delivery=integer(row[15]),
        event=integer(row[16]),
        account=integer(row[17]),
        bridge=integer(row[18]),
        incident=integer(row[19]),
        note=str(row[20]),
    )


def integer(value: object) -> int:
    """A column's number; NULL is 0."""
    return value if isinstance(value, int) else 0


def octets(value: object) -> bytes:
    """A column's bytes; NULL is empty."""
    return value if isinstance(value, bytes) else b""
