"""Opens outgoing connections, and takes a connection over into TLS.

Guarantees: nothing is connected to that the rules forbid, checked before and on the connected socket itself; every wait has
a deadline; no socket is left behind; after STARTTLS no byte that came in clear is ever read (faults.md C02).
Fails with AddressRefused, TimeoutError, OSError or ssl.SSLError.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

import msgspec

from gatepost import errors
from gatepost.net import addresses

P = TypeVar("P", bound=asyncio.Protocol)


class AddressRefused(errors.GatepostError):
    """An address that may not be connected to."""


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
    family = socket.AF_INET6 if ":" in endpoint.ip else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source_ip:
            sock.bind((source_ip, 0))
        await asyncio.wait_for(loop.sock_connect(sock, (endpoint.ip, endpoint.port)), within_s)
        _check(rules, str(sock.getpeername()[0]))
        transport, protocol = await loop.create_connection(factory, sock=sock)
    except BaseException:
        sock.close()
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
    """The client's side of a TLS handshake on an open connection; the protocol reads only what comes inside TLS.

    The caller has paused reading, and its buffer is empty: what the loop had read ahead would be part of the handshake
    and break it, never reach the protocol.
    """
    loop = asyncio.get_running_loop()
    upgraded = await asyncio.wait_for(
        loop.start_tls(
            transport, protocol, context, server_hostname=server_hostname, ssl_handshake_timeout=within_s
        ),
        within_s + 1,
    )
    return _checked(upgraded)


async def start_server_tls(
    transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext, *, within_s: float
) -> asyncio.Transport:
    """The server's side of the same."""
    loop = asyncio.get_running_loop()
    upgraded = await asyncio.wait_for(
        loop.start_tls(transport, protocol, context, server_side=True, ssl_handshake_timeout=within_s),
        within_s + 1,
    )
    return _checked(upgraded)


def _checked(upgraded: asyncio.Transport | None) -> asyncio.Transport:
    if upgraded is None:
        raise ConnectionResetError("the connection was closed during the handshake")
    return upgraded


def _check(rules: addresses.AddressRules, ip: str) -> None:
    refusal = rules.refusal(ip)
    if refusal is not None:
        raise AddressRefused(refusal)
