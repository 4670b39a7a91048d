"""Tells senders what became of their messages: a notice is due in the store, and leaves as a mail of the gateway's own.

Guarantees: a notice has the null return path, so nothing is ever told about it; it goes only to an address in a sender domain of the
message's Bridge, by a Source of that mail's Pool, and never to an address that is suppressed; it belongs to no Bridge, so
none of its rates counts it. The commit that takes it deletes what it tells of: told once, whatever is killed.
Fails as submission does: what cannot be submitted now is tried again. Not here: its text (``reports.notice``), when it is
due (``policy.notices`` and the store).
"""

import asyncio
from collections.abc import Callable

import msgspec

from gatepost import clock as clocks
from gatepost import log as logs
from gatepost.ingest import accept, refusal, words
from gatepost.ingest import book as books
from gatepost.ingest import labels as label_values
from gatepost.model import address as addresses
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import ids, notify
from gatepost.model import message as messages
from gatepost.model import verdict as verdicts
from gatepost.policy import admit
from gatepost.reports import notice as notices
from gatepost.store import port

LOOK_S = 1.0  # between looks at what is due
CAMPAIGN = "notices"
_AT_ONCE = 20  # notices of one transaction
_AGAIN_MS = 60_000  # for what cannot be submitted now

_STATUS = {
    verdicts.Category.DOMAIN_NOT_FOUND.value: "5.1.2",
    verdicts.Category.DOMAIN_NULL_MX.value: "5.1.10",
    verdicts.Category.LOCAL_SUPPRESSED.value: "5.7.1",
}


class Parts(msgspec.Struct, frozen=True):
    """What it works with. directory: the newest. signer: the domain whose keys sign an account's mail from a domain, or empty.
    boundary: a new one, that nobody can guess.
    """

    store: port.Store
    acceptor: accept.Acceptor
    directory: Callable[[], directories.Directory]
    signer: Callable[[int, str], str]
    clock: clocks.Clock
    hostname: str
    boundary: Callable[[], str]


class Notifier:
    """``run`` it in one process of the gateway."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._log = logs.get("notices")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not await self.look():
                await asyncio.sleep(LOOK_S)

    async def look(self) -> bool:
        """Submit what is due. Whether there may be more."""
        pending = await self._p.store.notices(self._p.clock.now_ms(), _AT_ONCE, notices.RECIPIENTS)
        made = [(one.message.id, self._made(one)) for one in pending]
        drafts = [draft for _, draft in made if isinstance(draft, accept.Draft)]
        try:
            if drafts:
                await self._p.acceptor.accept_all(drafts, None)
        except refusal.Refusal:
            return False  # the store is busy: all of it is still there
        if unwanted := [message for message, draft in made if draft is None]:
            await self._p.store.drop_notices(unwanted)
        if waiting := [message for message, draft in made if isinstance(draft, str)]:
            await self._p.store.put_off_notices(waiting, self._p.clock.now_ms() + _AGAIN_MS)
        return len(pending) == _AT_ONCE

    def _made(self, pending: port.Pending) -> accept.Draft | str | None:
        """The mail, or why it has to wait; None where nobody is to be told."""
        try:
            return self._draft(pending)
        except refusal.Refusal as error:
            problem = error.problem
        except Exception as error:  # noqa: BLE001 - the top of one notice's making: a bug in it stops no other
            problem = repr(error)
        self._log.warning("a notice has to wait", message=ids.to_text(pending.message.id), problem=problem)
        return problem

    def _draft(self, pending: port.Pending) -> accept.Draft | None:
        """The mail; None where nobody is to be told. Raises Refusal where it cannot be submitted now."""
        envelope = self._envelope(pending)
        if envelope is None or not pending.told:
            return None
        return self._p.acceptor.begin(envelope, self._written(pending, envelope))

    def _envelope(self, pending: port.Pending) -> accept.Envelope | None:
        """Where the notice goes, and by what way; None where nobody is to be told (any more). Raises Refusal."""
        message, known = pending.message, self._p.directory()
        bridge = next((one for one in known.bridges if one.id == message.bridge), None)
        if bridge is None:  # just made: another worker knows it already
            raise refusal.Refusal(451, "4.3.5", "bridge", "is not known here yet")
        if not known.notifies(bridge):
            return None
        try:
            to = addresses.parse(message.sender, utf8=True)
        except addresses.AddressError:
            return None
        allowed = bridge.sender_domains or [
            one.domain for one in known.sender_domains if one.account == message.account
        ]
        if not admit.sender_allowed(to.domain, allowed):
            return None
        return accept.Envelope(
            sending=_sending(message, known, self._from(message.account, to.domain)),
            sender=None,
            recipients=(to,),
            peer=accept.Peer("", self._p.hostname.encode(), b"ESMTP"),
            utf8=to.needs_utf8,
            labels=label_values.Labels(campaign=CAMPAIGN),
            answered=True,
            telling=messages.Telling(
                message.id,
                message.bridge,
                tuple([one.event.seq for one in pending.told]),
                _noted(message, len(pending.told), self._p.clock.now_ms()),
            ),
        )

    def _from(self, account: int, domain: str) -> str:
        """From's domain: the sender's own where we sign for it, else the gateway's, for which nobody demands a signature."""
        if self._p.signer(account, domain):
            return domain
        try:
            return addresses.parse(f"postmaster@{self._p.hostname}").domain
        except addresses.AddressError:
            return domain

    def _written(self, pending: port.Pending, envelope: accept.Envelope) -> bytes:
        message = pending.message
        [domain] = envelope.sending.domains
        return notices.write(
            notices.Notice(
                hostname=self._p.hostname,
                sender=f"postmaster@{domain}",
                to=message.sender.decode("utf-8", "replace"),
                message=ids.to_text(message.id),
                arrived=message.received_at,
                recipients=[_recipient(one, message) for one in pending.told],
                original=pending.original or _remembered(message),
                boundary=self._p.boundary(),
                envid=message.envid,
            )
        )


