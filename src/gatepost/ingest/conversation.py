"""What is answered to one SMTP client: who it is, what it may send, and whether its message was taken.

Guarantees: a message is answered with 250 only after the store has confirmed it (faults.md P1); the rights are looked
up again at every MAIL, so that a revoked or rotated credential stops open sessions (C06); an answer never tells an
unknown name from a wrong password (C04), nor the reason of a suppression that others caused (P26).
Fails with replies. Not here: bytes, deadlines and TLS (``connection``), the order of commands (``gatepost.smtp``).
"""

import functools
from collections.abc import Callable
from typing import Final, Protocol, assert_never

import msgspec

from gatepost import clock as clocks
from gatepost import log as logs
from gatepost.ingest import accept, failures, gather, refusal, upload
from gatepost.ingest import book as books
from gatepost.ingest import settings as ingest_settings
from gatepost.ingest import shortage as shortages
from gatepost.model import address as addresses
from gatepost.model import directory as directories
from gatepost.model import event as model_events
from gatepost.model import ids, notify
from gatepost.model import message as messages
from gatepost.model import reply as model_replies
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import admit, provenance
from gatepost.smtp import events, replies
from gatepost.smtp import server as servers
from gatepost.store import port

SHORT: Final = {
    shortages.Shortage.MEMORY: replies.build(451, "4.3.2", "Too little memory is left, try again later"),
    shortages.Shortage.SPACE: replies.build(452, "4.3.1", "Insufficient storage, try again later"),
}
NOT_ALLOWED = replies.build(550, "5.7.1", f"MAIL FROM: {accept.NOT_ALLOWED}")
REVOKED = replies.build(421, "4.7.0", "The credentials of this session are no longer valid")
TOO_MANY_FAILURES = replies.build(421, "4.7.0", "Too many failed logins")
NO_STORE = replies.build(451, "4.3.0", "The store is not available, try again later")


Answerable = (
    events.AuthGiven
    | events.MailGiven
    | events.RcptGiven
    | events.DataBegun
    | events.BodyChunk
    | events.BodyEnd
    | events.Reset
)


class Parts(msgspec.Struct, frozen=True):
    """What every conversation of a worker shares."""

    acceptor: accept.Acceptor
    store: port.Store
    standings: gather.Gather[port.Lookup, port.Standing]
    note: Callable[[model_events.Event], None]
    shelf: books.Shelf
    pepper: bytes
    clock: clocks.Clock
    failures: failures.Failures
    shortage: Callable[[], shortages.Shortage | None]
    settings: ingest_settings.IngestSettings


