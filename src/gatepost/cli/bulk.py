"""``gatepost suppress import``, ``export`` and ``undo``: many entries at once.

Guarantees: a line that cannot be read is named with its place and hinders no other; what is in force and lasts as long is
left as it is, with its evidence; nothing is undone without a condition that names it, nor before somebody said ``--yes``.
"""

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import context, show
from gatepost.store import shapes

if TYPE_CHECKING:
    from gatepost.console import wishes
    from gatepost.model import directory as directories
    from gatepost.model import suppression as suppressions
    from gatepost.store import filters, port

_BATCH = 500
_LONGEST_LINE = 64 * 1024
_HEADS = ("target", "address", "email", "e-mail", "mail", "recipient")  # of the column with the address
_SHOWN = 20  # kinds of entries that a look at an undo names


class Line(msgspec.Struct):
    """One entry as a file gives it; what a file may say beside is not read."""

    target: str
    scope: str | None = None
    reason: str | None = None
    note: str | None = None
    expires_at: str | None = None


class Sums(msgspec.Struct):
    """What became of a file."""

    added: int = 0
    there: int = 0
    unreadable: int = 0


def import_(
    file: Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True)] = "-",
    /,
    *,
    scope: str = "account",
    reason: str = "import",
    note: str = "",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Add the entries of a file: one address a line, CSV with a heading (address or email), or what export writes.

    Status 1 when a line could not be read; all others are added.

    Parameters
    ----------
    file
        The file; - for standard input.
    scope
        For whom, where a line does not say: instance, account:NAME, bridge:NAME or list:NAME.
    reason
        One word, for filters, where a line does not say.
    note
        For people.
    """
    from gatepost.console import wishes

    wish = wishes.Wish((), scope, reason, note)
    sums = context.run(_import(file, wish, config))
    if json:
        show.json_line(sums)
    else:
        show.line(f"{sums.added} added, {sums.there} were there, {sums.unreadable} lines could not be read")
    return 1 if sums.unreadable else 0


def export_(*, where: context.Wheres = (), config: context.Config = context.DEFAULT) -> int:
    """Write the entries as JSON lines, which import reads."""
    from gatepost.store import filters

    return context.run(_export(filters.parse(where, filters.SUPPRESSIONS), config))


def undo_(
    *,
    where: context.Wheres = (),
    since: str = "",
    yes: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Delete all entries that match, for example those of one rule or incident; without --yes, say which they are.

    Parameters
    ----------
    since
        Only those made since then: a time like 2026-05-04T12:00:00Z, or how long ago, like 2h.
    yes
        Do it.
    """
    from gatepost.store import filters

    if not where:
        raise errors.BadInput("undo", "name what to undo: --where rule=… or incident=… or reason=…")
    start = show.moment_of(since, "--since", context.now_ms()) if since else 0
    found = context.run(_undo(filters.parse(where, filters.SUPPRESSIONS), start, config, yes=yes))
    total = found.total()
    for (reason, rule, scope), count in found.most_common(_SHOWN):
        if json:
            show.json_line({"reason": reason, "rule": rule, "scope": scope, "count": count, "undone": yes})
        else:
            show.line(f"{count:>8}  {reason or '-'}  {rule or '-'}  {scope}")
    if not json:
        said = "were deleted" if yes else "would be deleted: say --yes to do it"
        show.line(f"{total} entries {said}")
    return 0


async def _import(file: str, wish: "wishes.Wish", config: Path) -> Sums:
    sums = Sums()
    with _opened(file) as source:
        async with context.operated(context.load(config)) as (store, operator):
            known = await store.directory()
            entries = _entries(source, "standard input" if file == "-" else file, wish, known, sums)
            for batch in _batches(entries):
                fresh = await _missing(store, batch)
                sums.there += len(batch) - len(fresh)
                if fresh:
                    await operator.suppress(fresh, context.actor())
                    sums.added += len(fresh)
    return sums


