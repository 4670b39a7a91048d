"""By what way mail leaves, and from which domains: ``/v1/pools``, ``/v1/sources``, ``/v1/domains``.

Guarantees: what is put twice changes nothing the second time; a smarthost's password is never told, and stays where none is given.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from gatepost.console import changing, operation, planning
from gatepost.model import directory as directories
from gatepost.net import problem
from gatepost.store import directory_shapes

P = TypeVar("P")
S = TypeVar("S")

_POOL = "/v1/pools/{account}/{name}"
_SOURCE = "/v1/sources/{name}"
_DOMAIN = "/v1/domains/{account}/{name}"


def operations(parts: changing.Parts) -> tuple[operation.Operation, ...]:
    """All of these."""
    return (*_reading(), *_changing(parts))


def _reading() -> tuple[operation.Operation, ...]:
    place, nothing, read = operation.Place, operation.Nothing, operation.READ
    pool, source, domain = (
        directory_shapes.PoolShape,
        directory_shapes.SourceShape,
        directory_shapes.DomainShape,
    )
    return (
        operation.asking(
            place("GET", "/v1/pools", "listPools", "List the Pools with their Sources."),
            read,
            nothing,
            operation.Page[directory_shapes.PoolShape],
            _lists(directory_shapes.pools),
        ),
        operation.asking(
            place("GET", "/v1/sources", "listSources", "List the Sources, also disabled ones."),
            read,
            nothing,
            operation.Page[directory_shapes.SourceShape],
            _lists(directory_shapes.sources),
        ),
        operation.asking(
            place("GET", "/v1/domains", "listDomains", "List the sender domains."),
            read,
            nothing,
            operation.Page[directory_shapes.DomainShape],
            _lists(directory_shapes.domains),
        ),
        operation.asking(
            place("GET", _POOL, "getPool", "Show one Pool."), read, nothing, pool, _shows(_pool)
        ),
        operation.asking(
            place("GET", _SOURCE, "getSource", "Show one Source."), read, nothing, source, _shows(_source)
        ),
        operation.asking(
            place(
                "GET", _DOMAIN, "getDomain", "Show one sender domain, and whether its return path is proved."
            ),
            read,
            nothing,
            domain,
            _shows(_domain),
        ),
    )


def _changing(parts: changing.Parts) -> tuple[operation.Operation, ...]:
    place, administer = operation.Place, operation.ADMINISTER
    return (
        operation.telling(
            place("PUT", _POOL, "putPool", "Let there be a Pool."),
            administer,
            planning.PoolPlan,
            directory_shapes.PoolShape,
            _puts(parts, _of_account, planning.pool_entry, _pool),
        ),
        operation.telling(
            place(
                "PUT",
                _SOURCE,
                "putSource",
                "Make a Source what the body says; disabled: no new mail is given to it.",
            ),
            administer,
            planning.SourcePlan,
            directory_shapes.SourceShape,
            _puts(parts, lambda call, one: one.name == call.path["name"], _with_password, _source),
        ),
        operation.telling(
            place("PUT", _DOMAIN, "putDomain", "Let an account send from a domain, or change how."),
            administer,
            planning.DomainPlan,
            directory_shapes.DomainShape,
            _puts(parts, _of_account, planning.domain_entry, _domain),
        ),
    )


Shape = Callable[[operation.Call, directories.Directory], S | None]


def _lists(
    shapes: Callable[[directories.Directory], list[S]],
) -> Callable[[operation.Call, operation.Nothing], Awaitable[operation.Answer[operation.Page[S]]]]:
    async def run(call: operation.Call, _: operation.Nothing) -> operation.Answer[operation.Page[S]]:
        return operation.Answer(operation.Page(shapes(call.known), None))

    return run


def _shows(
    shape: "Shape[S]",
) -> Callable[[operation.Call, operation.Nothing], Awaitable[operation.Answer[S]]]:
    async def run(call: operation.Call, _: operation.Nothing) -> operation.Answer[S]:
        return _answer(shape(call, call.known))

    return run


def _answer(found: S | None) -> operation.Answer[S]:
    if found is None:
        raise problem.problem(404, "there is nothing of this name")
    return operation.Answer(found, etag=operation.etag_of(found))


def _puts(
    parts: changing.Parts,
    same: Callable[[operation.Call, P], bool],
    entry: Callable[[P, directories.Directory], directories.Change],
    shape: "Shape[S]",
) -> Callable[[operation.Call, P], Awaitable[operation.Answer[S]]]:
    """same: whether path and body mean the same. entry: what to write. shape: what is there."""

    async def run(call: operation.Call, wanted: P) -> operation.Answer[S]:
        if not same(call, wanted):
            raise problem.bad_input([problem.Place("name", "is another one than that of the path")])

        def decide(known: directories.Directory) -> Sequence[directories.Change]:
            old = shape(call, known)
            call.match(operation.etag_of(old) if old is not None else "")
            new = entry(wanted, known)
            return [] if new.id and new in planning.all_entries(known) else [new]

        return _answer(shape(call, (await changing.change(parts, call, decide)).known))

    return run


def _of_account(call: operation.Call, one: planning.PoolPlan | planning.DomainPlan) -> bool:
    return (one.account, one.name) == (call.path["account"], call.path["name"])


def _with_password(wanted: planning.SourcePlan, known: directories.Directory) -> directories.Source:
    new = planning.source_entry(wanted, known)
    old = planning.find(known.sources, wanted.name)
    if old is None or wanted.password or (old.host, old.username) != (new.host, new.username):
        return new
    return msgspec.structs.replace(new, password=old.password)


def _pool(call: operation.Call, known: directories.Directory) -> directory_shapes.PoolShape | None:
    return next(
        (
            one
            for one in directory_shapes.pools(known)
            if (one.account, one.name) == (call.path["account"], call.path["name"])
        ),
        None,
    )


def _source(call: operation.Call, known: directories.Directory) -> directory_shapes.SourceShape | None:
    return next((one for one in directory_shapes.sources(known) if one.name == call.path["name"]), None)


def _domain(call: operation.Call, known: directories.Directory) -> directory_shapes.DomainShape | None:
    return next(
        (
            one
            for one in directory_shapes.domains(known)
            if (one.account, one.domain) == (call.path["account"], call.path["name"].lower())
        ),
        None,
    )
