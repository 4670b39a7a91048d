"""Changes to the Directory as the API makes them: decided on what is there, written only if that is still so, once.

Guarantees: two people who edit the same thing do not overwrite each other unseen; a request that is repeated under its
Idempotency-Key changes nothing, also when both come at the same time.
"""

from collections.abc import Callable, Sequence

import msgspec

from gatepost import clock as clocks
from gatepost import errors
from gatepost.console import operation
from gatepost.model import directory as directories
from gatepost.net import problem
from gatepost.store import credentials, port

_TRIES = 5

Decide = Callable[[directories.Directory], Sequence[directories.Change]]


class Parts(msgspec.Struct, frozen=True):
    """What the operations work with. pepper: under which secrets are kept. refresh: called when the Directory was changed."""

    store: port.Store
    pepper: bytes
    clock: clocks.Clock
    refresh: Callable[[directories.Directory], None]


class Changed(msgspec.Struct, frozen=True):
    """The Directory afterwards. again: the request had been made before, and nothing was done now."""

    known: directories.Directory
    again: bool = False


async def change(parts: Parts, call: operation.Call, decide: Decide) -> Changed:
    """Make a change. ``decide`` says what to write, on the newest Directory. Raises Problem, BadInput, Outdated."""
    once = call.once
    for _ in range(_TRIES):
        known = await parts.store.directory()
        if once is not None:
            digest = await parts.store.done_once(once.owner, once.key)
            if digest is not None and digest != once.digest:
                raise problem.bad_input([problem.Place("Idempotency-Key", "was used with another request")])
            if digest is not None:
                return Changed(known, again=True)
        wanted = decide(known)
        if not wanted:
            return Changed(known)
        try:
            after = await parts.store.change_directory(wanted, call.actor, version=known.version, once=once)
        except errors.Outdated:
            continue
        parts.refresh(after)
        return Changed(after)
    raise errors.Outdated("the Directory is changed too often")


def drawer(parts: Parts, call: operation.Call) -> Callable[[str], str]:
    """What makes the secrets of a request: the same ones when it is repeated under its Idempotency-Key."""
    once = call.once
    if once is None:
        return lambda _: credentials.new_secret()
    about = f"{once.owner}\0{once.key}\0".encode() + once.digest
    return lambda word: credentials.derived_secret(parts.pepper, about + word.encode())
