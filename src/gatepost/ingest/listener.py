"""A submission listener: who may connect, how many, and how it stops.

Guarantees: above its caps, or with too little memory, a client hears ``421 4.3.2``, never silence (faults.md §1.6); a stop lets running DATA finish.
Not here: the conversation.
"""

import asyncio
import collections
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Sequence

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


class Listener:
    """One ``[[listener]]`` in one worker."""

    def __init__(
        self,
        settings: ingest_settings.ListenerSettings,
        parts: conversation.Parts,
        hostname: str,
        context: ssl.SSLContext | None,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._settings = settings
        self._parts = parts
        implicit = settings.tls is ingest_settings.ListenerTls.IMPLICIT
        starttls = settings.tls is ingest_settings.ListenerTls.STARTTLS and context is not None
        self._implicit = context if implicit else None
        self._terms = connection.Terms(
            parts=parts,
            session=servers.ServerSettings(
                hostname=hostname,
                max_size=parts.settings.max_size,
                max_recipients=parts.settings.max_recipients,
                tls_available=starttls,
                tls_active=implicit,
                auth_without_tls=settings.auth_without_tls,
            ),
            context=context if starttls else None,
            implicit=implicit,
            tasks=tasks,
        )
        self._networks = addresses.networks(settings.networks, "listener.networks")
        self._open: set[connection.Connection] = set()
        self._by_ip: collections.Counter[str] = collections.Counter()
        self._drained = asyncio.Event()
        self._servers: list[asyncio.Server] = []

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Listen on these."""
        loop = asyncio.get_running_loop()
        for sock in sockets:
            server = await loop.create_server(
                self._make,
                sock=sock,
                ssl=self._implicit,
                ssl_handshake_timeout=connection.HANDSHAKE_S if self._implicit else None,
            )
            self._servers.append(server)

    def take(self, settings: ingest_settings.IngestSettings) -> None:
        """Other limits for connections from now on."""
        self._parts = msgspec.structs.replace(self._parts, settings=settings)
        session = msgspec.structs.replace(
            self._terms.session, max_size=settings.max_size, max_recipients=settings.max_recipients
        )
        self._terms = msgspec.structs.replace(self._terms, parts=self._parts, session=session)

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
        settings = self._settings
        if self._parts.shortage() is shortages.Shortage.MEMORY:
            return _NO_MEMORY
        if len(self._open) >= settings.max_connections or self._by_ip[one.ip] >= settings.per_ip_connections:
            logs.get("submission").warning(
                "too many connections", listener=settings.name, ip=one.ip, open=len(self._open)
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

    def _grant(self, ip: str) -> books.Grant | None:
        """Whoever comes from a named network sends as the listener's Bridge, without AUTH."""
        if not self._settings.bridge:
            return None
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return None
        if not any(address.version == network.version and address in network for network in self._networks):
            return None
        sending = self._parts.shelf.book().by_name(self._settings.bridge)
        return books.Grant(sending.bridge.id) if sending is not None else None
