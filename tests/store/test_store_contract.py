"""The contract of ``gatepost.store.port``: what every adapter must do, run with two workers on one store."""

import asyncio
import contextlib
import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.store import store_values as values

from gatepost import errors
from gatepost.model import address as addresses
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import ids
from gatepost.model import message as messages
from gatepost.model import pace as paces
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.store import filters, port
from gatepost.store.sqlite import open_store
from gatepost.store.sqlite.store import LOCK

State = events.State


async def holds(store: port.Store) -> bool:
    return all(kept == again and kept.holds for kept, again in await store.ledger())


async def test_an_accepted_message_is_whole_for_every_worker(pair: tuple[port.Store, port.Store]) -> None:
    one, two = pair
    submission = values.Maker().submission("ann@rcpt.test", "Bob@rcpt.test")
    accepted = await values.accept(one, submission)
    assert accepted.states == (State.QUEUED, State.QUEUED)
    assert await two.message(accepted.message + 2) == submission.message
    assert await two.bodies([accepted.message]) == {accepted.message: (submission.body,)}
    assert [e.state for e in await two.trace(accepted.message)] == [
        State.RECEIVED,
        State.QUEUED,
        State.QUEUED,
    ]
    assert await holds(two)


async def test_due_rows_say_all_that_an_attempt_needs(store: port.Store) -> None:
    submission = values.Maker().submission("Ann@rcpt.test")
    await values.accept(store, submission)
    [due] = await store.due(1, values.NOW, 10)
    assert (due.sender_domain, due.campaign) == ("shop.test", "spring")
    assert (due.recipient, due.key, due.domain) == (b"Ann@rcpt.test", "ann@rcpt.test", "rcpt.test")
    assert (due.sender, due.size, due.list) == (b"news@shop.test", len(submission.body), "news")
    assert await store.due(1, values.NOW - 1, 10) == []


async def test_bridges_take_turns_in_a_lane(store: port.Store) -> None:
    make = values.Maker()
    for n, bridge in enumerate([1, 1, 1, 1, 2, 3]):
        await values.accept(store, make.submission(f"a{n}@rcpt.test", bridge=bridge))
    assert [due.bridge for due in await store.due(1, values.NOW, 4)] == [1, 2, 3, 1]


async def test_delivered_ends_the_row_and_the_body_and_remembers_the_address(store: port.Store) -> None:
    claim = await values.claim_of(store)
    accepted = await values.accept(store, values.Maker().submission("ann@rcpt.test", "bob@rcpt.test"))
    ann, bob = accepted.message + 1, accepted.message + 2
    await store.settle([values.attempted(ann, claim)], values.decide)
    assert await store.bodies([accepted.message])
    await store.settle([values.attempted(bob, claim)], values.decide)
    assert await store.bodies([accepted.message]) == {}
    assert await store.due(1, values.NOW, 9) == []
    [standing] = await store.standing([lookup("ann@rcpt.test")])
    assert standing.entry is None
    assert standing.record is not None
    assert standing.record.delivered_at
    assert await holds(store)


def lookup(text: str, sender: suppressions.Sender | None = None) -> port.Lookup:
    parsed = addresses.parse(text)
    return port.Lookup(parsed.key, parsed.domain, sender or suppressions.Sender(1, values.BRIDGE, "news"))


async def test_a_hard_bounce_suppresses_in_the_same_commit(pair: tuple[port.Store, port.Store]) -> None:
    one, two = pair
    claim = await values.claim_of(one)
    make = values.Maker()
    accepted = await values.accept(one, make.submission("Dead@rcpt.test"))
    await one.settle([values.attempted(accepted.message + 1, claim, values.HARD)], values.decide)
    [standing] = await two.standing([lookup("dead@rcpt.test")])
    assert standing.entry is not None
    bounce = next(e for e in await values.every_event(two) if e.state is State.BOUNCED)
    assert standing.entry.event == bounce.seq
    assert bounce.reply == b"550 5.1.1 no such user"
    again = await values.accept(two, make.submission("dead@rcpt.test", "ann@rcpt.test"))
    assert again.states == (State.REJECTED, State.QUEUED)
    assert again.reasons == ("hard", "")
    assert await holds(one)


