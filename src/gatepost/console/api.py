"""The API as an ASGI application: finds the operation, its caller and its parameters, and says what came of it.

Guarantees: every answer but the good one is an RFC 9457 problem; a body is read only after path, method, key, rate, type
and size were found good, and has a deadline (408); who asks without a good key learns nothing, a Bridge's own key learns
nothing of operations and things that are not its own (404). What goes wrong in here is logged and answered with 500.
Not here: the server and its deadlines (``net.http_server``), what operations do.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence

import msgspec
from starlette import requests, responses, routing
from starlette.types import Receive, Scope, Send

from gatepost import errors
from gatepost import log as logs
from gatepost.console import auth, incoming, operation, rates
from gatepost.console import settings as console_settings
from gatepost.net import problem
from gatepost.store import filters

WRONG_PER_MIN = 60  # wrong keys from one address
_PATIENCE_S = 60.0  # for an operation that is no stream
_BEARER = ((b"www-authenticate", b"Bearer"),)


class Parts(msgspec.Struct, frozen=True):
    """What an Api is made of. keyring: the keys as they are now. asked: by key; wrong: by address. failed: told of every wrong key's address."""

    keyring: Callable[[], auth.Keyring]
    pepper: bytes
    settings: console_settings.ConsoleSettings
    asked: rates.Rates
    wrong: rates.Rates
    failed: Callable[[str], None]


class Api:
    """The ASGI application. others: routes beside the operations, which see to their own callers."""

    def __init__(
        self,
        parts: Parts,
        operations: Sequence[operation.Operation],
        others: Sequence[routing.BaseRoute] = (),
    ) -> None:
        self._p = parts
        self._log = logs.get("api")
        by_path: dict[str, dict[str, operation.Operation]] = {}
        for one in operations:
            by_path.setdefault(one.place.path, {})[one.place.method] = one
        routes: list[routing.BaseRoute] = [
            routing.Route(path, _Endpoint(self, found)) for path, found in by_path.items()
        ]
        routes += others
        self._router = routing.Router(routes, redirect_slashes=False, default=_nothing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            await self._router(scope, receive, send)

    async def answer(
        self, found: Mapping[str, operation.Operation], request: requests.Request
    ) -> responses.Response:
        """The answer of one of the operations of a path."""
        limits: tuple[tuple[bytes, bytes], ...] = ()
        try:
            caller, left = self._caller(request)
            limits = self._p.asked.headers(left)
            response = await self._run(_chosen(found, request.method, left), caller, request)
        except problem.Problem as ended:
            response = _refusal(ended.response)
        except Exception as error:  # noqa: BLE001 - the top of a request's task
            response = _refusal(incoming.failure(error, request, self._log).response)
        response.raw_headers.extend(limits)
        return response

    def _caller(self, request: requests.Request) -> tuple[auth.Caller, rates.Left]:
        ip = incoming.address_of(request)
        if self._p.wrong.empty(ip):
            raise problem.later(429, "too many wrong keys came from this address", 60)
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        caller = None
        if scheme.lower() == "bearer" and key:
            caller = self._p.keyring().caller(self._p.pepper, key.strip().encode("latin-1"))
            if caller is None:
                self._p.wrong.take(ip)
                self._p.failed(ip)
        if caller is None:
            raise problem.problem(401, "an API key is needed", headers=_BEARER)
        if not caller.comes_from(ip):
            raise problem.problem(403, "this key may not be used from this address")
        return caller, self._p.asked.take(caller.name)

    async def _run(
        self, one: operation.Operation, caller: auth.Caller, request: requests.Request
    ) -> responses.Response:
        one.access.check(caller)
        given, where = _query(request, one.conditions)
        body = await incoming.body_of(request, one.takes, self._p.settings) if one.takes else b""
        ip = incoming.address_of(request)
        call = operation.Call(
            caller=caller,
            actor=f"{caller.name} from {ip}" if ip else caller.name,
            known=self._p.keyring().directory,
            path={name: str(value) for name, value in request.path_params.items()},
            headers=request.headers,
            valid=lambda: self._p.keyring().holds(caller),
            where=where,
            digest=_digest(request, body),
        )
        async with asyncio.timeout(_PATIENCE_S):
            return await one.run(call, body, given)


class _Endpoint:
    """One path's operations, as an ASGI application."""

    def __init__(self, api: Api, found: Mapping[str, operation.Operation]) -> None:
        self._api = api
        self._found = found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._api.answer(self._found, requests.Request(scope, receive))
        await response(scope, receive, send)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    ended = problem.problem(404, "there is nothing here; GET /v1/openapi.json says what there is")
    await _refusal(ended.response)(scope, receive, send)


def _chosen(found: Mapping[str, operation.Operation], method: str, left: rates.Left) -> operation.Operation:
    if not left.allowed:
        raise problem.later(429, "this key has asked too often", left.reset_s)
    listed = found.get("GET")
    bare = {"HEAD": listed} if listed is not None and listed.media == (operation.JSON,) else {}
    one = {**found, **bare}.get(method)
    if one is None:
        allowed = ", ".join(sorted({*found, *bare}))
        headers = ((b"allow", allowed.encode()),)
        raise problem.problem(405, f"only {allowed} is allowed here", headers=headers)
    return one


def _query(
    request: requests.Request, conditions: filters.Table | None
) -> tuple[dict[str, str], filters.Where]:
    """The parameters, and the conditions among them. Raises Problem, BadInput."""
    given: dict[str, str] = {}
    words: list[str] = []
    for name, value in request.query_params.multi_items():
        if conditions is not None and name in conditions:
            words.append(f"{name}={value}")
        elif name in given:
            raise problem.bad_input([problem.Place(_shown(name), "is given twice")])
        else:
            given[name] = value
    try:
        where = filters.parse(words, conditions or {})
    except errors.BadInput as error:
        place = problem.Place("query" if error.place == "--where" else error.place, error.problem)
        raise problem.bad_input([place]) from None
    return given, where


def _digest(request: requests.Request, body: bytes) -> bytes:
    head = f"{request.method} {request.url.path}\n"
    return hashlib.sha256(head.encode() + body).digest()


def _shown(name: str) -> str:
    return name if name.isprintable() and len(name) <= 50 else "query"


def _refusal(found: problem.Response) -> responses.Response:
    response = responses.Response(found.body, found.status)
    response.raw_headers.extend(found.headers)
    return response
