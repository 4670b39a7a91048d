"""One operation of the API: the declaration from which its route, its checks and its place in the document are made.

Guarantees: a fact about an operation stands here once; who may call it is always said. Query and body are decoded into
the very types that the document shows; a field that is not known is an error that names it.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Generic, TypeVar

import msgspec
from starlette import responses

from gatepost import errors
from gatepost.console import auth
from gatepost.model import directory as directories
from gatepost.model import ids
from gatepost.net import problem
from gatepost.store import filters, port

Q = TypeVar("Q")
B = TypeVar("B")
R = TypeVar("R")
T = TypeVar("T")

CREATED = 201
_LONGEST = 19  # digits
_MOST = 1 << 63
JSON = "application/json"


# What stands in a path; the same as names in the configuration.
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some of a list. next: the cursor for what follows, to be given as it is; null at the end. A page may be empty before the end."""

    items: list[T]
    next: str | None


class Paging(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What part of a list. after: the ``next`` of the page before; empty: the first page."""

    after: str = ""
    limit: Limit = 100

    @property
    def cursor(self) -> int:
        """After what. Raises Problem."""
        return cursor_of(self.after)


class Answer(msgspec.Struct, Generic[R], frozen=True):
    """What goes back. etag: of what can be changed; location: of what was made."""

    value: R
    status: int = 200
    etag: str = ""
    location: str = ""


class Call(msgspec.Struct, frozen=True):
    """One request, its caller known and its parameters read. digest: of method, path and body.

    actor: who does it and from where, for the audit log. valid: whether the key still is. where: the conditions in the query.
    """

    caller: auth.Caller
    actor: str
    known: directories.Directory
    path: Mapping[str, str]
    headers: Mapping[str, str]
    valid: Callable[[], bool]
    where: filters.Where = ()
    digest: bytes = b""

    @property
    def once(self) -> port.Once | None:
        """The Idempotency-Key, if there is one. Raises Problem."""
        key = self.headers.get("idempotency-key")
        if key is None:
            return None
        return port.Once(self.caller.number, problem.idempotency_key(key), self.digest)

    def match(self, etag: str) -> None:
        """Hold If-Match against what there is. Raises Problem (412)."""
        wanted = self.headers.get("if-match")
        if wanted is None or wanted.strip() == "*":
            return
        if etag not in [one.strip() for one in wanted.split(",")]:
            raise problem.problem(412, "it was changed meanwhile: read it again")


Run = Callable[[Call, bytes, Mapping[str, object]], Awaitable[responses.Response]]


class Access(msgspec.Struct, frozen=True):
    """Who may call an operation. role: the least. bridges: whether a Bridge's own key may, for what is its own."""

    role: directories.Role
    bridges: bool = False

    def check(self, caller: auth.Caller) -> None:
        """Raises Problem where this caller may not."""
        if caller.bridge is not None and not self.bridges:
            raise problem.problem(404, "there is nothing here")
        if caller.bridge is None and caller.role < self.role:
            raise problem.problem(403, f"this takes the role {self.role.word}")


READ = Access(directories.Role.READ)
OWN = Access(directories.Role.READ, bridges=True)
OPERATE = Access(directories.Role.OPERATOR)
OPERATE_OWN = Access(directories.Role.OPERATOR, bridges=True)
ADMINISTER = Access(directories.Role.ADMIN)
ADMINISTER_OWN = Access(directories.Role.ADMIN, bridges=True)


class Place(msgspec.Struct, frozen=True):
    """Where an operation is found, and what it is called."""

    method: str
    path: str
    name: str
    summary: str


class Operation(msgspec.Struct, frozen=True):
    """One. query, body, answer: their types; None: there is none. conditions: the filter words that the query takes.

    creates: something new is made, so Idempotency-Key is honoured. media: of the answer; takes: of the body.
    """

    place: Place
    access: Access
    run: Run
    query: type | None = None
    body: type | None = None
    answer: type | None = None
    status: int = 200
    conditions: filters.Table | None = None
    creates: bool = False
    media: tuple[str, ...] = (JSON,)
    takes: tuple[str, ...] = ()


def asking(
    place: Place,
    access: Access,
    query: type[Q],
    answer: type[R],
    run: Callable[[Call, Q], Awaitable[Answer[R]]],
    conditions: filters.Table | None = None,
) -> Operation:
    """What is asked stands in the path and the query."""

    async def answered(call: Call, _: bytes, given: Mapping[str, object]) -> responses.Response:
        return as_response(await run(call, read_query(given, query)))

    return Operation(place, access, answered, query, answer=answer, conditions=conditions)


def telling(
    place: Place,
    access: Access,
    body: type[B],
    answer: type[R],
    run: Callable[[Call, B], Awaitable[Answer[R]]],
    status: int = 200,
) -> Operation:
    """What is to be done stands in a JSON body. status: of its success; 201: something new is made."""

    async def answered(call: Call, raw: bytes, given: Mapping[str, object]) -> responses.Response:
        read_query(given, Nothing)
        return as_response(await run(call, read_body(raw, body)))

    return Operation(
        place,
        access,
        answered,
        body=body,
        answer=answer,
        status=status,
        creates=status == CREATED,
        takes=(JSON,),
    )


def sending(
    place: Place,
    access: Access,
    query: type[Q],
    takes: tuple[str, ...],
    answer: type[R],
    run: Callable[[Call, Q, bytes], Awaitable[Answer[R]]],
) -> Operation:
    """What is to be done is a file, in one of these media."""

    async def answered(call: Call, raw: bytes, given: Mapping[str, object]) -> responses.Response:
        return as_response(await run(call, read_query(given, query), raw))

    return Operation(place, access, answered, query, answer=answer, takes=takes)


def streaming(  # noqa: PLR0913, PLR0917 - one for each fact of the declaration
    place: Place,
    access: Access,
    query: type[Q],
    run: Callable[[Call, Q], Awaitable[responses.Response]],
    media: tuple[str, ...],
    conditions: filters.Table | None = None,
    answer: type | None = None,
) -> Operation:
    """The answer comes in pieces, in one of these media. answer: the type of the JSON among them."""

    async def answered(call: Call, _: bytes, given: Mapping[str, object]) -> responses.Response:
        return await run(call, read_query(given, query))

    return Operation(place, access, answered, query, None, answer, conditions=conditions, media=media)


def as_response(answer: Answer[R]) -> responses.Response:
    """JSON with its headers."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    if answer.etag:
        headers["etag"] = answer.etag
    if answer.location:
        headers["location"] = answer.location
    return responses.Response(msgspec.json.encode(answer.value), answer.status, headers)


def etag_of(value: object) -> str:
    """A strong validator of a value (RFC 9110 §8.8.3)."""
    return f'"{hashlib.blake2b(msgspec.json.encode(value), digest_size=12).hexdigest()}"'


def read_query(given: Mapping[str, object], kind: type[Q]) -> Q:
    """The query as its type. Raises Problem."""
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise problem.bad_input([problem.unreadable(error, "query")]) from None


def read_body(raw: bytes, kind: type[B]) -> B:
    """The body as its type. Raises Problem: 400 for what is no JSON, 422 for what does not fit."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise problem.bad_input([problem.unreadable(error, "")]) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise problem.bad_input([problem.unreadable(error, "")], 400) from None


def checked_name(name: str) -> str:
    """A name that can stand in a path. Raises Problem."""
    try:
        return msgspec.convert(name, Name)
    except msgspec.ValidationError:
        text = "is not a name of letters, digits, '.', '_' and '-'"
        raise problem.bad_input([problem.Place("name", text)]) from None


def where_of(call: Call) -> filters.Where:
    """The conditions of the request, and that which a Bridge's own key is under."""
    if call.caller.bridge is None:
        return call.where
    return (*call.where, filters.Condition(filters.BRIDGE, str(call.caller.bridge.id)))


def cursor_of(text: str) -> int:
    """A cursor as a page gave it; empty: the beginning. Raises Problem."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST and int(text) < _MOST):
        raise problem.bad_input([problem.Place("after", "is no cursor of ours")])
    return int(text)


def id_of(text: str, place: str) -> int:
    """The id of a message or delivery. Raises Problem: 404 in a path, else 422."""
    try:
        return ids.from_text(text)
    except errors.BadInput:
        if place == "after":
            raise problem.bad_input([problem.Place(place, "is no cursor of ours")]) from None
        raise problem.problem(404, f"there is no such {place}") from None
