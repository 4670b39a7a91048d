"""Keys to the API: ``/v1/keys``, and who a key is: ``/v1/me``."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from gatepost.console import changing, operation, planning
from gatepost.model import directory as directories
from gatepost.net import problem
from gatepost.store import credentials, directory_shapes

RoleWord = Literal["read", "operator", "admin"]


class Me(msgspec.Struct, frozen=True):
    """Whose key it is. role: null for a Bridge's own."""

    name: str
    role: str | None
    account: str | None
    bridge: str | None


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that is wanted. networks: where it may be used from, like ``192.0.2.0/24``; empty: anywhere."""

    name: operation.Name
    role: RoleWord = "read"
    networks: tuple[str, ...] = ()


class Shown(msgspec.Struct, frozen=True):
    """A new key, which is shown only now."""

    api_key: str
    key: directory_shapes.ApiKeyShape


def operations(parts: changing.Parts) -> tuple[operation.Operation, ...]:
    """All of these."""
    keys = _Keys(parts)
    place = operation.Place
    return (
        operation.asking(
            place("GET", "/v1/me", "getMe", "Say whose key this is."),
            operation.OWN,
            operation.Nothing,
            Me,
            _me,
        ),
        operation.asking(
            place("GET", "/v1/keys", "listKeys", "List the keys, also revoked ones."),
            operation.ADMINISTER,
            operation.Nothing,
            operation.Page[directory_shapes.ApiKeyShape],
            _list,
        ),
        operation.telling(
            place("POST", "/v1/keys", "createKey", "Make a key and show it once."),
            operation.ADMINISTER,
            NewKey,
            Shown,
            keys.create,
            201,
        ),
        operation.asking(
            place("GET", "/v1/keys/{name}", "getKey", "Show one key."),
            operation.ADMINISTER,
            operation.Nothing,
            directory_shapes.ApiKeyShape,
            _get,
        ),
        operation.asking(
            place("DELETE", "/v1/keys/{name}", "revokeKey", "End a key: it opens nothing any more."),
            operation.ADMINISTER,
            operation.Nothing,
            directory_shapes.ApiKeyShape,
            keys.revoke,
        ),
    )


def new_key(wanted: NewKey, mac: bytes, now_ms: int) -> directories.ApiKey:
    """The entry for a key that is wanted. Raises BadInput."""
    return directories.ApiKey(
        0,
        wanted.name,
        directories.Role[wanted.role.upper()],
        mac,
        planning.networks_of(wanted.networks, "networks"),
        now_ms,
    )


def revoked(name: str, keys: Sequence[directories.ApiKey], now_ms: int) -> list[directories.ApiKey]:
    """What ends the key of that name; nothing where it is ended."""
    found = planning.find(keys, name)
    if found is None or found.revoked_at:
        return []
    return [msgspec.structs.replace(found, revoked_at=now_ms)]


async def _me(call: operation.Call, _: operation.Nothing) -> operation.Answer[Me]:
    caller = call.caller
    if caller.bridge is None:
        return operation.Answer(Me(caller.name, caller.role.word, None, None))
    owner = next((one.name for one in call.known.accounts if one.id == caller.bridge.account), None)
    return operation.Answer(Me(caller.name, None, owner, caller.bridge.name))


async def _list(
    call: operation.Call, _: operation.Nothing
) -> operation.Answer[operation.Page[directory_shapes.ApiKeyShape]]:
    found = [directory_shapes.api_key(one) for one in call.known.api_keys]
    return operation.Answer(operation.Page(found, None))


async def _get(call: operation.Call, _: operation.Nothing) -> operation.Answer[directory_shapes.ApiKeyShape]:
    return _answer(_named(call.path["name"], call.known))


def _named(name: str, known: directories.Directory) -> directories.ApiKey:
    found = planning.find(known.api_keys, name)
    if found is None:
        raise problem.problem(404, "there is no such key")
    return found


def _answer(one: directories.ApiKey) -> operation.Answer[directory_shapes.ApiKeyShape]:
    shape = directory_shapes.api_key(one)
    return operation.Answer(shape, etag=operation.etag_of(shape))


class _Keys:
    def __init__(self, parts: changing.Parts) -> None:
        self._p = parts

    async def create(self, call: operation.Call, wanted: NewKey) -> operation.Answer[Shown]:
        secret = credentials.KEY_PREFIX + changing.drawer(self._p, call)("key")
        mac = credentials.mac(self._p.pepper, secret)

        def decide(known: directories.Directory) -> list[directories.Change]:
            if planning.find(known.api_keys, wanted.name) is not None:
                raise problem.problem(409, "a key of this name is there already, perhaps a revoked one")
            return [new_key(wanted, mac, self._p.clock.now_ms())]

        after = (await changing.change(self._p, call, decide)).known
        shape = directory_shapes.api_key(_named(wanted.name, after))
        return operation.Answer(
            Shown(secret, shape), 201, operation.etag_of(shape), f"/v1/keys/{wanted.name}"
        )

    async def revoke(
        self, call: operation.Call, _: operation.Nothing
    ) -> operation.Answer[directory_shapes.ApiKeyShape]:
        name = call.path["name"]

        def decide(known: directories.Directory) -> list[directories.ApiKey]:
            call.match(operation.etag_of(directory_shapes.api_key(_named(name, known))))
            return revoked(name, known.api_keys, self._p.clock.now_ms())

        return _answer(_named(name, (await changing.change(self._p, call, decide)).known))
