"""Opens outgoing connections, and takes a connection over into TLS.

Guarantees: nothing is connected to that the rules forbid, checked before and on the connected socket itself, before a
protocol exists (faults.md E01, E06); every wait has a deadline; no socket outlives a failure or a cancellation. While a
connection is upgraded its protocol hears nothing: what was sent in clear goes into the handshake, which it breaks
(C01, C02), and what comes with the end of the handshake is handed over after the call has returned. A protocol that was
connected gets ``connection_lost`` exactly once, whether the upgrade works or not.
Fails with AddressRefused, TimeoutError, OSError (ssl.SSLError is one).
Not here: bytes that the protocol had before the upgrade; its session has to refuse them.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

import msgspec

from gatepost import errors
from gatepost.net import addresses

P = TypeVar("P", bound=asyncio.Protocol)

SHUTDOWN_S = (
    5.0  # a closed TLS connection waits for the peer's close_notify; asyncio's 30 s would hold the sockets
)
_LOOP_MARGIN_S = 5.0  # the loop's own handshake time-out has to be later than ours: it raises something else
_IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; Python 3.11's socket module does not name it


class AddressRefused(errors.GatepostError):
    """An address that may not be connected to; the text says why."""


class Endpoint(msgspec.Struct, frozen=True):
    """An IP address and a port."""

    ip: str
    port: int


async def open_connection(
    factory: Callable[[], P],
    endpoint: Endpoint,
    *,
    source_ip: str | None,
    rules: addresses.AddressRules,
    within_s: float,
) -> tuple[asyncio.Transport, P]:
    """Connect from ``source_ip`` (None: the system's choice) within ``within_s`` seconds."""
    _check(rules, endpoint.ip)
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET6 if ":" in endpoint.ip else socket.AF_INET, socket.SOCK_STREAM)
    try:
        _prepare(sock, source_ip)
        async with asyncio.timeout(within_s):
            await loop.sock_connect(sock, (endpoint.ip, endpoint.port))
        _check(rules, str(sock.getpeername()[0]))
        protocol = factory()
    except BaseException:
        sock.close()
        raise
    try:
        transport, _ = await loop.create_connection(lambda: protocol, sock=sock)
    except BaseException:
        # The transport that has the socket by now closes it in the loop's next turn; after that, this does nothing.
        loop.call_soon(sock.close)
        raise
    return transport, protocol


async def start_tls(
    transport: asyncio.Transport,
    protocol: asyncio.Protocol,
    context: ssl.SSLContext,
    *,
    within_s: float,
    server_hostname: str | None = None,
) -> asyncio.Transport:
    """The client's side of a TLS handshake on an open connection. The caller has paused reading; its buffer is empty.

    server_hostname: sent as SNI, and what a verifying context holds the certificate against.
    """
    name = _sni(server_hostname)
    if context.check_hostname and name is None:
        transport.abort()
        raise ssl.SSLError("there is no name to hold the certificate against")
    return await _Upgrade(transport, protocol).run(context, within_s, server_side=False, name=name)


async def start_server_tls(
    transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext, *, within_s: float
) -> asyncio.Transport:
    """The server's side of the same. The caller paused reading before it wrote its consent."""
    return await _Upgrade(transport, protocol).run(context, within_s, server_side=True, name=None)


class _Upgrade(asyncio.Protocol):
    """Stands between the TLS layer and the protocol, and holds back what comes before the upgrade has returned.

    The loop hands over the first decrypted bytes before it wakes whoever awaits the handshake: a session that got them
    then could not tell them from plaintext.
    """

    def __init__(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._held: list[Callable[[], object]] | None = []  # None: nothing is held back any more
        self._lost = False

    async def run(
        self, context: ssl.SSLContext, within_s: float, *, server_side: bool, name: str | None
    ) -> asyncio.Transport:
        """Shake hands; what was held back follows when the caller has had its turn."""
        if self._transport.is_closing():
            raise ConnectionResetError("the connection was closed before the handshake")
        try:
            async with asyncio.timeout(within_s):
                upgraded = await self._loop.start_tls(
                    self._transport,
                    self,
                    context,
                    server_side=server_side,
                    server_hostname=name,
                    ssl_handshake_timeout=within_s + _LOOP_MARGIN_S,
                    ssl_shutdown_timeout=SHUTDOWN_S,
                )
            usable = _usable(upgraded)
        except BaseException as error:
            self._give_up(error)
            raise
        self._loop.call_soon(self._release, usable)
        return usable

    def _give_up(self, error: BaseException) -> None:
        self._held = None
        self._transport.abort()
        self._loop.call_soon(self.connection_lost, error if isinstance(error, Exception) else None)

    def _release(self, upgraded: asyncio.Transport) -> None:
        held, self._held = self._held or [], None
        upgraded.set_protocol(self._protocol)
        for deliver in held:
            deliver()

    def _pass(self, deliver: Callable[[], object]) -> None:
        if self._held is None:
            deliver()
        else:
            self._held.append(deliver)

    # --- asyncio.Protocol, for the TLS layer

    def data_received(self, data: bytes) -> None:
        """Decrypted bytes."""
        if not self._lost:
            self._pass(lambda: self._protocol.data_received(data))

    def eof_received(self) -> None:
        """The peer closed its side; TLS has no half-open connections, so the protocol's wish does not count."""
        if not self._lost:
            self._pass(self._protocol.eof_received)

    def pause_writing(self) -> None:
        """The write buffer is full."""
        self._pass(self._protocol.pause_writing)

    def resume_writing(self) -> None:
        """The write buffer has room."""
        self._pass(self._protocol.resume_writing)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: told once."""
        if not self._lost:
            self._lost = True
            self._pass(lambda: self._protocol.connection_lost(exc))


def _prepare(sock: socket.socket, source_ip: str | None) -> None:
    sock.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not source_ip:
        return
    # The port is chosen at connect, by all four parts of the connection; else a source has 28,000 ports in all.
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source_ip, 0))


def _usable(upgraded: asyncio.Transport | None) -> asyncio.Transport:
    """None, or closing, is how a loop says that the connection was closed while it shook hands."""
    if upgraded is None or upgraded.is_closing():
        raise ConnectionResetError("the connection was closed during the handshake")
    return upgraded


def _sni(name: str | None) -> str | None:
    """The name as ``ssl`` takes it; None where it cannot."""
    if not name or name.startswith("."):
        return None
    try:
        name.encode("idna")
    except UnicodeError:
        return None
    return name


def _check(rules: addresses.AddressRules, ip: str) -> None:
    refusal = rules.refusal(ip)
    if refusal is not None:
        raise AddressRefused(refusal)
