"""The JSON form of what the store holds: words for enums, texts for ids, names for numbers.

Guarantees: the fields of a shape are always there; what is not known is null. ``reply`` is escaped text.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import ids
from gatepost.model import message as messages
from gatepost.model import moment as moments
from gatepost.model import pace as paces
from gatepost.model import reply as replies
from gatepost.model import suppression as suppressions
from gatepost.store import port


class EventShape(msgspec.Struct, frozen=True):
    """An event as scripts see it."""

    seq: int
    at: str
    state: str
    message: str | None
    delivery: str | None
    attempt: int
    account: str | None
    bridge: str | None
    pool: str | None
    source: str | None
    node: str | None
    local_ip: str | None
    ehlo: str | None
    provider: str | None
    domain: str | None
    peer_host: str | None
    peer_ip: str | None
    sender_domain: str | None
    list: str | None
    campaign: str | None
    tags: Sequence[str]
    recipient: str | None
    outcome: str | None
    category: str | None
    fault: str | None
    action: str | None
    stage: str | None
    code: int | None
    enhanced: str | None
    rule: str | None
    rule_version: int | None
    confidence: str | None
    tls: str | None
    duration_ms: int | None
    next_at: str | None
    flags: Sequence[str]
    scope: str | None
    detail: str | None
    reply: str | None


class SuppressionShape(msgspec.Struct, frozen=True):
    """An entry as scripts see it. expires_at: null for never. incident: shared by entries that one cause may have."""

    target: str
    kind: str
    scope: str
    state: str
    reason: str
    category: str | None
    rule: str | None
    rule_version: int | None
    created_at: str | None
    last_at: str | None
    expires_at: str | None
    delivery: str | None
    incident: str | None
    note: str | None
    reply: str | None


class MessageShape(msgspec.Struct, frozen=True):
    """An accepted mail as scripts see it. size: bytes. metadata: JSON, as the submitter gave it."""

    message: str
    account: str | None
    bridge: str | None
    pool: str | None
    priority: str
    sender: str
    sender_domain: str | None
    size: int
    received_at: str
    expires_at: str
    message_id: str | None
    subject: str | None
    list: str | None
    campaign: str | None
    tags: Sequence[str]
    metadata: str | None
    peer_ip: str | None


class WaitingShape(msgspec.Struct, frozen=True):
    """An open delivery: what it waits for. lane: what its lane does, where that is less than its limits allow."""

    delivery: str
    message: str
    recipient: str
    status: str
    reason: str | None
    next_at: str
    attempts: int
    expires_at: str
    provider: str
    source: str | None
    last_category: str | None
    last_reply: str | None
    lane: str | None


class QueueShape(msgspec.Struct, frozen=True):
    """One queue: a destination domain through a Source. pace: what its lane does, where that is less than its limits allow."""

    domain: str
    source: str | None
    provider: str
    queued: int
    held: int
    oldest_at: str
    next_at: str
    pace: str | None
    pace_until: str | None


class Names:
    """Names of the directory's numbers."""

    def __init__(self, directory: directories.Directory) -> None:
        self.account = _named(directory.accounts)
        self.bridge = _named(directory.bridges)
        self.pool = _named(directory.pools)
        self.source = _named(directory.sources)
        self.node = _named(directory.nodes)

    def scope(self, text: str) -> str:
        """``bridge:3`` → ``bridge:news``, ``list:1:news`` → ``list:default/news``: as ``--scope`` is given."""
        word, _, owner = text.partition(":")
        number, colon, rest = owner.partition(":")
        if not number.isdigit():
            return text
        known = self.bridge if word == "bridge" else self.account
        return f"{word}:{known.get(int(number), f'#{number}')}{'/' if colon else ''}{rest}"


def event(one: events.Event, names: Names) -> EventShape:
    """The shape of one event."""
    answered = one.outcome is not None
    return EventShape(
        seq=one.seq,
        at=moments.text(one.at),
        state=one.state.word,
        message=_id(one.message),
        delivery=_id(one.delivery),
        attempt=one.attempt,
        account=_name(names.account, one.account),
        bridge=_name(names.bridge, one.bridge),
        pool=_name(names.pool, one.pool),
        source=_name(names.source, one.source),
        node=_name(names.node, one.node),
        local_ip=one.local_ip or None,
        ehlo=one.ehlo or None,
        provider=one.provider or None,
        domain=one.domain or None,
        peer_host=one.peer_host or None,
        peer_ip=one.peer_ip or None,
        sender_domain=one.sender_domain or None,
        list=one.list or None,
        campaign=one.campaign or None,
        tags=one.tags.split(",") if one.tags else [],
        recipient=one.recipient or None,
        outcome=one.outcome.word if one.outcome is not None else None,
        category=one.category or None,
        fault=one.fault.word if answered else None,
        action=one.action.word if answered else None,
        stage=one.stage.word if one.stage is not replies.Stage.UNKNOWN else None,
        code=one.code or None,
        enhanced=one.enhanced or None,
        rule=one.rule or None,
        rule_version=one.rule_version or None,
        confidence=one.confidence.word if one.confidence is not None else None,
        tls=one.tls or None,
        duration_ms=one.duration_ms or None,
        next_at=moments.text_or_none(one.next_at),
        flags=flags(one.flags),
        scope=names.scope(one.scope) if one.scope else None,
        detail=one.detail or None,
        reply=replies.escaped(one.reply) if one.reply else None,
    )


