"""``gatepost suppress import``, ``export`` and ``undo``: many entries at once.

Guarantees: a line that cannot be read is named with its place and hinders no other; what is in force and lasts as long is
left as it is, with its evidence; nothing is undone without a condition that names it, nor before somebody said ``--yes``.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import context, show
from gatepost.store import shapes

if TYPE_CHECKING:
    from collections import Counter

    from gatepost.console import lines, undoing, wishes
    from gatepost.store import filters

_SHOWN = 20  # kinds of entries that a look at an undo names


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
    from gatepost.console import undoing
    from gatepost.store import filters

    start = show.moment_of(since, "--since", context.now_ms()) if since else 0
    found = context.run(
        _undo(undoing.checked(filters.parse(where, filters.SUPPRESSIONS)), start, config, yes=yes)
    )
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
    from gatepost.console import lines

    sums = Sums()
    with _opened(file) as source:
        async with context.operated(context.load(config)) as (store, operator):
            now = context.now_ms()
            name = "standard input" if file == "-" else file
            found = lines.rows(source, name, wish, await store.directory(), now)

            async def write(entries: lines.Entries) -> list[bool]:
                return await operator.suppress(entries, context.actor(), keep=True)

            async for done in lines.take(found, store, write, now):
                _count(done, sums, name)
    return sums


def _count(done: "lines.Done", sums: Sums, name: str) -> None:
    match done.result:
        case "added":
            sums.added += 1
        case "there":
            sums.there += 1
        case "unreadable":
            sums.unreadable += 1
            print(f"gatepost: {name}:{done.row}: {done.problem}", file=sys.stderr)


def _opened(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise errors.BadInput(file, f"cannot be read: {error.strerror}") from None


async def _export(where: "filters.Where", config: Path) -> int:
    from gatepost.console import wishes

    async with context.opened(context.load(config)) as store:
        names = shapes.Names(await store.directory())
        async for _, entry in wishes.pages(store, where):
            show.json_line(shapes.suppression(entry, names))
    return 0


async def _undo(where: "filters.Where", start: int, config: Path, *, yes: bool) -> "Counter[undoing.Kind]":
    from gatepost.console import undoing

    async with context.operated(context.load(config)) as (store, operator):
        names = shapes.Names(await store.directory())
        if not yes:
            return await undoing.count(store, where, start, names)
        return await undoing.undo(
            store, where, start, names, lambda batch: operator.release(batch, context.actor(), exact=True)
        )
