"""Acceptance, shared by SMTP and HTTP: an envelope and a message become one submission, committed, then offered.

Guarantees: an outcome is told only after the store has confirmed the commit that holds body, envelope, every
recipient's row and all events (faults.md P1); when it cannot confirm, the outcome is ``451 4.3.0`` and nothing is taken
as done (P2); when it does not begin in time, the message is taken back and the outcome is ``451 4.3.2`` (P4). All
messages of one turn of the loop share one call; several calls may be under way. One Source per message, by weighted
rotation. Fails with a Refusal. Not here: what a client may say (``conversation``), what is suppressed (the store asks
``policy.admit`` inside its transaction), delivery (``offer`` only hints).
"""

import asyncio
import email.utils
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from gatepost import clock as clocks
from gatepost import errors
from gatepost.ingest import book as books
from gatepost.ingest import gather, headers, places, refusal
from gatepost.ingest import labels as label_values
from gatepost.model import address as addresses
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import ids, notify
from gatepost.model import message as messages
from gatepost.model import suppression as suppressions
from gatepost.policy import admit, rotation
from gatepost.store import port

SLICE = 20  # messages built before the loop may do something else (design.md §4: no callback over 2 ms)
_HELO = re.compile(rb"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?")
PUT_PARTS = 4  # parts in one write: 1 MiB

NOT_ALLOWED = "this Bridge may not send from that domain"

Outcome = messages.Accepted | refusal.Refusal
Done = Callable[[Outcome], None]
Offer = Callable[[Sequence[messages.Due], tuple[bytes, ...] | None], None]


class Peer(msgspec.Struct, frozen=True, gc=False):
    """Who hands in: the address, and how the Received line names it and the protocol (RFC 5321 §4.4)."""

    ip: str
    origin: bytes
    protocol: bytes


def origin(ip: str, helo: bytes = b"") -> bytes:
    """The From-domain of a Received line: the name the client gave, if it is one, and its address."""
    literal = b"[%s%s]" % (b"IPv6:" if ":" in ip else b"", ip.encode() or b"unknown")
    return b"%s (%s)" % (helo, literal) if _HELO.fullmatch(helo) else literal


class Reporting(msgspec.Struct, frozen=True, gc=False):
    """What the submitter asked to be told (RFC 3461). wishes: by the recipient's normal form."""

    ret: notify.Return = notify.Return.NOTHING
    envid: str = ""
    wishes: Mapping[str, notify.Wish] = {}


DEFAULT = Reporting()


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What was admitted so far.

    sender: None for ``<>``. utf8: the message needs SMTPUTF8. labels: given beside the message; they outrank the ones in its header.
    answered, telling: see ``message.Submission``.
    """

    sending: books.Sending
    sender: addresses.Address | None
    recipients: tuple[addresses.Address, ...]
    peer: Peer
    utf8: bool = False
    labels: label_values.Labels = label_values.NONE
    reporting: Reporting = DEFAULT
    answered: bool = False
    telling: messages.Telling | None = None


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A message whose header was read and found good. body: the edited message, as far as it was there."""

    envelope: Envelope
    source: directories.Source
    id: int
    received_at: int
    header: headers.Header
    message_id: str
    body: bytes


class Rest(msgspec.Struct, frozen=True, gc=False):
    """What is known at the message's end: its size as it will be sent, and the parts already put beyond the first."""

    size: int
    eight_bit: bool
    parts: int = 0


class Parts(msgspec.Struct, frozen=True):
    """What an Acceptor is made of; ``app`` puts it together.

    tasks: lives as long as the worker. provider: where the operator has fixed the way, its Provider, else empty.
    offer: tells delivery of what was just committed. lifetime_s: of messages for which nobody says another.
    accept_timeout_s: for the store to begin with a write.
    """

    store: port.Store
    ids: ids.IdMaker
    clock: clocks.Clock
    tasks: asyncio.TaskGroup
    rand: Callable[[], float]
    offer: Offer
    hostname: str
    provider: Callable[[str, directories.Source], str] | None = None
    node: int = 0
    lifetime_s: int = 72 * 3600
    accept_timeout_s: float = 20.0


