"""Webhooks: everything is told at least once, whatever receivers do, and none waits for another."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import msgspec
import pytest
import standardwebhooks
from aiohttp import web
from tests.feed import hooked
from tests.store import store_values

from gatepost import clock as clocks
from gatepost.feed import metrics
from gatepost.feed.webhooks import schedule, sender
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.store import port
from gatepost.store.sqlite import open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[port.Store]:
    made = await open_store(tmp_path, 1)
    yield made
    await made.close()


async def test_what_happens_from_its_making_on_is_told_and_signed(store: port.Store) -> None:
    await hooked.note(store, 3)
    async with hooked.receiving() as receiver, hooked.telling_all(store):
        await hooked.add(store, receiver.url, kinds=("bounced",))
        wanted = await hooked.note(store, 2, recipient="ann@rcpt.test", category="recipient.unknown")
        await receiver.wait_taken(wanted)
        await asyncio.sleep(0.1)
    assert receiver.taken == dict.fromkeys(wanted, 1)
    key, body, headers = receiver.asked[0]
    told = json.loads(body)
    assert told == standardwebhooks.Webhook(hooked.SECRET).verify(body, {**headers, **lowered(headers)})
    assert (told["id"], told["type"], told["timestamp"]) == (key, "bounced", "2027-01-15T08:00:00.000Z")
    assert told["data"]["recipient"] == "ann@rcpt.test"


def lowered(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def test_only_what_it_wants_is_told(store: port.Store) -> None:
    wanted = {
        "state": int(events.State.BOUNCED),
        "list": "news",
        "category": "recipient.unknown",
        "sender_domain": "a.test",
    }
    async with hooked.receiving() as receiver, hooked.telling_all(store):
        await hooked.add(
            store,
            receiver.url,
            kinds=("bounced", "complaint"),
            lists=("news", "offers"),
            categories=("recipient.unknown",),
            sender_domains=("a.test",),
        )
        for field, other in (
            ("state", 3),
            ("list", "x"),
            ("category", "rate.limited"),
            ("sender_domain", "b.test"),
        ):
            await hooked.note(store, 1, **{**wanted, field: other})
        told = await hooked.note(store, 1, **wanted)
        told += await hooked.note(
            store, 1, **{**wanted, "state": int(events.State.COMPLAINT), "list": "offers"}
        )
        await receiver.wait_taken(told)
        await asyncio.sleep(0.1)
    assert sorted(receiver.taken) == told


async def test_a_webhook_of_one_bridge_or_account_hears_of_no_other(store: port.Store) -> None:
    known = await store.change_directory([directories.Account(0, "a"), directories.Account(0, "b")], "test")
    known = await store.change_directory([directories.Pool(0, one.id, "p") for one in known.accounts], "test")
    bridges = [directories.Bridge(0, pool.account, f"b{pool.id}", pool.id) for pool in known.pools]
    await store.change_directory(bridges, "test")
    async with hooked.receiving() as one, hooked.receiving() as two, hooked.telling_all(store):
        await hooked.add(store, one.url, "one", account=1, bridge=1, kinds=("bounced",))
        await hooked.add(store, two.url, "two", account=2, kinds=("bounced",))
        first = await hooked.note(store, 1, account=1, bridge=1)
        second = await hooked.note(store, 1, account=2, bridge=2)
        await hooked.note(store, 1)
        await one.wait_taken(first)
        await two.wait_taken(second)
        await asyncio.sleep(0.1)
    assert (list(one.taken), list(two.taken)) == (first, second)


async def test_several_events_come_as_a_list(store: port.Store) -> None:
    async with hooked.receiving() as receiver:
        await hooked.add(store, receiver.url, kinds=("bounced",), batch=40)
        wanted = await hooked.note(store, 100)
        async with hooked.telling_all(store):
            await receiver.wait_taken(wanted)
    assert [len(json.loads(body)) for _, body, _ in receiver.asked] == [40, 40, 20]
    assert len(set(receiver.ids)) == 3
    assert all(key.startswith("evts_") for key in receiver.ids)


async def test_a_receiver_that_fails_three_times_in_ten_gets_everything_with_the_same_ids(
    store: port.Store,
) -> None:
    chance = random.Random(7)
    says = lambda *_: web.Response(status=503 if chance.random() < 0.3 else 200)  # noqa: E731
    async with hooked.receiving(says) as receiver, hooked.telling_all(store):
        one = await hooked.add(store, receiver.url, kinds=("bounced",))
        wanted = await hooked.note(store, 400)
        await receiver.wait_taken(wanted)
        await hooked.wait_progress(store, one.id, lambda at: at.cursor >= wanted[-1])
        await hooked.wait_nothing_waits(store)
    assert set(receiver.taken) == set(
        wanted
    )  # at least once: an answer that came too late is asked for again
    assert len(set(receiver.ids)) == len(wanted)
    assert len(receiver.ids) > 480
    assert receiver.most_at_once <= sender.AT_ONCE


async def test_one_that_never_answers_delays_nobody_else(store: port.Store) -> None:
    async with hooked.receiving(lambda *_: None) as dead, hooked.receiving() as alive:
        await hooked.add(store, dead.url, "dead")
        await hooked.add(store, alive.url, "alive")
        wanted = await hooked.note(store, 300)
        async with hooked.telling_all(store, timeout_s=30.0):
            await alive.wait_taken(wanted, 10)
        assert 1 <= len(dead.asked) <= sender.AT_ONCE


async def test_one_that_takes_nothing_is_asked_for_one_event_at_a_time_and_then_gets_all(
    store: port.Store,
) -> None:
    well = False
    says = lambda *_: web.Response(status=200 if well else 500)  # noqa: E731
    async with hooked.receiving(says) as receiver, hooked.telling_all(store):
        one = await hooked.add(store, receiver.url, kinds=("bounced",))
        wanted = await hooked.note(store, 2_000)
        at = await hooked.wait_progress(store, one.id, lambda at: at.failures >= 4)
        assert at.failing_since
        assert at.cursor < wanted[-1]
        counts = (await store.webhooks.counts())[one.id]
        assert counts.waiting <= sender.ROUND + 10
        well = True
        await receiver.wait_taken(wanted)
        assert (
            await hooked.wait_progress(store, one.id, lambda at: at.cursor >= wanted[-1])
        ).failing_since == 0


async def test_410_switches_it_off_and_says_so(store: port.Store) -> None:
    async with hooked.receiving(lambda *_: web.Response(status=410)) as receiver, hooked.telling_all(store):
        one = await hooked.add(store, receiver.url, kinds=("bounced",))
        await hooked.note(store, 1)
        await hooked.wait_off(store)
        assert (await hooked.entry(store)).off_reason == "the receiver said 410 Gone"
        asked = len(receiver.asked)
        later = await hooked.note(store, 5)
        incidents = [event for event in await store.feed(0, 100) if event.state is events.State.INCIDENT]
        assert [event.detail for event in incidents] == [
            "webhook hook was switched off: the receiver said 410 Gone"
        ]
        receiver.says = lambda *_: web.Response()
        await asyncio.sleep(0.2)
        assert len(receiver.asked) == asked
        on = msgspec.structs.replace(await hooked.entry(store), off_since=0, off_reason="")
        await store.change_directory([on], "test")
        await receiver.wait_taken(later)
    assert one.id == on.id


async def test_one_that_takes_nothing_for_too_long_is_switched_off_and_loses_nothing(
    store: port.Store,
) -> None:
    terms = msgspec.structs.replace(hooked.FAST, give_up=300)
    async with (
        hooked.receiving(lambda *_: web.Response(status=500)) as receiver,
        hooked.telling_all(store, terms),
    ):
        await hooked.add(store, receiver.url, kinds=("bounced",))
        wanted = await hooked.note(store, 500)
        await hooked.wait_off(store)
        assert (
            "taken nothing for too long; at last: the receiver said 500"
            in (await hooked.entry(store)).off_reason
        )
        receiver.says = lambda *_: web.Response()
        await store.change_directory(
            [msgspec.structs.replace(await hooked.entry(store), off_since=0)], "test"
        )
        await store.webhooks.revive(1)
        await receiver.wait_taken(wanted)


async def test_what_is_refused_for_too_long_is_given_up_shown_and_told_once_more_on_demand(
    store: port.Store,
) -> None:
    terms = msgspec.structs.replace(hooked.FAST, give_up=100)
    poison = ""
    says = lambda _, key: web.Response(status=422 if key == poison else 200, text="no")  # noqa: E731
    async with hooked.receiving(says) as receiver, hooked.telling_all(store, terms):
        one = await hooked.add(store, receiver.url, kinds=("bounced",))
        wanted = await hooked.note(store, 4)
        poison = f"evt_{1_800_000_000_000:x}_{wanted[1]:x}"
        dead = await hooked.until_known(lambda: store.webhooks.dead(one.id, 0, 10))
        assert [(request.seqs, request.problem) for request in dead] == [
            ((wanted[1],), "the receiver said 422")
        ]
        assert (await store.webhooks.counts())[one.id].dead == 1
        failed = await store.webhooks.tries(one.id, 0, 10, failed=True)
        assert {(each.seq, each.status, each.answer) for each in failed} == {(wanted[1], 422, b"no")}
        assert sorted(each.tries for each in failed) == list(range(1, len(failed) + 1))
        poison = ""
        await store.webhooks.revive(one.id)
        await receiver.wait_taken(wanted)


async def test_a_range_is_told_once_more_with_the_same_ids(store: port.Store) -> None:
    async with hooked.receiving() as receiver, hooked.telling_all(store):
        one = await hooked.add(store, receiver.url, kinds=("bounced",))
        wanted = await hooked.note(store, 50)
        await receiver.wait_taken(wanted)
        ids = list(receiver.ids)
        assert await store.webhooks.replay(one.id, wanted[9], wanted[19])
        await receiver.wait_asked(60)
        await hooked.wait_progress(store, one.id, lambda at: at.cursor >= wanted[-1])
    assert sorted(receiver.ids[50:]) == sorted(ids[10:20])
    assert {seq for seq, count in receiver.taken.items() if count == 2} == set(wanted[10:20])


async def test_a_changed_webhook_is_followed_and_a_removed_one_is_forgotten(store: port.Store) -> None:
    async with hooked.receiving() as old, hooked.receiving() as new, hooked.telling_all(store):
        one = await hooked.add(store, old.url, kinds=("bounced",))
        first = await hooked.note(store, 1)
        await old.wait_taken(first)
        await store.change_directory([msgspec.structs.replace(one, url=new.url)], "test")
        await asyncio.sleep(0.7)
        second = await hooked.note(store, 1)
        await new.wait_taken(second)
        await store.change_directory([msgspec.structs.replace(one, removed=True)], "test")
        await asyncio.sleep(0.7)
        await hooked.note(store, 1)
        await asyncio.sleep(0.2)
    assert (list(old.taken), list(new.taken)) == (first, second)
    assert await store.webhooks.progress() == {}
    assert await store.webhooks.tries(one.id, 0, 10, failed=False) == []


async def test_what_was_not_kept_long_enough_is_said(store: port.Store, tmp_path: Path) -> None:
    async with hooked.receiving() as receiver:
        await hooked.add(store, receiver.url, kinds=("bounced",))
        lost = await hooked.note(store, 10)
        with contextlib.closing(_database(tmp_path)) as database:
            database.execute("DELETE FROM event WHERE seq <= ?", (lost[4],))
        async with hooked.telling_all(store):
            await receiver.wait_taken(lost[5:])
    assert sorted(receiver.taken) == lost[5:]
    [incident] = [event for event in await store.feed(0, 100) if event.state is events.State.INCIDENT]
    assert "were not kept long enough" in incident.detail


def _database(folder: Path) -> apsw.Connection:
    return apsw.Connection(str(folder / "gatepost.db"))


async def test_a_teller_that_is_killed_again_and_again_loses_nothing(store: port.Store) -> None:
    chance = random.Random(11)
    says = lambda *_: web.Response(status=503 if chance.random() < 0.3 else 200)  # noqa: E731
    async with hooked.receiving(says) as receiver:
        one = await hooked.add(store, receiver.url, kinds=("bounced",), batch=3)
        wanted = await hooked.note(store, 1_500)
        for _ in range(8):
            async with hooked.telling_all(store):
                await asyncio.sleep(chance.uniform(0.05, 0.4))
        async with hooked.telling_all(store):
            await receiver.wait_taken(wanted)
            await hooked.wait_progress(store, one.id, lambda at: at.cursor >= wanted[-1])
            await hooked.wait_nothing_waits(store)


async def test_a_dialect_knows_the_message_and_says_nothing_of_what_it_has_no_words_for(
    store: port.Store,
) -> None:
    made = store_values.Maker().submission("ann@rcpt.test")
    async with hooked.receiving() as receiver, hooked.telling_all(store):
        one = await hooked.add(store, receiver.url, dialect="mailgun", basic_auth="hook:word")
        receiver.says = lambda *_: web.Response(status=201)
        await store.accept([made], store_values.refuse)
        await receiver.wait_asked(1)
        newest = await store.last_seq()
        await hooked.wait_progress(store, one.id, lambda at: at.cursor >= newest)
    [(_, body, headers)] = receiver.asked  # of the recipient's event, not of the message's
    told = json.loads(body)["event-data"]
    assert (told["event"], told["message"]["headers"]["message-id"]) == ("accepted", "1@shop.test")
    assert headers["Authorization"] == "Basic aG9vazp3b3Jk"


async def test_how_far_it_is_behind_is_told_to_prometheus(store: port.Store) -> None:
    says = lambda *_: web.Response(status=500)  # noqa: E731
    async with hooked.receiving(says) as receiver, hooked.telling_all(store):
        one = await hooked.add(store, receiver.url, kinds=("bounced",))
        await hooked.note(store, 1_000)
        at = await hooked.wait_progress(store, one.id, lambda at: at.failures >= 2)
    figures = (await metrics.Metrics(store, clocks.SystemClock(), lambda: 0).text()).decode()
    assert f'gatepost_webhook_behind_events{{webhook="1"}} {await store.last_seq() - at.cursor}.0' in figures
    assert 'gatepost_webhook_failing{webhook="1"}' in figures
    assert 'gatepost_webhook_waiting_requests{webhook="1"} 0.0' not in figures


def test_the_schedule_can_be_scaled_for_tests() -> None:
    assert schedule.Terms().scaled(0.001).first == 5