def _opened(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise errors.BadInput(file, f"cannot be read: {error.strerror}") from None


def _entries(
    source: BinaryIO, name: str, wish: "wishes.Wish", known: "directories.Directory", sums: Sums
) -> "Iterator[suppressions.Suppression]":
    """The entries of the lines that can be read; of the others each is told."""
    heading: list[str] | None = None
    for number, raw in enumerate(iter(lambda: source.readline(_LONGEST_LINE), b""), 1):
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape").strip()
        if not text:
            continue
        if number == 1 and (heading := _heading(text)) is not None:
            continue
        try:
            yield _entry(_line(text, heading), wish, known)
        except (errors.BadInput, msgspec.MsgspecError, csv.Error) as error:
            sums.unreadable += 1
            print(f"gatepost: {name}:{number}: {show.escaped(str(error).encode())}", file=sys.stderr)


def _heading(text: str) -> list[str] | None:
    """The names of a CSV file's columns, if this is its first line."""
    names = [name.strip().lower() for name in next(csv.reader(io.StringIO(text)))]
    return names if any(name in _HEADS for name in names) else None


def _line(text: str, heading: list[str] | None) -> Line:
    if heading is not None:
        cells = dict(zip(heading, next(csv.reader(io.StringIO(text))), strict=False))
        target = next((cells[name].strip() for name in _HEADS if name in cells), "")
        return Line(target, reason=_word(cells.get("reason")), note=cells.get("note"))
    if text.startswith("{"):
        return msgspec.json.decode(text.encode("utf-8", "surrogateescape"), type=Line)
    return Line(text)


def _word(text: str | None) -> str | None:
    """One word of what other systems write at length."""
    return "-".join(text.lower().split()) if text else None


def _entry(line: Line, wish: "wishes.Wish", known: "directories.Directory") -> "suppressions.Suppression":
    from gatepost.console import wishes

    expires = 0
    if line.expires_at:
        now = context.now_ms()
        expires = max(1, show.moment_of(line.expires_at, "expires_at", now) - now)
    wanted = wishes.Wish(
        (), line.scope or wish.scope, line.reason or wish.reason, line.note or wish.note, expires
    )
    return wishes.entry_of(line.target, wanted, known, context.now_ms())


def _batches(
    entries: "Iterable[suppressions.Suppression]",
) -> "Iterator[list[suppressions.Suppression]]":
    """In groups, in which each identity is there once: the last one counts."""
    batch: dict[tuple[int, str, int, int, str], suppressions.Suppression] = {}
    for entry in entries:
        batch[entry.identity] = entry
        if len(batch) >= _BATCH:
            yield list(batch.values())
            batch = {}
    if batch:
        yield list(batch.values())


async def _missing(
    store: "port.Store", batch: "list[suppressions.Suppression]"
) -> "list[suppressions.Suppression]":
    """Those that nothing of the same identity stands for already, and for as long."""
    from gatepost.model import suppression as suppressions
    from gatepost.policy import suppress
    from gatepost.store import port

    now = context.now_ms()
    address = suppressions.Kind.ADDRESS
    lookups = [
        port.Lookup(
            entry.target if entry.kind is address else "",
            entry.target.rpartition("@")[2],
            suppressions.Sender(entry.account, entry.bridge, entry.list),
        )
        for entry in batch
    ]
    found = await store.standing(lookups)
    return [
        entry
        for entry, standing in zip(batch, found, strict=True)
        if standing.entry is None
        or standing.entry.identity != entry.identity
        or not suppress.outlasts(standing.entry, entry, now)
    ]


async def _export(where: "filters.Where", config: Path) -> int:
    from gatepost.console import wishes

    async with context.opened(context.load(config)) as store:
        names = shapes.Names(await store.directory())
        async for _, entry in wishes.pages(store, where):
            show.json_line(shapes.suppression(entry, names))
    return 0


async def _undo(
    where: "filters.Where", start: int, config: Path, *, yes: bool
) -> Counter[tuple[str, str, str]]:
    from gatepost.console import wishes

    counted: Counter[tuple[str, str, str]] = Counter()
    async with context.operated(context.load(config)) as (store, operator):
        names = shapes.Names(await store.directory())
        batch: list[suppressions.Suppression] = []
        async for _, entry in wishes.pages(store, where):
            if entry.created_at < start:
                continue
            counted[entry.reason, entry.rule, shapes.scope(entry, names)] += 1
            batch.append(entry)
            if yes and len(batch) >= _BATCH:
                await operator.release(batch, context.actor())
                batch = []
        if yes and batch:
            await operator.release(batch, context.actor())
    return counted
