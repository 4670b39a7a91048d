"""What the store keeps of directives and of what they hold."""

import msgspec
import pytest
from tests.store import store_values as values

from gatepost import errors
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.policy import directing, terms
from gatepost.policy import settings as policy_settings
from gatepost.store import filters, port

Kind = directives.DirectiveKind
TERMS = terms.of(policy_settings.PolicySettings())


def decide(result: results.Result, facts: fact_values.Facts, now_ms: int) -> settlements.Settlement:
    if isinstance(result, results.Held | results.Released | results.Hurried | results.Rerouted):
        return directing.settle(result, facts, now_ms, TERMS)
    return values.decide(result, facts, now_ms)


async def held(store: port.Store, directive: int, *recipients: str) -> list[int]:
    """Deliveries that a directive holds."""
    message = (await values.accept(store, values.Maker(1).submission(*recipients))).message
    claim = await values.claim_of(store)
    found = [message + 1 + n for n in range(len(recipients))]
    await store.settle([results.Held(one, claim, directive, "paused") for one in found], decide)
    return found


async def test_what_is_held_is_not_due_and_is_found_by_its_directive(store: port.Store) -> None:
    deliveries = await held(store, 4, "ann@rcpt.test", "bob@rcpt.test")
    assert await store.due(1, values.NOW + 10**9, 10) == []
    assert await store.holds() == [4]
    assert dict(await store.held()) == {4: 2}
    assert await store.held_by(4, 10) == deliveries
    assert await store.held_by(4, 1) == deliveries[:1]
    assert (await store.held_by(5, 10), await store.heads(range(port.SLOTS))) == ([], [])
    row, reason = await store.open_delivery(deliveries[0]) or (None, "")
    assert row is not None
    assert (row.status, reason) == (messages.Status.HELD, "paused")


async def test_several_directives_are_found_each(store: port.Store) -> None:
    maker = values.Maker(1)
    claim = await values.claim_of(store)
    for number in (9, 2, 5):
        message = (await values.accept(store, maker.submission("ann@rcpt.test"))).message
        await store.settle([results.Held(message + 1, claim, number, "")], decide)
    assert await store.holds() == [2, 5, 9]


async def test_what_is_released_is_due_again(store: port.Store) -> None:
    deliveries = await held(store, 4, "ann@rcpt.test")
    await store.settle([results.Released(deliveries[0], values.NOW)], decide)
    assert [due.id for due in await store.due(1, values.NOW, 10)] == deliveries
    assert await store.holds() == []


async def test_what_is_held_is_found_at_the_end_of_its_lifetime(store: port.Store) -> None:
    deliveries = await held(store, 4, "ann@rcpt.test")
    assert await store.held_to_end(values.NOW + 999, 10) == []
    assert await store.held_to_end(values.NOW + 1000, 10) == deliveries


async def test_what_is_rerouted_is_in_the_other_lane_by_the_other_source(store: port.Store) -> None:
    message = (await values.accept(store, values.Maker(1).submission("ann@rcpt.test"))).message
    claim = await values.claim_of(store)
    await store.settle([results.Rerouted(message + 1, claim, 2, 8)], decide)
    assert await store.due(1, values.NOW, 10) == []
    [due] = await store.due(2, values.NOW, 10)
    assert (due.id, due.lane, due.source) == (message + 1, 2, 8)


async def test_an_old_owner_neither_holds_nor_reroutes(store: port.Store) -> None:
    message = (await values.accept(store, values.Maker(1).submission("ann@rcpt.test"))).message
    old = await values.claim_of(store)
    await values.claim_of(store)
    batch: list[results.Result] = [
        results.Held(message + 1, old, 1, ""),
        results.Rerouted(message + 1, old, 2, 8),
    ]
    assert await store.settle(batch, decide) == [None, None]
    assert [due.id for due in await store.due(1, values.NOW, 10)] == [message + 1]