async def test_a_message_with_nobody_left_keeps_no_body(store: port.Store) -> None:
    await store.suppress(
        [suppressions.Suppression(suppressions.Kind.DOMAIN, "rcpt.test", reason="manual")], "me"
    )
    accepted = await values.accept(store, values.Maker().submission("ann@rcpt.test"))
    assert accepted.states == (State.REJECTED,)
    assert await store.bodies([accepted.message]) == {}
    assert await holds(store)


async def test_later_results_of_a_batch_see_what_earlier_ones_changed(store: port.Store) -> None:
    claim = await values.claim_of(store)
    make = values.Maker()
    first = await values.accept(store, make.submission("dead@rcpt.test"))
    second = await values.accept(store, make.submission("dead@rcpt.test"))
    await store.settle(
        [values.attempted(m + 1, claim, values.HARD) for m in (first.message, second.message)], values.decide
    )
    [standing] = await store.standing([lookup("dead@rcpt.test")])
    assert standing.record is not None
    assert standing.record.soft_count == 2
    assert len(await store.suppressions((), 0, 10)) == 1


async def test_the_facts_of_a_refused_address_say_when_its_provider_took_other_mail(
    pair: tuple[port.Store, port.Store],
) -> None:
    one, two = pair
    claim, make = await values.claim_of(one), values.Maker()
    here, there = await one.lane("mx.test", 3), await one.lane("mx.other", 3)
    told: list[int] = []

    def decide(result: results.Result, facts: fact_values.Facts, now_ms: int) -> settlements.Settlement:
        told.append(facts.taken_at)
        refusals = (fact_values.Refusals(values.BRIDGE, ("c",), 1, 1),)
        record = fact_values.AddressRecord(facts.address.key, refusals=refusals)
        return msgspec.structs.replace(values.decide(result, facts, now_ms), address=record)

    async def end(address: str, lane: int, how: verdicts.Verdict) -> None:
        accepted = await values.accept(one, make.submission(address, lane=lane))
        result = values.attempted(accepted.message + 1, claim, how)
        attempt = msgspec.structs.replace(result.attempt, provider="")  # the queue's then
        await two.settle([msgspec.structs.replace(result, attempt=attempt)], decide)

    await end("picky@rcpt.test", here, values.LATER)  # no refusals yet: not read
    await end("ann@rcpt.test", there, verdicts.DELIVERED)
    await end("picky@rcpt.test", here, values.LATER)  # only another Provider took something
    await end("bob@rcpt.test", here, verdicts.DELIVERED)
    await end("picky@rcpt.test", here, values.LATER)
    assert told[0] == told[2] == 0
    assert told[4] > 0


async def test_a_second_settlement_of_a_delivery_is_stale(store: port.Store) -> None:
    claim = await values.claim_of(store)
    accepted = await values.accept(store, values.Maker().submission("ann@rcpt.test"))
    result = values.attempted(accepted.message + 1, claim)
    first, second = await store.settle([result, result], values.decide)
    assert first is not None
    assert second is None
    assert await store.settle([result], values.decide) == [None]
    assert sum(e.state is State.DELIVERED for e in await values.every_event(store)) == 1


async def test_a_claim_under_an_old_epoch_is_refused(store: port.Store) -> None:
    old = await values.claim_of(store)
    accepted = await values.accept(store, values.Maker().submission("ann@rcpt.test"))
    await values.claim_of(store)
    assert await store.settle([values.attempted(accepted.message + 1, old)], values.decide) == [None]
    assert len(await store.due(1, values.NOW, 9)) == 1


