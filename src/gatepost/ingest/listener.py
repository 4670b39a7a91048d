"""Doors for SMTP clients, and the one for submission: who may connect, how many, and how it stops.

Guarantees: above its caps, or with too little memory, a client hears ``421 4.3.2``, never silence (faults.md §1.6); a stop lets running DATA finish.
Not here: the conversation.
"""

import asyncio
import collections
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence

import msgspec

from gatepost import log as logs
from gatepost.ingest import book as books
from gatepost.ingest import connection, conversation
from gatepost.ingest import settings as ingest_settings
from gatepost.ingest import shortage as shortages
from gatepost.net import addresses
from gatepost.smtp import replies
from gatepost.smtp import server as servers

_TOO_MANY = replies.build(421, "4.3.2", "Too many connections, try again later")
_NO_MEMORY = replies.build(421, "4.3.2", "Too little memory is left, try again later")


class Limits(msgspec.Struct, frozen=True):
    """How many may be connected at once, in all and from one address. name: for the log."""

    name: str
    max_connections: int
    per_ip_connections: int


Shortage = Callable[[], shortages.Shortage | None]
Grant = Callable[[str], books.Grant | None]


class Door:
    """One listening address in one worker: who comes in, whatever is then talked about."""

    def __init__(self, limits: Limits, terms: connection.Terms, shortage: Shortage, grant: Grant) -> None:
        self._limits = limits
        self._terms = terms
        self._shortage = shortage
        self._grant = grant
        self._open: set[connection.Connection] = set()
        self._by_ip: collections.Counter[str] = collections.Counter()
        self._drained = asyncio.Event()
        self._servers: list[asyncio.Server] = []

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Listen on these."""
        loop = asyncio.get_running_loop()
        implicit = self._terms.context if self._terms.implicit else None
        for sock in sockets:
            server = await loop.create_server(
                self._make,
                sock=sock,
                ssl=implicit,
                ssl_handshake_timeout=connection.HANDSHAKE_S if implicit else None,
            )
            self._servers.append(server)

    def change(self, terms: connection.Terms) -> None:
        """Other terms for connections from now on."""
        self._terms = terms

    def stop_accepting(self) -> None:
        """Take no new connection."""
        for server in self._servers:
            server.close()

    async def drain(self, timeout_s: float) -> None:
        """No new connection; who is not in the middle of a message hears 421; the others finish, within the time."""
        self.stop_accepting()
        for one in list(self._open):
            one.drain()
        self._drained = asyncio.Event()
        if self._open:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._drained.wait(), timeout_s)
        for one in list(self._open):
            one.abort()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    def _make(self) -> connection.Connection:
        return connection.Connection(self._terms, self._grant, self._admit, self._lost)

    def _admit(self, one: connection.Connection) -> bytes:
        """Take it; if not, the reply that says why."""
        limits = self._limits
        if self._shortage() is shortages.Shortage.MEMORY:
            return _NO_MEMORY
        if len(self._open) >= limits.max_connections or self._by_ip[one.ip] >= limits.per_ip_connections:
            logs.get("submission").warning(
                "too many connections", listener=limits.name, ip=one.ip, open=len(self._open)
            )
            return _TOO_MANY
        self._open.add(one)
        self._by_ip[one.ip] += 1
        return b""

    def _lost(self, one: connection.Connection) -> None:
        if one in self._open:
            self._open.remove(one)
            self._by_ip[one.ip] -= 1
            if not self._by_ip[one.ip]:
                del self._by_ip[one.ip]
            if not self._open:
                self._drained.set()


class Listener(Door):
    """One ``[[listener]]``: a door for submission."""

    def __init__(
        self,
        settings: ingest_settings.ListenerSettings,
        parts: conversation.Parts,
        hostname: str,
        context: ssl.SSLContext | None,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._bridge = settings.bridge
        self._networks = addresses.networks(settings.networks, "listener.networks")
        self._parts = parts
        implicit = settings.tls is ingest_settings.ListenerTls.IMPLICIT
        starttls = settings.tls is ingest_settings.ListenerTls.STARTTLS and context is not None
        terms = connection.Terms(
            begin=self._begin,
            settings=parts.settings,
            session=servers.ServerSettings(
                hostname=hostname,
                max_size=parts.settings.max_size,
                max_recipients=parts.settings.max_recipients,
                tls_available=starttls,
                tls_active=implicit,
                auth_without_tls=settings.auth_without_tls,
                dsn=True,
            ),
            context=context if starttls or implicit else None,
            implicit=implicit,
            tasks=tasks,
        )
        limits = Limits(settings.name, settings.max_connections, settings.per_ip_connections)
        super().__init__(limits, terms, parts.shortage, self._granted)

    def take(self, settings: ingest_settings.IngestSettings) -> None:
        """Other limits for connections from now on."""
        self._parts = msgspec.structs.replace(self._parts, settings=settings)
        session = msgspec.structs.replace(
            self._terms.session, max_size=settings.max_size, max_recipients=settings.max_recipients
        )
        self.change(msgspec.structs.replace(self._terms, settings=settings, session=session))

    def _begin(
        self, session: servers.ServerSession, line: conversation.Line, grant: books.Grant | None
    ) -> connection.Talk:
        return conversation.Conversation(self._parts, session, line, grant)

    def _granted(self, ip: str) -> books.Grant | None:
        """Whoever comes from a named network sends as the listener's Bridge, without AUTH."""
        if not self._bridge:
            return None
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return None
        if not any(address.version == network.version and address in network for network in self._networks):
            return None
        sending = self._parts.shelf.book().by_name(self._bridge)
        return books.Grant(sending.bridge.id) if sending is not None else None