class Acceptor:
    """The one way in. ``begin`` with the message's beginning, ``submit`` with its end; or ``accept_all`` at once."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._places = places.Places(parts.store, parts.clock, parts.provider)
        self._gather = gather.Gather(self._write, parts.tasks)
        self._hostname = parts.hostname.encode()
        self._second = 0
        self._date = b""

    def take(self, lifetime_s: int, accept_timeout_s: float) -> None:
        """Another lifetime, another patience with the store, for messages from now on."""
        self._p = msgspec.structs.replace(self._p, lifetime_s=lifetime_s, accept_timeout_s=accept_timeout_s)

    def begin(self, envelope: Envelope, message: bytes) -> Draft:
        """Read and edit the header; ``message`` holds all of it. Raises Refusal."""
        header = headers.read(message)
        _check_from(envelope, header)
        source = self._pick(envelope.sending)
        now = self._p.clock.now_ms()
        first = self._p.ids.take(now, 1 + len(envelope.recipients))
        text = ids.to_text(first).encode()
        date = self._rfc_date(now)
        made_id = b"<%s@%s>" % (text, self._hostname)
        added = headers.Added(
            received=b"Received: from %s\r\n\tby %s with %s id %s;\r\n\t%s\r\n"
            % (envelope.peer.origin, self._hostname, envelope.peer.protocol, text, date),
            date=date,
            message_id=made_id,
            sender=envelope.sender.wire if envelope.sender else b"",
        )
        return Draft(
            envelope=envelope,
            source=source,
            id=first,
            received_at=now,
            header=header,
            message_id=header.message_id or made_id.decode(),
            body=headers.edit(message, header, added),
        )

    def submit(self, draft: Draft, rest: Rest, done: Done) -> None:
        """Commit a draft, its first part being ``draft.body``; ``done`` is told once, later, what the commit said."""
        known = [self._places.known(a.domain, draft.source) for a in draft.envelope.recipients]
        if None in known:
            self._p.tasks.create_task(self._submit_slowly(draft, rest, done))
        else:
            self._ask(draft, rest, [place for place in known if place is not None], done)

    def put(
        self, draft: Draft, number: int, part: bytes, done: Callable[[refusal.Refusal | None], None]
    ) -> None:
        """Commit a further part of a large message ahead of its row; ``done`` is told once, later."""
        self._p.tasks.create_task(self._put(draft, number, part, done))

    async def accept_all(
        self, drafts: Sequence[Draft], idempotency: messages.Idempotency | None
    ) -> list[messages.Accepted]:
        """Commit whole messages (``draft.body`` is all of it) in one transaction: all of them or none.

        Raises Refusal, or BadInput when the Idempotency-Key came with something else before.
        """
        built: list[messages.Submission] = []
        try:
            for number, draft in enumerate(drafts):
                if number % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
                built.append(await self._build_whole(draft))
            accepted = await self._p.store.accept(
                built, admit.refused_event, idempotency=idempotency, within_s=self._p.accept_timeout_s
            )
        except (errors.StoreUnhealthy, errors.StoreBusy) as error:
            raise refusal.not_taken(error) from None
        for submission, answer in zip(built, accepted, strict=True):
            self._offer(submission, answer)
        return accepted

    async def reasons(self, draft: Draft, answer: messages.Accepted) -> list[str]:
        """For each recipient that was rejected, why, as far as this Bridge may know (faults.md P26); else empty."""
        bridge = draft.envelope.sending.bridge
        pairs = list(zip(draft.envelope.recipients, answer.states, strict=True))
        rejected = [address for address, state in pairs if state is events.State.REJECTED]
        if not rejected:
            return [""] * len(pairs)
        sender = suppressions.Sender(bridge.account, bridge.id, _listed(draft))
        standings = await self._p.store.standing(
            [port.Lookup(address.key, address.domain, sender) for address in rejected]
        )
        known = {
            address.key: admit.public_reason(standing.entry, bridge.account, bridge.id)
            for address, standing in zip(rejected, standings, strict=True)
            if standing.entry is not None
        }
        return [known.get(a.key, "") if s is events.State.REJECTED else "" for a, s in pairs]

    # --- from a draft to a submission

    def _pick(self, sending: books.Sending) -> directories.Source:
        if not sending.sources:
            raise refusal.Refusal(451, "4.3.5", "pool", "this Bridge's Pool has no Source to send from")
        if len(sending.sources) == 1:
            return sending.sources[0]
        return sending.sources[rotation.pick(sending.weights, self._p.rand())]

    def _rfc_date(self, now_ms: int) -> bytes:
        if now_ms // 1000 != self._second:
            self._second = now_ms // 1000
            now = datetime.fromtimestamp(self._second, UTC)
            self._date = email.utils.format_datetime(now).encode()
        return self._date

    async def _submit_slowly(self, draft: Draft, rest: Rest, done: Done) -> None:
        """As ``submit``, where a recipient's place has to be asked for first."""
        try:
            found = await self._find(draft)
        except (errors.StoreUnhealthy, errors.StoreBusy) as error:
            done(refusal.not_taken(error))
        else:
            self._ask(draft, rest, found, done)

    async def _find(self, draft: Draft) -> list[places.Place]:
        domains = [address.domain for address in draft.envelope.recipients]
        return await self._places.find_all(domains, draft.source, self._p.accept_timeout_s)

    async def _put(
        self, draft: Draft, number: int, part: bytes, done: Callable[[refusal.Refusal | None], None]
    ) -> None:
        try:
            await self._p.store.put_parts(draft.id, number, [part], within_s=self._p.accept_timeout_s)
        except (errors.StoreUnhealthy, errors.StoreBusy) as error:
            done(refusal.not_taken(error))
        else:
            done(None)

    async def _build_whole(self, draft: Draft) -> messages.Submission:
        found = await self._find(draft)
        body = draft.body
        tail = [body[at : at + port.PART_BYTES] for at in range(port.PART_BYTES, len(body), port.PART_BYTES)]
        for at in range(0, len(tail), PUT_PARTS):
            await self._p.store.put_parts(
                draft.id, 1 + at, tail[at : at + PUT_PARTS], within_s=self._p.accept_timeout_s
            )
        rest = Rest(len(body), not body.isascii(), len(tail))
        if tail:
            draft = msgspec.structs.replace(draft, body=body[: port.PART_BYTES])
        return self._build(draft, rest, found)

    def _build(self, draft: Draft, rest: Rest, found: Sequence[places.Place]) -> messages.Submission:
        message = self._message(draft, rest)
        source = draft.source
        wishes = draft.envelope.reporting.wishes
        deliveries = tuple(
            [
                messages.NewDelivery(
                    id=draft.id + 1 + position,
                    recipient=address.wire,
                    key=address.key,
                    domain=address.domain,
                    source=source.id,
                    lane=place.lane,
                    provider=place.provider,
                    wish=wishes.get(address.key) if wishes else None,
                )
                for position, (address, place) in enumerate(
                    zip(draft.envelope.recipients, found, strict=True)
                )
            ]
        )
        return messages.Submission(
            message=message,
            body=draft.body,
            deliveries=deliveries,
            received=admit.received_event(message, source, self._p.node),
            queued=tuple([admit.queued_event(message, one, source, self._p.node) for one in deliveries]),
            answered=draft.envelope.answered,
            telling=draft.envelope.telling,
        )

    def _message(self, draft: Draft, rest: Rest) -> messages.Message:
        bridge = draft.envelope.sending.bridge
        given, marked = draft.envelope.labels, draft.header.labels
        sender = draft.envelope.sender
        listed = _listed(draft)
        lifetime = given.expires_in_s or marked.expires_in_s or bridge.lifetime_s or self._p.lifetime_s
        bulk = bridge.kind is directories.BridgeKind.BULK
        return messages.Message(
            id=draft.id,
            account=bridge.account,
            bridge=bridge.id,
            pool=bridge.pool,
            priority=messages.Priority.BULK if bulk else messages.Priority.TRANSACTIONAL,
            sender=sender.wire if sender else b"",
            sender_domain=_sender_domain(draft),
            size=rest.size,
            received_at=draft.received_at,
            expires_at=draft.received_at + 1000 * lifetime,
            message_id=draft.message_id,
            subject=draft.header.subject,
            list=listed,
            campaign=given.campaign
            or marked.campaign
            or label_values.default_campaign(listed, draft.header.subject),
            tags=given.tags or marked.tags,
            metadata=given.metadata or marked.metadata,
            eight_bit=rest.eight_bit,
            utf8=draft.envelope.utf8 and _needs_utf8(draft),
            parts=rest.parts,
            peer_ip=draft.envelope.peer.ip,
            tell=sender is not None and draft.envelope.sending.notifies,
            ret=draft.envelope.reporting.ret,
            envid=draft.envelope.reporting.envid,
        )

    # --- from a submission to its outcome

    def _ask(self, draft: Draft, rest: Rest, found: Sequence[places.Place], done: Done) -> None:
        submission = self._build(draft, rest, found)
        self._gather.ask(submission, functools.partial(self._tell, submission, done))

    async def _write(self, batch: Sequence[messages.Submission]) -> Sequence[messages.Accepted]:
        return await self._p.store.accept(batch, admit.refused_event, within_s=self._p.accept_timeout_s)

    def _tell(
        self, submission: messages.Submission, done: Done, answer: messages.Accepted | Exception
    ) -> None:
        if isinstance(answer, Exception):
            done(refusal.not_taken(answer))
            return
        done(answer)
        self._offer(submission, answer)

    def _offer(self, submission: messages.Submission, answer: messages.Accepted) -> None:
        """Hand what is queued to delivery, which saves it a read."""
        if answer.duplicate:
            return
        pairs = zip(submission.deliveries, answer.states, strict=True)
        dues = [_due(submission.message, one) for one, state in pairs if state is events.State.QUEUED]
        if dues:
            self._p.offer(dues, None if submission.message.parts else (submission.body,))