def _sending(message: messages.Message, known: directories.Directory, domain: str) -> books.Sending:
    """The gateway's own, by the Pool of the mail that it tells of; where that has no way out any more, by any of the account's."""
    usable = [one for one in known.sources if one.usable]
    pools = {one.id for one in known.pools if one.account == message.account}
    own = [one for one in usable if one.pool == message.pool] or [one for one in usable if one.pool in pools]
    return books.Sending(
        bridge=directories.Bridge(0, message.account, "", message.pool, directories.BridgeKind.TRANSACTIONAL),
        account="",
        domains=frozenset({domain}),
        sources=tuple(own),
        weights=tuple([one.weight for one in own]),
    )


def _remembered(message: messages.Message) -> bytes:
    """What is known of a message's header once the message is gone: a late bounce is told of."""
    fields = words.text_field("Subject", message.subject, "Subject") if message.subject else b""
    if message.message_id.isascii() and message.message_id.isprintable():
        fields += b"Message-ID: %s\r\n" % message.message_id.encode()
    return fields


def _noted(message: messages.Message, count: int, now_ms: int) -> events.Event:
    return events.Event(
        at=now_ms,
        state=events.State.NOTIFIED,
        message=message.id,
        account=message.account,
        bridge=message.bridge,
        pool=message.pool,
        sender_domain=message.sender_domain,
        list=message.list,
        campaign=message.campaign,
        tags=message.tags,
        recipient=message.sender.decode("utf-8", "replace"),
        detail=f"told of {count} recipient{'s' if count != 1 else ''}",
    )


def _recipient(told: port.Told, message: messages.Message) -> notices.Recipient:
    event = told.event
    relayed = told.action is notify.Action.RELAYED
    reply = b"" if told.detail else event.reply
    return notices.Recipient(
        address=event.recipient,
        action=told.action,
        status=_status(told),
        orcpt=told.orcpt,
        reply=b"" if relayed else reply,
        detail="" if relayed else told.detail or event.detail,
        host=event.peer_host,
        ip=event.peer_ip,
        at=event.at if event.attempt else 0,
        until=message.expires_at if told.action is notify.Action.DELAYED else 0,
        log_id=ids.to_text(event.delivery),
    )


def _status(told: port.Told) -> str:
    """RFC 3463's code: the server's own where it fits, else what is known."""
    event = told.event
    if told.action is notify.Action.RELAYED:
        return "2.1.9"  # RFC 3886 §3.3.4: to a host that tells nothing
    if events.Flag.EXPIRED in event.flags:
        return "4.4.7"
    if event.enhanced[:1] in {"4", "5"}:
        return event.enhanced
    if event.code >= 400:
        return f"{event.code // 100}.0.0"
    return _STATUS.get(event.category, "5.0.0" if told.action is notify.Action.FAILED else "4.0.0")