def suppression(one: suppressions.Suppression, names: Names) -> SuppressionShape:
    """The shape of one entry."""
    return SuppressionShape(
        target=target(one),
        kind=one.kind.name.lower(),
        scope=scope(one, names),
        state=one.standing.word,
        reason=one.reason,
        category=one.category or None,
        rule=one.rule or None,
        rule_version=one.rule_version or None,
        created_at=moments.text_or_none(one.created_at),
        last_at=moments.text_or_none(one.last_at),
        expires_at=moments.text_or_none(one.expires_at),
        delivery=_id(one.delivery),
        incident=_id(one.incident),
        note=one.note or None,
        reply=replies.escaped(one.reply) if one.reply else None,
    )


def message(one: messages.Message, names: Names) -> MessageShape:
    """The shape of one message."""
    return MessageShape(
        message=ids.to_text(one.id),
        account=_name(names.account, one.account),
        bridge=_name(names.bridge, one.bridge),
        pool=_name(names.pool, one.pool),
        priority=one.priority.name.lower(),
        sender=replies.escaped(one.sender),
        sender_domain=one.sender_domain or None,
        size=one.size,
        received_at=moments.text(one.received_at),
        expires_at=moments.text(one.expires_at),
        message_id=one.message_id or None,
        subject=one.subject or None,
        list=one.list or None,
        campaign=one.campaign or None,
        tags=one.tags.split(",") if one.tags else [],
        metadata=one.metadata or None,
        peer_ip=one.peer_ip or None,
    )


def waiting(
    row: fact_values.OpenDelivery, reason: str, names: Names, known: Mapping[int, paces.Pace]
) -> WaitingShape:
    """The shape of one open delivery."""
    return WaitingShape(
        delivery=ids.to_text(row.id),
        message=ids.to_text(row.message),
        recipient=row.recipient,
        status=row.status.word,
        reason=reason or None,
        next_at=moments.text(row.next_at),
        attempts=row.attempts,
        expires_at=moments.text(row.expires_at),
        provider=row.provider,
        source=names.source.get(row.source),
        last_category=row.last_category or None,
        last_reply=replies.escaped(row.last_reply) if row.last_reply else None,
        lane=pace.words if (pace := known.get(row.lane)) is not None else None,
    )


def queue(one: port.QueueLine, names: Names) -> QueueShape:
    """The shape of one queue."""
    return QueueShape(
        domain=one.domain,
        source=names.source.get(one.source),
        provider=one.provider,
        queued=one.queued,
        held=one.held,
        oldest_at=moments.text(one.oldest_at),
        next_at=moments.text(one.next_at),
        pace=one.pace.words if one.pace is not None else None,
        pace_until=moments.text(one.pace.until) if one.pace is not None and one.pace.until else None,
    )


def target(one: suppressions.Suppression) -> str:
    """As people write it: ``ann@example.org``, ``@example.org``, ``@.example.org``, ``192.0.2.0/24``."""
    match one.kind:
        case suppressions.Kind.ADDRESS:
            return one.target
        case suppressions.Kind.DOMAIN:
            return f"@{one.target}"
        case suppressions.Kind.SUBDOMAINS:
            return f"@.{one.target}"
        case suppressions.Kind.NETWORK:
            return one.target


def scope(one: suppressions.Suppression, names: Names) -> str:
    """``instance``, ``account:default``, ``bridge:news``, ``list:default/news``."""
    owner = f":{one.owner}" if one.owner else ""
    return names.scope(f"{one.scope.word}{owner}{':' + one.list if one.list else ''}")


def flags(value: events.Flag) -> list[str]:
    """Their words."""
    return [str(flag.name).lower() for flag in value]


def _id(number: int) -> str | None:
    return ids.to_text(number) if number else None


def _name(names: dict[int, str], number: int) -> str | None:
    return names.get(number, f"#{number}") if number else None


_Entry = directories.Account | directories.Bridge | directories.Pool | directories.Source | directories.Node


def _named(entries: Iterable[_Entry]) -> dict[int, str]:
    return {entry.id: entry.name for entry in entries}
