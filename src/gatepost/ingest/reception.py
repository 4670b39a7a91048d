"""What is answered to a server that brings a report, and the door it comes by.

Guarantees: a recipient is decided at RCPT; what load and rates do not allow now is 421 or 451, never 5xx, and what a valid token
lets in is never held up by a rate, so that the reports after a campaign get through; memory is bounded by the budget.
Fails with replies. Not here: which addresses are ours (``ours``), what becomes of the mail (``intake``).
"""

import asyncio
import collections
import functools
import ipaddress
import ssl
from collections.abc import Callable
from typing import assert_never

import msgspec

from gatepost import clock as clocks
from gatepost.ingest import book as books
from gatepost.ingest import connection, conversation, intake, listener, ours, reading
from gatepost.ingest import settings as ingest_settings
from gatepost.ingest import shortage as shortages
from gatepost.model import address as addresses
from gatepost.smtp import events, replies
from gatepost.smtp import server as servers

MAX_RECIPIENTS = 50
_MAX_KEPT = 10_000  # addresses that are counted in one minute
_MINUTE_S = 60.0
_SITE_BITS = 64  # of an IPv6 address: a host has all that lie below
_TOO_MANY = replies.build(451, "4.7.1", "Too many mails without a valid token from there, try again later")
_NOT_TAKEN = replies.build(451, "4.3.0", "This mail is not taken now, try again later")
_KEPT = "Thank you"


class Quota:
    """How many mails an address may bring in a minute that no valid token lets in."""

    def __init__(self, per_min: int, clock: clocks.Clock) -> None:
        self._per_min = per_min
        self._clock = clock
        self._until = 0.0
        self._counts: collections.Counter[str] = collections.Counter()

    def take(self, ip: str) -> bool:
        """One more. False: that is too many for now."""
        now = self._clock.monotonic()
        if now >= self._until:
            self._counts.clear()
            self._until = now + _MINUTE_S
        site = _site(ip)
        if site not in self._counts and len(self._counts) >= _MAX_KEPT:
            return False
        self._counts[site] += 1
        return self._counts[site] <= self._per_min


class Budget:
    """Bytes of reports in memory."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> bool:
        """So many more, if they fit."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def give(self, size: int) -> None:
        """So many are gone."""
        self._left += size


class Parts(msgspec.Struct, frozen=True):
    """What every conversation of a worker's inbound listener shares."""

    ours: Callable[[], ours.Ours]
    intake: intake.Intake
    clock: clocks.Clock
    shortage: Callable[[], shortages.Shortage | None]
    quota: Quota
    budget: Budget


class Reception:
    """Answers the events of one session; ``lost`` ends it."""

    def __init__(self, parts: Parts, session: servers.ServerSession, line: conversation.Line) -> None:
        self._p = parts
        self._session = session
        self._line = line
        self._sender = ""
        self._places: dict[str, ours.Place] = {}
        self._chunks: list[bytes] = []
        self._held = 0  # bytes of the budget
        self._full = False
        self._gone = False

    def on(self, event: conversation.Answerable) -> None:
        """One event."""
        match event:
            case events.BodyChunk():
                self._on_chunk(event.data)
            case events.RcptGiven():
                self._on_rcpt(event.address)
            case events.MailGiven():
                self._on_mail(event)
            case events.DataBegun():
                return
            case events.BodyEnd():
                self._on_dot()
            case events.Reset():
                self._forget()
            case events.AuthGiven():
                self._session.auth_unavailable()  # not announced
            case _:
                assert_never(event)

    def lost(self) -> None:
        """The client is gone. What is being committed stays so."""
        self._gone = True
        self._forget()

    def _on_mail(self, event: events.MailGiven) -> None:
        self._forget()
        short = self._p.shortage()
        if short is not None:
            self._session.refuse(conversation.SHORT[short])
            return
        self._sender = event.sender.wire.decode() if event.sender else ""
        self._session.mail_accepted()

    def _on_rcpt(self, address: addresses.Address) -> None:
        found = self._p.ours().place(address, self._p.clock.now_ms())
        if isinstance(found, bytes):
            self._p.intake.figures["forged" if found is ours.FORGED else "not_ours"] += 1
            self._session.refuse(found)
        elif (
            not found.verified and found.address not in self._places and not self._p.quota.take(self._line.ip)
        ):
            self._p.intake.figures["put_off"] += 1
            self._session.refuse(_TOO_MANY)
        else:
            self._places[found.address] = found
            self._session.rcpt_accepted()

    def _on_chunk(self, data: bytes) -> None:
        if self._full:
            return
        if not self._p.budget.take(len(data)):
            self._drop()
            self._full = True
            return
        self._held += len(data)
        self._chunks.append(data)

    def _on_dot(self) -> None:
        if self._full or not self._places:
            self._p.intake.figures["put_off"] += 1
            self._session.refuse(intake.BUSY if self._full else _NOT_TAKEN)
            self._forget()
            return
        received = reading.Received(
            sender=self._sender,
            places=tuple(self._places.values()),
            peer_ip=self._line.ip,
            raw=b"".join(self._chunks),
            at=self._p.clock.now_ms(),
        )
        held, self._held = self._held, 0
        self._forget()
        self._p.intake.take(received, functools.partial(self._tell, held))

    def _tell(self, held: int, refused: bytes) -> None:
        """The answer to the dot: 250 only after the commit."""
        self._p.budget.give(held)
        if self._gone:
            return
        if refused:
            self._p.intake.figures["put_off"] += 1
            self._session.refuse(refused)
        else:
            self._session.message_accepted(_KEPT)
        self._line.answered()

    def _forget(self) -> None:
        self._drop()
        self._full = False
        self._sender = ""
        self._places = {}

    def _drop(self) -> None:
        self._p.budget.give(self._held)
        self._held = 0
        self._chunks = []


class Inbound(listener.Door):
    """``[inbound]``: the door for reports. No credentials, STARTTLS where there is a certificate."""

    def __init__(
        self,
        settings: ingest_settings.InboundSettings,
        parts: Parts,
        waits: ingest_settings.IngestSettings,
        hostname: str,
        context: ssl.SSLContext | None,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._parts = parts
        terms = connection.Terms(
            begin=self._begin,
            settings=waits,
            session=servers.ServerSettings(
                hostname=hostname,
                max_size=settings.max_size,
                max_recipients=MAX_RECIPIENTS,
                tls_available=context is not None,
                auth_required=False,
            ),
            context=context,
            implicit=False,
            tasks=tasks,
        )
        limits = listener.Limits("inbound", settings.max_connections, settings.per_ip_connections)
        super().__init__(limits, terms, parts.shortage, lambda _: None)

    def _begin(
        self, session: servers.ServerSession, line: conversation.Line, grant: books.Grant | None
    ) -> connection.Talk:
        del grant
        return Reception(self._parts, session, line)


def _site(ip: str) -> str:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if address.version == 4:
        return ip
    return str(ipaddress.ip_network((address, _SITE_BITS), strict=False).network_address)