async def test_a_cancellation_needs_no_claim(store: port.Store) -> None:
    accepted = await values.accept(store, values.Maker().submission("ann@rcpt.test"))
    [done] = await store.settle([results.Cancelled(accepted.message + 1, "ops")], values.decide)
    assert done is not None
    [(kept, _)] = await store.ledger()
    assert (kept.accepted, kept.cancelled, kept.open) == (1, 1, 0)
    assert await holds(store)


async def test_a_deferred_delivery_comes_back_with_its_history(store: port.Store) -> None:
    claim = await values.claim_of(store)
    accepted = await values.accept(store, values.Maker().submission("ann@rcpt.test"))
    await store.settle([values.attempted(accepted.message + 1, claim, values.LATER)], values.decide)
    assert await store.due(1, values.NOW + 59_999, 9) == []
    [due] = await store.due(1, values.NOW + 60_000, 9)
    assert due.attempts == 1
    found = await store.open_delivery(due.id)
    assert found is not None
    assert found[0].last_reply == b"451 4.7.1 later"
    assert found[0].seen[0].category == "rate.greylisted"
    [head] = await store.heads(range(port.SLOTS))
    assert head.next_at == values.NOW + 60_000


async def test_seq_has_no_holes_with_two_writers(pair: tuple[port.Store, port.Store]) -> None:
    makers = [values.Maker(1), values.Maker(2)]
    await asyncio.gather(
        *(
            values.accept(pair[n % 2], makers[n % 2].submission(to))
            for n, to in enumerate(values.numbered("u", 60))
        )
    )
    seqs = [e.seq for e in await values.every_event(pair[0])]
    assert seqs == list(range(1, 121))
    assert await pair[1].last_seq() == 120
    assert await holds(pair[1])


async def test_events_come_back_as_they_were_told(store: port.Store) -> None:
    submission = values.Maker().submission("ann@rcpt.test")
    await values.accept(store, submission)
    told = await values.every_event(store)
    assert [e.seq for e in told] == [1, 2]
    assert told[1].recipient == "ann@rcpt.test"
    for kept, given in zip(told, (submission.received, *submission.queued), strict=True):
        assert msgspec.structs.replace(kept, seq=0) == given


async def test_the_feed_can_be_filtered(store: port.Store) -> None:
    make = values.Maker()
    for to in ("a@one.test", "b@two.test"):
        await values.accept(store, make.submission(to))
    where = filters.parse(["domain=two.test", "state=queued"], filters.EVENTS)
    assert [e.recipient for e in await store.feed(0, 10, where)] == ["b@two.test"]


async def test_a_message_is_found_by_its_recipient_however_written(store: port.Store) -> None:
    accepted = await values.accept(store, values.Maker().submission("Ann@rcpt.test"))
    assert await store.messages_to("ann@rcpt.test", 5) == [accepted.message]


async def test_a_repeat_with_one_key_gives_the_kept_answer(pair: tuple[port.Store, port.Store]) -> None:
    make = values.Maker()
    key = messages.Idempotency("k1", b"digest")
    [first] = await pair[0].accept([make.submission("a@rcpt.test")], values.refuse, idempotency=key)
    [again] = await pair[1].accept([make.submission("a@rcpt.test")], values.refuse, idempotency=key)
    assert again.message == first.message
    assert again.duplicate
    assert len(await pair[0].due(1, values.NOW, 9)) == 1
    other = messages.Idempotency("k1", b"another")
    with pytest.raises(errors.BadInput, match="Idempotency-Key"):
        await pair[1].accept([make.submission("a@rcpt.test")], values.refuse, idempotency=other)


async def test_the_same_acceptance_twice_is_written_once(store: port.Store) -> None:
    submission = values.Maker().submission("a@rcpt.test")
    await values.accept(store, submission)
    assert (await values.accept(store, submission)).duplicate
    assert await store.last_seq() == 2


