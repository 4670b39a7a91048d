"""``gatepost suppress …``: who is not written to.

Guarantees: addresses and domains are read into their normal form; an entry made here is confirmed, unless it expires.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from gatepost import errors
from gatepost.cli import context, show
from gatepost.store import shapes

if TYPE_CHECKING:
    from gatepost.app import operate
    from gatepost.console import wishes
    from gatepost.model import directory as directories
    from gatepost.model import suppression as suppressions
    from gatepost.store import filters, port


class Changed(msgspec.Struct, frozen=True):
    """What became of one target. changed: whether it was not so before."""

    target: str
    scope: str
    changed: bool


class Against(msgspec.Struct, frozen=True):
    """One entry and the Bridges that it blocks."""

    entry: shapes.SuppressionShape
    bridges: Sequence[str]


class Checked(msgspec.Struct, frozen=True):
    """What stands against an address. entries: the most specific one for each Bridge."""

    target: str
    suppressed: bool
    entries: Sequence[Against]


def add_(
    *targets: str,
    scope: str = "instance",
    reason: str = "manual",
    note: str = "",
    expires: str = "",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Do not write to these any more: ann@example.org, @example.org (the domain), @.example.org (and all under it).

    Parameters
    ----------
    targets
        Addresses, @domains, @.domains (and below), or networks of hosts that are not to be connected to (192.0.2.0/24).
    scope
        For whom: instance, account:NAME, bridge:NAME or list:NAME.
    reason
        One word, for filters.
    note
        For people.
    expires
        After how long it ends, like 90d; never without it.
    """
    from gatepost.console import wishes

    lasts = show.seconds_of(expires, "--expires") * 1000 if expires else 0
    return context.run(_change(wishes.Wish(targets, scope, reason, note, lasts), "add", config, json=json))


def remove_(
    *targets: str,
    scope: str = "instance",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Delete the entries about these. Status 1 when one of them was not there.

    Parameters
    ----------
    targets
        Addresses and domains, as with add.
    scope
        Of the entry: instance, account:NAME, bridge:NAME or list:NAME.
    """
    from gatepost.console import wishes

    return context.run(_change(wishes.Wish(targets, scope), "remove", config, json=json))


def check_(
    *targets: str,
    bridge: str = "",
    list: str = "",  # noqa: A002 - the option's name
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Say whether mail to these is blocked, for whom and why.

    Parameters
    ----------
    targets
        Addresses, @domains, or addresses and networks of hosts.
    bridge
        Only as this Bridge sends; all Bridges without it.
    list
        Of this list.
    """
    _some(targets)
    return context.run(_check(targets, bridge, list, config, json=json))


def list_(
    *, where: context.Wheres = (), json: context.Json = False, config: context.Config = context.DEFAULT
) -> int:
    """List the entries, in the order they were made."""
    from gatepost.store import filters

    return context.run(_list(filters.parse(where, filters.SUPPRESSIONS), config, json=json))


async def _change(wish: "wishes.Wish", verb: Literal["add", "remove"], config: Path, *, json: bool) -> int:
    from gatepost.console import wishes

    _some(wish.targets)
    async with context.operated(context.load(config)) as (store, operator):
        known = await store.directory()
        entries = [wishes.entry_of(text, wish, known, context.now_ms()) for text in wish.targets]
        done = await _write(entries, verb, operator)
        names = shapes.Names(known)
    for entry, changed in zip(entries, done, strict=True):
        shape = Changed(shapes.target(entry), shapes.scope(entry, names), changed)
        if json:
            show.json_line(shape)
        else:
            word = {"add": ("replaced", "added"), "remove": ("was not there", "removed")}[verb][changed]
            show.line(f"{shape.target} for {shape.scope}: {word}")
    if verb == "remove" and not all(done):
        print(f"gatepost: {done.count(False)} of {len(done)} were not there", file=sys.stderr)
        return 1
    return 0


async def _write(
    entries: "list[suppressions.Suppression]", verb: str, operator: "operate.Operator"
) -> list[bool]:
    if verb == "add":
        return await operator.suppress(entries, context.actor())
    return await operator.release(entries, context.actor())


def _some(targets: Sequence[str]) -> None:
    if not targets:
        raise errors.BadInput("suppress", "name at least one address, @domain or network")


async def _check(targets: Sequence[str], bridge: str, listed: str, config: Path, *, json: bool) -> int:
    from gatepost.console import planning

    async with context.opened(context.load(config)) as store:
        known = await store.directory()
        senders = (
            [planning.bridge_of(bridge, known)] if bridge else [b for b in known.bridges if not b.revoked_at]
        )
        found = [await _standing(text, senders, listed, known, store) for text in targets]
    for one in found:
        if json:
            show.json_line(one)
        elif not one.suppressed:
            show.line(f"{one.target}: not suppressed")
        else:
            for against in one.entries:
                show.line(f"{one.target}: {_words(against)}")
    return 0


async def _standing(
    text: str,
    senders: "Sequence[directories.Bridge]",
    listed: str,
    known: "directories.Directory",
    store: "port.Store",
) -> Checked:
    from gatepost.console import wishes
    from gatepost.model import suppression as suppressions
    from gatepost.store import port

    kind, target = wishes.target_of(text)
    if kind is suppressions.Kind.NETWORK:
        held = suppressions.Networks(await store.networks()).against(target)
        whole = [Against(shapes.suppression(held, shapes.Names(known)), [])] if held is not None else []
        return Checked(text, bool(whole), whole)
    domain = target.rpartition("@")[2]
    key = target if kind is suppressions.Kind.ADDRESS else ""
    # The last one is nobody's: what blocks it blocks everyone, also where there is no Bridge yet.
    asked = [suppressions.Sender(one.account, one.id, listed) for one in senders]
    asked.append(suppressions.Sender(0, 0))
    standing = await store.standing([port.Lookup(key, domain, sender) for sender in asked])
    blocked: dict[tuple[int, str, int, int, str], tuple[suppressions.Suppression, list[str]]] = {}
    for place, one in enumerate(standing):
        if one.entry is not None:
            who = blocked.setdefault(one.entry.identity, (one.entry, []))[1]
            who += [bridge.name for bridge in senders[place : place + 1]]
    names = shapes.Names(known)
    entries = [Against(shapes.suppression(entry, names), who) for entry, who in blocked.values()]
    return Checked(text, bool(entries), entries)


def _words(against: Against) -> str:
    entry = against.entry
    until = f"until {entry.expires_at}" if entry.expires_at else "without end"
    cause = f"{entry.reason} ({entry.category})" if entry.category else entry.reason
    words = f"suppressed by {entry.target} for {entry.scope}, {entry.state}, {cause}, since {entry.created_at}, {until}"
    said = f"; {entry.note}" if entry.note else ""
    reply = f"; {entry.reply}" if entry.reply else ""
    return f"{words}{said}{reply}".replace("\n", " / ")


async def _list(where: "filters.Where", config: Path, *, json: bool) -> int:
    from gatepost.console import wishes

    async with context.opened(context.load(config)) as store:
        names = shapes.Names(await store.directory())
        async for _, found in wishes.pages(store, where):
            one = shapes.suppression(found, names)
            if json:
                show.json_line(one)
                continue
            until = one.expires_at or "-"
            words = (one.created_at, until, one.state, one.scope, one.target, one.reason, one.category)
            show.line(" ".join(word for word in words if word))
    return 0
