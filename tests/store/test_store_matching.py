"""Conditions in memory mean what they mean in the store's query; and what is read in windows is what there is."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import ids
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts
from gatepost.store import filters, matching, port, shapes, windows
from gatepost.store.sqlite import open_store

ONE = events.Event(
    at=1,
    state=events.State.BOUNCED,
    message=4096,
    delivery=4097,
    attempt=2,
    account=1,
    bridge=1,
    pool=1,
    source=1,
    node=1,
    local_ip="192.0.2.1",
    ehlo="gw.test",
    provider="google",
    domain="x.test",
    peer_host="mx.x.test",
    peer_ip="192.0.2.9",
    sender_domain="shop.test",
    list="news",
    campaign="spring",
    tags="a,b",
    recipient="ann@x.test",
    outcome=verdicts.Outcome.HARD,
    category="recipient.unknown",
    fault=verdicts.Fault.RECIPIENT,
    action=events.Action.SUPPRESS,
    stage=replies.Stage.RCPT,
    code=550,
    enhanced="5.1.1",
    rule="general.unknown",
    tls="TLSv1.3",
    scope="account:1",
)
OTHERS = (
    events.Event(at=2, state=events.State.RECEIVED, message=4096, bridge=2),
    events.Event(at=3, state=events.State.CHANGED),
    msgspec.structs.replace(ONE, state=events.State.DEFERRED, bridge=2, tags="a", list="", code=0),
    msgspec.structs.replace(ONE, outcome=None, delivery=4098, node=0, source=2),
)


def _values(field: str, names: shapes.Names, found: Sequence[events.Event]) -> set[str]:
    """Values that a condition may have, as people write them."""
    if field in {"account", "bridge", "pool", "source", "node"}:
        return {"one", "two", "nobody", ""}
    if field == "message":
        return {ids.to_text(4096), ids.to_text(1)}
    if field == "delivery":
        return {ids.to_text(4096), ids.to_text(4097), ids.to_text(4098)}
    if field in {"code", "attempt", filters.BRIDGE}:
        return {"0", "1", "2", "550"}
    if field == "scope":
        return {"account:1", "account:one", ""}
    if field == "tags":
        return {"a", "a,b", ""}
    shaped = [msgspec.to_builtins(shapes.event(one, names)) for one in found]
    words = {str(one[field]) for one in shaped if one.get(field) is not None}
    return {*words, *(word.upper() for word in words if field in {"state", "outcome", "stage"})}


async def test_every_condition_matches_in_memory_what_the_store_gives_for_it(tmp_path: Path) -> None:
    store = await open_store(tmp_path, 1)
    try:
        await _furnish(store)
        await store.note([ONE, *OTHERS])
        found = await store.feed(0, 100)
        names = shapes.Names(await store.directory())
        assert set(filters.ALL_EVENTS) == matching.FIELDS
        hits = 0
        for field in filters.ALL_EVENTS:
            for value in _values(field, names, found):
                where = (filters.Condition(field, value),)
                check = matching.matcher(where, lambda: names)
                given = await store.feed(0, 100, where)
                assert [one for one in found if check(one)] == given, (field, value)
                hits += len(given) > 0
        assert hits >= len(filters.ALL_EVENTS)
    finally:
        await store.close()


async def _furnish(store: port.Store) -> None:
    await store.change_directory([directories.Account(0, "one"), directories.Node(0, "one")], "test")
    await store.change_directory([directories.Pool(0, 1, "one")], "test")
    await store.change_directory(
        [
            directories.Source(0, 1, "one"),
            directories.Source(0, 1, "two"),
            directories.Bridge(0, 1, "one", 1),
            directories.Bridge(0, 1, "two", 1),
        ],
        "test",
    )


async def test_windows_miss_nothing_where_little_matches(tmp_path: Path) -> None:
    store = await open_store(tmp_path, 1)
    try:
        rare = {3, 700, 701, 1999}
        told = [
            events.Event(at=n, state=events.State.REPORTED if n in rare else events.State.CHANGED)
            for n in range(2000)
        ]
        for at in range(0, 2000, 100):
            await store.note(told[at : at + 100])
        where = (filters.Condition("state", "reported"),)
        after, found = 0, []
        while True:
            window = await windows.read(store, after, 2, where, span=300)
            found += window.found
            if window.until == after:
                break
            after = window.until
        assert [one.at for one in found] == sorted(rare)
        assert after == await store.last_seq()
        assert (await store.feed(await windows.seek(store, 700), 1))[0].at == 700
    finally:
        await store.close()
