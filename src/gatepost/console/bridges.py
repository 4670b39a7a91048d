"""Bridges: ``/v1/bridges``. A Bridge's own key sees that Bridge alone."""

from typing import Literal

import msgspec

from gatepost.console import changing, operation, planning
from gatepost.model import directory as directories
from gatepost.net import problem
from gatepost.store import credentials, directory_shapes, shapes


class NewBridge(msgspec.Struct, frozen=True):
    """A Bridge with its secrets, which are shown only now."""

    password: str
    api_key: str
    bridge: directory_shapes.BridgeShape


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which secrets shall be new: the SMTP password, the API key, or both."""

    what: Literal["both", "password", "key"] = "both"


class Rotated(msgspec.Struct, frozen=True):
    """The new secrets; null for one that stays."""

    password: str | None
    api_key: str | None


def operations(parts: changing.Parts) -> tuple[operation.Operation, ...]:
    """All of these."""
    made = _Bridges(parts)
    place = operation.Place
    one = "/v1/bridges/{account}/{name}"
    shape = directory_shapes.BridgeShape
    return (
        operation.asking(
            place("GET", "/v1/bridges", "listBridges", "List the Bridges, also revoked ones."),
            operation.OWN,
            operation.Nothing,
            operation.Page[directory_shapes.BridgeShape],
            _list,
        ),
        operation.telling(
            place("POST", "/v1/bridges", "createBridge", "Add a Bridge and show its secrets once."),
            operation.ADMINISTER,
            planning.BridgePlan,
            NewBridge,
            made.create,
            201,
        ),
        operation.asking(
            place("GET", one, "getBridge", "Show one Bridge."),
            operation.OWN,
            operation.Nothing,
            shape,
            _get,
        ),
        operation.telling(
            place("PUT", one, "changeBridge", "Make a Bridge what the body says; If-Match holds it fast."),
            operation.ADMINISTER,
            planning.BridgePlan,
            shape,
            made.change,
        ),
        operation.asking(
            place("DELETE", one, "revokeBridge", "End a Bridge. Mail that it handed in is still delivered."),
            operation.ADMINISTER,
            operation.Nothing,
            shape,
            made.revoke,
        ),
        operation.telling(
            place("POST", f"{one}/rotate", "rotateBridge", "Give a Bridge new secrets and show them once."),
            operation.ADMINISTER,
            Rotation,
            Rotated,
            made.rotate,
            201,
        ),
    )


async def _list(
    call: operation.Call, _: operation.Nothing
) -> operation.Answer[operation.Page[directory_shapes.BridgeShape]]:
    own = call.caller.bridge
    names = shapes.Names(call.known)
    found = [
        directory_shapes.bridge(one, names) for one in call.known.bridges if own is None or one.id == own.id
    ]
    return operation.Answer(operation.Page(found, None))


async def _get(call: operation.Call, _: operation.Nothing) -> operation.Answer[directory_shapes.BridgeShape]:
    return _answer(_named(call, call.known), call.known)


def _named(call: operation.Call, known: directories.Directory) -> directories.Bridge:
    owners = {one.id for one in known.accounts if one.name == call.path["account"]}
    own = call.caller.bridge
    for one in known.bridges:
        if one.account in owners and one.name == call.path["name"] and (own is None or own.id == one.id):
            return one
    raise problem.problem(404, "there is no such Bridge")


def _answer(
    one: directories.Bridge, known: directories.Directory
) -> operation.Answer[directory_shapes.BridgeShape]:
    shape = directory_shapes.bridge(one, shapes.Names(known))
    return operation.Answer(shape, etag=operation.etag_of(shape))


class _Bridges:
    def __init__(self, parts: changing.Parts) -> None:
        self._p = parts

    async def create(self, call: operation.Call, wanted: planning.BridgePlan) -> operation.Answer[NewBridge]:
        operation.checked_name(wanted.name)
        draw = changing.drawer(self._p, call)
        path = {"account": wanted.account, "name": wanted.name}
        there = msgspec.structs.replace(call, path=path)

        def decide(known: directories.Directory) -> list[directories.Change]:
            account = planning.account_of(wanted.account, known).id
            if planning.find((one for one in known.bridges if one.account == account), wanted.name):
                raise problem.problem(409, "a Bridge of this name is there already, perhaps a revoked one")
            return [planning.Maker(self._p.pepper, self._p.clock.now_ms(), draw).bridge(wanted, known)]

        known = (await changing.change(self._p, call, decide)).known
        shape = directory_shapes.bridge(_named(there, known), shapes.Names(known))
        secrets = NewBridge(draw("password"), credentials.KEY_PREFIX + draw("key"), shape)
        location = f"/v1/bridges/{wanted.account}/{wanted.name}"
        return operation.Answer(secrets, 201, operation.etag_of(shape), location)

    async def change(
        self, call: operation.Call, wanted: planning.BridgePlan
    ) -> operation.Answer[directory_shapes.BridgeShape]:
        if (wanted.account, wanted.name) != (call.path["account"], call.path["name"]):
            raise problem.bad_input([problem.Place("name", "is another Bridge than that of the path")])

        def decide(known: directories.Directory) -> list[directories.Change]:
            old = _named(call, known)
            call.match(operation.etag_of(directory_shapes.bridge(old, shapes.Names(known))))
            new = planning.Maker(self._p.pepper, self._p.clock.now_ms()).bridge(wanted, known)
            return [] if new == old else [new]

        known = (await changing.change(self._p, call, decide)).known
        return _answer(_named(call, known), known)

    async def revoke(
        self, call: operation.Call, _: operation.Nothing
    ) -> operation.Answer[directory_shapes.BridgeShape]:
        def decide(known: directories.Directory) -> list[directories.Change]:
            old = _named(call, known)
            call.match(operation.etag_of(directory_shapes.bridge(old, shapes.Names(known))))
            if old.revoked_at:
                return []
            return [msgspec.structs.replace(old, revoked_at=self._p.clock.now_ms())]

        known = (await changing.change(self._p, call, decide)).known
        return _answer(_named(call, known), known)

    async def rotate(self, call: operation.Call, wanted: Rotation) -> operation.Answer[Rotated]:
        draw = changing.drawer(self._p, call)
        password = draw("password") if wanted.what != "key" else None
        key = credentials.KEY_PREFIX + draw("key") if wanted.what != "password" else None

        def decide(known: directories.Directory) -> list[directories.Change]:
            old = _named(call, known)
            return [planning.with_secrets(old, self._p.pepper, password, key)]

        await changing.change(self._p, call, decide)
        return operation.Answer(Rotated(password, key), 201)
