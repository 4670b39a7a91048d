"""Suppressions line by line, as other systems and our own export write them: an address, CSV with a heading, or JSON.

Guarantees: a line that cannot be read is told with its number and hinders no other; what is in force and lasts as long is left as
it is, with its evidence.
"""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import BinaryIO, Literal

import msgspec

from gatepost import errors
from gatepost.console import listed, wishes
from gatepost.model import directory as directories
from gatepost.model import moment as moments
from gatepost.model import reply as replies
from gatepost.model import suppression as suppressions
from gatepost.policy import suppress
from gatepost.store import port

_BATCH = 500
_LONGEST_PROBLEM = 500  # characters: it may quote what stands there


class Row(msgspec.Struct, frozen=True):
    """One line that was read, or what is wrong with it. number: from 1."""

    number: int
    entry: suppressions.Suppression | None
    problem: str = ""


class Done(msgspec.Struct, frozen=True):
    """What became of one line. target: null where it could not be read."""

    row: int
    target: str | None
    result: Literal["added", "there", "unreadable"]
    problem: str | None = None


Entries = Sequence[suppressions.Suppression]
Write = Callable[
    [Entries], Awaitable[Sequence[bool]]
]  # keeps what came since the look; whether each was written


def rows(
    source: BinaryIO, name: str, wish: wishes.Wish, known: directories.Directory, now_ms: int
) -> Iterator[Row]:
    """The records of a file. wish: what holds where a line does not say. Raises BadInput for what is no such file."""
    for number, line in listed.read(source, name):
        problem = line.problem if isinstance(line, listed.Unreadable) else ""
        if isinstance(line, listed.Line):
            try:
                yield Row(number, _entry(line, wish, known, now_ms))
            except errors.BadInput as error:
                problem = str(error)
        if problem:
            yield Row(number, None, replies.escaped(problem[:_LONGEST_PROBLEM].encode("utf-8", "replace")))


async def take(found: Iterator[Row], store: port.Store, write: Write, now_ms: int) -> AsyncIterator[Done]:
    """Write the entries, in groups, in which the last line about an identity counts. What became of each line."""
    while chunk := list(itertools.islice(found, _BATCH)):
        entries = {row.entry.identity: row.entry for row in chunk if row.entry is not None}
        fresh = await _missing(store, list(entries.values()), now_ms)
        written = await write(fresh) if fresh else ()
        added = {entry.identity for entry, done in zip(fresh, written, strict=True) if done}
        for row in chunk:
            if row.entry is None:
                yield Done(row.number, None, "unreadable", row.problem)
                continue
            new = row.entry.identity in added
            added.discard(row.entry.identity)
            yield Done(row.number, row.entry.target, "added" if new else "there")


def _entry(
    line: listed.Line, wish: wishes.Wish, known: directories.Directory, now_ms: int
) -> suppressions.Suppression:
    expires = 0
    if line.expires_at:
        expires = max(1, moments.moment_of(line.expires_at, "expires_at", now_ms) - now_ms)
    wanted = wishes.Wish(
        (), line.scope or wish.scope, line.reason or wish.reason, line.note or wish.note, expires
    )
    return wishes.entry_of(line.target, wanted, known, now_ms)


async def _missing(
    store: port.Store, batch: list[suppressions.Suppression], now_ms: int
) -> list[suppressions.Suppression]:
    """Those that nothing of the same identity stands for already, and for as long."""
    address = suppressions.Kind.ADDRESS
    lookups = [
        port.Lookup(
            entry.target if entry.kind is address else "",
            entry.target.rpartition("@")[2],
            suppressions.Sender(entry.account, entry.bridge, entry.list),
        )
        for entry in batch
    ]
    held = {one.identity: one for one in await store.networks()}
    found = [held.get(e.identity, s.entry) for e, s in zip(batch, await store.standing(lookups), strict=True)]
    return [
        entry
        for entry, standing in zip(batch, found, strict=True)
        if standing is None
        or standing.identity != entry.identity
        or not suppress.outlasts(standing, entry, now_ms)
    ]