FIELDS = [
    directives.Filter(bridge=values.BRIDGE),
    directives.Filter(account=1),
    directives.Filter(source=3),
    directives.Filter(domain="rcpt.test"),
    directives.Filter(sender_domain="shop.test"),
    directives.Filter(list="news"),
    directives.Filter(campaign="spring"),
    directives.Filter(tag="blue"),
    directives.Filter(recipient="ann@rcpt.test"),
]
OTHERS = [
    directives.Filter(bridge=99),
    directives.Filter(account=9),
    directives.Filter(source=9),
    directives.Filter(pool=9),
    directives.Filter(provider="other"),
    directives.Filter(domain="other.test"),
    directives.Filter(sender_domain="other.test"),
    directives.Filter(list="other"),
    directives.Filter(campaign="other"),
    directives.Filter(tag="lue"),
    directives.Filter(recipient="eve@rcpt.test"),
]


@pytest.mark.parametrize(("which", "count"), [*((one, 1) for one in FIELDS), *((one, 0) for one in OTHERS)])
async def test_the_same_mail_is_meant_in_the_store(
    store: port.Store, which: directives.Filter, count: int
) -> None:
    made = values.Maker(1).submission("ann@rcpt.test")
    message = msgspec.structs.replace(made.message, tags="a,blue")
    await values.accept(store, msgspec.structs.replace(made, message=message))
    where = filters.of_directive(which)
    assert await store.open_matching(where) == count
    assert len(await store.open_ids(where, 0, 10)) == count


async def test_deliveries_messages_pools_and_providers_are_meant_too(store: port.Store) -> None:
    await store.change_directory([directories.Account(0, "default")], "test")
    await store.change_directory([directories.Pool(0, 1, "main")], "test")
    known = await store.change_directory([directories.Source(0, 1, "s1")], "test")
    lane = await store.lane("google", known.sources[0].id)
    made = values.Maker(1).submission("ann@rcpt.test", "bob@rcpt.test", lane=lane)
    made = msgspec.structs.replace(
        made, deliveries=tuple(msgspec.structs.replace(one, source=1) for one in made.deliveries)
    )
    message = (await values.accept(store, made)).message
    for which, count in (
        (directives.Filter(deliveries=(message + 2,)), 1),
        (directives.Filter(deliveries=(message + 1, message + 2)), 2),
        (directives.Filter(message=message), 2),
        (directives.Filter(pool=1), 2),
        (directives.Filter(provider="google"), 2),
        (directives.Filter(provider="google", deliveries=(message + 1,)), 1),
    ):
        assert await store.open_matching(filters.of_directive(which)) == count


def test_a_filter_that_names_nothing_is_refused() -> None:
    with pytest.raises(errors.BadInput, match="everything"):
        filters.of_directive(directives.Filter())


async def test_directives_are_kept_changed_and_removed(store: port.Store) -> None:
    wanted = directives.Directive(0, Kind.PAUSE, directives.Filter(list="news"), "cli:ann", values.NOW)
    known = await store.change_directory([wanted, wanted], "cli:ann")
    assert known.directives == tuple(msgspec.structs.replace(wanted, id=n) for n in (1, 2))
    ended = msgspec.structs.replace(known.directives[0], ended_at=values.NOW + 1, outcome="done")
    gone = msgspec.structs.replace(known.directives[1], removed=True)
    known = await store.change_directory([ended, gone], "cli:ann")
    assert known.directives == (ended,)
    details = [event.detail for event in await values.every_event(store)]
    assert details[0] == "cli:ann: directive 1 (pause) added"
    assert details[-2:] == ["cli:ann: directive 1 (pause) changed", "cli:ann: directive 2 (pause) removed"]


async def test_a_directive_about_nobody_is_refused(store: port.Store) -> None:
    wanted = directives.Directive(0, Kind.PAUSE, directives.Filter(bridge=9), "cli:ann", values.NOW)
    with pytest.raises(errors.BadInput, match="no bridge 9"):
        await store.change_directory([wanted], "cli:ann")
