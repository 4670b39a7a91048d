"""Submission over HTTP: ``POST /v1/send``; where recipients leave; ``GET /live`` and ``GET /ready``: an ASGI application.

Guarantees: every answer but the good one is an RFC 9457 problem; a body is read only after path, method, key, type and
size were found good; bodies in memory stay within the budget, and one Bridge within half of it (429, 503); a body has
a deadline (408). What goes wrong in here is logged, answered with 500, and nothing else is lost.
Not here: what a request means (``request``), the server (``serve``).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import cast

import msgspec

from gatepost import log as logs
from gatepost.ingest import accept, failures, leaving, request
from gatepost.ingest import book as books
from gatepost.ingest import settings as ingest_settings
from gatepost.ingest import shortage as shortages
from gatepost.net import addresses, problem

Event = MutableMapping[str, object]
Scope = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}")


class Parts(msgspec.Struct, frozen=True):
    """What an App is made of. ready: whether the worker takes mail now. shortage: what it is too short of, if anything.

    leave: answers requests of recipients who leave; None: nobody is told where.
    """

    acceptor: accept.Acceptor
    shelf: books.Shelf
    pepper: bytes
    failures: failures.Failures
    settings: ingest_settings.IngestSettings
    shortage: Callable[[], shortages.Shortage | None]
    ready: Callable[[], bool]
    leave: leaving.Answer | None = None


class _Head(msgspec.Struct, frozen=True):
    """A request without its body."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    ip: str
    tls: bool


class App:
    """The ASGI application; one per process."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._sender = request.Sender(parts.acceptor, parts.settings)
        self._held: dict[int, int] = {}  # bytes of bodies in memory by Bridge
        self._log = logs.get("http")

    def take(self, settings: ingest_settings.IngestSettings) -> None:
        """Other limits for requests from now on."""
        self._p = msgspec.structs.replace(self._p, settings=settings)
        self._sender = request.Sender(self._p.acceptor, settings)

    @property
    def held(self) -> int:
        """Bytes of request bodies in memory now."""
        return sum(self._held.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        head = _head(scope)
        try:
            response = await self._answer(head, receive)
        except problem.Problem as found:
            response = found.response
        except ConnectionError:
            return  # the client has gone
        except Exception as error:  # noqa: BLE001 - the top of a request's task
            self._log.error("a request failed", path=head.path, problem=repr(error))
            response = problem.problem(500, "the request could not be handled; nothing was taken").response
        headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        body = b"" if head.method == "HEAD" else response.body
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, head: _Head, receive: Receive) -> problem.Response:
        match head.path:
            case "/v1/send":
                _allow(head, "POST")
                return await self._send(head, receive)
            case "/live":
                _allow(head, "GET", "HEAD")
                return problem.plain(200, {"status": "live"})
            case "/ready":
                _allow(head, "GET", "HEAD")
                if not self._p.ready() or self._p.shortage() is shortages.Shortage.MEMORY:
                    raise problem.later(503, "this worker takes no mail now")
                return problem.plain(200, {"status": "ready"})
            case path if self._p.leave is not None and path.startswith(leaving.PATH):
                _allow(head, "GET", "HEAD", "POST")
                return await self._p.leave(head.method, path.removeprefix(leaving.PATH), head.ip)
            case _:
                raise problem.problem(404, "there is nothing here; mail goes to POST /v1/send")

    async def _send(self, head: _Head, receive: Receive) -> problem.Response:
        sending = self._bridge(head)
        length = self._check(head)
        if not self._p.ready():
            raise problem.later(503, "this worker is stopping")
        self._enough()
        bridge = sending.bridge.id
        self._share(bridge, length)
        self._room(length)
        body = bytearray()
        try:
            async with asyncio.timeout(self._p.settings.data_timeout_s):
                await self._read(receive, body, bridge)
            peer = accept.Peer(head.ip, accept.origin(head.ip), b"HTTPS" if head.tls else b"HTTP")
            key = head.headers.get(b"idempotency-key")
            text = None if key is None else key.decode("latin-1")
            return await self._sender.send(sending, peer, bytes(body), text)
        except TimeoutError:
            raise problem.problem(408, "the body did not come in time") from None
        finally:
            self._release(bridge, len(body))

    def _enough(self) -> None:
        match self._p.shortage():
            case shortages.Shortage.MEMORY:
                raise problem.later(503, "too little memory is left")
            case shortages.Shortage.SPACE:
                raise problem.later(507, "too little disk space is left", 60)
            case None:
                return

    def _bridge(self, head: _Head) -> books.Sending:
        scheme, _, key = head.headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer" and key:
            sending = self._p.shelf.book().by_key(key.strip(), self._p.pepper)
            if sending is not None:
                networks = sending.bridge.networks
                if networks and not addresses.within(head.ip, networks):
                    raise problem.problem(403, "this key may not be used from this address")
                return sending
            self._p.failures.add_key(head.ip)
            self._log.warning("a wrong API key", ip=head.ip)
        raise problem.problem(
            401, "an API key of a Bridge is needed", headers=((b"www-authenticate", b"Bearer"),)
        )

    def _check(self, head: _Head) -> int:
        """Type and announced length of the body (0: not announced)."""
        given = head.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if given != b"application/json":
            raise problem.problem(415, "the body must be application/json")
        if head.headers.get(b"content-encoding", b"identity") != b"identity":
            raise problem.problem(415, "the body must not be compressed")
        length = int(head.headers.get(b"content-length", b"0"))
        if length > self._p.settings.max_request:
            raise problem.problem(413, f"the body is larger than {self._p.settings.max_request} bytes")
        return length

    # --- the body, within the budget

    async def _read(self, receive: Receive, body: bytearray, bridge: int) -> None:
        more = True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise ConnectionError
            chunk = cast("bytes", event.get("body", b""))
            more = bool(event.get("more_body", False))
            if len(body) + len(chunk) > self._p.settings.max_request:
                raise problem.problem(413, f"the body is larger than {self._p.settings.max_request} bytes")
            self._room(len(chunk))
            self._held[bridge] = self._held.get(bridge, 0) + len(chunk)
            body += chunk

    def _room(self, wanted: int) -> None:
        if self.held + wanted > self._p.settings.request_budget:
            raise problem.later(503, "the gateway is busy with other requests", 1)

    def _share(self, bridge: int, wanted: int) -> None:
        """A Bridge's second and further requests have to fit into half of the budget."""
        held = self._held.get(bridge, 0)
        if held and held + wanted > self._p.settings.request_budget // 2:
            raise problem.later(429, "this Bridge has too many requests under way", 1)

    def _release(self, bridge: int, size: int) -> None:
        left = self._held.get(bridge, 0) - size
        if left > 0:
            self._held[bridge] = left
        else:
            self._held.pop(bridge, None)


def _head(scope: Scope) -> _Head:
    pairs = cast("list[tuple[bytes, bytes]]", scope["headers"])
    client = cast("tuple[str, int] | None", scope.get("client"))
    return _Head(
        method=str(scope["method"]),
        path=str(scope["path"]),
        headers=dict(pairs),
        ip=client[0]
        if client and _ADDRESS.fullmatch(client[0])
        else "",  # a proxy may have passed on anything
        tls=scope.get("scheme") == "https",
    )


def _allow(head: _Head, *methods: str) -> None:
    if head.method not in methods:
        allowed = ", ".join(methods)
        raise problem.problem(405, f"only {allowed} is allowed here", headers=((b"allow", allowed.encode()),))
