"""Sessions, users and broken-down counters, as every adapter keeps them."""

import msgspec
import pytest

from gatepost import errors
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.store import figures, filters, port, sessions

MINUTE_MS = 60_000
D = figures.Dimension


async def user(store: port.Store, name: str = "ann") -> directories.User:
    found = await store.change_directory(
        [directories.User(0, name, directories.Role.READ, "$argon2id$secret")], "test"
    )
    return next(one for one in found.users if one.name == name)


async def test_a_session_is_there_until_it_is_ended_and_both_are_audited(
    pair: tuple[port.Store, port.Store],
) -> None:
    store, other = pair
    one = sessions.Session(b"m" * 32, (await user(store)).id, 5, 9)
    await store.sessions.open(one, "user:ann from ::1")
    assert await other.sessions.find(one.mac) == one
    assert await other.sessions.take(one.mac) is None
    assert await other.sessions.end(one.mac, "user:ann")
    assert await store.sessions.find(one.mac) is None
    assert not await store.sessions.end(one.mac, "user:ann")
    assert [entry.what for entry in await store.audit((), 0, 2)] == ["logout", "login"]


async def test_a_link_is_taken_once_and_is_no_session(store: port.Store) -> None:
    link = sessions.Session(b"l" * 32, 1, 5, 9)
    await store.sessions.offer(link)
    assert await store.sessions.find(link.mac) is None
    assert not await store.sessions.end(link.mac, "user:ann")
    assert await store.sessions.take(link.mac) == link
    assert await store.sessions.take(link.mac) is None


async def test_a_removed_user_is_gone_with_its_sessions_and_its_name_is_free(store: port.Store) -> None:
    ann = await user(store)
    await store.sessions.open(sessions.Session(b"m" * 32, ann.id, 5, 9), "user:ann")
    gone = msgspec.structs.replace(ann, removed=True)
    assert (await store.change_directory([gone], "test")).users == ()
    assert await store.sessions.find(b"m" * 32) is None
    await user(store)
    assert "argon2" not in "".join(one.before + one.after for one in await store.audit((), 0, 10))


async def test_sessions_that_have_expired_are_swept(store: port.Store) -> None:
    await store.sessions.open(sessions.Session(b"m" * 32, 1, 5, 9), "user:ann")
    await store.sweep(0)
    assert await store.sessions.find(b"m" * 32) is None


def counted(at: int, provider: str, state: events.State = events.State.DELIVERED) -> events.Event:
    return events.Event(at=at, state=state, bridge=1, source=3, provider=provider, category="rate.limited")


async def test_counts_are_broken_down_by_steps_and_dimensions(pair: tuple[port.Store, port.Store]) -> None:
    store, other = pair
    begin = 100 * MINUTE_MS
    await store.note([counted(begin, "google"), counted(begin + 9 * MINUTE_MS, "google")])
    await other.note([counted(begin + 1, "google"), counted(begin + 11 * MINUTE_MS, "yahoo")])
    await store.note([counted(begin - 1, "google"), counted(begin + 20 * MINUTE_MS, "google")])
    asked = figures.Asked(100, 120, 10, (D.PROVIDER, D.BRIDGE, D.CATEGORY))
    found = await store.figures.breakdown(asked)
    assert sorted((one.step, one.of, one.count) for one in found) == [
        (0, ("google", 1, "rate.limited"), 3),
        (1, ("yahoo", 1, "rate.limited"), 1),
    ]
    where = filters.parse(["provider=yahoo"], filters.COUNTERS)
    assert [one.count for one in await store.figures.breakdown(figures.Asked(0, 1000, 1000, (), where))] == [
        1
    ]


async def test_a_condition_that_counters_do_not_have_is_refused() -> None:
    with pytest.raises(errors.BadInput):
        filters.parse(["recipient=ann@example.org"], filters.COUNTERS)


async def test_incidents_come_newest_first(store: port.Store) -> None:
    await store.note([events.Event(at=at, state=events.State.INCIDENT, detail=str(at)) for at in (5, 6, 7)])
    await store.note([events.Event(at=9, state=events.State.CHANGED)])
    found = await store.figures.incidents(6, 10)
    assert [one.detail for one in found] == ["7", "6"]
    assert [one.detail for one in await store.figures.incidents(0, 1)] == ["7"]