def _check_from(envelope: Envelope, header: headers.Header) -> None:
    """Every mailbox of From is in a domain of the Bridge; a missing From can be filled only from MAIL FROM."""
    if not header.from_domains and envelope.sender is None:
        raise refusal.malformed("From", "is missing, and MAIL FROM names nobody")
    for domain in header.from_domains:
        if not admit.sender_allowed(domain, envelope.sending.domains):
            raise refusal.Refusal(550, "5.7.1", "From", NOT_ALLOWED)


def _sender_domain(draft: Draft) -> str:
    """The From's domain, the first one's where it names several (taxonomy.md); a missing From is filled from MAIL FROM."""
    if draft.header.from_domains:
        return draft.header.from_domains[0]
    sender = draft.envelope.sender
    return sender.domain if sender else ""


def _needs_utf8(draft: Draft) -> bool:
    """Whether what was announced as SMTPUTF8 really is: else any server can have it."""
    sender = draft.envelope.sender
    return (
        draft.header.eight_bit
        or (sender is not None and sender.needs_utf8)
        or any(address.needs_utf8 for address in draft.envelope.recipients)
    )


def _listed(draft: Draft) -> str:
    return draft.envelope.labels.list or draft.header.labels.list


def _due(message: messages.Message, one: messages.NewDelivery) -> messages.Due:
    return messages.Due(
        id=one.id,
        message=message.id,
        lane=one.lane,
        account=message.account,
        bridge=message.bridge,
        source=one.source,
        priority=message.priority,
        next_at=message.received_at,
        expires_at=message.expires_at,
        attempts=0,
        sender=message.sender,
        recipient=one.recipient,
        key=one.key,
        domain=one.domain,
        list=message.list,
        size=message.size,
        parts=message.parts,
        eight_bit=message.eight_bit,
        utf8=message.utf8,
        provider=one.provider,
        sender_domain=message.sender_domain,
        campaign=message.campaign,
        tags=message.tags,
        asked=_asked(message, one.wish),
    )


def _asked(message: messages.Message, wish: notify.Wish | None) -> notify.Asked | None:
    if wish is None:
        return notify.Asked(message.ret, message.envid) if message.ret or message.envid else None
    return notify.Asked(message.ret, message.envid, wish.notify, wish.orcpt)
