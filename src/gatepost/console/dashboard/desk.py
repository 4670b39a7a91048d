"""How pages ask: the API's own operations, called in this process for whoever is logged in.

Guarantees: a page shows and does what the API would for a key of the same role, by the same code, checks and audit entries.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TypeVar

import msgspec
from starlette import responses

from gatepost import errors
from gatepost.console import entrance, operation
from gatepost.model import directory as directories
from gatepost.net import problem
from gatepost.store import filters

T = TypeVar("T")
_GIVEN = frozenset({400, 404, 409, 422})  # what was given is to blame


class Desk:
    """Asks for one visitor. known: the Directory as it is now; valid: whether the visitor is still let in. ip: the visitor's address."""

    def __init__(
        self,
        operations: Mapping[str, operation.Operation],
        visitor: entrance.Visitor,
        known: directories.Directory,
        valid: Callable[[], bool],
        ip: str,
    ) -> None:
        self._operations = operations
        self._visitor = visitor
        self.known = known
        self._valid = valid
        self._ip = ip

    def may(self, name: str) -> bool:
        """Whether this visitor may call an operation."""
        return self._visitor.caller.role >= self._operations[name].access.role

    def conditions(self, name: str) -> filters.Table:
        """What an operation can be narrowed by."""
        return self._operations[name].conditions or {}

    async def ask(
        self,
        name: str,
        kind: type[T],
        path: Mapping[str, str] | None = None,
        given: Mapping[str, object] | None = None,
        where: Sequence[str] = (),
    ) -> T:
        """What an operation answers; ``kind``: its type. Raises Problem, BadInput."""
        conditions = filters.parse(where, self.conditions(name))
        found = await self._run(name, path or {}, given or {}, conditions, b"", "")
        return msgspec.json.decode(found.body, type=kind)

    async def tell(
        self, name: str, kind: type[T], body: object, once: str = "", path: Mapping[str, str] | None = None
    ) -> T:
        """Have an operation do what the body says; with ``once`` a repeat does nothing new. Raises Problem, BadInput."""
        found = await self._run(name, path or {}, {}, (), msgspec.json.encode(body), once)
        return msgspec.json.decode(found.body, type=kind)

    async def stream(self, name: str, where: Sequence[str]) -> responses.Response:
        """An operation's answer as it is, for a file to keep."""
        return await self._run(name, {}, {}, filters.parse(where, self.conditions(name)), b"", "")

    async def _run(
        self,
        name: str,
        path: Mapping[str, str],
        given: Mapping[str, object],
        where: filters.Where,
        body: bytes,
        once: str,
    ) -> responses.Response:
        one = self._operations[name]
        caller = self._visitor.caller
        one.access.check(caller)
        place = "\n".join([one.place.method, one.place.path, *path.values()])
        call = operation.Call(
            caller=caller,
            actor=f"{caller.name} from {self._ip}" if self._ip else caller.name,
            known=self.known,
            path=path,
            headers={"idempotency-key": once} if once and one.creates else {},
            valid=self._valid,
            where=where,
            digest=hashlib.sha256(place.encode() + body).digest(),
        )
        return await one.run(call, body, given)


class Gathered:
    """What was wrong with what somebody gave becomes a sentence for the page, among ``problems``, instead of an error."""

    def __init__(self, problems: list[str]) -> None:
        self._problems = problems

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Whether it was such an error."""
        match error:
            case errors.BadInput():
                self._problems.append(str(error))
            case problem.Problem() if error.response.status in _GIVEN:
                self._problems.append(detail_of(error))
            case _:
                return False
        return True


def detail_of(ended: problem.Problem) -> str:
    """What a problem says in its one line."""
    return msgspec.json.decode(ended.response.body, type=problem.Body).detail