async def test_one_bad_item_harms_no_other_of_its_group(store: port.Store) -> None:
    def bad_refuse(*_: object) -> events.Event:
        raise RuntimeError("a bug")

    await store.suppress([suppressions.Suppression(suppressions.Kind.ADDRESS, "x@rcpt.test")], "me")
    make = values.Maker()
    good, bad, fine = await asyncio.gather(
        values.accept(store, make.submission("a@rcpt.test")),
        store.accept([make.submission("x@rcpt.test")], bad_refuse),
        values.accept(store, make.submission("b@rcpt.test")),
        return_exceptions=True,
    )
    assert isinstance(bad, RuntimeError)
    assert isinstance(good, messages.Accepted)
    assert isinstance(fine, messages.Accepted)
    assert await holds(store)
    assert len(await store.due(1, values.NOW, 9)) == 2


@contextlib.contextmanager
def stalled(path: Path) -> Iterator[None]:
    """While another process writes, and does not come to an end."""
    with (path / LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def test_what_has_not_begun_in_its_time_is_taken_back_whole(store: port.Store, tmp_path: Path) -> None:
    make = values.Maker()
    late = make.submission("a@rcpt.test")
    with stalled(tmp_path):
        answers = await asyncio.gather(
            store.accept([late, make.submission("b@rcpt.test")], values.refuse, within_s=0.01),
            store.put_parts(late.message.id, 1, [b"x"], within_s=0.01),
            return_exceptions=True,
        )
    assert [type(answer) for answer in answers] == [errors.StoreBusy, errors.StoreBusy]
    await values.accept(store, make.submission("c@rcpt.test"))
    assert [e.recipient for e in await values.every_event(store) if e.recipient] == ["c@rcpt.test"]
    assert await store.bodies([late.message.id]) == {}
    assert await holds(store)
    assert not (await values.accept(store, late)).duplicate


async def test_a_call_with_more_time_outlives_one_with_less(store: port.Store, tmp_path: Path) -> None:
    make = values.Maker()
    with stalled(tmp_path):
        patient = asyncio.create_task(
            store.accept([make.submission("a@rcpt.test")], values.refuse, within_s=60)
        )
        await asyncio.sleep(0)
        with pytest.raises(errors.StoreBusy):
            await store.accept([make.submission("b@rcpt.test")], values.refuse, within_s=0.01)
    [accepted] = await patient
    assert accepted.states == (State.QUEUED,)


async def test_a_write_that_has_begun_is_waited_for(store: port.Store) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(submission: messages.Submission, position: int, entry: suppressions.Suppression) -> events.Event:
        begun.set()
        go_on.wait(10)
        return values.refuse(submission, position, entry)

    await store.suppress([suppressions.Suppression(suppressions.Kind.ADDRESS, "x@rcpt.test")], "me")
    make = values.Maker()
    first = asyncio.create_task(store.accept([make.submission("x@rcpt.test")], slow, within_s=0.01))
    await asyncio.to_thread(begun.wait, 10)
    with pytest.raises(errors.StoreBusy):
        await store.accept([make.submission("a@rcpt.test")], values.refuse, within_s=0.05)
    assert not first.done()
    go_on.set()
    [accepted] = await first
    assert accepted.states == (State.REJECTED,)
    assert await holds(store)


async def test_a_call_on_the_edge_of_its_time_is_done_or_not_but_never_both(
    store: port.Store, tmp_path: Path
) -> None:
    make = values.Maker()
    with stalled(tmp_path):
        calls = [
            asyncio.create_task(store.accept([make.submission(to)], values.refuse, within_s=n / 20_000))
            for n, to in enumerate(values.numbered("u", 300))
        ]
        with pytest.raises(errors.StoreBusy):
            await calls[0]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    told = {answer[0].message for answer in answers if isinstance(answer, list)}
    assert all(isinstance(answer, list | errors.StoreBusy) for answer in answers)
    assert {e.message for e in await values.every_event(store)} == told
    assert await holds(store)


async def test_large_bodies_keep_their_parts_in_order_until_the_end(store: port.Store) -> None:
    submission = values.Maker().submission("a@rcpt.test")
    message = msgspec.structs.replace(submission.message, parts=3)
    submission = msgspec.structs.replace(submission, message=message)
    await store.put_parts(message.id, 1, [b"one", b"two"])
    await store.put_parts(message.id, 3, [b"three"])
    await values.accept(store, submission)
    assert await store.bodies([message.id]) == {message.id: (submission.body, b"one", b"two", b"three")}
    await store.settle([values.attempted(message.id + 1, await values.claim_of(store))], values.decide)
    assert await store.bodies([message.id]) == {}


async def test_orphaned_parts_are_swept(store: port.Store) -> None:
    message = values.Maker().ids.take(values.NOW)
    await store.put_parts(message, 1, [b"x"])
    assert await store.sweep(values.NOW - 10) == 0
    assert await store.sweep(values.NOW + 10) == 1


SCOPED = [
    pytest.param(suppressions.Scope.INSTANCE, 0, "", True, id="instance"),
    pytest.param(suppressions.Scope.ACCOUNT, 1, "", True, id="its account"),
    pytest.param(suppressions.Scope.ACCOUNT, 2, "", False, id="another account"),
    pytest.param(suppressions.Scope.BRIDGE, values.BRIDGE, "", True, id="its bridge"),
    pytest.param(suppressions.Scope.BRIDGE, 99, "", False, id="another bridge"),
    pytest.param(suppressions.Scope.LIST, 1, "news", True, id="its list"),
    pytest.param(suppressions.Scope.LIST, 1, "other", False, id="another list"),
]


@pytest.mark.parametrize(("scope", "owner", "listed", "blocked"), SCOPED)
async def test_an_entry_blocks_its_scope_only(
    store: port.Store, scope: suppressions.Scope, owner: int, listed: str, blocked: bool
) -> None:
    entry = suppressions.Suppression(suppressions.Kind.ADDRESS, "a@rcpt.test", scope, owner, listed)
    assert await store.suppress([entry], "me") == [True]
    [standing] = await store.standing([lookup("A@rcpt.test")])
    assert (standing.entry is not None) is blocked


async def test_subdomains_are_blocked_only_where_asked_for(store: port.Store) -> None:
    kinds = suppressions.Kind
    await store.suppress([suppressions.Suppression(kinds.DOMAIN, "a.test")], "me")
    await store.suppress([suppressions.Suppression(kinds.SUBDOMAINS, "b.test")], "me")
    found = await store.standing([lookup(f"x@{d}") for d in ("a.test", "y.a.test", "b.test", "y.b.test")])
    assert [s.entry is not None for s in found] == [True, False, True, True]


async def test_expired_entries_block_nothing_and_are_swept(store: port.Store) -> None:
    entry = suppressions.Suppression(suppressions.Kind.ADDRESS, "a@rcpt.test", expires_at=1)
    await store.suppress([entry], "me")
    [standing] = await store.standing([lookup("a@rcpt.test")])
    assert standing.entry is None
    assert await store.sweep(0) == 1
    assert await store.suppressions((), 0, 9) == []
    assert (await values.every_event(store))[-1].state is State.UNSUPPRESSED


async def test_a_second_entry_of_one_identity_replaces_the_first(store: port.Store) -> None:
    for reason in ("manual", "import"):
        await store.suppress(
            [suppressions.Suppression(suppressions.Kind.ADDRESS, "a@rcpt.test", reason=reason)], "me"
        )
    [(_, entry)] = await store.suppressions((), 0, 9)
    assert entry.reason == "import"
    assert await store.release([entry], "me") == [True]
    assert await store.release([entry], "me") == [False]


async def test_lanes_are_made_once_and_providers_learned(pair: tuple[port.Store, port.Store]) -> None:
    one, two = pair
    assert await one.provider_of("rcpt.test") == "rcpt.test"
    lane = await one.lane("rcpt.test", 3)
    assert await two.lane("rcpt.test", 3) == lane
    await two.learn_provider("rcpt.test", "google")
    assert await one.provider_of("rcpt.test") == "google"


async def test_a_domains_rows_move_to_another_lane_and_no_others_do(store: port.Store) -> None:
    for to in ("a@rcpt.test", "b@other.test"):
        await values.accept(store, values.Maker(ord(to[0])).submission(to, lane=1))
    await store.move("rcpt.test", 1, 2)
    assert [[d.key for d in await store.due(lane, values.NOW, 9)] for lane in (1, 2)] == [
        ["b@other.test"],
        ["a@rcpt.test"],
    ]


async def test_worker_numbers_are_not_given_twice(pair: tuple[port.Store, port.Store]) -> None:
    given = await asyncio.gather(*(pair[n % 2].lease_worker() for n in range(20)))
    assert len(set(given)) == 20


async def test_the_floor_of_ids_is_above_everything_accepted(store: port.Store) -> None:
    accepted = await values.accept(store, values.Maker().submission("a@rcpt.test"))
    assignment = await store.assign(await store.lease_worker(), [1])
    assert ids.IdMaker(assignment.worker, assignment.floor_ms).take(0) > accepted.message


async def test_the_directory_is_changed_whole_or_not_at_all(pair: tuple[port.Store, port.Store]) -> None:
    one, two = pair
    found = await one.change_directory([directories.Account(0, "acme")], "me")
    [account] = found.accounts
    with pytest.raises(errors.BadInput, match="there is no pool 9"):
        await one.change_directory(
            [directories.Pool(0, account.id, "p"), directories.Bridge(0, account.id, "b", 9)], "me"
        )
    assert (await two.directory()).pools == ()
    assert await two.directory_version() == found.version
    with pytest.raises(errors.BadInput, match="taken"):
        await two.change_directory([directories.Account(0, "acme")], "me")


async def test_secrets_do_not_reach_events(store: port.Store) -> None:
    changes: list[directories.Change] = [directories.Account(0, "acme")]
    [account] = (await store.change_directory(changes, "me")).accounts
    [pool] = (await store.change_directory([directories.Pool(0, account.id, "p")], "me")).pools
    source = directories.Source(0, pool.id, "s", host="relay.test", password="hunter2")
    found = await store.change_directory([source], "me")
    assert found.sources[0].password == "hunter2"
    assert not any("hunter2" in e.detail for e in await values.every_event(store))


async def test_queues_are_listed_by_domain_and_source(store: port.Store) -> None:
    make = values.Maker()
    lane = await store.lane("mx.test", 3)
    for to in ("a@one.test", "b@one.test", "c@two.test"):
        await values.accept(store, make.submission(to, lane=lane))
    lines = await store.queues((), 10)
    assert [(line.domain, line.queued, line.source) for line in lines] == [
        ("one.test", 2, 3),
        ("two.test", 1, 3),
    ]
    where = filters.parse(["domain=two.test"], filters.OPEN)
    assert len(await store.open_ids(where, 0, 9)) == 1


async def test_noted_events_stand_outside_the_ledger(store: port.Store) -> None:
    await store.note([events.Event(1, State.REJECTED, bridge=values.BRIDGE, flags=events.Flag.OUTSIDE)])
    assert await store.last_seq() == 1
    assert await holds(store)


async def test_a_closed_store_confirms_nothing(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    await store.close()
    await store.close()
    with pytest.raises(errors.StoreUnhealthy):
        await store.lease_worker()


async def test_a_checkpoint_does_not_disturb_writers(pair: tuple[port.Store, port.Store]) -> None:
    make = values.Maker()
    jobs = [values.accept(pair[0], make.submission(to)) for to in values.numbered("u", 50)]
    await asyncio.gather(pair[1].checkpoint(), *jobs)
    assert await holds(pair[1])


async def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    store = await open_store(tmp_path, 1)
    accepted = await values.accept(store, values.Maker().submission("a@rcpt.test"))
    await store.close()
    again = await open_store(tmp_path, 2)
    assert await again.bodies([accepted.message])
    assert await again.last_seq() == 2
    await again.close()


async def test_a_change_for_another_version_is_outdated_and_writes_nothing(store: port.Store) -> None:
    before = await store.change_directory([directories.Account(0, "one")], "test")
    await store.change_directory([directories.Account(0, "two")], "test", version=before.version)
    with pytest.raises(errors.Outdated):
        await store.change_directory([directories.Account(0, "three")], "test", version=before.version)
    assert [one.name for one in (await store.directory()).accounts] == ["one", "two"]


async def test_what_was_done_once_is_known_by_its_key(store: port.Store) -> None:
    once = port.Once(-3, "key", b"digest")
    assert await store.done_once(-3, "key") is None
    await store.change_directory([directories.Account(0, "one")], "test", once=once)
    assert await store.done_once(-3, "key") == b"digest"
    assert await store.done_once(3, "key") is None


async def test_the_audit_log_is_read_from_the_newest_on(store: port.Store) -> None:
    for name in ("one", "two"):
        await store.change_directory([directories.Account(0, name)], f"{name} from 192.0.2.1")
    two, one = await store.audit((), 0, 10)
    assert (two.actor, one.actor) == ("two from 192.0.2.1", "one from 192.0.2.1")
    assert await store.audit((), two.id, 10) == [one]
    assert await store.audit((filters.Condition("actor", "one"),), 0, 10) == [one]
    assert await store.audit((filters.Condition("actor", "on"),), 0, 10) == []


PACE = paces.Pace(
    paces.Mode.PAUSED, "rate.limited", values.NOW, values.NOW + 5, 1, 2.5, 5.0, b"421 \xff slow"
)


async def test_a_lanes_pace_is_kept_with_its_event_until_it_is_taken_back(
    pair: tuple[port.Store, port.Store],
) -> None:
    one, two = pair
    lane = await one.lane("google", 3)
    await one.keep_pace(lane, PACE, events.Event(values.NOW, State.PACED, source=3, provider="google"))
    assert await two.paces() == {lane: PACE}
    [told] = await two.feed(0, 10, filters.parse(["state=paced"], filters.EVENTS))
    assert (told.provider, told.source) == ("google", 3)
    await two.keep_pace(lane, None, events.Event(values.NOW, State.PACED, source=3, provider="google"))
    assert await one.paces() == {}


async def test_a_queue_tells_the_pace_of_its_lane(store: port.Store) -> None:
    lane = await store.lane("google", 3)
    await values.accept(store, values.Maker().submission("ann@rcpt.test", lane=lane))
    await store.keep_pace(lane, PACE, events.Event(values.NOW, State.PACED))
    [queue] = await store.queues((), 10)
    assert queue.pace == PACE


async def test_an_import_leaves_what_came_between_the_look_and_the_write(store: port.Store) -> None:
    told = suppressions.Suppression(suppressions.Kind.ADDRESS, "a@rcpt.test", reason="complaint")
    await store.suppress([told], "me")
    imported = msgspec.structs.replace(told, reason="import")
    assert await store.suppress([imported], "me", keep=True) == [False]
    [(_, entry)] = await store.suppressions((), 0, 9)
    assert entry.reason == "complaint"


async def test_an_undo_leaves_what_is_not_any_more_what_it_saw(store: port.Store) -> None:
    seen = suppressions.Suppression(suppressions.Kind.ADDRESS, "a@rcpt.test", reason="import")
    told = msgspec.structs.replace(seen, reason="complaint")
    await store.suppress([told], "me")
    [(_, stands)] = await store.suppressions((), 0, 9)
    assert await store.release([seen], "me", exact=True) == [False]
    assert await store.release([stands], "me", exact=True) == [True]
