"""The HTTP server: uvicorn on given sockets, inside a loop that is already running.

Guarantees: it touches no signal and no logging set-up; a client that does not finish a request's header within
``Waits.header_s`` is cut off, which uvicorn alone leaves open, and so is one that reads nothing of an answer for
``Waits.write_s``; a stop finishes the requests under way.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence

import h11
import msgspec
import uvicorn
from uvicorn.protocols.http import h11_impl

from gatepost.net import addresses

Event = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Event, Receive, Send], Awaitable[None]]  # ASGI 3: scope, receive, send

MAX_CONNECTIONS = 2_000
MAX_HEADER_BYTES = 32 * 1024
_LENGTHS = frozenset({b"content-length", b"transfer-encoding"})


class Waits(msgspec.Struct, frozen=True):
    """Seconds: for a request's header, for a client that reads nothing, and for requests under way when the server stops."""

    header_s: float = 20.0
    grace_s: int = 30
    write_s: float = 60.0


DEFAULT = Waits()


class _Config(uvicorn.Config):
    """uvicorn's, which its protocols are given, with our waits."""

    waits = DEFAULT


class _Protocol(h11_impl.H11Protocol):
    """A connection with a deadline for every request's header, and one for a client that does not read."""

    _header_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        self._unwait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._unwatch()
        elif self._header_timer is None:
            self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unwait()
        self._write_timer = self.loop.call_later(_waits(self.config).write_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._unwait()
        super().resume_writing()

    def _unwait(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _watch(self) -> None:
        self._header_timer = self.loop.call_later(_waits(self.config).header_s, self.transport.abort)

    def _unwatch(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


def _waits(config: uvicorn.Config) -> Waits:
    return config.waits if isinstance(config, _Config) else DEFAULT


class _Server(uvicorn.Server):
    """Without uvicorn's signal handlers (signals are the worker's), and woken by a stop instead of ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        """Renew the Date header every second until the stop."""
        counter = 0
        while not self.stopping.is_set():
            await self.on_tick(counter)
            counter += 10  # uvicorn counts tenths of a second
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1.0)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _unambiguous(app: App) -> App:
    """The app, behind a door that takes no request of two lengths: a proxy may see another one's end (RFC 9112 §6.3)."""

    async def answer(scope: Event, receive: Receive, send: Send) -> None:
        headers = scope.get("headers")
        names = {name for name, _ in headers} if isinstance(headers, list) else set()
        if not names.issuperset(_LENGTHS):
            await app(scope, receive, send)
            return
        close = [(b"content-length", b"0"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 400, "headers": close})
        await send({"type": "http.response.body", "body": b""})

    return answer


class HttpServer:
    """``run`` until ``stop`` was called and the requests under way are answered. proxies: networks whose word about who the
    client is (X-Forwarded-For) is taken; nobody else's is (faults.md B20).
    """

    def __init__(
        self,
        app: App,
        context: ssl.SSLContext | None,
        *,
        proxies: Sequence[str] = (),
        waits: Waits = DEFAULT,
    ) -> None:
        config = _Config(
            _unambiguous(app),
            http=_Protocol,
            ws="none",
            loop="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=[str(one) for one in addresses.networks(proxies, "http.proxies")],
            limit_concurrency=MAX_CONNECTIONS,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            timeout_graceful_shutdown=waits.grace_s,
        )
        config.waits = waits
        config.load()
        config.ssl = context
        self._server = _Server(config)

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve."""
        await self._server.serve(list(sockets))

    def stop(self) -> None:
        """Take no new connection; what is under way is answered."""
        self._server.stopping.set()
