"""The end of a connection whose client may still be sending: what comes is read and thrown away for a while.

Closed at once, the kernel would answer the bytes that nobody read with a reset, and a reset may take our last reply away
before the client has read it (RFC 9293 §3.6.1). So our side is closed (TLS cannot close only one), and theirs is waited for.
Guarantees: it ends when the client closes, when it has been quiet for ``Patience.quiet_s``, and in any case after
``looks`` times that or ``size`` bytes.
"""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec


class Patience(msgspec.Struct, frozen=True):
    """How long, and for how much."""

    size: int
    quiet_s: float = 5.0
    looks: int = 6


class Linger(asyncio.Protocol):
    """Takes the transport over from the protocol that has written its last; ``on_lost`` is told of the end."""

    def __init__(
        self,
        transport: asyncio.Transport,
        patience: Patience,
        on_lost: Callable[[Exception | None], None],
    ) -> None:
        self._transport = transport
        self._patience = patience
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._left = patience.size
        self._looks = patience.looks
        self._quiet = True
        self._timer = self._loop.call_later(patience.quiet_s, self._look)
        transport.set_protocol(self)
        if transport.can_write_eof():
            with contextlib.suppress(OSError):  # the client has gone already, which the loop has yet to tell
                transport.write_eof()
        transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Nobody wants it any more."""
        self._quiet = False
        self._left -= len(data)
        if self._left < 0:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has closed, or we have."""
        self._timer.cancel()
        self._on_lost(exc)

    def _look(self) -> None:
        self._looks -= 1
        if self._quiet or not self._looks:
            self._transport.abort()
            return
        self._quiet = True
        self._timer = self._loop.call_later(self._patience.quiet_s, self._look)
