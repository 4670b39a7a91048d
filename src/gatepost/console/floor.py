"""Who is not written to: ``/v1/suppressions``. A Bridge's own key sees and changes the entries of its own scope."""

from typing import Annotated

import msgspec

from gatepost import errors
from gatepost.console import changing, operation, planning, wishes
from gatepost.model import directory as directories
from gatepost.model import moment as moments
from gatepost.model import suppression as suppressions
from gatepost.net import problem
from gatepost.store import filters, port, shapes

MOST = 1000  # targets in one request


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who shall not be written to: ``ann@example.org``, ``@example.org`` (the domain), ``@.example.org`` (and all under it).

    scope: ``instance``, ``account:NAME``, ``bridge:NAME`` or ``list:NAME``; empty: the instance, or the Bridge whose key it
    is. expires: after how long it ends, like ``90d``; empty: never.
    """

    targets: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST)]
    scope: str = ""
    reason: str = "manual"
    note: str = ""
    expires: str = ""


class Unwanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who shall be written to again."""

    targets: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST)]
    scope: str = ""


class Changed(msgspec.Struct, frozen=True):
    """What became of one target. changed: whether it was not so before."""

    target: str
    scope: str
    changed: bool


class CheckQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether mail to an address (or ``@domain``) is blocked. bridge: only as this one sends. list: of this list."""

    target: str
    bridge: str = ""
    list: str = ""


class Against(msgspec.Struct, frozen=True):
    """What stands against a target. entries: the most specific one for each Bridge; of a Bridge's own key, those it caused."""

    target: str
    suppressed: bool
    entries: list[shapes.SuppressionShape]


def operations(parts: changing.Parts) -> tuple[operation.Operation, ...]:
    """All of these."""
    made = _Floor(parts)
    place = operation.Place
    return (
        operation.asking(
            place(
                "GET",
                "/v1/suppressions",
                "listSuppressions",
                "List the entries, in the order they were made.",
            ),
            operation.OWN,
            operation.Paging,
            operation.Page[shapes.SuppressionShape],
            made.listed,
            filters.SUPPRESSIONS,
        ),
        operation.telling(
            place(
                "POST",
                "/v1/suppressions",
                "suppress",
                "Do not write to these any more. A repeat changes nothing.",
            ),
            operation.OPERATE_OWN,
            Wanted,
            list[Changed],
            made.add,
        ),
        operation.telling(
            place("POST", "/v1/suppressions/remove", "unsuppress", "Write to these again."),
            operation.OPERATE_OWN,
            Unwanted,
            list[Changed],
            made.remove,
        ),
        operation.asking(
            place(
                "GET",
                "/v1/suppressions/check",
                "checkSuppression",
                "Say whether mail to a target is blocked, and why.",
            ),
            operation.OWN,
            CheckQuery,
            Against,
            made.check,
        ),
    )


class _Floor:
    def __init__(self, parts: changing.Parts) -> None:
        self._p = parts

    async def listed(
        self, call: operation.Call, query: operation.Paging
    ) -> operation.Answer[operation.Page[shapes.SuppressionShape]]:
        where = operation.where_of(call)
        found = await self._p.store.suppressions(where, query.cursor, query.limit)
        names = shapes.Names(call.known)
        items = [shapes.suppression(one, names) for _, one in found]
        following = str(found[-1][0]) if len(found) == query.limit else None
        return operation.Answer(operation.Page(items, following))

    async def add(self, call: operation.Call, wanted: Wanted) -> operation.Answer[list[Changed]]:
        lasts = moments.seconds_of(wanted.expires, "expires") * 1000 if wanted.expires else 0
        wish = wishes.Wish((), _scope(call, wanted.scope), wanted.reason, wanted.note, lasts)
        entries = self._entries(wanted.targets, wish, call)
        return self._told(call, entries, await self._p.store.suppress(entries, call.actor))

    async def remove(self, call: operation.Call, unwanted: Unwanted) -> operation.Answer[list[Changed]]:
        wish = wishes.Wish((), _scope(call, unwanted.scope))
        entries = self._entries(unwanted.targets, wish, call)
        return self._told(call, entries, await self._p.store.release(entries, call.actor))

    async def check(self, call: operation.Call, asked: CheckQuery) -> operation.Answer[Against]:
        kind, target = wishes.target_of(asked.target)
        own = call.caller.bridge
        if kind is suppressions.Kind.NETWORK:
            held = suppressions.Networks(await self._p.store.networks()).against(target)
            named = (
                [shapes.suppression(held, shapes.Names(call.known))]
                if held is not None and own is None
                else []
            )
            return operation.Answer(Against(asked.target, held is not None, named))
        senders = _senders(call, asked.bridge)
        key = target if kind is suppressions.Kind.ADDRESS else ""
        who = [suppressions.Sender(one.account, one.id, asked.list) for one in senders]
        if own is None and not asked.bridge:
            who.append(suppressions.Sender(0, 0))  # what blocks nobody's mail blocks everyone's
        domain = target.rpartition("@")[2]
        standing = await self._p.store.standing([port.Lookup(key, domain, sender) for sender in who])
        found = {one.entry.identity: one.entry for one in standing if one.entry is not None}
        names = shapes.Names(call.known)
        told = [
            shapes.suppression(one, names)
            for one in found.values()
            if own is None or one.bridge == own.id  # why others are not written to is theirs
        ]
        return operation.Answer(Against(asked.target, bool(found), told))

    def _entries(
        self, targets: list[str], wish: wishes.Wish, call: operation.Call
    ) -> list[suppressions.Suppression]:
        """The entries. Raises Problem with every target that is none."""
        found: dict[tuple[int, str, int, int, str], suppressions.Suppression] = {}
        bad: list[problem.Place] = []
        now = self._p.clock.now_ms()
        for index, text in enumerate(targets):
            try:
                entry = wishes.entry_of(text, wish, call.known, now)
                found[entry.identity] = entry
            except errors.BadInput as error:
                place = error.place if error.place in {"scope", "account", "bridge"} else f"targets[{index}]"
                bad.append(problem.Place(place, error.problem))
        if bad:
            raise problem.bad_input(bad)
        return list(found.values())

    def _told(
        self, call: operation.Call, entries: list[suppressions.Suppression], done: list[bool]
    ) -> operation.Answer[list[Changed]]:
        names = shapes.Names(call.known)
        return operation.Answer(
            [
                Changed(shapes.target(entry), shapes.scope(entry, names), changed)
                for entry, changed in zip(entries, done, strict=True)
            ]
        )


def _scope(call: operation.Call, given: str) -> str:
    """The scope that is meant. Raises Problem for one that a Bridge's own key may not change."""
    own = call.caller.bridge
    if own is None:
        return given or "instance"
    account = next(one.name for one in call.known.accounts if one.id == own.account)
    if given not in {"", f"bridge:{own.name}", f"bridge:{account}/{own.name}"}:
        raise problem.problem(403, "a Bridge's own key changes entries of its own scope alone")
    return f"bridge:{account}/{own.name}"


def _senders(call: operation.Call, bridge: str) -> list[directories.Bridge]:
    own = call.caller.bridge
    named = planning.bridge_of(bridge, call.known) if bridge else None
    if own is not None:
        if named is not None and named.id != own.id:
            raise problem.problem(404, "there is no such Bridge")
        return [own]
    if named is not None:
        return [named]
    return [one for one in call.known.bridges if not one.revoked_at]