class Line(Protocol):
    """The connection, as a conversation uses it."""

    ip: str
    secured: bool

    def answered(self) -> None:
        """An answer was given outside of ``on``: send it, and go on."""
        ...

    def end(self, reply: bytes) -> None:
        """Send what there is, then this reply, and close."""
        ...

    def hold(self) -> None:
        """Read no more bytes of the body for now."""
        ...

    def resume(self) -> None:
        """Read them again."""
        ...

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call that later, unless the connection is gone by then."""
        ...


class _Transaction:
    """One MAIL with what followed it."""

    __slots__ = ("mail", "recipients", "sending", "upload", "wishes")

    def __init__(self, sending: books.Sending, mail: events.MailGiven) -> None:
        self.sending = sending
        self.mail = mail
        self.recipients: dict[str, addresses.Address] = {}
        self.wishes: dict[str, notify.Wish] = {}
        self.upload: upload.Upload | None = None

    def take(self, event: events.RcptGiven) -> None:
        """One more recipient; a repeated one counts as it was said last."""
        key = event.address.key
        self.recipients[key] = event.address
        if event.wish is not None:
            self.wishes[key] = event.wish
        elif self.wishes:
            self.wishes.pop(key, None)


class Conversation:
    """Answers the events of one session; ``lost`` ends it."""

    def __init__(
        self, parts: Parts, session: servers.ServerSession, line: Line, grant: books.Grant | None
    ) -> None:
        self._p = parts
        self._session = session
        self._line = line
        self._grant = grant
        self._logged_in = False
        self._failures = 0
        self._open: _Transaction | None = None
        self._gone = False
        self._known_peer: tuple[tuple[bytes, bool, bool, bool], accept.Peer] | None = None

    def on(self, event: Answerable) -> None:
        """One event, the most frequent first."""
        match event:
            case events.BodyChunk():
                self._on_chunk(event.data)
            case events.RcptGiven():
                self._on_rcpt(event)
            case events.MailGiven():
                self._on_mail(event)
            case events.DataBegun():
                self._on_data()
            case events.BodyEnd():
                self._on_dot(event)
            case events.AuthGiven():
                self._on_auth(event)
            case events.Reset():
                self._forget()
            case _:
                assert_never(event)

    def lost(self) -> None:
        """The client is gone: whatever is still to be answered has no reader. What is being committed stays so."""
        self._gone = True
        self._forget()

    # --- who

    def _on_auth(self, event: events.AuthGiven) -> None:
        name = event.authcid.decode("utf-8", "replace")
        book = self._p.shelf.book()
        sending = book.by_password(name, event.password, self._p.pepper)
        if sending is not None:
            self._grant = books.Grant(sending.bridge.id, sending.bridge.password_mac)
            self._logged_in = True
            self._session.auth_accepted()
            return
        self._failures += 1
        logs.get("submission").warning("a login failed", ip=self._line.ip, failures=self._failures)
        meant = book.by_name(name)
        delay = self._p.failures.add(self._line.ip, meant.bridge if meant else None)
        if delay:
            self._line.later(delay, self._refuse_auth_late)
        else:
            self._refuse_auth()

    def _refuse_auth_late(self) -> None:
        self._refuse_auth()
        self._line.answered()

    def _refuse_auth(self) -> None:
        self._session.auth_refused()
        if self._failures >= self._p.settings.auth_failures:
            self._line.end(TOO_MANY_FAILURES)

    # --- the envelope

    def _on_mail(self, event: events.MailGiven) -> None:
        sending = self._p.shelf.book().granted(self._grant) if self._grant else None
        if sending is None:
            self._session.refuse(REVOKED)
        elif (short := self._p.shortage()) is not None:
            self._session.refuse(SHORT[short])
        elif event.sender and not admit.sender_allowed(event.sender.domain, sending.domains):
            self._session.refuse(NOT_ALLOWED)
        else:
            self._open = _Transaction(sending, event)
            self._session.mail_accepted()

    def _on_rcpt(self, event: events.RcptGiven) -> None:
        opened = self._open
        if opened is None:
            self._session.refuse(replies.MAIL_FIRST)
        elif opened.sending.bridge.on_suppressed is directories.OnSuppressed.ACCEPT:
            opened.take(event)
            self._session.rcpt_accepted()
        else:
            bridge, address = opened.sending.bridge, event.address
            sender = suppressions.Sender(bridge.account, bridge.id)
            lookup = port.Lookup(address.key, address.domain, sender)
            self._p.standings.ask(lookup, functools.partial(self._on_standing, opened, event))

    def _on_standing(
        self, opened: _Transaction, event: events.RcptGiven, answer: port.Standing | Exception
    ) -> None:
        if self._gone:
            return
        if isinstance(answer, Exception):
            self._session.refuse(NO_STORE)
        elif answer.entry is None:
            opened.take(event)
            self._session.rcpt_accepted()
        else:
            self._session.refuse(self._suppressed(opened, event.address, answer.entry))
        self._line.answered()

    def _suppressed(
        self, opened: _Transaction, address: addresses.Address, entry: suppressions.Suppression
    ) -> bytes:
        """The event says why; the reply only where this Bridge or its account caused it."""
        bridge = opened.sending.bridge
        sender = opened.mail.sender
        self._p.note(_outside(bridge, sender, address, entry, self._p.clock.now_ms()))
        reason = admit.public_reason(entry, bridge.account, bridge.id)
        return replies.build(550, "5.7.1", f"Recipient is suppressed{': ' + reason if reason else ''}")

    # --- the message

    def _on_data(self) -> None:
        opened = self._open
        if opened is None:
            return
        envelope = accept.Envelope(
            sending=opened.sending,
            sender=opened.mail.sender,
            recipients=tuple(opened.recipients.values()),
            peer=self._peer(smtputf8=opened.mail.smtputf8),
            utf8=opened.mail.smtputf8,
            reporting=_reporting(opened),
        )
        opened.upload = upload.Upload(self._p.acceptor, envelope, self._line.resume)

    def _peer(self, *, smtputf8: bool) -> accept.Peer:
        """The client as the Received line names it; the same for all messages of most sessions."""
        asked = (self._session.hello, self._session.esmtp, self._logged_in, smtputf8)
        if self._known_peer is None or self._known_peer[0] != asked:
            self._known_peer = asked, self._new_peer(smtputf8=smtputf8)
        return self._known_peer[1]

    def _new_peer(self, *, smtputf8: bool) -> accept.Peer:
        """The client with its protocol (RFC 3848, RFC 6531 §4.3)."""
        if not self._session.esmtp:
            protocol = b"SMTP"
        else:
            protocol = b"%s%s%s" % (
                b"UTF8SMTP" if smtputf8 else b"ESMTP",
                b"S" if self._line.secured else b"",
                b"A" if self._logged_in else b"",
            )
        return accept.Peer(self._line.ip, accept.origin(self._line.ip, self._session.hello), protocol)

    def _on_chunk(self, data: bytes) -> None:
        if self._open is not None and self._open.upload is not None and not self._open.upload.feed(data):
            self._line.hold()

    def _on_dot(self, event: events.BodyEnd) -> None:
        opened, self._open = self._open, None
        if opened is None or opened.upload is None:
            self._tell(refusal.unhealthy())
        else:
            opened.upload.finish(eight_bit=event.eight_bit, done=self._tell)

    def _tell(self, outcome: accept.Outcome) -> None:
        """The answer to the dot. 250 only after the store has confirmed: there is no other way to an Accepted."""
        if self._gone:
            return
        if isinstance(outcome, refusal.Refusal):
            text = f"{outcome.place}: {outcome.problem}"
            self._session.refuse(replies.build(outcome.code, outcome.enhanced, text))
        else:
            self._session.message_accepted(_queued_text(outcome))
        self._line.answered()

    def _forget(self) -> None:
        self._open = None


def _reporting(opened: _Transaction) -> accept.Reporting:
    mail = opened.mail
    if not (mail.ret or mail.envid or opened.wishes):
        return accept.DEFAULT
    return accept.Reporting(mail.ret, mail.envid, opened.wishes)


def _queued_text(accepted: messages.Accepted) -> str:
    name = ids.to_text(accepted.message)
    suppressed = accepted.states.count(model_events.State.REJECTED)
    if not suppressed:
        return f"Queued as {name}"
    total = len(accepted.states)
    word = "Queued" if suppressed < total else "Accepted"
    return f"{word} as {name}; {suppressed} of {total} recipients suppressed"


def _outside(
    bridge: directories.Bridge,
    sender: addresses.Address | None,
    address: addresses.Address,
    entry: suppressions.Suppression,
    now_ms: int,
) -> model_events.Event:
    """A recipient refused at RCPT: an event outside the ledger's sum (design.md §4)."""
    return model_events.Event(
        at=now_ms,
        state=model_events.State.REJECTED,
        account=bridge.account,
        bridge=bridge.id,
        pool=bridge.pool,
        domain=address.domain,
        sender_domain=sender.domain if sender else "",
        recipient=address.wire.decode(),
        category=verdicts.Category.LOCAL_SUPPRESSED.value,
        fault=verdicts.Fault.GATEWAY,
        stage=model_replies.Stage.RCPT,
        flags=model_events.Flag.OUTSIDE,
        scope=provenance.scope_word(entry),
        detail=provenance.entry_words(entry),
    )
